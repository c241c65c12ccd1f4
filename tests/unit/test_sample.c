#include "core/base/sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value of_int(int64_t integer)
{
	return (struct value){.type = VALUE_INT, .integer = integer};
}

static struct value of_date(int64_t ms)
{
	return (struct value){.type = VALUE_DATE, .integer = ms};
}

static struct value of_double(double number)
{
	return (struct value){.type = VALUE_DOUBLE, .number = number};
}

static struct value of_boolean(bool boolean)
{
	return (struct value){.type = VALUE_BOOLEAN, .boolean = boolean};
}

static struct value of_bytes(enum value_type type, const char *data, size_t len)
{
	return (struct value){.type = type, .text = {.data = data, .len = len}};
}

static struct value of_text(const char *text)
{
	return of_bytes(VALUE_STRING, text, strlen(text));
}

/* It fits, as `expected`. */
static void fits(struct value value, enum value_type type, bool from_text, struct value expected)
{
	struct err err = {.text = ""};

	if (value_fit(&value, type, from_text, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(value.type, type);
	assert_int_equal(expected.type, type);
	switch (type) {
	case VALUE_INT:
	case VALUE_DATE:
		assert_true(value.integer == expected.integer);
		break;
	case VALUE_DOUBLE:
		assert_memory_equal(&value.number, &expected.number, sizeof value.number);
		break;
	case VALUE_BOOLEAN:
		assert_int_equal(value.boolean, expected.boolean);
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
		assert_ptr_equal(value.text.data, expected.text.data);
		assert_int_equal(value.text.len, expected.text.len);
	}
}

/* It doesn't, is left as it was, and this is why. */
static void refused(struct value value, enum value_type type, bool from_text, const char *why)
{
	struct err err = {.text = ""};
	struct value before = value;

	assert_int_equal(value_fit(&value, type, from_text, &err), -1);
	assert_string_equal(err.text, why);
	assert_int_equal(value.type, before.type);
	assert_int_equal(value_fit(&value, type, from_text, NULL), -1);
}

static void types_have_names(void **unused)
{
	(void)unused;
	enum value_type type;

	for (int i = VALUE_INT; i <= VALUE_BINARY; i++) {
		assert_int_equal(value_type_parse(value_type_name((enum value_type)i), &type), 0);
		assert_int_equal(type, i);
	}
	assert_string_equal(value_type_name(VALUE_BOOLEAN), "boolean");
	assert_int_equal(value_type_parse("bool", &type), -1);
	assert_int_equal(value_type_parse("", &type), -1);
}

static void ints(void **unused)
{
	(void)unused;
	fits(of_int(INT32_MAX), VALUE_INT, false, of_int(INT32_MAX));
	fits(of_int(INT32_MIN), VALUE_INT, false, of_int(INT32_MIN));
	fits(of_double(25), VALUE_INT, false, of_int(25));
	fits(of_double(-0.0), VALUE_INT, false, of_int(0));
	fits(of_text("25"), VALUE_INT, true, of_int(25));
	fits(of_text("2.5e1"), VALUE_INT, true, of_int(25));
	fits(of_text("-0"), VALUE_INT, true, of_int(0));
	refused(of_int(30000000000), VALUE_INT, false,
	    "30000000000 does not fit an int (-2147483648 to 2147483647)");
	refused(of_double(-2147483649.0), VALUE_INT, false,
	    "-2147483649 does not fit an int (-2147483648 to 2147483647)");
	refused(of_double(25.5), VALUE_INT, false, "25.5 is not a whole number, as an int must be");
	refused(of_double(NAN), VALUE_INT, false, "NaN is not a whole number, as an int must be");
	refused(of_double(1e300), VALUE_INT, false, "1e+300 is too large to be exact");
	refused(of_text("25"), VALUE_INT, false, "string \"25\" is not an int");
	refused(of_text("0x19"), VALUE_INT, true, "string \"0x19\" is not an int");
	refused(of_text(""), VALUE_INT, true, "string \"\" is not an int");
	refused(of_text("1e400"), VALUE_INT, true, "infinity is not a whole number, as an int must be");
	refused(of_boolean(true), VALUE_INT, true, "boolean true is not an int");
	refused(of_date(5), VALUE_INT, false, "5 is not an int");
}

static void doubles(void **unused)
{
	(void)unused;
	fits(of_double(23.2), VALUE_DOUBLE, false, of_double(23.2));
	fits(of_double(-0.0), VALUE_DOUBLE, false, of_double(-0.0));
	fits(of_int(25), VALUE_DOUBLE, false, of_double(25));
	fits(of_int(INT64_C(9007199254740992)), VALUE_DOUBLE, false, of_double(9007199254740992.0));
	fits(of_text("23.2"), VALUE_DOUBLE, true, of_double(23.2));
	fits(of_text("-0"), VALUE_DOUBLE, true, of_double(-0.0));
	refused(of_int(INT64_C(9007199254740993)), VALUE_DOUBLE, false,
	    "9007199254740993 is not exact as a double (whole numbers up to 9007199254740992 are)");
	refused(of_int(INT64_MIN), VALUE_DOUBLE, false,
	    "-9223372036854775808 is not exact as a double (whole numbers up to 9007199254740992 are)");
	refused(of_double(INFINITY), VALUE_DOUBLE, false, "infinity is not a finite number");
	refused(of_double(NAN), VALUE_DOUBLE, false, "NaN is not a finite number");
	refused(of_text("1e400"), VALUE_DOUBLE, true, "infinity is not a finite number");
	refused(of_text("nan"), VALUE_DOUBLE, true, "string \"nan\" is not a double");
	refused(of_boolean(false), VALUE_DOUBLE, false, "boolean false is not a double");
}

static void booleans(void **unused)
{
	(void)unused;
	fits(of_boolean(true), VALUE_BOOLEAN, false, of_boolean(true));
	fits(of_text("true"), VALUE_BOOLEAN, true, of_boolean(true));
	fits(of_text("false"), VALUE_BOOLEAN, true, of_boolean(false));
	refused(of_text("true"), VALUE_BOOLEAN, false, "string \"true\" is not a boolean");
	refused(of_text("True"), VALUE_BOOLEAN, true, "string \"True\" is not a boolean");
	refused(of_text("1"), VALUE_BOOLEAN, true, "string \"1\" is not a boolean");
	refused(of_int(1), VALUE_BOOLEAN, true, "1 is not a boolean");
}

static void dates(void **unused)
{
	(void)unused;
	fits(of_date(1349907137000), VALUE_DATE, false, of_date(1349907137000));
	fits(of_int(1349907137000), VALUE_DATE, false, of_date(1349907137000));
	fits(of_double(1349907137000), VALUE_DATE, false, of_date(1349907137000));
	fits(of_text("1349907137000"), VALUE_DATE, true, of_date(1349907137000));
	refused(of_double(0.5), VALUE_DATE, false, "0.5 is not a whole number, as a date must be");
	refused(of_text("today"), VALUE_DATE, true, "string \"today\" is not a date");
}

static void strings_and_bytes(void **unused)
{
	(void)unused;
	static const char text[] = "Grüße", bytes[] = "ab\xff";
	static char large[VALUE_MAX_BYTES + 1];
	struct value whole = of_bytes(VALUE_STRING, large, VALUE_MAX_BYTES);

	memset(large, 'x', sizeof large);
	fits(of_text(text), VALUE_STRING, false, of_text(text));
	fits(of_text(text), VALUE_BINARY, false, of_bytes(VALUE_BINARY, text, strlen(text)));
	fits(of_text(bytes), VALUE_BINARY, false, of_bytes(VALUE_BINARY, bytes, 3));
	fits(whole, VALUE_STRING, false, whole);
	whole.text.len++;
	refused(whole, VALUE_STRING, false, "a string of 16001 bytes is too long (16000 at most)");
	refused(whole, VALUE_BINARY, false, "a binary of 16001 bytes is too long (16000 at most)");
	refused(whole, VALUE_INT, true, "string of 16001 bytes is not an int");
	refused(of_text(bytes), VALUE_STRING, false,
	    "a string must be UTF-8, and is not at byte 2; declare it binary");
	refused(
	    of_bytes(VALUE_BINARY, "abc", 3), VALUE_STRING, false, "binary of 3 bytes is not a string");
	refused(of_int(25), VALUE_STRING, true, "25 is not a string");
}

static void paths(void **unused)
{
	(void)unused;
	char path[300];
	struct err err;

	assert_int_equal(path_check("machine.temperature", &err), 0);
	assert_int_equal(path_check("machine.indoor.temperature", &err), 0);
	assert_int_equal(path_check("A-z_9.0", NULL), 0);
	static const struct {
		const char *path, *why;
	} bad[] = {
	    {"", "the path \"\" has an empty name at byte 0"},
	    {"machine", "the path \"machine\" has no dot (asset.name is wanted)"},
	    {".x", "the path \".x\" has an empty name at byte 0"},
	    {"x.", "the path \"x.\" has an empty name at byte 2"},
	    {"x..y", "the path \"x..y\" has an empty name at byte 2"},
	    {"x.y z", "the path \"x.y z\" has a character at byte 3 that is none of A-Z a-z 0-9 _ - ."},
	    {"x.é", "the path \"x.é\" has a character at byte 2 that is none of A-Z a-z 0-9 _ - ."},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(path_check(bad[i].path, &err), -1);
		assert_string_equal(err.text, bad[i].why);
	}
	memset(path, 'x', sizeof path);
	path[1] = '.';
	path[PATH_MAX_BYTES] = '\0';
	assert_int_equal(path_check(path, &err), 0);
	path[PATH_MAX_BYTES] = 'x';
	path[PATH_MAX_BYTES + 1] = '\0';
	assert_int_equal(path_check(path, &err), -1);
	assert_non_null(strstr(err.text, "longer than 255 bytes"));
}

static void utf8(void **unused)
{
	(void)unused;
	static const char *const good[] = {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
	    "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
	    "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82\x41", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
	    "\xf0\x90\x80", "\xf0\x90\x80\xc0", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};
	char text[16];
	size_t at;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		(void)snprintf(text, sizeof text, "ab%scd", good[i]);
		assert_true(utf8_valid(text, strlen(text), &at));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t len = strlen(bad[i]);
		at = 99;
		assert_false(utf8_valid(bad[i], len, NULL)); /* at the end */
		(void)snprintf(text, sizeof text, "ab%scd", bad[i]);
		assert_false(utf8_valid(text, strlen(text), &at));
		assert_int_equal(at, 2);
	}
	assert_true(utf8_valid("a\0b", 3, NULL));
	for (uint32_t c = 0x80; c < 0x110000; c += 7) { /* each by its definition */
		char *p = text;
		if (c >= 0x10000) {
			*p++ = (char)(0xf0 | c >> 18);
			*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		} else if (c >= 0x800) {
			*p++ = (char)(0xe0 | c >> 12);
		}
		if (c >= 0x800)
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		else
			*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
		assert_int_equal(utf8_valid(text, (size_t)(p - text), NULL), c < 0xd800 || c > 0xdfff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(types_have_names),
	    cmocka_unit_test(ints),
	    cmocka_unit_test(doubles),
	    cmocka_unit_test(booleans),
	    cmocka_unit_test(dates),
	    cmocka_unit_test(strings_and_bytes),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
