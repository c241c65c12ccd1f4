/* The cursor, the boots file and the paths of a segment: the small parts beside the segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/queue/boots.h"
#include "core/queue/cursor.h"
#include "core/queue/paths.h"

static char file[64];

static int make_file_name(void **state)
{
	(void)state;
	(void)snprintf(file, sizeof file, "/tmp/neap-cursor-XXXXXX");
	int fd = mkstemp(file);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return unlink(file);
}

static int remove_file(void **state)
{
	(void)state;
	(void)unlink(file);
	return 0;
}

static struct cursor some_cursor(void)
{
	struct cursor cursor = {.base = 100, .count = 2};

	cursor.lost[3] = 9;
	cursor.done[0].first = 110;
	cursor.done[0].last = 120;
	cursor.done[1].first = 130;
	cursor.done[1].last = 130;
	return cursor;
}

static void corrupt(long at)
{
	FILE *f = fopen(file, "r+e");

	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	int byte = fgetc(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	(void)fputc(byte ^ 1, f);
	assert_int_equal(fclose(f), 0);
}

static void keeps_what_was_stored(void **state)
{
	struct cursor in = some_cursor(), out;

	(void)state;
	assert_int_equal(cursor_load(file, &out), CURSOR_MISSING);
	assert_int_equal(cursor_store(file, &in), 0);
	assert_int_equal(cursor_load(file, &out), CURSOR_GOOD);
	assert_int_equal(out.base, 100);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.done[0].last, 120);
	assert_int_equal(out.lost[3], 9);
	assert_int_equal(out.generation, 1);
}

static void a_torn_write_costs_the_newer_slot_only(void **state)
{
	struct cursor in = some_cursor(), out;

	(void)state;
	for (uint64_t base = 100; base < 110; base++) {
		in.base = base;
		assert_int_equal(cursor_store(file, &in), 0);
	}
	assert_int_equal(cursor_load(file, &out), CURSOR_GOOD);
	assert_int_equal(out.base, 109);
	corrupt((long)(out.generation & 1) * CURSOR_SLOT + 40);
	assert_int_equal(cursor_load(file, &out), CURSOR_GOOD);
	assert_int_equal(out.base, 108);
	corrupt((long)(out.generation & 1) * CURSOR_SLOT + 20);
	assert_int_equal(cursor_load(file, &out), CURSOR_BAD);
	assert_int_equal(out.base, 0);
}

static void every_flipped_byte_is_noticed(void **state)
{
	uint8_t slot[CURSOR_SLOT];
	struct cursor in = some_cursor(), out;

	(void)state;
	size_t len = cursor_encode(slot, &in);
	assert_int_equal(cursor_decode(slot, len, &out), CURSOR_GOOD);
	for (size_t i = 0; i < len; i++) {
		slot[i] ^= 0x10;
		assert_int_not_equal(cursor_decode(slot, len, &out), CURSOR_GOOD);
		slot[i] ^= 0x10;
		assert_int_not_equal(cursor_decode(slot, i, &out), CURSOR_GOOD);
	}
}

static void a_full_cursor_fits_its_slot(void **state)
{
	uint8_t slot[CURSOR_SLOT];
	struct cursor in = {.base = 1, .count = CURSOR_SPANS}, out;

	(void)state;
	for (uint32_t i = 0; i < CURSOR_SPANS; i++)
		in.done[i].first = in.done[i].last = 10 + 2 * i;
	size_t len = cursor_encode(slot, &in);
	assert_true(len <= CURSOR_SLOT);
	assert_int_equal(cursor_decode(slot, len, &out), CURSOR_GOOD);
	assert_int_equal(out.done[CURSOR_SPANS - 1].last, 10 + 2 * (CURSOR_SPANS - 1));
}

static void a_newer_cursor_is_told_apart(void **state)
{
	uint8_t slot[CURSOR_SLOT];
	struct cursor in = some_cursor(), out;

	(void)state;
	size_t len = cursor_encode(slot, &in);
	put_le16(slot + 8, CURSOR_VERSION + 1);
	put_le32(slot + len - 4, crc32c(0, slot, len - 4));
	assert_int_equal(cursor_decode(slot, len, &out), CURSOR_NEWER);
}

static void boots_are_kept(void **state)
{
	struct boots boots = {0}, again;
	struct buf text = {0};
	uint8_t id[BOOT_ID_SIZE] = {0};
	int64_t ahead_ms;

	(void)state;
	for (int i = 0; i < BOOTS_MAX + 2; i++) {
		id[0] = (uint8_t)i;
		boots_note(&boots, id, i % 2 ? -i : INT64_C(1767225600000) + i);
	}
	boots_note(&boots, id, 12345); /* the same again replaces */
	boots_format(&boots, &text);
	buf_text(&text, "rubbish\n0011 5\n");
	boots_parse(&again, text.data, text.len);
	buf_free(&text);
	assert_int_equal(again.count, BOOTS_MAX);
	for (int i = 0; i < BOOTS_MAX + 2; i++) {
		id[0] = (uint8_t)i;
		assert_int_equal(boots_find(&again, id, &ahead_ms), i >= 2);
		if (i >= 2 && i <= BOOTS_MAX)
			assert_true(ahead_ms == (i % 2 ? -i : INT64_C(1767225600000) + i));
	}
	assert_true(ahead_ms == 12345);
}

static void paths_have_numbers(void **state)
{
	struct paths paths = {0};
	char text[32];
	bool fresh;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3000; i++) {
			int len = snprintf(text, sizeof text, "a.p%d", i); /* one address, many texts */
			assert_int_equal(paths_number(&paths, text, (size_t)len, &fresh), i);
			assert_int_equal(fresh, round == 0);
		}
	}
	assert_string_equal(paths_get(&paths, 2999), "a.p2999");
	assert_null(paths_get(&paths, 3000));
	paths_free(&paths);
	paths_set(&paths, 500, "late", 4);
	paths_set(&paths, 500, "other", 5);
	assert_string_equal(paths_get(&paths, 500), "late");
	assert_null(paths_get(&paths, 499));
	paths_set(&paths, UINT16_MAX, "last", 4);
	assert_string_equal(paths_get(&paths, UINT16_MAX), "last");
	paths_free(&paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(keeps_what_was_stored, make_file_name, remove_file),
	    cmocka_unit_test_setup_teardown(
	        a_torn_write_costs_the_newer_slot_only, make_file_name, remove_file),
	    cmocka_unit_test(every_flipped_byte_is_noticed),
	    cmocka_unit_test(a_full_cursor_fits_its_slot),
	    cmocka_unit_test(a_newer_cursor_is_told_apart),
	    cmocka_unit_test(boots_are_kept),
	    cmocka_unit_test(paths_have_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
