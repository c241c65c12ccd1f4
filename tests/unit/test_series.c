/* Time series: the known table byte for byte, then random batches that are read back exactly. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base64.h"
#include "core/base/mem.h"
#include "core/message/series.h"
#include "tests/unit/cbor_decode.h"

enum { BATCHES = 3000 };

static struct sample sample_at(const char *path, int64_t ms, struct value value)
{
	return (struct sample){path, value, {.wall_ms = ms, .wall_valid = true}};
}
#define DOUBLE(x) ((struct value){VALUE_DOUBLE, .number = (x)})
#define INT(x)    ((struct value){VALUE_INT, .integer = (x)})
#define BOOL(x)   ((struct value){VALUE_BOOLEAN, .boolean = (x)})
#define DATE(x)   ((struct value){VALUE_DATE, .integer = (x)})
#define STRING(x) ((struct value){VALUE_STRING, .text = {(x), sizeof(x) - 1}})
#define BINARY(x) ((struct value){VALUE_BINARY, .text = {(x), sizeof(x) - 1}})

static uint64_t random_state = 88172645463325252u;

/* xorshift64 (Marsaglia 2003): the same numbers at each run */
static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % below;
}

static const struct series_format plain = {.max_bytes = 16000};
static const struct series_format zipped = {.zlib = true, .max_bytes = 16000};

static enum message_fit try(struct series *series, const char *path, int64_t ms, struct value value)
{
	struct sample sample = sample_at(path, ms, value);
	return series_add(series, &sample);
}

static void add(struct series *series, const char *path, int64_t ms, struct value value)
{
	assert_int_equal(try(series, path, ms, value), MESSAGE_ADDED);
}

static void expect_full(struct series *series, const char *path, int64_t ms, struct value value)
{
	size_t count = series_count(series);
	assert_int_equal(try(series, path, ms, value), MESSAGE_FULL);
	assert_int_equal(series_count(series), count);
}

static struct decoded_series decode(const struct buf *body, bool zlib)
{
	struct decoded_series decoded;
	char why[120];
	if (decode_series(body->data, body->len, zlib, &decoded, why))
		fail_msg("%s", why);
	return decoded;
}

static struct decoded_series finish(struct series *series, bool zlib)
{
	struct buf body = {0};
	size_t count = series_count(series);
	buf_text(&body, "what was there before");
	series_finish(series, &body);
	assert_int_equal(series_count(series), 0);
	struct decoded_series decoded = decode(&body, zlib);
	assert_int_equal(decoded.count, count);
	buf_free(&body);
	return decoded;
}

/* Ends the body and looks at one name's factor (1 is the first name's, 0 the timestamps'). */
static void expect_factor(struct series *series, size_t number, double factor)
{
	struct decoded_series decoded = finish(series, false);
	assert_true(number <= decoded.columns);
	assert_true(decoded.factors[number] == factor);
	decoded_free(&decoded);
}

/* --- the table of the protocol's description --- */

static double factors_of_the_table(void *ctx, const char *path)
{
	(void)ctx;
	return !strcmp(path, "lat") || !strcmp(path, "long") ? 1e6 : 1;
}

static const unsigned char the_table[] = {0xa3,                                   /* map of 3 */
    0x61, 'h', 0x86, 0x61, 'x', 0x61, 'y', 0x61, 'z',                             /* names */
    0x63, 'l', 'a', 't', 0x64, 'l', 'o', 'n', 'g', 0x65, 's', 'p', 'e', 'e', 'd', /**/
    0x61, 'f', 0x87, 0xfb, 0x3f, 0x84, 0x7a, 0xe1, 0x47, 0xae, 0x14, 0x7b,        /* 0.01 */
    0x01, 0x01, 0x01, 0x1a, 0x00, 0x0f, 0x42, 0x40, 0x1a, 0x00, 0x0f, 0x42, 0x40, 0x01, 0x61, 's',
    0x8e, 0x1b, 0x00, 0x00, 0x00, 0x03, 0x49, 0xce, 0xfd, 0xb4, /* 14123204020 */
    0x00, 0x02, 0x00, 0x1a, 0x02, 0xf2, 0xa0, 0x49,             /* 49455177 */
    0x1a, 0x00, 0x08, 0x34, 0x8f, 0x18, 0x64,                   /* 537743, 100 */
    0x01, 0x00, 0x01, 0x00, 0x00, 0x00,                         /* differences */
    0xfb, 0xbf, 0xf9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a};      /* -1.6 */

