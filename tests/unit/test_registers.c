#include "core/bus/registers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char text[2 * REG_STRING_MAX];

static struct value decoded(const struct reg_format *format, const uint16_t *regs)
{
	struct value value = {0};
	struct err err;

	assert_int_equal(reg_check(format, &err), 0);
	if (reg_decode(format, regs, &value, text, &err) < 0)
		fail_msg("%s", err.text);
	return value;
}

static int64_t as_int(const struct reg_format *format, const uint16_t *regs)
{
	struct value value = decoded(format, regs);

	assert_int_equal(value.type, VALUE_INT);
	return value.integer;
}

static double as_double(const struct reg_format *format, const uint16_t *regs)
{
	struct value value = decoded(format, regs);

	assert_int_equal(value.type, VALUE_DOUBLE);
	return value.number;
}

/* --- decoding --- */

static void whole_numbers(void **unused)
{
	(void)unused;
	const uint16_t regs[] = {0xfffe, 0x1234, 0x5678, 0x9abc};

	assert_true(as_int(&(struct reg_format){.type = REG_U16}, regs) == 0xfffe);
	assert_true(as_int(&(struct reg_format){.type = REG_S16}, regs) == -2);
	assert_true(as_int(&(struct reg_format){.type = REG_U32}, regs) == 0xfffe1234);
	assert_true(as_int(&(struct reg_format){.type = REG_S32}, regs) == -0x1edcc);
	assert_true(as_int(&(struct reg_format){.type = REG_U32, .little = true}, regs) == 0x1234fffe);
	assert_true(as_int(&(struct reg_format){.type = REG_S64}, regs) == -0x1edcba9876544);
	assert_true(as_double(&(struct reg_format){.type = REG_U64}, regs) == 0x1.fffc2468acf13p63);
	const uint16_t small[] = {5, 0, 0, 0};
	assert_true(as_int(&(struct reg_format){.type = REG_U64, .little = true}, small) == 5);
}

static void floats(void **unused)
{
	(void)unused;
	const uint16_t f32[] = {0x4148, 0x0000}; /* 12.5 */
	const uint16_t swapped[] = {0x0000, 0x4148};
	const uint16_t f64[] = {0xc05e, 0xdccc, 0xcccc, 0xcccd}; /* -123.45 */
	const uint16_t nan32[] = {0x7fc0, 0};
	struct value value;
	struct err err;

	assert_true(as_double(&(struct reg_format){.type = REG_F32}, f32) == 12.5);
	assert_true(as_double(&(struct reg_format){.type = REG_F32, .little = true}, swapped) == 12.5);
	assert_true(as_double(&(struct reg_format){.type = REG_F64}, f64) == -123.45);
	assert_int_equal(
	    reg_decode(&(struct reg_format){.type = REG_F32}, nan32, &value, text, &err), -1);
	assert_string_equal(err.text, "the registers hold no number (NaN)");
}

static void scale_and_offset(void **unused)
{
	(void)unused;
	const uint16_t regs[] = {23, 0xffff};

	/* the nearest double, where 23 * 0.1 would be 2.3000000000000003 */
	assert_true(as_double(&(struct reg_format){.type = REG_U16, .scale = 0.1}, regs) == 2.3);
	assert_true(as_double(&(struct reg_format){.type = REG_U16, .scale = 2.5}, regs) == 57.5);
	assert_true(as_double(&(struct reg_format){.type = REG_S16, .scale = 0.01, .offset = -40},
	                regs + 1) == -40.01);
	assert_true(as_double(&(struct reg_format){.type = REG_U16, .offset = 0.5}, regs) == 23.5);
	assert_true(as_int(&(struct reg_format){.type = REG_U16, .scale = 1}, regs) == 23);
}

static void bits_and_strings(void **unused)
{
	(void)unused;
	const uint16_t regs[] = {0x80f4};
	const uint16_t name[] = {0x4162, 0x6320, 0x2000, 0x5858};
	struct value value = decoded(&(struct reg_format){.type = REG_BITS, .bit = 2, .bits = 1}, regs);

	assert_true(value.type == VALUE_BOOLEAN && value.boolean);
	value = decoded(&(struct reg_format){.type = REG_BITS, .bit = 3, .bits = 1}, regs);
	assert_true(value.type == VALUE_BOOLEAN && !value.boolean);
	assert_true(as_int(&(struct reg_format){.type = REG_BITS, .bit = 4, .bits = 4}, regs) == 0xf);
	assert_true(as_int(&(struct reg_format){.type = REG_BITS}, regs) == 0x80f4);
	value = decoded(&(struct reg_format){.type = REG_STRING, .registers = 4}, name);
	assert_int_equal(value.text.len, 3);
	assert_memory_equal(value.text.data, "Abc", 3);
}

