/*
 * Register maps: what values a device's 16-bit registers hold, and how to read them in few queries.
 * Pure.
 *
 * Modbus says only that a register is 16 bits, the high byte first. Wider values take several
 * registers, and which of them comes first differs from maker to maker: "big" (the most significant
 * first, the usual) or "little".
 */
#ifndef NEAP_CORE_REGISTERS_H
#define NEAP_CORE_REGISTERS_H

#include "core/base/err.h"
#include "core/base/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reg_type {
	REG_U16,
	REG_S16,
	REG_U32,
	REG_S32,
	REG_U64,
	REG_S64,
	REG_F32,
	REG_F64,
	REG_BITS,
	REG_STRING,
};

#define REG_STRING_MAX 125 /* registers */

struct reg_format {
	enum reg_type type;
	bool little;   /* the least significant register comes first; not for strings */
	int bit;       /* REG_BITS: the lowest, 0 to 15 */
	int bits;      /* REG_BITS: how many; 1 is a boolean, 0 means all from `bit` up */
	int registers; /* REG_STRING: how many */
	double scale;  /* value = raw * scale + offset; 0 means 1 */
	double offset;
};

/* "u16" ... "string"; -1, and err lists them. */
int reg_type_parse(const char *name, enum reg_type *type, struct err *err);
int reg_check(const struct reg_format *format, struct err *err);
int reg_count(const struct reg_format *format); /* the registers it takes */

/* regs: reg_count() of them. Whole numbers without scale and offset stay integers (a u64 beyond 63
 * bits is a double), one bit is a boolean; a string ends at its first NUL, without trailing blanks,
 * and lives in `text`. -1: not a finite number. */
int reg_decode(const struct reg_format *format, const uint16_t *regs, struct value *value,
    char text[2 * REG_STRING_MAX], struct err *err);

/* The way back. Scaled values are rounded to the nearest step, unscaled ones must be whole where
 * the register is. -1: out of range, or not that kind of value, or bits: to set some, a device's
 * others would have to be known. */
int reg_encode(
    const struct reg_format *format, const struct value *value, uint16_t *regs, struct err *err);

struct reg_span {
	int address;
	int count;
};

/* One value's registers, or bits where coils are read; which span reads it is filled in. */
struct reg_want {
	struct reg_span at;
	size_t span;
};

struct reg_rules {
	int max; /* of one query */
	int gap; /* so many that nobody asked for may be read along, to save a query */
	const struct reg_span *holes; /* what the device refuses to be read across */
	size_t hole_count;
};

/* Fills `spans` (room for `count`), in the order of their addresses, and returns how many; 0 and
 * err if a want is in a hole or larger than a query. */
size_t reg_group(struct reg_want *wants, size_t count, const struct reg_rules *rules,
    struct reg_span *spans, struct err *err);

#endif