static void table_of_the_protocol(void **state)
{
	static const struct {
		const char *path;
		double first, second;
	} columns[] = {{"x", 0, 0}, {"y", 2, 3}, {"z", 0, 0}, {"lat", 49.455177, 49.455177},
	    {"long", 0.537743, 0.537743}, {"speed", 100, 98.4}};
	struct series_format format = {.max_bytes = sizeof the_table, .factor = factors_of_the_table};
	struct series *series = series_new(&format);
	struct buf body = {0};

	(void)state;
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < 6; i++)
			add(series, columns[i].path, 1412320402000, DOUBLE(columns[i].first));
		for (size_t i = 0; i < 6; i++)
			add(series, columns[i].path, 1412320402100, DOUBLE(columns[i].second));
		assert_int_equal(series_count(series), 12);
		/* there is no byte left */
		expect_full(series, "x", 1412320402200, DOUBLE(0));
		series_finish(series, &body);
		assert_int_equal(body.len, sizeof the_table);
		assert_memory_equal(body.data, the_table, sizeof the_table);
	}
	buf_free(&body);
	series_free(series);
}

/* --- factors --- */

static void factors_are_found(void **state)
{
	struct series *series = series_new(&plain);
	(void)state;

	add(series, "a.b", 1000, INT(INT32_MIN));
	add(series, "a.b", 2000, INT(INT32_MAX));
	expect_factor(series, 1, 1);
	add(series, "a.b", 1000, DATE(1755000000123));
	add(series, "a.b", 2000, DATE(-1));
	expect_factor(series, 1, 1);
	add(series, "a.b", 1000, DOUBLE(23));
	add(series, "a.b", 2000, DOUBLE(-23.5));
	expect_factor(series, 1, 10);
	add(series, "a.b", 1000, DOUBLE(0.1));
	add(series, "a.b", 2000, DOUBLE(49.455177));
	add(series, "a.b", 3000, DOUBLE(7));
	expect_factor(series, 1, 1e6);
	add(series, "a.b", 1000, DOUBLE(0.000000001));
	expect_factor(series, 1, 1e9);
	add(series, "a.b", 1000, DOUBLE(0.0000000001));
	expect_factor(series, 1, 1);
	add(series, "a.b", 1000, DOUBLE(0.1));
	add(series, "a.b", 2000, DOUBLE(0.1 + 0.2));
	expect_factor(series, 1, 1);
	/* 15 digits with the one, too many with the other */
	add(series, "a.b", 1000, DOUBLE(12345678901234));
	expect_factor(series, 1, 1);
	add(series, "a.b", 1000, DOUBLE(12345678901234));
	add(series, "a.b", 2000, DOUBLE(0.25));
	expect_factor(series, 1, 1);
	add(series, "a.b", 1000, BOOL(true));
	add(series, "a.c", 1000, DOUBLE(0.5));
	expect_factor(series, 1, 0);
	series_free(series);
}

static void factor_of_the_timestamps(void **state)
{
	struct series *series = series_new(&plain);
	(void)state;

	add(series, "a.b", 1755000000000, INT(1));
	expect_factor(series, 0, 0.001);
	add(series, "a.b", 1755000000000, INT(1));
	add(series, "a.b", 1755000000100, INT(1));
	expect_factor(series, 0, 0.01);
	add(series, "a.b", 1755000000120, INT(1));
	add(series, "a.b", 1755000001000, INT(1));
	expect_factor(series, 0, 0.1);
	add(series, "a.b", -1, INT(1));
	expect_factor(series, 0, 1);
	add(series, "a.b", 0, INT(1));
	expect_factor(series, 0, 0.001);
	series_free(series);
}

