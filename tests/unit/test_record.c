/* One record and one header: what goes in comes out, and nothing else passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/queue/record.h"

static const uint32_t salt = 0x5eed1234;

static struct sample sample_of(enum value_type type)
{
	return (struct sample){
	    .path = "a.b",
	    .value.type = type,
	    .time = {.wall_ms = INT64_C(1767225600123), .mono_ms = 4711, .wall_valid = true},
	};
}

static struct record_view round_trip(const struct sample *sample, size_t expected)
{
	static uint8_t bytes[RECORD_MAX];
	struct record_view view;
	size_t size = record_size(sample);

	assert_int_equal(size, expected);
	record_encode(bytes, size, salt, 77, 3, sample);
	assert_true(record_decode(bytes, size, salt, &view));
	assert_int_equal(view.size, size);
	assert_int_equal(view.kind, sample->value.type);
	assert_int_equal(view.offset, 77);
	assert_int_equal(view.path, 3);
	assert_int_equal(view.time.wall_ms, sample->time.wall_ms);
	assert_int_equal(view.time.mono_ms, sample->time.mono_ms);
	assert_int_equal(view.time.wall_valid, sample->time.wall_valid);
	assert_false(record_decode(bytes, size - 1, salt, &view));
	assert_false(record_decode(bytes, size, salt + 1, &view));
	assert_true(record_decode(bytes, size, salt, &view));
	return view;
}

static void numbers(void **state)
{
	static const struct {
		int64_t value;
		size_t bytes;
	} ints[] = {{0, 1}, {127, 1}, {128, 2}, {-128, 1}, {-129, 2}, {32767, 2}, {32768, 3},
	    {INT32_MAX, 4}, {INT32_MIN, 4}, {INT64_C(1) << 39, 6}, {INT64_MAX, 8}, {INT64_MIN, 8}};
	static const double doubles[] = {0, -0.0, 1.5, -1e300, 5e-324, 0.1};

	(void)state;
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
		struct sample sample = sample_of(i % 2 ? VALUE_INT : VALUE_DATE);
		sample.value.integer = ints[i].value;
		assert_true(
		    round_trip(&sample, RECORD_HEAD + ints[i].bytes).value.integer == ints[i].value);
	}
	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
		struct sample sample = sample_of(VALUE_DOUBLE);
		sample.value.number = doubles[i];
		struct record_view view = round_trip(&sample, RECORD_HEAD + 8);
		assert_memory_equal(&view.value.number, &doubles[i], sizeof(double));
	}
	for (int i = 0; i < 2; i++) {
		struct sample sample = sample_of(VALUE_BOOLEAN);
		sample.value.boolean = i;
		assert_int_equal(round_trip(&sample, RECORD_HEAD + 1).value.boolean, i);
	}
}

static void texts(void **state)
{
	static char text[VALUE_MAX_BYTES + 1];
	static const size_t sizes[] = {0, 1, 300, VALUE_MAX_BYTES};

	(void)state;
	memset(text, 'q', sizeof text);
	text[0] = '\0';
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct sample sample = sample_of(i % 2 ? VALUE_STRING : VALUE_BINARY);
		sample.value.text.data = text;
		sample.value.text.len = sizes[i];
		struct record_view view = round_trip(&sample, RECORD_HEAD + sizes[i]);
		assert_int_equal(view.value.text.len, sizes[i]);
		assert_memory_equal(view.value.text.data, text, sizes[i]);
	}
}

static void times(void **state)
{
	static const int64_t times[] = {0, -1, (INT64_C(1) << 47) - 1, -(INT64_C(1) << 47)};

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct sample sample = sample_of(VALUE_BOOLEAN);
		sample.value.boolean = true;
		sample.time = (struct stamp){.wall_ms = times[i], .mono_ms = -times[i] - 1};
		(void)round_trip(&sample, RECORD_HEAD + 1);
	}
}

static void what_no_record_can_hold(void **state)
{
	static char text[VALUE_MAX_BYTES + 1];
	struct sample sample = sample_of(VALUE_STRING);

	(void)state;
	sample.value.text.data = text;
	sample.value.text.len = sizeof text;
	assert_int_equal(record_size(&sample), 0);
	sample = sample_of(VALUE_INT);
	sample.value.integer = 1;
	sample.time.wall_ms = INT64_C(1) << 47;
	assert_int_equal(record_size(&sample), 0);
	sample.time.wall_ms = 0;
	sample.time.mono_ms = INT64_MIN;
	assert_int_equal(record_size(&sample), 0);
	sample.time.mono_ms = 0;
	sample.value.type = (enum value_type)9;
	assert_int_equal(record_size(&sample), 0);
}

static void every_flipped_bit_is_noticed(void **state)
{
	uint8_t bytes[RECORD_HEAD + 8];
	struct record_view view;
	struct sample sample = sample_of(VALUE_DOUBLE);

	(void)state;
	sample.value.number = 23.25;
	record_encode(bytes, sizeof bytes, salt, 1, 1, &sample);
	for (size_t i = 0; i < 8 * sizeof bytes; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(record_decode(bytes, sizeof bytes, salt, &view));
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(record_decode(bytes, sizeof bytes, salt, &view));
}

/* A record inside a string value was made without the salt. */
static void a_value_cannot_forge_a_record(void **state)
{
	uint8_t inner[RECORD_HEAD + 8], outer[RECORD_HEAD + sizeof inner];
	struct record_view view;
	struct sample sample = sample_of(VALUE_DOUBLE);

	(void)state;
	sample.value.number = 666;
	record_encode(inner, sizeof inner, 0, 5, 0, &sample);
	sample.value.type = VALUE_BINARY;
	sample.value.text.data = (const char *)inner;
	sample.value.text.len = sizeof inner;
	record_encode(outer, sizeof outer, salt, 4, 0, &sample);
	assert_true(record_decode(outer, sizeof outer, salt, &view));
	assert_true(record_decode(outer + RECORD_HEAD, sizeof inner, 0, &view));
	assert_false(record_decode(outer + RECORD_HEAD, sizeof inner, salt, &view));
}

