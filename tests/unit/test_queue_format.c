/* The example in docs/queue-format.md: its bytes are what the code writes, and decode to what the
 * text says. Run from the root of the tree. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/queue/scan.h"
#include "core/queue/segment.h"

static const char document[] = "docs/queue-format.md";

/* "0060  aa bb cc  what it is": the bytes between the first and the second pair of spaces. */
static size_t read_line(const char *line, uint8_t *out)
{
	char *end;
	size_t count = 0;

	(void)strtoul(line, &end, 16);
	assert_true(end == line + 4 && end[0] == ' ' && end[1] == ' ');
	const char *at = end + 2;
	while (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
		out[count++] = (uint8_t)strtoul(at, &end, 16);
		assert_true(end == at + 2);
		at = *end == ' ' ? end + 1 : end;
	}
	return count;
}

static size_t read_example(uint8_t *bytes, size_t room)
{
	FILE *file = fopen(document, "re");
	char line[256];
	size_t len = 0;
	int fences = -1; /* before the example's mark */

	assert_non_null(file);
	while (fgets(line, sizeof line, file) && fences < 2) {
		if (strncmp(line, "<!-- example -->", 16) == 0)
			fences = 0;
		else if (fences >= 0 && strncmp(line, "```", 3) == 0)
			fences++;
		else if (fences == 1) {
			assert_int_equal(strtoul(line, NULL, 16), len);
			assert_true(len + 32 <= room);
			len += read_line(line, bytes + len);
		}
	}
	(void)fclose(file);
	return len;
}

static struct segment *make_example(void)
{
	struct segment_header header = {.salt = 0x0badcafe, .first_seq = 0x1000};
	struct sample first = {
	    .path = "m.t",
	    .value = {.type = VALUE_DOUBLE, .number = 21.5},
	    .time = {.wall_ms = INT64_C(1767225600000), .mono_ms = 5000, .wall_valid = true},
	};
	struct sample second = {
	    .path = "m.t",
	    .value = {.type = VALUE_INT, .integer = -2},
	    .time = {.wall_ms = 1000, .mono_ms = 6000, .wall_valid = false},
	};

	for (int i = 0; i < BOOT_ID_SIZE; i++)
		header.boot[i] = (uint8_t)(0xa0 + i);
	struct segment *segment = segment_new("unused", &header);
	assert_true(segment_append(segment, 0x1000, &first, 3, record_size(&first)) > 0);
	assert_true(segment_append(segment, 0x1001, &second, 3, record_size(&second)) > 0);
	return segment;
}

static void print_difference(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)fprintf(stderr, "%s%02x", i % 16 ? " " : "\n# ", bytes[i]);
	(void)fprintf(stderr, "\n");
}

static void the_code_writes_the_example(void **state)
{
	struct segment *segment = make_example();
	uint8_t bytes[512];

	(void)state;
	size_t len = read_example(bytes, sizeof bytes);
	if (len != segment->size || memcmp(bytes, segment->pending.data, len) != 0)
		print_difference((uint8_t *)segment->pending.data, segment->size);
	assert_int_equal(len, segment->size);
	assert_memory_equal(bytes, segment->pending.data, len);
	segment_free(segment);
}

static void the_example_says_what_the_text_says(void **state)
{
	struct segment_header header;
	uint8_t bytes[512];
	struct scan scan;

	(void)state;
	size_t len = read_example(bytes, sizeof bytes);
	assert_int_equal(segment_header_decode(bytes, len, &header, NULL), HEADER_GOOD);
	struct segment *segment = segment_new("unused", &header);
	segment->pending.len = 0;
	buf_add(&segment->pending, bytes, len);
	segment->size = (uint32_t)len;
	scan_begin(&scan, segment, SCAN_BUFFER);
	assert_int_equal(scan_next(&scan), SCAN_RECORD);
	assert_int_equal(scan.seq, 4096);
	assert_string_equal(scan.path, "m.t");
	assert_int_equal(scan.view.value.type, VALUE_DOUBLE);
	assert_true(scan.view.value.number == 21.5);
	assert_true(scan.view.time.wall_valid && scan.view.time.wall_ms == INT64_C(1767225600000));
	assert_int_equal(scan_next(&scan), SCAN_RECORD);
	assert_int_equal(scan.seq, 4097);
	assert_int_equal(scan.view.value.type, VALUE_INT);
	assert_int_equal(scan.view.value.integer, -2);
	assert_false(scan.view.time.wall_valid);
	assert_int_equal(scan.view.time.mono_ms, 6000);
	assert_int_equal(scan_next(&scan), SCAN_END);
	scan_end(&scan);
	segment_free(segment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_code_writes_the_example),
	    cmocka_unit_test(the_example_says_what_the_text_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