static double declared_factor(void *ctx, const char *path)
{
	(void)path;
	return *(const double *)ctx;
}

static void declared_factors(void **state)
{
	static const struct {
		double declared, a, b, used;
	} cases[] = {
	    {100, 1, 2, 100},
	    {100, 1, 2.34567, 100}, /* a difference of 134.567 */
	    {0.5, 10, 20, 0.5},
	    {4, 0.25, 1, 4},
	    {3, 1.1, 1.7, 3},
	    {3, 1.1, 0.1, 10}, /* 0.1 * 3 / 3 is not 0.1 */
	    {1e308, 2, 1e300, 1},
	    {0, 1.5, 2, 10},
	    {-10, 1.5, 2, 10},
	    {NAN, 1.5, 2, 10},
	    {INFINITY, 1.5, 2, 10},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double declared = cases[i].declared;
		struct series_format format = {
		    .max_bytes = 1000, .factor = declared_factor, .ctx = &declared};
		struct series *series = series_new(&format);
		add(series, "a.b", 1000, DOUBLE(cases[i].a));
		add(series, "a.b", 2000, DOUBLE(cases[i].b));
		expect_factor(series, 1, cases[i].used);
		series_free(series);
	}
}

/* --- what begins another body --- */

static void full_for_other_reasons_than_size(void **state)
{
	struct series *series = series_new(&plain);
	struct sample untimed = sample_at("a.b", 0, INT(1)), late = sample_at("a.b", 0, INT(1)),
	              far = sample_at("a.b", 0, DATE(INT64_MAX)), fine = sample_at("a.b", 0, INT(1));
	(void)state;

	untimed.time.wall_valid = false;
	late.time.wall_ms = INT64_C(1000000000000000);
	assert_false(series_takes(&untimed));
	assert_false(series_takes(&late));
	assert_false(series_takes(&far));
	assert_true(series_takes(&fine));
	fine.time.wall_ms = late.time.wall_ms - 1;
	assert_true(series_takes(&fine));

	add(series, "a.b", 1000, DOUBLE(100.1));
	assert_int_equal(series_add(series, &untimed), MESSAGE_FULL);
	assert_int_equal(series_add(series, &late), MESSAGE_FULL);
	assert_int_equal(series_add(series, &far), MESSAGE_FULL);
	expect_full(series, "a.b", 1000, DOUBLE(100.1));     /* the same path and timestamp */
	expect_full(series, "a.b", 2000, BOOL(true));        /* another kind of value */
	expect_full(series, "a.b", 2000, DOUBLE(0.1 + 0.2)); /* its low bits are hidden by 100.1 */
	expect_full(series, "a.b", 2000, DOUBLE(DBL_MIN));
	add(series, "a.b", 2000, DOUBLE(100.25));
	add(series, "a.c", 1000, BOOL(true));
	expect_full(series, "a.c", 3000, INT(1));
	expect_factor(series, 1, 100);

	add(series, "a.b", 1000, DOUBLE(DBL_MAX));
	expect_full(series, "a.b", 2000, DOUBLE(-DBL_MAX));
	expect_factor(series, 1, 1);

	/* a late one that the later one is hidden by */
	add(series, "a.b", 1000, DOUBLE(1e-20));
	add(series, "a.b", 3000, DOUBLE(1.5e-20));
	expect_full(series, "a.b", 2000, DOUBLE(100.1));
	add(series, "a.b", 2000, DOUBLE(3e-20));
	add(series, "a.b", 4000, DOUBLE(100.1));
	expect_factor(series, 1, 1);
	series_free(series);
}

