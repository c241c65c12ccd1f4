#include "core/bus/registers.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int registers;
	bool is_signed;
	bool is_float;
} types[] = {
    [REG_U16] = {.name = "u16", .registers = 1},
    [REG_S16] = {.name = "s16", .registers = 1, .is_signed = true},
    [REG_U32] = {.name = "u32", .registers = 2},
    [REG_S32] = {.name = "s32", .registers = 2, .is_signed = true},
    [REG_U64] = {.name = "u64", .registers = 4},
    [REG_S64] = {.name = "s64", .registers = 4, .is_signed = true},
    [REG_F32] = {.name = "f32", .registers = 2, .is_float = true},
    [REG_F64] = {.name = "f64", .registers = 4, .is_float = true},
    [REG_BITS] = {.name = "bits", .registers = 1},
    [REG_STRING] = {.name = "string", .registers = 0},
};

#define TWO_63 9223372036854775808.0

enum { TYPES = sizeof types / sizeof types[0] };

int reg_type_parse(const char *name, enum reg_type *type, struct err *err)
{
	for (int i = 0; i < TYPES; i++) {
		if (strcmp(types[i].name, name) == 0) {
			*type = (enum reg_type)i;
			return 0;
		}
	}
	return err_set(
	    err, "registers hold u16 s16 u32 s32 u64 s64 f32 f64 bits or string, not \"%s\"", name);
}

int reg_check(const struct reg_format *format, struct err *err)
{
	if (format->type == REG_STRING && (format->registers < 1 || format->registers > REG_STRING_MAX))
		return err_set(
		    err, "a string takes 1 to %d registers, not %d", REG_STRING_MAX, format->registers);
	if (format->type == REG_BITS && (format->bit < 0 || format->bit > 15 || format->bits < 0 ||
	                                    format->bits > 16 - format->bit))
		return err_set(err, "a register has bits 0 to 15; there are no %d from bit %d up",
		    format->bits, format->bit);
	if (!isfinite(format->scale) || !isfinite(format->offset))
		return err_set(err, "scale and offset must be finite");
	return 0;
}

int reg_count(const struct reg_format *format)
{
	return format->type == REG_STRING ? format->registers : types[format->type].registers;
}

/* --- decoding --- */

static uint64_t join(const struct reg_format *format, const uint16_t *regs)
{
	int count = reg_count(format);
	uint64_t raw = 0;

	for (int i = 0; i < count; i++)
		raw = raw << 16 | regs[format->little ? count - 1 - i : i];
	return raw;
}

static double to_float(const struct reg_format *format, uint64_t raw)
{
	double wide;
	float narrow;
	uint32_t low = (uint32_t)raw;

	if (format->type == REG_F32) {
		memcpy(&narrow, &low, sizeof narrow);
		return narrow;
	}
	memcpy(&wide, &raw, sizeof wide);
	return wide;
}

/* 10 for 0.1: 23 / 10 is the double nearest to 2.3, 23 * 0.1 is not. 0: no such number. */
static double divisor(double scale)
{
	double inverse = round(1 / scale);

	return inverse > 1 && 1 / inverse == scale ? inverse : 0;
}

static bool is_scaled(const struct reg_format *format)
{
	return (format->scale != 0 && format->scale != 1) || format->offset != 0;
}

static double scaled(const struct reg_format *format, double raw)
{
	double scale = format->scale == 0 ? 1 : format->scale;
	double by = divisor(scale);

	return (by > 0 ? raw / by : raw * scale) + format->offset;
}

static void decode_bits(const struct reg_format *format, uint16_t reg, struct value *value)
{
	int bits = format->bits == 0 ? 16 - format->bit : format->bits;
	uint32_t raw = (uint32_t)reg >> format->bit & ((1U << bits) - 1);

	if (bits == 1)
		*value = (struct value){.type = VALUE_BOOLEAN, .boolean = raw != 0};
	else
		*value = (struct value){.type = VALUE_INT, .integer = raw};
}

static void decode_string(
    const struct reg_format *format, const uint16_t *regs, struct value *value, char *text)
{
	for (int i = 0; i < format->registers; i++) {
		text[2 * i] = (char)(regs[i] >> 8);
		text[2 * i + 1] = (char)(regs[i] & 0xff);
	}
	size_t len = strnlen(text, 2 * (size_t)format->registers);
	while (len > 0 && text[len - 1] == ' ')
		len--;
	*value = (struct value){.type = VALUE_STRING, .text = {.data = text, .len = len}};
}

