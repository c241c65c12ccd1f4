#include "tests/unit/cbor_decode.h"

#define ZLIB_CONST
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/mem.h"
#include "core/base/sample.h"

#define UNPACKED_MAX (1u << 24)

/* The first fault is kept, and all that is read after it is null. */
struct reader {
	const unsigned char *at, *start, *end;
	bool failed;
	char *why;
};

/* False, also of what is right, once something was not. */
static bool need(struct reader *in, bool condition, const char *what)
{
	if (!condition && !in->failed) {
		(void)snprintf(in->why, 120, "byte %td: %s", in->at - in->start, what);
		in->failed = true;
	}
	return !in->failed;
}

/* --- items --- */

enum kind { ITEM_NUMBER, ITEM_TEXT, ITEM_ARRAY, ITEM_MAP, ITEM_BOOLEAN, ITEM_NULL };

struct item {
	enum kind kind;
	double number;
	bool boolean;
	uint64_t n; /* length, count */
	const char *text;
};

static uint64_t take(struct reader *in, unsigned bytes)
{
	uint64_t n = 0;
	if (!need(in, (size_t)(in->end - in->at) >= bytes, "ends within an item"))
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		n = n << 8 | *in->at++;
	return n;
}

/* The argument of a head; the shortest form is demanded. */
static uint64_t take_argument(struct reader *in, unsigned info)
{
	static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
	if (info < 24)
		return info;
	if (!need(in, info <= 27, "indefinite or reserved length"))
		return 0;
	uint64_t n = take(in, 1u << (info - 24));
	need(in, n >= least[info - 24], "not the shortest form");
	return n;
}

static double take_float(struct reader *in, unsigned info)
{
	double value = 0;
	if (info == 26) {
		uint32_t bits = (uint32_t)take(in, 4);
		float narrow;
		memcpy(&narrow, &bits, 4);
		value = narrow;
	} else {
		uint64_t bits = take(in, 8);
		memcpy(&value, &bits, 8);
		need(in, fabs(value) > (double)FLT_MAX || (double)(float)value != value,
		    "a float32 would do");
	}
	need(in, isfinite(value), "not finite");
	need(in, value != trunc(value) || fabs(value) > 9007199254740992.0, "an integer would do");
	return value;
}

static struct item take_item(struct reader *in)
{
	unsigned first = (unsigned)take(in, 1), info = first & 31;
	struct item item = {.kind = ITEM_NUMBER, .text = ""};

	switch (first >> 5) {
	case 0:
	case 1:
		item.n = take_argument(in, info);
		need(in, item.n <= UINT64_C(1) << 53, "an integer that doubles do not hold");
		item.number = first >> 5 ? -1 - (double)item.n : (double)item.n;
		break;
	case 3:
		item.kind = ITEM_TEXT;
		item.n = take_argument(in, info);
		if (need(in, item.n <= (uint64_t)(in->end - in->at), "ends within a text")) {
			item.text = (const char *)in->at;
			in->at += item.n;
			need(in, utf8_valid(item.text, item.n, NULL), "not UTF-8");
		}
		break;
	case 4:
	case 5:
		item.kind = first >> 5 == 4 ? ITEM_ARRAY : ITEM_MAP;
		item.n = take_argument(in, info);
		need(in, item.n <= (uint64_t)(in->end - in->at), "more items than bytes");
		break;
	case 7:
		if (info == 20 || info == 21) {
			item.kind = ITEM_BOOLEAN;
			item.boolean = info == 21;
		} else if (info == 22) {
			item.kind = ITEM_NULL;
		} else {
			need(in, info == 26 || info == 27, "no simple value of a series");
			item.number = take_float(in, info);
		}
		break;
	default:
		need(in, false, "no type of a series");
	}
	return in->failed ? (struct item){.kind = ITEM_NULL, .text = ""} : item;
}

static size_t take_array(struct reader *in, const char *key)
{
	struct item item = take_item(in);
	need(in, item.kind == ITEM_TEXT && item.n == 1 && *item.text == *key, "another key");
	item = take_item(in);
	return need(in, item.kind == ITEM_ARRAY, "no array") ? item.n : 0;
}

/* --- the series --- */

static void read_names(struct reader *in, struct item *names, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		names[i] = take_item(in);
		if (!need(in, names[i].kind == ITEM_TEXT && names[i].n > 0, "no name"))
			return;
		for (size_t k = 0; k < i; k++)
			need(in,
			    names[k].n != names[i].n || memcmp(names[k].text, names[i].text, names[i].n) != 0,
			    "a name comes twice");
	}
}