static void rows_are_in_order_of_time(void **state)
{
	struct series *series = series_new(&plain);
	(void)state;

	add(series, "a.b", 3000, INT(3));
	add(series, "a.c", 1000, STRING("eins"));
	add(series, "a.b", 1000, INT(1));
	add(series, "a.b", 2000, INT(20));
	add(series, "a.c", 3000, STRING("drei"));
	struct decoded_series decoded = finish(series, false);
	assert_int_equal(decoded.rows, 3);
	assert_int_equal(decoded.columns, 2);
	static const double numbers[] = {1, 0, 20, 3, 0};
	static const char *const texts[] = {NULL, "eins", NULL, NULL, "drei"};
	for (size_t i = 0; i < 5; i++) {
		const struct decoded *sample = &decoded.samples[i];
		assert_int_equal(sample->kind, texts[i] ? DECODED_TEXT : DECODED_NUMBER);
		if (texts[i])
			assert_memory_equal(sample->text, texts[i], sample->text_len);
		else
			assert_true(sample->number == numbers[i]);
	}
	decoded_free(&decoded);
	series_free(series);
}

/* An empty body is 3 keys, no name, the timestamps' factor and no sample. */
static void empty_and_cleared(void **state)
{
	struct series *series = series_new(&zipped);
	(void)state;

	struct decoded_series decoded = finish(series, true);
	assert_int_equal(decoded.columns, 0);
	decoded_free(&decoded);
	add(series, "a.b", 1234, STRING("x"));
	series_clear(series);
	assert_int_equal(series_count(series), 0);
	add(series, "a.b", 1234, BOOL(false));
	decoded = finish(series, true);
	assert_int_equal(decoded.samples[0].kind, DECODED_BOOLEAN);
	decoded_free(&decoded);
	series_free(series);
	series_free(NULL);
}

/* A single text, and one byte less than it needs. */
static void too_big_is_exact(void **state)
{
	char text[300] = "";
	(void)state;

	for (size_t len = 0; len < sizeof text; len++) {
		/* map, h and its array, a.b, f and its array, 0.001, 0, s and its array, 0, text */
		size_t alone = 1 + 3 + 4 + 3 + 9 + 1 + 3 + 1 + (len < 24 ? 1 : len < 256 ? 2 : 3) + len;
		for (size_t max = alone - 1; max <= alone; max++) {
			struct series_format format = {.max_bytes = max};
			struct series *series = series_new(&format);
			struct value value = {VALUE_STRING, .text = {text, len}};
			bool fits = max == alone;
			assert_int_equal(try(series, "a.b", 0, value), fits ? MESSAGE_ADDED : MESSAGE_TOO_BIG);
			assert_int_equal(series_count(series), fits);
			if (fits)
				expect_full(series, "a.b", 1000, value);
			series_free(series);
		}
	}
}

/* Full to the brim: ts but for less than a row, tsz of what zlib cannot shrink but for what zlib
 * could have added. */
static void limits_are_reached_and_kept(void **state)
{
	char noise[8];
	struct buf body = {0};
	(void)state;

	for (size_t max = 200; max < 3000; max += 9) {
		struct series_format format = {.zlib = max % 2, .max_bytes = max};
		struct series *series = series_new(&format);
		enum message_fit fit = MESSAGE_ADDED;
		for (int64_t i = 0; fit == MESSAGE_ADDED; i++) {
			for (size_t k = 0; k < sizeof noise; k++)
				noise[k] = (char)draw(256);
			fit = try(series, i % 2 ? "a.b" : "a.c", i / 2 * 1000,
			    (struct value){VALUE_BINARY, .text = {noise, sizeof noise}});
		}
		series_finish(series, &body);
		assert_in_range(body.len, format.zlib ? max / 2 : max - 15, max);
		struct decoded_series decoded = decode(&body, format.zlib);
		decoded_free(&decoded);
		series_free(series);
	}
	buf_free(&body);
}