static void a_wrong_format_is_refused(void **unused)
{
	(void)unused;
	struct err err;
	enum reg_type type;

	assert_int_equal(reg_type_parse("s32", &type, &err), 0);
	assert_int_equal(type, REG_S32);
	assert_int_equal(reg_type_parse("int", &type, &err), -1);
	assert_non_null(strstr(err.text, "s32"));
	assert_int_equal(reg_check(&(struct reg_format){.type = REG_STRING}, &err), -1);
	assert_int_equal(reg_check(&(struct reg_format){.type = REG_BITS, .bit = 16}, &err), -1);
	assert_int_equal(
	    reg_check(&(struct reg_format){.type = REG_BITS, .bit = 10, .bits = 7}, &err), -1);
	assert_int_equal(reg_check(&(struct reg_format){.type = REG_U16, .scale = NAN}, &err), -1);
}

/* --- encoding --- */

static struct value number(double n)
{
	return (struct value){.type = VALUE_DOUBLE, .number = n};
}

static struct value integer(int64_t n)
{
	return (struct value){.type = VALUE_INT, .integer = n};
}

static void what_is_encoded_reads_back(void **unused)
{
	(void)unused;
	static const struct reg_format formats[] = {
	    {.type = REG_U16},
	    {.type = REG_S16},
	    {.type = REG_U32, .little = true},
	    {.type = REG_S32},
	    {.type = REG_U64},
	    {.type = REG_S64, .little = true},
	    {.type = REG_F32},
	    {.type = REG_F64, .little = true},
	    {.type = REG_U16, .scale = 0.1},
	    {.type = REG_S32, .scale = 0.001, .offset = -100},
	};
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct value in = integer(77);
		uint16_t regs[4];
		struct err err;

		assert_int_equal(reg_encode(&formats[i], &in, regs, &err), 0);
		struct value out = decoded(&formats[i], regs);
		assert_true((out.type == VALUE_INT ? (double)out.integer : out.number) == 77);
	}
	uint16_t regs[3];
	const struct reg_format string = {.type = REG_STRING, .registers = 3};
	const struct value word = {.type = VALUE_STRING, .text = {.data = "hello", .len = 5}};
	assert_int_equal(reg_encode(&string, &word, regs, NULL), 0);
	assert_memory_equal(decoded(&string, regs).text.data, "hello", 5);
}

static bool encodes(const struct reg_format *format, struct value value)
{
	uint16_t regs[4];
	struct err err = {0};
	int rc = reg_encode(format, &value, regs, &err);

	assert_int_equal(rc < 0, err.text[0] != '\0');
	return rc == 0;
}

static void what_does_not_fit_is_refused(void **unused)
{
	(void)unused;
	const struct reg_format u16 = {.type = REG_U16};
	const struct reg_format s16 = {.type = REG_S16, .scale = 0.1};
	const struct reg_format u64 = {.type = REG_U64};
	const struct reg_format f32 = {.type = REG_F32};

	assert_true(encodes(&u16, integer(65535)));
	assert_false(encodes(&u16, integer(65536)));
	assert_false(encodes(&u16, integer(-1)));
	assert_true(encodes(&u16, number(25)));
	assert_false(encodes(&u16, number(25.5)));
	assert_true(encodes(&s16, number(-3276.8)));
	assert_false(encodes(&s16, number(-3276.9)));
	assert_true(encodes(&u64, number(0x1p63)));
	assert_false(encodes(&u64, number(0x1p64)));
	assert_false(encodes(&u64, number(NAN)));
	assert_false(encodes(&f32, number(1e300)));
	assert_false(encodes(&u16, (struct value){.type = VALUE_STRING}));
	assert_true(encodes(&u16, (struct value){.type = VALUE_BOOLEAN, .boolean = true}));
	assert_false(encodes(&(struct reg_format){.type = REG_BITS}, integer(1)));
	const struct value word = {.type = VALUE_STRING, .text = {.data = "hello", .len = 5}};
	assert_false(encodes(&(struct reg_format){.type = REG_STRING, .registers = 2}, word));
}

/* --- grouping --- */