static void read_factors(struct reader *in, double *factors, size_t columns)
{
	need(in, take_array(in, "f") == columns + 1, "not one factor more than names");
	for (size_t i = 0; i <= columns; i++) {
		struct item item = take_item(in);
		need(in, item.kind == ITEM_NUMBER && item.number >= 0, "no factor");
		factors[i] = item.number;
	}
	need(in, factors[0] > 0, "no factor of the timestamps");
}

static void read_value(
    struct reader *in, const struct item *item, double factor, double *sum, struct decoded *sample)
{
	if (item->kind == ITEM_NUMBER) {
		need(in, factor > 0, "a number under factor 0");
		*sum += item->number;
		sample->kind = DECODED_NUMBER;
		sample->number = *sum / factor;
		return;
	}
	need(in, factor == 0, "no number under a factor");
	need(in, item->kind == ITEM_BOOLEAN || item->kind == ITEM_TEXT, "no value");
	sample->kind = item->kind == ITEM_BOOLEAN ? DECODED_BOOLEAN : DECODED_TEXT;
	sample->boolean = item->boolean;
	sample->text = item->text;
	sample->text_len = item->n;
}

/* sums: of the timestamps, then of each name */
static void read_row(
    struct reader *in, struct decoded_series *series, const struct item *names, double *sums)
{
	struct item item = take_item(in);
	double before = series->rows ? sums[0] : -INFINITY;
	need(in, item.kind == ITEM_NUMBER, "no timestamp");
	sums[0] += item.number;
	need(in, sums[0] > before, "not in order of time");
	double ms = sums[0] / series->factors[0];
	need(in, ms == trunc(ms) && fabs(ms) < 1e15, "no whole millisecond");

	size_t found = series->count;
	for (size_t i = 0; i < series->columns; i++) {
		item = take_item(in);
		if (in->failed || item.kind == ITEM_NULL)
			continue;
		struct decoded *sample = &series->samples[series->count++];
		sample->name = names[i].text;
		sample->name_len = names[i].n;
		sample->ms = (int64_t)ms;
		read_value(in, &item, series->factors[i + 1], &sums[i + 1], sample);
	}
	need(in, series->count > found, "an empty row");
	series->rows++;
}

static void read_series(struct reader *in, struct decoded_series *series)
{
	struct item item = take_item(in);
	need(in, item.kind == ITEM_MAP && item.n == 3, "no map of three");
	series->columns = take_array(in, "h");
	struct item *names = mem_alloc((series->columns + 1) * sizeof *names);
	double *sums = mem_alloc((series->columns + 1) * sizeof *sums);
	series->factors = mem_alloc((series->columns + 1) * sizeof *series->factors);
	read_names(in, names, series->columns);
	read_factors(in, series->factors, series->columns);
	size_t entries = take_array(in, "s");
	need(in, entries % (series->columns + 1) == 0, "no whole number of rows");
	series->samples = mem_alloc((entries + 1) * sizeof *series->samples);
	for (size_t row = 0; row < entries / (series->columns + 1) && !in->failed; row++)
		read_row(in, series, names, sums);
	need(in, in->at == in->end, "more behind the map");
	free(names);
	free(sums);
}

static int unpack(const void *data, size_t len, struct decoded_series *series, size_t *unpacked)
{
	z_stream stream = {.next_in = data, .avail_in = (uInt)len};
	size_t room = 1024;
	int result = inflateInit(&stream);
	while (result == Z_OK && room < UNPACKED_MAX) {
		room *= 2;
		series->bytes = mem_resize(series->bytes, room, 1);
		stream.next_out = series->bytes + stream.total_out;
		stream.avail_out = (uInt)(room - stream.total_out);
		result = inflate(&stream, Z_NO_FLUSH);
		result = result == Z_BUF_ERROR && stream.avail_out == 0 ? Z_OK : result;
	}
	*unpacked = stream.total_out;
	bool whole = result == Z_STREAM_END && stream.avail_in == 0;
	(void)inflateEnd(&stream);
	return whole ? 0 : -1;
}

int decode_series(
    const void *data, size_t len, bool zlib, struct decoded_series *series, char why[120])
{
	struct reader in = {.why = why};

	*series = (struct decoded_series){0};
	if (!zlib) {
		series->bytes = mem_alloc(len + 1);
		memcpy(series->bytes, data, len);
	} else if (unpack(data, len, series, &len)) {
		(void)snprintf(why, 120, "no whole zlib stream");
		return -1;
	}
	in.at = in.start = series->bytes;
	in.end = in.start + len;
	read_series(&in, series);
	return in.failed ? -1 : 0;
}

void decoded_free(struct decoded_series *series)
{
	free(series->samples);
	free(series->factors);
	free(series->bytes);
	*series = (struct decoded_series){0};
}