static int decode_double(
    const struct reg_format *format, double raw, struct value *value, struct err *err)
{
	*value = (struct value){.type = VALUE_DOUBLE, .number = scaled(format, raw)};
	if (isfinite(value->number))
		return 0;
	return err_set(err, "the registers hold no number (%s)", isnan(raw) ? "NaN" : "infinite");
}

static int64_t sign_extend(uint64_t raw, int registers)
{
	uint64_t sign = UINT64_C(1) << (16 * registers - 1);

	return (int64_t)((raw ^ sign) - sign);
}

int reg_decode(const struct reg_format *format, const uint16_t *regs, struct value *value,
    char text[2 * REG_STRING_MAX], struct err *err)
{
	if (format->type == REG_STRING) {
		decode_string(format, regs, value, text);
		return 0;
	}
	if (format->type == REG_BITS) {
		decode_bits(format, regs[0], value);
		return 0;
	}
	uint64_t raw = join(format, regs);
	if (types[format->type].is_float)
		return decode_double(format, to_float(format, raw), value, err);
	if (!types[format->type].is_signed && raw > INT64_MAX)
		return decode_double(format, (double)raw, value, err);
	int64_t integer =
	    types[format->type].is_signed ? sign_extend(raw, reg_count(format)) : (int64_t)raw;
	if (is_scaled(format))
		return decode_double(format, (double)integer, value, err);
	*value = (struct value){.type = VALUE_INT, .integer = integer};
	return 0;
}

/* --- encoding --- */

static void split(const struct reg_format *format, uint64_t raw, uint16_t *regs)
{
	int count = reg_count(format);

	for (int i = 0; i < count; i++)
		regs[format->little ? i : count - 1 - i] = (uint16_t)(raw >> (16 * i));
}

static int encode_string(
    const struct reg_format *format, const struct value *value, uint16_t *regs, struct err *err)
{
	size_t room = 2 * (size_t)format->registers;

	if (value->type != VALUE_STRING)
		return err_set(err, "the registers take a string");
	if (value->text.len > room)
		return err_set(err, "a string of %zu bytes is too long for %d registers, which take %zu",
		    value->text.len, format->registers, room);
	memset(regs, 0, room);
	for (size_t i = 0; i < value->text.len; i++) {
		uint16_t byte = (uint8_t)value->text.data[i];
		regs[i / 2] |= (uint16_t)(i % 2 == 0 ? byte << 8 : byte);
	}
	return 0;
}

static int encode_float(
    const struct reg_format *format, double number, uint16_t *regs, struct err *err)
{
	uint64_t raw = 0;
	uint32_t low;
	float narrow = (float)number;

	if (!isfinite(number) || (format->type == REG_F32 && !isfinite(narrow)))
		return err_set(
		    err, "%g is no number that an %s register takes", number, types[format->type].name);
	if (format->type == REG_F32) {
		memcpy(&low, &narrow, sizeof low);
		raw = low;
	} else {
		memcpy(&raw, &number, sizeof raw);
	}
	split(format, raw, regs);
	return 0;
}

/* The value before scale and offset. */
static double unscaled(const struct reg_format *format, double number)
{
	double scale = format->scale == 0 ? 1 : format->scale;
	double by = divisor(scale);

	number -= format->offset;
	return by > 0 ? number * by : number / scale;
}

static int out_of_range(const struct reg_format *format, double number, struct err *err)
{
	return err_set(err, "%.15g does not fit into %s%s", number, types[format->type].name,
	    is_scaled(format) ? " with its scale and offset" : "");
}

static int encode_int(
    const struct reg_format *format, int64_t integer, uint16_t *regs, struct err *err)
{
	bool is_signed = types[format->type].is_signed;
	int width = 16 * reg_count(format);
	bool fits = is_signed ? width == 64 || (integer >= -(INT64_C(1) << (width - 1)) &&
	                                           integer < INT64_C(1) << (width - 1))
	                      : integer >= 0 && (width == 64 || integer < INT64_C(1) << width);

	if (!fits)
		return err_set(err, "%" PRId64 " does not fit into %s%s", integer, types[format->type].name,
		    is_scaled(format) ? " (after scale and offset)" : "");
	split(format, (uint64_t)integer, regs);
	return 0;
}