/* At each degree of filling, what makes the rest of the body longer too: a factor for more decimals,
 * a timestamp of odd milliseconds, a row before all others, a name that no row has. */
static void limits_hold_whatever_comes_last(void **state)
{
	static const struct {
		const char *path;
		int64_t ms;
		struct value value;
	} last[] = {
	    {"a.b", 999000, DOUBLE(0.123456789)},
	    {"a.b", 999000, DOUBLE(0.1 + 0.2)},
	    {"a.b", 1, INT(5)},
	    {"a.b", -INT64_C(99999999999000), INT(5)},
	    {"a.c", 0, INT(5)},
	    {"a.c", -1, BINARY("\1\2\3\4\5")},
	};
	const struct series_format format = {.max_bytes = 200};
	struct buf body = {0};
	(void)state;

	for (int64_t filled = 0, most = 1; filled < most; filled++) {
		for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
			struct series *series = series_new(&format);
			int64_t n = 0;
			while (n < filled && try(series, "a.b", n * 1000, INT(n % 10)) == MESSAGE_ADDED)
				n++;
			most += filled == most - 1 && n == filled && i == 0;
			n += try(series, last[i].path, last[i].ms, last[i].value) == MESSAGE_ADDED;
			assert_int_equal(series_count(series), n);
			series_finish(series, &body);
			assert_true(body.len <= format.max_bytes);
			struct decoded_series decoded = decode(&body, false);
			assert_int_equal(decoded.count, n);
			decoded_free(&decoded);
			series_free(series);
		}
	}
	buf_free(&body);
}

/* What the format is for: 20 sensors of 0.1 resolution, 100 rows. */
static void slow_sensors_are_cheap(void **state)
{
	struct series *series = series_new(&zipped);
	struct buf body = {0};
	char path[32];
	(void)state;

	for (int64_t i = 0; i < 2000; i++) {
		(void)snprintf(path, sizeof path, "machine.temperature.%02d", (int)(i % 20));
		add(series, path, 1755000000123 + i / 20 * 10000,
		    DOUBLE((double)(200 + i % 20 + (int64_t)draw(3)) / 10));
	}
	series_finish(series, &body);
	assert_true(body.len < 2000);
	struct decoded_series decoded = decode(&body, true);
	assert_int_equal(decoded.count, 2000);
	decoded_free(&decoded);
	buf_free(&body);
	series_free(series);
}

/* --- random batches --- */

static double draw_bits(void)
{
	double value;
	do {
		uint64_t bits = draw(UINT64_C(1) << 32) << 32 | draw(UINT64_C(1) << 32);
		memcpy(&value, &bits, sizeof value);
	} while (!isfinite(value));
	return value;
}

static struct value draw_value(unsigned kind, char text[64])
{
	switch (kind % 12) {
	case 0:
		return INT((int64_t)draw(100));
	case 1:
		return INT((int32_t)draw(UINT64_C(1) << 32));
	case 2:
		return DATE((int64_t)draw(UINT64_C(1999999999999999)) - INT64_C(999999999999999));
	case 3:
		return BOOL(draw(2));
	case 4:
	case 5: {
		size_t len = draw(60);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)draw(kind % 12 == 4 ? 128 : 256);
		return (struct value){kind % 12 == 4 ? VALUE_STRING : VALUE_BINARY, .text = {text, len}};
	}
	case 6: /* few decimals */
		return DOUBLE((double)((int64_t)draw(4000) - 2000) / 10);
	case 7:
		return DOUBLE((double)((int64_t)draw(UINT64_C(1) << 40)) / 1e9);
	case 8: /* a 32-bit float of a register */
		return DOUBLE((double)((float)draw(1u << 24) / 65536));
	case 9: /* all 53 bits, slowly changing */
		return DOUBLE(20 + sin((double)draw(1000)));
	case 10:
		return DOUBLE(draw(4) ? draw_bits() : -0.0);
	default:
		return DOUBLE((double)draw(7) - 3 + (draw(20) ? 0 : 0.1 * (double)draw(30)));
	}
}