static void neighbours_share_a_query(void **unused)
{
	(void)unused;
	struct reg_want wants[] = {
	    {.at = {19, 2}}, {.at = {0, 1}}, {.at = {21, 2}}, {.at = {30, 1}}, {.at = {20, 4}}};
	struct reg_span spans[5];
	const struct reg_rules rules = {.max = 125, .gap = 7};

	assert_int_equal(reg_group(wants, 5, &rules, spans, NULL), 2);
	assert_true(spans[0].address == 0 && spans[0].count == 1);
	assert_true(spans[1].address == 19 && spans[1].count == 12);
	assert_true(wants[0].span == 1 && wants[1].span == 0 && wants[3].span == 1);
}

static void a_query_has_a_limit(void **unused)
{
	(void)unused;
	struct reg_want wants[] = {{.at = {0, 100}}, {.at = {100, 25}}, {.at = {125, 1}}};
	struct reg_span spans[3];
	const struct reg_rules rules = {.max = 125};

	assert_int_equal(reg_group(wants, 3, &rules, spans, NULL), 2);
	assert_int_equal(spans[0].count, 125);
	assert_int_equal(spans[1].address, 125);
}

static void holes_are_never_read(void **unused)
{
	(void)unused;
	struct reg_want wants[] = {{.at = {10, 2}}, {.at = {16, 1}}};
	struct reg_span spans[2];
	struct reg_span hole = {12, 1};
	struct reg_rules rules = {.max = 125, .gap = 10, .holes = &hole, .hole_count = 1};
	struct err err;

	assert_int_equal(reg_group(wants, 2, &rules, spans, NULL), 2);
	hole.address = 17; /* beside them */
	assert_int_equal(reg_group(wants, 2, &rules, spans, NULL), 1);
	hole.address = 11;
	assert_int_equal(reg_group(wants, 2, &rules, spans, &err), 0);
	assert_string_equal(err.text, "register 10 is asked for, but lies in a hole of the map");
}

static void wants_beyond_the_map_are_refused(void **unused)
{
	(void)unused;
	struct reg_span spans[1];
	const struct reg_rules rules = {.max = 125};
	struct err err;

	assert_int_equal(reg_group(&(struct reg_want){.at = {65535, 1}}, 1, &rules, spans, &err), 1);
	assert_int_equal(reg_group(&(struct reg_want){.at = {65535, 2}}, 1, &rules, spans, &err), 0);
	assert_int_equal(reg_group(&(struct reg_want){.at = {0, 126}}, 1, &rules, spans, &err), 0);
	assert_int_equal(reg_group(NULL, 0, &rules, spans, &err), 0);
}

/* Whatever is asked for: each want lies wholly in its span, no span is too large or meets a hole.
 */
static void any_map_is_covered(void **unused)
{
	(void)unused;
	uint32_t seed = 12345;
	const struct reg_span holes[] = {{50, 3}, {100, 1}, {333, 20}};

	for (int round = 0; round < 2000; round++) {
		struct reg_want wants[40];
		struct reg_span spans[40];
		struct reg_rules rules = {
		    .max = 4 + round % 122, .gap = round % 11, .holes = holes, .hole_count = 3};
		size_t count = 0;
		while (count < 40) {
			seed = seed * 1664525 + 1013904223;
			struct reg_span at = {(int)(seed >> 8) % 400, 1 + (int)(seed >> 28) % 4};
			bool bad = false;
			for (int i = 0; i < 3; i++)
				bad |= at.address < holes[i].address + holes[i].count &&
				       at.address + at.count > holes[i].address;
			if (!bad)
				wants[count++] = (struct reg_want){.at = at};
		}
		size_t n = reg_group(wants, count, &rules, spans, NULL);
		assert_in_range(n, 1, 40);
		for (size_t i = 0; i < count; i++) {
			const struct reg_span *span = &spans[wants[i].span];
			assert_true(span->address <= wants[i].at.address);
			assert_true(wants[i].at.address + wants[i].at.count <= span->address + span->count);
		}
		for (size_t i = 0; i < n; i++) {
			assert_in_range(spans[i].count, 1, rules.max);
			for (int h = 0; h < 3; h++)
				assert_true(holes[h].address >= spans[i].address + spans[i].count ||
				            holes[h].address + holes[h].count <= spans[i].address);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(floats),
	    cmocka_unit_test(scale_and_offset),
	    cmocka_unit_test(bits_and_strings),
	    cmocka_unit_test(a_wrong_format_is_refused),
	    cmocka_unit_test(what_is_encoded_reads_back),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(neighbours_share_a_query),
	    cmocka_unit_test(a_query_has_a_limit),
	    cmocka_unit_test(holes_are_never_read),
	    cmocka_unit_test(wants_beyond_the_map_are_refused),
	    cmocka_unit_test(any_map_is_covered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
