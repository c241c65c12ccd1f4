#include "core/base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *text_of(double value)
{
	static char text[NUMBER_TEXT];

	size_t len = number_from_double(text, value);
	assert_int_equal(len, strlen(text));
	return text;
}

static void doubles_print_as_expected(void **unused)
{
	(void)unused;
	assert_string_equal(text_of(0), "0");
	assert_string_equal(text_of(-0.0), "-0");
	assert_string_equal(text_of(30), "30");
	assert_string_equal(text_of(-30), "-30");
	assert_string_equal(text_of(23.2), "23.2");
	assert_string_equal(text_of(-0.05), "-0.05");
	assert_string_equal(text_of(0.1 + 0.2), "0.30000000000000004");
	assert_string_equal(text_of(1.0 / 3), "0.3333333333333333");
	assert_string_equal(text_of(1e300), "1e+300");
	assert_string_equal(text_of(0.0001), "0.0001");
	assert_string_equal(text_of(0.00001), "1e-05");
	assert_string_equal(text_of(999999999999999.0), "999999999999999");
	assert_string_equal(text_of(9007199254740992.0), "9007199254740992");
	assert_string_equal(text_of(1755000000123.456), "1755000000123.456");
	assert_string_equal(text_of(DBL_MAX), "1.7976931348623157e+308");
	assert_string_equal(text_of(-DBL_MAX), "-1.7976931348623157e+308");
	assert_string_equal(text_of(DBL_MIN), "2.2250738585072014e-308");
	assert_string_equal(text_of(5e-324), "5e-324");
}

/* xorshift64*: the same numbers at each run */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* Reads back the same, by the C library and by ours; JSON's form; never longer than the shortest of
 * %.15g, %.16g and %.17g that reads back. */
static void check_double(double value)
{
	const char *text = text_of(value);
	char other[64];
	int64_t integer = 0;
	double number = 0;

	double back = strtod(text, NULL);
	assert_memory_equal(&back, &value, sizeof value);
	enum number_kind kind = number_parse(text, strlen(text), &integer, &number);
	assert_int_not_equal(kind, NUMBER_NONE);
	if (kind == NUMBER_INTEGER)
		number = (double)integer;
	assert_memory_equal(&number, &value, sizeof value);
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(other, sizeof other, "%.*g", digits, value);
		if (strtod(other, NULL) == value) {
			if (strlen(text) > strlen(other))
				fail_msg("%s is longer than %s", text, other);
			return;
		}
	}
}

static void random_doubles_read_back(void **unused)
{
	(void)unused;
	uint64_t seed = 42;

	for (int i = 0; i < 20000; i++) {
		uint64_t bits = next_random(&seed);
		double value;
		memcpy(&value, &bits, sizeof value);
		if (isfinite(value))
			check_double(value);
		/* readings: some digits, some decimals */
		int64_t digits = (int64_t)(next_random(&seed) >> (next_random(&seed) % 64));
		check_double((double)digits / pow(10, (double)(next_random(&seed) % 12)));
		check_double((double)digits * 0.1);
	}
}

static void assert_integer(const char *text, int64_t expected)
{
	int64_t integer = 0;
	double number;

	assert_int_equal(number_parse(text, strlen(text), &integer, &number), NUMBER_INTEGER);
	assert_true(integer == expected);
}

static void assert_double(const char *text, double expected)
{
	int64_t integer;
	double number = NAN;

	assert_int_equal(number_parse(text, strlen(text), &integer, &number), NUMBER_DOUBLE);
	assert_memory_equal(&number, &expected, sizeof number);
}

/* Where localedef can make a locale whose point is a comma. */
static void decimals_are_counted(void **unused)
{
	static const struct {
		double value;
		unsigned from, decimals;
		int64_t n;
	} cases[] = {
	    {0, 0, 0, 0},
	    {-0.0, 0, 0, 0},
	    {30, 0, 0, 30},
	    {-23.5, 0, 1, -235},
	    {-23.5, 3, 3, -23500},
	    {49.455177, 0, 6, 49455177},
	    {1e-9, 0, 9, 1},
	    {999999999999998, 0, 0, 999999999999998},
	};
	static const double none[] = {1e-10, 0.1 + 0.2, 1e15, -1e300, INFINITY, NAN};
	unsigned decimals;
	int64_t n;

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		decimals = cases[i].from;
		assert_true(number_decimals(cases[i].value, &decimals, &n));
		assert_int_equal(decimals, cases[i].decimals);
		assert_int_equal(n, cases[i].n);
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		decimals = 0;
		assert_false(number_decimals(none[i], &decimals, &n));
	}
	decimals = 2;
	assert_false(number_decimals(99999999999999, &decimals, &n));
}

static void no_locale_matters(void **unused)
{
	(void)unused;
	char folder[] = "/tmp/neap-test-number-XXXXXX", command[300];

	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof command,
	    "localedef -c -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
	int made = system(command); /* NOLINT(cert-env33-c): a path of our own */
	assert_int_equal(setenv("LOCPATH", folder, 1), 0);
	const char *set = setlocale(LC_ALL, "de_DE.UTF-8");
	if (set != NULL) {
		(void)snprintf(command, sizeof command, "%.1f", 0.5);
		assert_string_equal(command, "0,5");
		assert_string_equal(text_of(0.5), "0.5");
		assert_string_equal(text_of(1.0 / 3), "0.3333333333333333");
		assert_double("0.3333333333333333", 1.0 / 3);
		assert_double("2.5e-1", 0.25);
		(void)setlocale(LC_ALL, "C");
	}
	(void)unsetenv("LOCPATH");
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	if (made != 0 || set == NULL)
		skip();
}

