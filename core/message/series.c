/*
 * The samples are kept in the order of the body, by time, then by column. What a body would take is
 * bounded from above as they come; only when the bound passes the limit is the body written to see,
 * which happens some twenty times for a body that is filled to the brim, and for most never.
 */
#include "core/message/series.h"

#include "core/base/arena.h"
#include "core/base/base64.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/message/cbor.h"
#include "core/message/delta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADS_MAX (1 + 3 * (2 + CBOR_HEAD_MAX)) /* the map's, and each array's with its key */

struct cell {
	int64_t ms;
	uint32_t column;
	struct value value; /* a text is the arena's */
};

struct column {
	const char *path;
	double declared; /* factor, or 0 */
	bool as_it_is;   /* booleans and texts */
	uint32_t count;
	int64_t last_ms;
	struct delta numbers; /* as after the last cell */
	struct delta writing;
};

/* What one more sample changes besides its column; copied to take it back. */
struct extent {
	uint32_t cells, columns, rows;
	unsigned time_zeros; /* that all timestamps end in: the factor is 10^-time_zeros */
	size_t bound;        /* the CBOR is not longer */
};

struct series {
	struct series_format format;
	struct extent extent;
	uint32_t cells_room, columns_room;
	uint32_t last_column; /* that a sample was for: the next is likely the one after */
	struct cell *cells;
	struct column *columns;
	struct arena texts;
	struct buf body;
};

struct series *series_new(const struct series_format *format)
{
	struct series *series = mem_alloc(sizeof *series);
	series->format = *format;
	series_clear(series);
	return series;
}

void series_free(struct series *series)
{
	if (!series)
		return;
	arena_free(&series->texts);
	buf_free(&series->body);
	free(series->cells);
	free(series->columns);
	free(series);
}

void series_clear(struct series *series)
{
	arena_free(&series->texts);
	series->last_column = 0;
	series->extent = (struct extent){.time_zeros = 3, .bound = HEADS_MAX + CBOR_HEAD_MAX};
}

size_t series_count(const struct series *series)
{
	return series->extent.cells;
}

static bool is_exact(int64_t integer)
{
	return integer > (int64_t)-NUMBER_EXACT && integer < (int64_t)NUMBER_EXACT;
}

bool series_takes(const struct sample *sample)
{
	bool integer = sample->value.type == VALUE_INT || sample->value.type == VALUE_DATE;
	return sample->time.wall_valid && is_exact(sample->time.wall_ms) &&
	       (!integer || is_exact(sample->value.integer));
}

/* --- writing --- */

/* Is the cell at that place one of the timestamp's row? */
static bool is_row(const struct series *series, uint32_t place, int64_t ms)
{
	return place < series->extent.cells && series->cells[place].ms == ms;
}

static double time_factor(const struct series *series)
{
	static const double factors[] = {1, 0.1, 0.01, 0.001};
	return factors[series->extent.time_zeros];
}

static bool is_number(const struct value *value)
{
	return value->type == VALUE_INT || value->type == VALUE_DATE || value->type == VALUE_DOUBLE;
}

static double number_of(const struct value *value)
{
	return value->type == VALUE_DOUBLE ? value->number : (double)value->integer;
}

static size_t base64_len(size_t len)
{
	return (len + 2) / 3 * 4;
}

static void write_difference(struct buf *out, struct delta *delta, double value)
{
	double difference;
	must(delta_step(delta, value, &difference));
	cbor_number(out, difference);
}

static void write_value(struct buf *out, struct column *column, const struct value *value)
{
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
	case VALUE_DOUBLE:
		write_difference(out, &column->writing, number_of(value));
		break;
	case VALUE_BOOLEAN:
		cbor_simple(out, value->boolean ? CBOR_TRUE : CBOR_FALSE);
		break;
	case VALUE_STRING:
		cbor_text(out, value->text.data, value->text.len);
		break;
	case VALUE_BINARY:
		cbor_head(out, CBOR_TEXT, base64_len(value->text.len));
		base64_encode(out, value->text.data, value->text.len);
		break;
	default:
		must(!"a value has a type");
	}
}