static void paths(void **state)
{
	uint8_t bytes[RECORD_PATH_HEAD + PATH_MAX_BYTES];
	char path[PATH_MAX_BYTES];
	struct record_view view;

	(void)state;
	memset(path, 'p', sizeof path);
	for (size_t len = 1; len <= PATH_MAX_BYTES; len += 127) {
		size_t size = record_encode_path(bytes, salt, 9, path, len);
		assert_int_equal(size, RECORD_PATH_HEAD + len);
		assert_true(record_decode(bytes, size, salt, &view));
		assert_int_equal(view.kind, RECORD_PATH);
		assert_int_equal(view.path, 9);
		assert_int_equal(view.value.text.len, len);
		assert_memory_equal(view.value.text.data, path, len);
	}
}

static struct segment_header some_header(void)
{
	struct segment_header header = {.salt = 7, .first_seq = 0x123456789, .thinned = 2};

	memset(header.boot, 0xb0, sizeof header.boot);
	return header;
}

static void header_survives_damage_to_one_copy(void **state)
{
	uint8_t bytes[SEGMENT_DATA];
	struct segment_header in = some_header(), out;

	(void)state;
	segment_header_encode(bytes, &in);
	for (size_t i = 0; i < sizeof bytes; i++) {
		memset(&out, 0, sizeof out);
		bytes[i] ^= 0x40;
		assert_int_equal(segment_header_decode(bytes, sizeof bytes, &out, NULL), HEADER_GOOD);
		bytes[i] ^= 0x40;
		assert_int_equal(out.salt, in.salt);
		assert_int_equal(out.first_seq, in.first_seq);
		assert_int_equal(out.thinned, in.thinned);
		assert_memory_equal(out.boot, in.boot, sizeof in.boot);
	}
	bytes[20] ^= 1;
	bytes[SEGMENT_HEADER + 30] ^= 1;
	assert_int_equal(segment_header_decode(bytes, sizeof bytes, &out, NULL), HEADER_BAD);
	for (size_t len = 0; len < SEGMENT_HEADER; len++)
		assert_int_equal(segment_header_decode(bytes, len, &out, NULL), HEADER_BAD);
}

static void a_newer_header_is_told_apart(void **state)
{
	uint8_t bytes[160] = {0};
	struct segment_header in = some_header(), out;
	uint16_t version = 0;

	(void)state;
	segment_header_encode(bytes, &in);
	put_le16(bytes + 8, 7);
	put_le16(bytes + 10, 80); /* it may be longer */
	put_le32(bytes + 76, crc32c(0, bytes, 76));
	assert_int_equal(segment_header_decode(bytes, sizeof bytes, &out, &version), HEADER_NEWER);
	assert_int_equal(version, 7);
	bytes[50] ^= 1;
	assert_int_equal(segment_header_decode(bytes, sizeof bytes, &out, &version), HEADER_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(times),
	    cmocka_unit_test(what_no_record_can_hold),
	    cmocka_unit_test(every_flipped_bit_is_noticed),
	    cmocka_unit_test(a_value_cannot_forge_a_record),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(header_survives_damage_to_one_copy),
	    cmocka_unit_test(a_newer_header_is_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