static void integers_print(void **unused)
{
	(void)unused;
	char text[NUMBER_TEXT];

	assert_int_equal(number_from_int(text, 0), 1);
	assert_string_equal(text, "0");
	(void)number_from_int(text, INT64_MIN);
	assert_string_equal(text, "-9223372036854775808");
	(void)number_from_int(text, INT64_MAX);
	assert_string_equal(text, "9223372036854775807");
}

static void numbers_are_read(void **unused)
{
	(void)unused;
	assert_integer("0", 0);
	assert_integer("25", 25);
	assert_integer("-9223372036854775808", INT64_MIN);
	assert_integer("9223372036854775807", INT64_MAX);
	assert_double("9223372036854775808", 9223372036854775808.0);
	assert_double("-9223372036854775809", -9223372036854775808.0);
	assert_double("-0", -0.0);
	assert_double("25.0", 25);
	assert_double("2.5e1", 25);
	assert_double("1E-2", 0.01);
	assert_double("0.000000000000000000000000001", 1e-27);
	assert_double("1e400", INFINITY);
	assert_double("-1e99999999999999999999", -INFINITY);
	assert_double("1e-400", 0);
	assert_double("0e999999999", 0);
	assert_double("2.2250738585072011e-308", 2.2250738585072011e-308);

	char text[700] = "0."; /* zeros that an exponent takes back, and more digits than are kept */
	memset(text + 2, '0', 300);
	memcpy(text + 302, "15e300", 7);
	assert_double(text, 0.15);
	memset(text, '1', 400);
	memcpy(text + 400, ".5e-399", 8);
	assert_double(text, 10.0 / 9);
}

static void other_forms_are_refused(void **unused)
{
	(void)unused;
	static const char *const bad[] = {"", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+",
	    "0x10", "nan", "inf", " 1", "1 ", "1,5", "--1", "1.5.5", "1e5.0"};
	int64_t integer;
	double number;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(number_parse(bad[i], strlen(bad[i]), &integer, &number), NUMBER_NONE);
	assert_int_equal(number_parse("1\0", 2, &integer, &number), NUMBER_NONE);
	assert_int_equal(number_parse("12x", 2, &integer, &number), NUMBER_INTEGER);
}

static void durations_are_read(void **unused)
{
	(void)unused;
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"60s", 60000}, {"5m", 300000}, {"250ms", 250}, {"1h", 3600000}, {"2d", 172800000},
	    {"10", 10000}, {"0", 0}, {"1.5", 1500}, {"0.5s", 500}, {"0.25h", 900000}, {"1m30s", 90000},
	    {"1d1h1m1s1ms", 90061001}, {"36500d", INT64_C(3153600000000)}};
	static const char *const bad[] = {"", "s", "-5s", "+5s", "5 s", " 5s", "5S", "5x", "5s ", "1.",
	    ".5", "1m30", "30s1m", "1m1m", "0.0001", "0.5ms", "36500d1ms", "36501d", "1.5.5s",
	    "99999999999999999999s", "18446744073709551616", "0.0000000000000000001h", "1ms1s", "1e3"};
	int64_t ms;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ms = -1;
		assert_int_equal(duration_parse(good[i].text, &ms), 0);
		assert_true(ms == good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (duration_parse(bad[i], &ms) != -1)
			fail_msg("\"%s\" was taken as %lld ms", bad[i], (long long)ms);
	}
}

static void durations_print(void **unused)
{
	(void)unused;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{0, "0s"}, {250, "250ms"}, {60000, "1m"}, {90000, "1m30s"}, {1500, "1s500ms"},
	    {90061001, "1d1h1m1s1ms"}, {-90000, "-1m30s"}, {INT64_MIN, "-106751991167d7h12m55s808ms"}};
	char text[NUMBER_TEXT];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = duration_format(text, cases[i].ms);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(len, strlen(text));
		int64_t back;
		if (cases[i].ms >= 0) {
			assert_int_equal(duration_parse(text, &back), 0);
			assert_true(back == cases[i].ms);
		}
	}
}

static void sizes_are_read(void **unused)
{
	(void)unused;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0}, {"100", 100}, {"100B", 100}, {"64KB", 65536}, {"2MB", 2097152},
	    {"1GB", 1073741824}, {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"", "B", "-1", "1.5MB", "64kB", "64K", "64 KB", "64KBs",
	    "18446744073709551616", "17179869184GB", "1KB1B"};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(size_parse(good[i].text, &bytes), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (size_parse(bad[i], &bytes) != -1)
			fail_msg("\"%s\" was taken as %llu bytes", bad[i], (unsigned long long)bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(doubles_print_as_expected),
	    cmocka_unit_test(random_doubles_read_back),
	    cmocka_unit_test(decimals_are_counted),
	    cmocka_unit_test(no_locale_matters),
	    cmocka_unit_test(integers_print),
	    cmocka_unit_test(numbers_are_read),
	    cmocka_unit_test(other_forms_are_refused),
	    cmocka_unit_test(durations_are_read),
	    cmocka_unit_test(durations_print),
	    cmocka_unit_test(sizes_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