static void write_samples(struct series *series, struct buf *out)
{
	const struct extent *extent = &series->extent;
	struct delta time = {.factor = time_factor(series), .whole = true};

	cbor_head(out, CBOR_ARRAY, (uint64_t)extent->rows * (extent->columns + 1));
	for (uint32_t i = 0; i < extent->cells;) {
		int64_t ms = series->cells[i].ms;
		write_difference(out, &time, (double)ms);
		for (uint32_t column = 0; column < extent->columns; column++) {
			if (is_row(series, i, ms) && series->cells[i].column == column)
				write_value(out, &series->columns[column], &series->cells[i++].value);
			else
				cbor_simple(out, CBOR_NULL);
		}
	}
}

/* Replaces out's content by the CBOR. */
static void write_body(struct series *series, struct buf *out)
{
	uint32_t columns = series->extent.columns;

	out->len = 0;
	cbor_head(out, CBOR_MAP, 3);
	cbor_text(out, "h", 1);
	cbor_head(out, CBOR_ARRAY, columns);
	for (uint32_t i = 0; i < columns; i++)
		cbor_text(out, series->columns[i].path, strlen(series->columns[i].path));
	cbor_text(out, "f", 1);
	cbor_head(out, CBOR_ARRAY, (uint64_t)columns + 1);
	cbor_number(out, time_factor(series));
	for (uint32_t i = 0; i < columns; i++) {
		struct column *column = &series->columns[i];
		column->writing = column->numbers;
		column->writing.sum = 0;
		cbor_number(out, column->as_it_is ? 0 : column->numbers.factor);
	}
	cbor_text(out, "s", 1);
	write_samples(series, out);
}

/* --- places --- */

static uint32_t column_of(struct series *series, const char *path)
{
	struct extent *extent = &series->extent;
	uint32_t guess = series->last_column + 1;

	if (guess < extent->columns && !strcmp(series->columns[guess].path, path))
		return guess;
	for (uint32_t i = 0; i < extent->columns; i++)
		if (!strcmp(series->columns[i].path, path))
			return i;
	if (extent->columns == series->columns_room) {
		series->columns_room = series->columns_room ? series->columns_room * 2 : 16;
		series->columns =
		    mem_resize(series->columns, series->columns_room, sizeof *series->columns);
	}
	double declared = series->format.factor ? series->format.factor(series->format.ctx, path) : 0;
	series->columns[extent->columns] = (struct column){
	    .path = arena_strdup(&series->texts, path),
	    .declared = isfinite(declared) && declared > 0 ? declared : 0,
	};
	/* its name, its factor, and a null in each row */
	extent->bound += CBOR_HEAD_MAX + strlen(path) + CBOR_HEAD_MAX + extent->rows;
	return extent->columns++;
}

