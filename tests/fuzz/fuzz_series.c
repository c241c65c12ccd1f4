/*
 * The inverse of the time series' encoder: bytes become samples, the samples bodies, and the bodies
 * the very same samples again.
 *
 * Bytes: the format (zlib, a declared factor or none), the limit, then for each sample a path with
 * a type, a step in time and a value.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/message/series.h"
#include "tests/unit/cbor_decode.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAMPLES_MAX = 400 };

struct input {
	const uint8_t *at, *end;
	int64_t ms;
};

static uint64_t next(struct input *in, unsigned bytes)
{
	uint64_t n = 0;
	while (bytes-- > 0)
		n = n << 8 | (in->at < in->end ? *in->at++ : 0);
	return n;
}

static struct value next_number(struct input *in)
{
	double number;
	uint64_t bits;

	switch (next(in, 1) % 4) {
	case 0:
		number = (double)(int16_t)next(in, 2) / 10;
		break;
	case 1:
		number = (double)(int32_t)next(in, 4) / 1e6;
		break;
	case 2:
		number = (double)(int16_t)next(in, 2) / 4096;
		break;
	default:
		bits = next(in, 8);
		memcpy(&number, &bits, sizeof number);
	}
	return (struct value){VALUE_DOUBLE, .number = isfinite(number) ? number : 0};
}

static struct value next_value(struct input *in, unsigned type)
{
	struct value value = {.type = VALUE_STRING};

	switch (type) {
	case 0:
		return (struct value){VALUE_INT, .integer = (int32_t)next(in, 4)};
	case 1:
		return (struct value){VALUE_DATE, .integer = (int64_t)next(in, 8)};
	case 2:
		return (struct value){VALUE_BOOLEAN, .boolean = next(in, 1) & 1};
	case 3:
		value.text.len = next(in, 1) % 64;
		if (value.text.len > (size_t)(in->end - in->at))
			value.text.len = (size_t)(in->end - in->at);
		value.text.data = (const char *)in->at;
		in->at += value.text.len;
		if (!utf8_valid(value.text.data, value.text.len, NULL))
			value.text.len = 0;
		return value;
	default:
		return next_number(in);
	}
}

static struct sample next_sample(struct input *in)
{
	static const char *const paths[] = {"a.a", "a.b", "a.b.c", "machine.temperature"};
	static const int64_t steps[] = {0, 1, 100, 1000, 10000, -1000, -7, 86400000};
	unsigned head = (unsigned)next(in, 1);

	if (head >> 5 == 7)
		in->ms = (int64_t)next(in, 8);
	else
		in->ms = (int64_t)((uint64_t)in->ms + (uint64_t)steps[head >> 2 & 7]);
	struct sample sample = {
	    .path = paths[head & 3],
	    .value = next_value(in, head >> 5),
	    .time = {.wall_ms = in->ms, .wall_valid = true},
	};
	return sample;
}

static bool is_same(const struct sample *sample, const struct decoded *decoded)
{
	const struct value *value = &sample->value;

	if (sample->time.wall_ms != decoded->ms || strlen(sample->path) != decoded->name_len ||
	    memcmp(sample->path, decoded->name, decoded->name_len) != 0)
		return false;
	if (value->type == VALUE_BOOLEAN)
		return decoded->kind == DECODED_BOOLEAN && decoded->boolean == value->boolean;
	if (value->type == VALUE_STRING)
		return decoded->kind == DECODED_TEXT && decoded->text_len == value->text.len &&
		       !memcmp(decoded->text, value->text.data, value->text.len);
	return decoded->kind == DECODED_NUMBER &&
	       decoded->number ==
	           (value->type == VALUE_DOUBLE ? value->number : (double)value->integer);
}

static void check_body(
    const struct series_format *format, struct series *series, const struct sample *samples)
{
	struct buf body = {0};
	struct decoded_series decoded;
	char why[120];
	size_t count = series_count(series);

	series_finish(series, &body);
	must(count == 0 || body.len <= format->max_bytes);
	must(decode_series(body.data, body.len, format->zlib, &decoded, why) == 0);
	must(decoded.count == count);
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < count && !is_same(&samples[i], &decoded.samples[k]))
			k++;
		must(k < count);
	}
	decoded_free(&decoded);
	buf_free(&body);
}

static double declared(void *ctx, const char *path)
{
	(void)path;
	return *(const double *)ctx;
}

/* The decoder that all this relies on: any bytes are a body or an error that says where. */
static void decode(const uint8_t *data, size_t size, bool zlib)
{
	struct decoded_series decoded;
	char why[120] = "";

	must(decode_series(data, size, zlib, &decoded, why) == 0 || why[0] != '\0');
	decoded_free(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size, false);
	decode(data, size, true);

	struct input in = {data, data + size, INT64_C(1755000000000)};
	unsigned head = (unsigned)next(&in, 1);
	double factor = head & 2 ? next_number(&in).number : 0;
	struct series_format format = {
	    .zlib = head & 1, .max_bytes = next(&in, 2), .factor = declared, .ctx = &factor};
	struct series *series = series_new(&format);
	struct sample *samples = mem_alloc(SAMPLES_MAX * sizeof *samples);
	size_t first = 0, count = 0;

	while (count < SAMPLES_MAX && in.at < in.end) {
		samples[count] = next_sample(&in);
		if (!series_takes(&samples[count])) {
			must(series_add(series, &samples[count]) == MESSAGE_FULL);
			continue;
		}
		enum message_fit fit = series_add(series, &samples[count]);
		if (fit == MESSAGE_FULL) {
			must(series_count(series) > 0);
			check_body(&format, series, samples + first);
			first = count;
			fit = series_add(series, &samples[count]);
			must(fit != MESSAGE_FULL);
		}
		must(fit == MESSAGE_ADDED || series_count(series) == 0);
		count += fit == MESSAGE_ADDED;
		must(series_count(series) == count - first);
	}
	check_body(&format, series, samples + first);
	series_free(series);
	free(samples);
	return 0;
}
