#include "core/base/number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From 100 years on, times added to durations could run over. */
#define DURATION_MAX_MS (INT64_C(36500) * 24 * 3600 * 1000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits of n, at least `min` of them, without NUL; returns how many. Two at a time: each
 * datapoint is two numbers at least. */
static size_t put_digits(char *out, uint64_t n, size_t min)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
	                            "2021222324252627282930313233343536373839"
	                            "4041424344454647484950515253545556575859"
	                            "6061626364656667686970717273747576777879"
	                            "8081828384858687888990919293949596979899";
	size_t len = 1;
	for (uint64_t rest = n; rest >= 10; rest /= 100)
		len += rest >= 100 ? 2 : 1;
	if (len < min)
		len = min;

	char *p = out + len;
	for (; n >= 10; n /= 100)
		memcpy(p -= 2, pairs + n % 100 * 2, 2);
	while (p > out) {
		*--p = (char)('0' + n);
		n = 0;
	}
	return len;
}

size_t number_from_int(char out[NUMBER_TEXT], int64_t value)
{
	size_t len = 0;

	if (value < 0)
		out[len++] = '-';
	len += put_digits(out + len, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
	out[len] = '\0';
	return len;
}

const double number_powers[NUMBER_DECIMALS + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

bool number_decimals(double value, unsigned *decimals, int64_t *n)
{
	double size = fabs(value);

	for (unsigned k = *decimals; k <= NUMBER_DECIMALS; k++) {
		double scaled = size * number_powers[k];
		if (!(scaled < NUMBER_EXACT - 1))
			return false;
		*n = (int64_t)(scaled + 0.5);
		/* a variable of its own: rounded to a double also where the processor computes with more */
		double back = (double)*n / number_powers[k];
		if (back != size)
			continue;
		*n = value < 0 ? -*n : *n;
		*decimals = k;
		return true;
	}
	return false;
}

/*
 * Most readings have few decimals: n's digits with a point in them read back as the same double,
 * because n and the power of ten are exact and the division rounds as a reader does. It is the text
 * that %.15g gives, at a fraction of its cost. Below 1e-4 %g is shorter, with its exponent.
 */
static size_t few_decimals(char *out, double value)
{
	double size = fabs(value);
	unsigned k = 0;
	int64_t n;

	if ((size < 1e-4 && size != 0) || !number_decimals(size, &k, &n))
		return 0;
	char digits[24];
	size_t count = put_digits(digits, (uint64_t)n, k + 1), len = 0;
	if (signbit(value))
		out[len++] = '-';
	memcpy(out + len, digits, count - k);
	len += count - k;
	if (k > 0) {
		out[len++] = '.';
		memcpy(out + len, digits + count - k, k);
		len += k;
	}
	out[len] = '\0';
	return len;
}

size_t number_from_double(char out[NUMBER_TEXT], double value)
{
	size_t len = few_decimals(out, value);
	if (len > 0)
		return len;

	char text[2 * NUMBER_TEXT]; /* room for what the compiler cannot rule out */
	int first = fabs(value) < DBL_MIN ? 1 : DBL_DIG; /* a subnormal has fewer digits than that */
	for (int digits = first; digits <= DBL_DECIMAL_DIG; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	/* a locale's point, of one byte or more, becomes a point */
	for (const char *p = text; *p != '\0'; p++) {
		if (is_digit(*p) || strchr("+-eanif", *p) != NULL)
			out[len++] = *p;
		else if (len > 0 && out[len - 1] != '.')
			out[len++] = '.';
	}
	out[len] = '\0';
	return len;
}

/* The parts of JSON's form: -whole.fraction e exponent. False if it is another form. */
struct parts {
	bool negative, integral;
	const char *whole, *fraction;
	size_t whole_len, fraction_len;
	int exponent; /* kept within nine digits: far beyond what matters */
};

static size_t count_digits(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && is_digit(**p))
		++*p;
	return (size_t)(*p - start);
}

static bool split_exponent(const char **p, const char *end, int *exponent)
{
	bool negative = false;

	++*p;
	if (*p < end && (**p == '+' || **p == '-'))
		negative = *(*p)++ == '-';
	const char *digits = *p;
	if (count_digits(p, end) == 0)
		return false;
	for (*exponent = 0; digits < *p; digits++) {
		if (*exponent < 100000000)
			*exponent = *exponent * 10 + (*digits - '0');
	}
	if (negative)
		*exponent = -*exponent;
	return true;
}

static bool split(const char *p, size_t len, struct parts *parts)
{
	const char *end = p + len;

	*parts = (struct parts){.integral = true};
	if (p < end && *p == '-') {
		parts->negative = true;
		p++;
	}
	parts->whole = p;
	parts->whole_len = count_digits(&p, end);
	if (parts->whole_len == 0 || (parts->whole_len > 1 && parts->whole[0] == '0'))
		return false;
	if (p < end && *p == '.') {
		parts->integral = false;
		parts->fraction = ++p;
		parts->fraction_len = count_digits(&p, end);
		if (parts->fraction_len == 0)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		parts->integral = false;
		if (!split_exponent(&p, end, &parts->exponent))
			return false;
	}
	return p == end;
}

static bool to_integer(const struct parts *parts, int64_t *value)
{
	int64_t n = 0;

	for (size_t i = 0; i < parts->whole_len; i++) {
		int digit = parts->whole[i] - '0';
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, digit, &n)) /* downwards: INT64_MIN has no positive */
			return false;
	}
	if (parts->negative ? n == 0 : n == INT64_MIN) /* -0 is for the doubles */
		return false;
	*value = parts->negative ? n : -n;
	return true;
}