/* Where the cell is, or would be. */
static uint32_t place_of(const struct series *series, int64_t ms, uint32_t column)
{
	uint32_t low = 0, high = series->extent.cells;

	/* most come in order */
	if (high > 0 &&
	    (series->cells[high - 1].ms < ms ||
	        (series->cells[high - 1].ms == ms && series->cells[high - 1].column < column)))
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct cell *cell = &series->cells[middle];
		if (cell->ms < ms || (cell->ms == ms && cell->column < column))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A cell for the sample, and a row if its timestamp has none. */
static void put_cell(
    struct series *series, uint32_t place, uint32_t column, const struct sample *sample)
{
	struct extent *extent = &series->extent;
	int64_t ms = sample->time.wall_ms;
	struct cell cell = {ms, column, sample->value};

	if (!is_row(series, place, ms) && !(place > 0 && is_row(series, place - 1, ms))) {
		/* its timestamp, its nulls, and what the next row's timestamp may grow by */
		extent->rows++;
		extent->bound += 2 * CBOR_HEAD_MAX + extent->columns;
	}
	extent->bound += CBOR_HEAD_MAX;
	if (cell.value.type == VALUE_STRING || cell.value.type == VALUE_BINARY) {
		cell.value.text.data =
		    arena_strndup(&series->texts, cell.value.text.data, cell.value.text.len);
		extent->bound += base64_len(cell.value.text.len);
	}
	if (extent->cells == series->cells_room) {
		series->cells_room = series->cells_room ? series->cells_room * 2 : 64;
		series->cells = mem_resize(series->cells, series->cells_room, sizeof *series->cells);
	}
	memmove(&series->cells[place + 1], &series->cells[place],
	    (extent->cells - place) * sizeof *series->cells);
	series->cells[place] = cell;
	extent->cells++;
}

static void take_cell(struct series *series, uint32_t place)
{
	memmove(&series->cells[place], &series->cells[place + 1],
	    (series->extent.cells - place - 1) * sizeof *series->cells);
}

/* --- factors --- */

static void settle_time(struct series *series, int64_t ms)
{
	static const int64_t powers[] = {1, 10, 100, 1000};
	struct extent *extent = &series->extent;

	if (ms % powers[extent->time_zeros] == 0)
		return;
	while (ms % powers[extent->time_zeros] != 0)
		extent->time_zeros--;
	extent->bound += (size_t)extent->rows * CBOR_HEAD_MAX;
}

/* True, and it is so from now on, if all the column's numbers come back under the factor. */
static bool try_factor(struct series *series, uint32_t number, double factor, bool whole)
{
	struct column *column = &series->columns[number];
	struct delta delta = {.factor = factor, .whole = whole};
	double difference;

	for (uint32_t i = 0; i < series->extent.cells; i++) {
		const struct cell *cell = &series->cells[i];
		if (cell->column == number && !delta_step(&delta, number_of(&cell->value), &difference))
			return false;
	}
	column->numbers = delta;
	series->extent.bound += (size_t)column->count * CBOR_HEAD_MAX;
	return true;
}

static bool try_powers_of_ten(struct series *series, uint32_t number)
{
	unsigned decimals = 0;
	int64_t n;

	for (uint32_t i = 0; i < series->extent.cells; i++) {
		const struct cell *cell = &series->cells[i];
		if (cell->column == number && !number_decimals(number_of(&cell->value), &decimals, &n))
			return false;
	}
	return try_factor(series, number, number_powers[decimals], true);
}

/* The column with its new cell; false if no factor serves them all. */
static bool settle_column(struct series *series, uint32_t number, const struct cell *cell)
{
	struct column *column = &series->columns[number];
	bool as_it_is = !is_number(&cell->value), first = column->count++ == 0;
	bool in_order = !first && cell->ms > column->last_ms;
	double difference;

	if (first)
		column->as_it_is = as_it_is;
	if (first || in_order)
		column->last_ms = cell->ms;
	if (as_it_is || column->as_it_is)
		return as_it_is && column->as_it_is;
	if (in_order && delta_step(&column->numbers, number_of(&cell->value), &difference))
		return true;
	return (column->declared > 0 && (try_factor(series, number, column->declared, true) ||
	                                    try_factor(series, number, column->declared, false))) ||
	       try_powers_of_ten(series, number) || try_factor(series, number, 1, false);
}

/* --- adding and finishing --- */

static bool is_within(const struct series *series)
{
	size_t bound = series->extent.bound;
	return (series->format.zlib ? compressBound((uLong)bound) : bound) <= series->format.max_bytes;
}

static bool fits(struct series *series)
{
	if (is_within(series))
		return true;
	write_body(series, &series->body);
	series->extent.bound = series->body.len;
	return is_within(series);
}

enum message_fit series_add(struct series *series, const struct sample *sample)
{
	const struct extent extent = series->extent;

	if (!series_takes(sample))
		return MESSAGE_FULL;
	uint32_t number = column_of(series, sample->path);
	uint32_t place = place_of(series, sample->time.wall_ms, number);
	if (is_row(series, place, sample->time.wall_ms) && series->cells[place].column == number)
		return MESSAGE_FULL;

	const struct column column = series->columns[number];
	put_cell(series, place, number, sample);
	settle_time(series, sample->time.wall_ms);
	if (settle_column(series, number, &series->cells[place]) && fits(series)) {
		series->last_column = number;
		return MESSAGE_ADDED;
	}
	take_cell(series, place);
	series->columns[number] = column;
	series->extent = extent;
	return extent.cells ? MESSAGE_FULL : MESSAGE_TOO_BIG;
}

void series_finish(struct series *series, struct buf *out)
{
	if (series->format.zlib) {
		write_body(series, &series->body);
		uLongf len = compressBound((uLong)series->body.len);
		out->len = 0;
		char *to = buf_reserve(out, len);
		/* level 9 would gain a seventh where rows are sparse, at seven times the cost */
		must(compress2((Bytef *)to, &len, (const Bytef *)series->body.data, (uLong)series->body.len,
		         Z_DEFAULT_COMPRESSION) == Z_OK);
		out->len = len;
	} else {
		write_body(series, out);
	}
	must(out->len <= series->format.max_bytes || !series->extent.cells);
	series_clear(series);
}