/* A double for a register of whole numbers. */
static int encode_rounded(
    const struct reg_format *format, double number, uint16_t *regs, struct err *err)
{
	double raw = is_scaled(format) ? round(unscaled(format, number)) : number;

	if (!isfinite(raw))
		return out_of_range(format, number, err);
	if (raw != trunc(raw))
		return err_set(err, "%s takes whole numbers, not %.15g", types[format->type].name, number);
	if (format->type == REG_U64 && raw >= TWO_63 && raw < 2 * TWO_63) {
		split(format, (uint64_t)raw, regs);
		return 0;
	}
	if (raw < -TWO_63 || raw >= TWO_63)
		return out_of_range(format, number, err);
	return encode_int(format, (int64_t)raw, regs, err);
}

int reg_encode(
    const struct reg_format *format, const struct value *value, uint16_t *regs, struct err *err)
{
	if (format->type == REG_STRING)
		return encode_string(format, value, regs, err);
	if (format->type == REG_BITS)
		return err_set(err, "some bits of a register cannot be written alone; write it as u16");
	if (value->type != VALUE_INT && value->type != VALUE_DOUBLE && value->type != VALUE_BOOLEAN)
		return err_set(err, "%s takes a number", types[format->type].name);
	int64_t integer = value->type == VALUE_BOOLEAN ? value->boolean : value->integer;
	bool whole = value->type != VALUE_DOUBLE;
	double number = whole ? (double)integer : value->number;

	if (types[format->type].is_float)
		return encode_float(format, unscaled(format, number), regs, err);
	return whole && !is_scaled(format) ? encode_int(format, integer, regs, err)
	                                   : encode_rounded(format, number, regs, err);
}

/* --- grouping --- */

static int by_address(const void *a, const void *b)
{
	const struct reg_want *x = *(struct reg_want *const *)a;
	const struct reg_want *y = *(struct reg_want *const *)b;

	return (x->at.address > y->at.address) - (x->at.address < y->at.address);
}

static int end_of(const struct reg_span *span)
{
	return span->address + span->count;
}

static bool meets_hole(const struct reg_rules *rules, int from, int to)
{
	for (size_t i = 0; i < rules->hole_count; i++) {
		const struct reg_span *hole = &rules->holes[i];

		if (hole->address < to && end_of(hole) > from)
			return true;
	}
	return false;
}

static int check_want(const struct reg_want *want, const struct reg_rules *rules, struct err *err)
{
	const struct reg_span *at = &want->at;

	if (at->address < 0 || at->count < 1 || at->address > 65536 - at->count)
		return err_set(err, "there are registers 0 to 65535; %d from %d up are not among them",
		    at->count, at->address);
	if (at->count > rules->max)
		return err_set(err, "a value of %d registers does not fit into one query of %d", at->count,
		    rules->max);
	if (meets_hole(rules, at->address, end_of(at)))
		return err_set(err, "register %d is asked for, but lies in a hole of the map", at->address);
	return 0;
}

static bool extends(
    const struct reg_span *span, const struct reg_span *at, const struct reg_rules *rules)
{
	return at->address - end_of(span) <= rules->gap && end_of(at) - span->address <= rules->max &&
	       !meets_hole(rules, end_of(span), at->address);
}

static size_t group(struct reg_want *const *order, size_t count, const struct reg_rules *rules,
    struct reg_span *spans)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct reg_span *at = &order[i]->at;

		if (n == 0 || !extends(&spans[n - 1], at, rules))
			spans[n++] = *at;
		else if (end_of(at) > end_of(&spans[n - 1]))
			spans[n - 1].count = end_of(at) - spans[n - 1].address;
		order[i]->span = n - 1;
	}
	return n;
}

size_t reg_group(struct reg_want *wants, size_t count, const struct reg_rules *rules,
    struct reg_span *spans, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (check_want(&wants[i], rules, err) < 0)
			return 0;
	}
	struct reg_want **order = mem_resize(NULL, count, sizeof(struct reg_want *));
	for (size_t i = 0; i < count; i++)
		order[i] = &wants[i];
	qsort(order, count, sizeof(struct reg_want *), by_address);
	size_t n = group(order, count, rules, spans);
	free(order);
	return n;
}