/* strtod gets whole digits and an exponent: no point, so no locale. 100 digits are enough but for
 * numbers made to lie exactly between two doubles. */
static double to_double(const struct parts *parts)
{
	char text[160];
	size_t len = 0, digits = 0;
	int64_t exponent = parts->exponent;

	text[len++] = parts->negative ? '-' : '+';
	for (size_t i = 0; i < parts->whole_len + parts->fraction_len; i++) {
		bool whole = i < parts->whole_len;
		char c = whole ? parts->whole[i] : parts->fraction[i - parts->whole_len];
		if (digits == 100) {
			exponent += whole;
			continue;
		}
		exponent -= !whole;
		if (digits > 0 || c != '0') {
			text[len++] = c;
			digits++;
		}
	}
	(void)snprintf(
	    text + len, sizeof text - len, "%se%lld", digits > 0 ? "" : "0", (long long)exponent);
	return strtod(text, NULL);
}

enum number_kind number_parse(const char *text, size_t len, int64_t *integer, double *number)
{
	struct parts parts;

	if (!split(text, len, &parts))
		return NUMBER_NONE;
	if (parts.integral && to_integer(&parts, integer))
		return NUMBER_INTEGER;
	*number = to_double(&parts);
	return NUMBER_DOUBLE;
}

/* Digits into *n; false if there are none or too many. */
static bool take_whole(const char **p, uint64_t *n)
{
	if (!is_digit(**p))
		return false;
	for (*n = 0; is_digit(**p); ++*p) {
		if (__builtin_mul_overflow(*n, 10u, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(**p - '0'), n))
			return false;
	}
	return true;
}

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit *take_unit(const char **p, const struct unit *units)
{
	size_t len = 0;

	while ((*p)[len] != '\0' && !is_digit((*p)[len]))
		len++;
	for (; units->name != NULL; units++) {
		if (strlen(units->name) == len && strncmp(units->name, *p, len) == 0) {
			*p += len;
			return units;
		}
	}
	return NULL;
}

static const struct unit durations[] = {
    {"d", 24 * 3600 * 1000},
    {"h", 3600 * 1000},
    {"m", 60 * 1000},
    {"s", 1000},
    {"ms", 1},
    {NULL, 0},
};

/* One number with its unit, into *ms. A fraction must come out at whole milliseconds. */
static bool take_duration(const char **p, bool may_be_bare, const struct unit **unit, uint64_t *ms)
{
	uint64_t whole, fraction = 0, scale = 1;

	if (!take_whole(p, &whole))
		return false;
	if (**p == '.') {
		const char *start = ++*p;
		if (!take_whole(p, &fraction) || *p - start > 9)
			return false;
		for (; start < *p; start++)
			scale *= 10;
	}
	*unit = may_be_bare && **p == '\0' ? &durations[3] : take_unit(p, durations);
	if (*unit == NULL || whole > DURATION_MAX_MS || fraction * (*unit)->size % scale != 0)
		return false;
	return !__builtin_mul_overflow(whole, (*unit)->size, ms) &&
	       !__builtin_add_overflow(*ms, fraction * (*unit)->size / scale, ms) &&
	       *ms <= DURATION_MAX_MS;
}

int duration_parse(const char *text, int64_t *ms)
{
	const struct unit *unit, *before = NULL;
	uint64_t part, sum = 0;

	do {
		if (!take_duration(&text, before == NULL, &unit, &part))
			return -1;
		if (before != NULL && unit <= before)
			return -1; /* larger units come first, each once */
		before = unit;
		sum += part;
	} while (*text != '\0');
	if (sum > DURATION_MAX_MS)
		return -1;
	*ms = (int64_t)sum;
	return 0;
}

int size_parse(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"B", 1},
	    {"KB", UINT64_C(1) << 10},
	    {"MB", UINT64_C(1) << 20},
	    {"GB", UINT64_C(1) << 30},
	    {NULL, 0},
	};
	uint64_t n;

	if (!take_whole(&text, &n))
		return -1;
	const struct unit *unit = take_unit(&text, units);
	if (unit == NULL || *text != '\0' || __builtin_mul_overflow(n, unit->size, &n))
		return -1;
	*bytes = n;
	return 0;
}

size_t duration_format(char out[NUMBER_TEXT], int64_t ms)
{
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	size_t len = 0;

	if (ms < 0)
		out[len++] = '-';
	for (const struct unit *unit = durations; unit->name != NULL; unit++) {
		uint64_t n = left / unit->size;
		left %= unit->size;
		bool zero = ms == 0 && unit->size == 1000;
		if (n > 0 || zero)
			len += (size_t)snprintf(
			    out + len, NUMBER_TEXT - len, "%llu%s", (unsigned long long)n, unit->name);
	}
	return len;
}