struct batch {
	struct sample samples[300];
	char paths[20][48], texts[300][64];
	size_t count;
};

static void draw_batch(struct batch *batch)
{
	static const int64_t steps[] = {0, 1, 7, 10, 100, 1000, 10000, 86400000};
	size_t paths = draw(20) + 1;
	unsigned kinds[20];
	int64_t ms = (int64_t)draw(UINT64_C(4000000000)) * (draw(2) ? 1000 : 1) -
	             (draw(10) ? 0 : INT64_C(2000000000000)),
	        step = steps[draw(8)];
	unsigned everywhere = draw(3) ? 12 : (unsigned)draw(12);

	for (size_t i = 0; i < paths; i++) {
		(void)snprintf(batch->paths[i], sizeof batch->paths[i], "a%zu.%.*s", i, (int)draw(14) + 1,
		    "temperature-012");
		kinds[i] = everywhere < 12 ? everywhere : (unsigned)draw(12);
	}
	batch->count = draw(300) + 1;
	bool cyclic = draw(2), late = !draw(4);
	for (size_t i = 0; i < batch->count; i++) {
		size_t path = cyclic ? i % paths : draw(paths);
		if (cyclic ? path == 0 : draw(3) == 0)
			ms += step + (late ? (int64_t)draw(5) - 2 : 0);
		unsigned kind = draw(500) ? kinds[path] : (unsigned)draw(12);
		int64_t at = late && !draw(10) ? ms - (int64_t)draw(100000) : ms;
		batch->samples[i] = sample_at(batch->paths[path], at, draw_value(kind, batch->texts[i]));
	}
}

static bool is_same(const struct sample *sample, const struct decoded *decoded)
{
	const struct value *value = &sample->value;
	struct buf base64 = {0};
	bool same;

	if (sample->time.wall_ms != decoded->ms || strlen(sample->path) != decoded->name_len ||
	    memcmp(sample->path, decoded->name, decoded->name_len) != 0)
		return false;
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		return decoded->kind == DECODED_NUMBER && decoded->number == (double)value->integer;
	case VALUE_DOUBLE:
		return decoded->kind == DECODED_NUMBER && decoded->number == value->number;
	case VALUE_BOOLEAN:
		return decoded->kind == DECODED_BOOLEAN && decoded->boolean == value->boolean;
	case VALUE_STRING:
		return decoded->kind == DECODED_TEXT && decoded->text_len == value->text.len &&
		       !memcmp(decoded->text, value->text.data, value->text.len);
	case VALUE_BINARY:
		if (decoded->kind != DECODED_TEXT ||
		    base64_decode(&base64, decoded->text, decoded->text_len))
			return false;
		same = base64.len == value->text.len &&
		       (base64.len == 0 || !memcmp(base64.data, value->text.data, base64.len));
		buf_free(&base64);
		return same;
	default:
		return false;
	}
}

/* Each of the samples once, in whatever order: the decoder has told that no name has two of one
 * timestamp. */
static void expect_samples(
    const struct decoded_series *decoded, const struct sample *samples, size_t count)
{
	assert_int_equal(decoded->count, count);
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < count && !is_same(&samples[i], &decoded->samples[k]))
			k++;
		if (k == count)
			fail_msg("%s at %lld is not there, or not as it was (%.17g)", samples[i].path,
			    (long long)samples[i].time.wall_ms, samples[i].value.number);
	}
}

static size_t bodies;

static void end_body(struct series *series, const struct series_format *format, struct buf *body,
    const struct sample *first)
{
	size_t count = series_count(series);
	series_finish(series, body);
	assert_true(body->len <= format->max_bytes);
	struct decoded_series decoded = decode(body, format->zlib);
	expect_samples(&decoded, first, count);
	decoded_free(&decoded);
	bodies++;
}

