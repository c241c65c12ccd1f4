/* What zip.c wrote, what deflate made, and every byte of it damaged. */
#include "core/base/bytes.h"
#include "core/catalog/unzip.h"
#include "core/catalog/zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include <cmocka.h>

static int collect(void *ctx, const char *name, const struct buf *content, struct err *err)
{
	struct buf *all = ctx;

	(void)err;
	buf_printf(all, "%s:", name);
	buf_add(all, content->data, content->len);
	buf_char(all, ';');
	return 0;
}

static int refuse(void *ctx, const char *name, const struct buf *content, struct err *err)
{
	(void)ctx;
	(void)content;
	return err_set(err, "not %s", name);
}

static void add16(struct buf *out, uint16_t value)
{
	put_le16((uint8_t *)buf_reserve(out, 2), value);
	out->len += 2;
}

static void add32(struct buf *out, uint32_t value)
{
	put_le32((uint8_t *)buf_reserve(out, 4), value);
	out->len += 4;
}

static void add_member(struct buf *out, uint32_t crc, uint32_t packed, uint32_t size)
{
	add16(out, 20);
	add16(out, 0);
	add16(out, 8);
	add32(out, 0);
	add32(out, crc);
	add32(out, packed);
	add32(out, size);
	add16(out, 5);
	add16(out, 0);
}

/* An archive of one deflated entry, a.app, with a comment behind it. */
static void make_deflated(struct buf *out, const void *data, uint32_t len)
{
	struct buf packed = {0};
	uint32_t crc = (uint32_t)crc32(0, data, len);
	z_stream stream = {.next_in = data, .avail_in = len};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = (Bytef *)buf_reserve(&packed, len + 100);
	stream.avail_out = len + 100;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed.len = stream.total_out;
	deflateEnd(&stream);

	add32(out, 0x04034b50);
	add_member(out, crc, (uint32_t)packed.len, len);
	buf_text(out, "a.app");
	buf_add(out, packed.data, packed.len);
	uint32_t directory = (uint32_t)out->len;
	add32(out, 0x02014b50);
	add16(out, 20);
	add_member(out, crc, (uint32_t)packed.len, len);
	for (int i = 0; i < 3; i++)
		add16(out, 0);
	add32(out, 0);
	add32(out, 0);
	buf_text(out, "a.app");
	uint32_t size = (uint32_t)out->len - directory;
	add32(out, 0x06054b50);
	add32(out, 0);
	add16(out, 1);
	add16(out, 1);
	add32(out, size);
	add32(out, directory);
	add16(out, 7);
	buf_text(out, "comment");
	buf_free(&packed);
}

static void what_zip_stored_is_read(void **state)
{
	struct zip zip = {0};
	struct buf archive = {0}, all = {0};
	struct err err = {0};

	(void)state;
	zip_add(&zip, "a.app", "first", 5);
	zip_add(&zip, "logo.png", "\0\1", 2);
	zip_add(&zip, "b/c.app", NULL, 0);
	zip_finish(&zip, &archive);
	assert_int_equal(unzip(archive.data, archive.len, ".app", 100, collect, &all, &err), 0);
	assert_string_equal(buf_str(&all), "a.app:first;b/c.app:;");
	assert_int_equal(unzip(archive.data, archive.len, ".app", 4, collect, &all, &err), -1);
	assert_string_equal(err.text, "a.app: more than 4 bytes when unpacked");
	assert_int_equal(unzip(archive.data, archive.len, ".app", 100, refuse, NULL, &err), -1);
	assert_string_equal(err.text, "not a.app");
	assert_int_equal(unzip(archive.data, 21, ".app", 100, collect, &all, &err), -1);
	assert_string_equal(err.text, "this is no zip archive, or its end is missing");
	buf_free(&archive);
	buf_free(&all);
}

static void what_is_deflated_is_read(void **state)
{
	struct buf text = {0}, archive = {0}, all = {0};
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "line %d\n", i);
	make_deflated(&archive, text.data, (uint32_t)text.len);
	assert_true(archive.len < text.len / 2);
	assert_int_equal(unzip(archive.data, archive.len, ".app", 1 << 20, collect, &all, &err), 0);
	assert_int_equal(all.len, text.len + 7);
	assert_memory_equal(all.data + 6, text.data, text.len);
	buf_free(&text);
	buf_free(&archive);
	buf_free(&all);
}

/* Each byte wrong in turn, each length: an error or the right content, and nothing out of bounds. */
static void damage_is_found(void **state)
{
	static const char text[] = "some text, some text, some other text";
	struct buf archive = {0};

	(void)state;
	make_deflated(&archive, text, sizeof(text) - 1);
	for (size_t i = 0; i < archive.len; i++) {
		struct buf all = {0};
		struct err err = {0};
		char *copy = malloc(archive.len);

		assert_non_null(copy);
		memcpy(copy, archive.data, archive.len);
		copy[i] = (char)(copy[i] ^ 0x55);
		if (unzip(copy, archive.len, ".app", 1000, collect, &all, &err) == 0 && all.len > 0)
			assert_non_null(memmem(all.data, all.len, text, sizeof(text) - 1));
		free(copy);
		copy = malloc(i + 1);
		assert_non_null(copy);
		memcpy(copy, archive.data, i);
		assert_int_equal(unzip(copy, i, ".app", 1000, collect, &all, &err), -1);
		free(copy);
		buf_free(&all);
	}
	buf_free(&archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_zip_stored_is_read),
	    cmocka_unit_test(what_is_deflated_is_read),
	    cmocka_unit_test(damage_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