static void expect_too_big(const struct series_format *format, const struct sample *sample)
{
	struct series_format roomy = *format;
	struct buf body = {0};
	roomy.max_bytes = 100000;
	struct series *series = series_new(&roomy);
	assert_int_equal(series_add(series, sample), MESSAGE_ADDED);
	series_finish(series, &body);
	/* with zlib it is too big by what it is before */
	assert_true(body.len > format->max_bytes || format->zlib);
	series_free(series);
	buf_free(&body);
}

static void random_batches_come_back(void **state)
{
	static const double declared[] = {0, 1, 10, 1000, 0.5, 3, 1e-3, 1e6};
	struct batch *batch = mem_alloc(sizeof *batch);
	struct buf body = {0};
	(void)state;

	for (int n = 0; n < BATCHES; n++) {
		double factor = draw(3) ? 0 : declared[draw(8)];
		struct series_format format = {.zlib = draw(2),
		    .max_bytes = draw(2) ? 16000 : draw(1000) + 40,
		    .factor = declared_factor,
		    .ctx = &factor};
		struct series *series = series_new(&format);
		draw_batch(batch);
		const struct sample *first = batch->samples, *end = first + batch->count;
		for (const struct sample *sample = first; sample < end;) {
			enum message_fit fit = series_add(series, sample);
			if (fit == MESSAGE_ADDED) {
				sample++;
				continue;
			}
			assert_int_equal(fit, series_count(series) ? MESSAGE_FULL : MESSAGE_TOO_BIG);
			if (fit == MESSAGE_TOO_BIG)
				expect_too_big(&format, sample++);
			else
				end_body(series, &format, &body, first);
			first = sample;
		}
		end_body(series, &format, &body, first);
		series_free(series);
	}
	print_message("# %d batches in %zu bodies\n", BATCHES, bodies);
	buf_free(&body);
	free(batch);
}

/* The decoder is a judge: it must see what is wrong. */
static void decoder_refuses(void **state)
{
	struct buf bad = {0};
	struct decoded_series decoded;
	char why[120];
	size_t taken = 0;
	(void)state;

	for (size_t len = 0; len < sizeof the_table; len++) {
		assert_int_equal(decode_series(the_table, len, false, &decoded, why), -1);
		decoded_free(&decoded);
	}
	for (size_t i = 0; i < sizeof the_table; i++) {
		buf_add(&bad, the_table, sizeof the_table);
		bad.data[i] ^= 0x80;
		taken += decode_series(bad.data, bad.len, false, &decoded, why) == 0;
		decoded_free(&decoded);
		bad.len = 0;
	}
	assert_true(taken > 0 && taken < sizeof the_table / 2); /* a digit may well be another */
	assert_int_equal(decode_series(the_table, sizeof the_table, true, &decoded, why), -1);
	decoded_free(&decoded);
	buf_add(&bad, the_table, sizeof the_table);
	buf_char(&bad, '\0');
	assert_int_equal(decode_series(bad.data, bad.len, false, &decoded, why), -1);
	assert_string_equal(why, "byte 93: more behind the map");
	decoded_free(&decoded);
	buf_free(&bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table_of_the_protocol),
	    cmocka_unit_test(factors_are_found),
	    cmocka_unit_test(factor_of_the_timestamps),
	    cmocka_unit_test(declared_factors),
	    cmocka_unit_test(full_for_other_reasons_than_size),
	    cmocka_unit_test(rows_are_in_order_of_time),
	    cmocka_unit_test(empty_and_cleared),
	    cmocka_unit_test(too_big_is_exact),
	    cmocka_unit_test(limits_are_reached_and_kept),
	    cmocka_unit_test(limits_hold_whatever_comes_last),
	    cmocka_unit_test(slow_sensors_are_cheap),
	    cmocka_unit_test(random_batches_come_back),
	    cmocka_unit_test(decoder_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
