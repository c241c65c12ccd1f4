#include "core/base/sample.h"

#include "core/base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* From here on a double does not tell neighbouring whole numbers apart. */
#define EXACT_MAX (INT64_C(1) << 53)

static const char *const type_names[] = {
    [VALUE_INT] = "int",
    [VALUE_DOUBLE] = "double",
    [VALUE_BOOLEAN] = "boolean",
    [VALUE_STRING] = "string",
    [VALUE_DATE] = "date",
    [VALUE_BINARY] = "binary",
};

const char *value_type_name(enum value_type type)
{
	return type >= VALUE_INT && type <= VALUE_BINARY ? type_names[type] : "unknown";
}

int value_type_parse(const char *name, enum value_type *type)
{
	for (int i = VALUE_INT; i <= VALUE_BINARY; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*type = (enum value_type)i;
			return 0;
		}
	}
	return -1;
}

/* For an error: 25, 23.5, boolean true, string "abc" */
static const char *show(const struct value *value, char out[80])
{
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		(void)number_from_int(out, value->integer);
		break;
	case VALUE_DOUBLE:
		if (isfinite(value->number))
			(void)number_from_double(out, value->number);
		else
			(void)snprintf(out, 80, isnan(value->number) ? "NaN" : "infinity");
		break;
	case VALUE_BOOLEAN:
		(void)snprintf(out, 80, "boolean %s", value->boolean ? "true" : "false");
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
	default:
		if (value->type == VALUE_STRING && value->text.len <= 40 &&
		    utf8_valid(value->text.data, value->text.len, NULL))
			(void)snprintf(out, 80, "string \"%.*s\"", (int)value->text.len, value->text.data);
		else
			(void)snprintf(
			    out, 80, "%s of %zu bytes", value_type_name(value->type), value->text.len);
	}
	return out;
}

static int misfit(const struct value *value, enum value_type type, struct err *err)
{
	char text[80];

	show(value, text);
	return err_set(
	    err, "%s is not a%s %s", text, type == VALUE_INT ? "n" : "", value_type_name(type));
}

/* Text that stands for a number becomes one. */
static void number_of_text(struct value *value)
{
	int64_t integer;
	double number;

	if (value->type != VALUE_STRING)
		return;
	switch (number_parse(value->text.data, value->text.len, &integer, &number)) {
	case NUMBER_INTEGER:
		*value = (struct value){.type = VALUE_INT, .integer = integer};
		break;
	case NUMBER_DOUBLE:
		*value = (struct value){.type = VALUE_DOUBLE, .number = number};
		break;
	case NUMBER_NONE:
		break;
	}
}

static int fit_whole(struct value *value, enum value_type type, struct err *err)
{
	char text[80];

	if (value->type == VALUE_DOUBLE) {
		double number = value->number;
		if (!isfinite(number) || number != trunc(number))
			return err_set(err, "%s is not a whole number, as %s must be", show(value, text),
			    type == VALUE_INT ? "an int" : "a date");
		if (fabs(number) > (double)EXACT_MAX)
			return err_set(err, "%s is too large to be exact", show(value, text));
		value->integer = (int64_t)number;
	} else if (value->type != VALUE_INT && value->type != type) {
		return misfit(value, type, err);
	}
	value->type = type;
	if (type == VALUE_INT && (value->integer < INT32_MIN || value->integer > INT32_MAX))
		return err_set(
		    err, "%s does not fit an int (%d to %d)", show(value, text), INT32_MIN, INT32_MAX);
	return 0;
}

static int fit_double(struct value *value, struct err *err)
{
	char text[80];

	if (value->type == VALUE_INT) {
		int64_t integer = value->integer;
		if (integer > EXACT_MAX || integer < -EXACT_MAX)
			return err_set(err, "%lld is not exact as a double (whole numbers up to %lld are)",
			    (long long)integer, (long long)EXACT_MAX);
		*value = (struct value){.type = VALUE_DOUBLE, .number = (double)integer};
	}
	if (value->type != VALUE_DOUBLE)
		return misfit(value, VALUE_DOUBLE, err);
	if (isfinite(value->number))
		return 0;
	return err_set(err, "%s is not a finite number", show(value, text));
}

static int fit_boolean(struct value *value, bool from_text, struct err *err)
{
	if (value->type == VALUE_STRING && from_text) {
		bool yes = value->text.len == 4 && memcmp(value->text.data, "true", 4) == 0;
		bool no = value->text.len == 5 && memcmp(value->text.data, "false", 5) == 0;
		if (yes || no)
			*value = (struct value){.type = VALUE_BOOLEAN, .boolean = yes};
	}
	return value->type == VALUE_BOOLEAN ? 0 : misfit(value, VALUE_BOOLEAN, err);
}

static int fit_text(struct value *value, enum value_type type, struct err *err)
{
	size_t bad;

	if (value->type != VALUE_STRING && value->type != type)
		return misfit(value, type, err);
	if (value->text.len > VALUE_MAX_BYTES)
		return err_set(err, "a %s of %zu bytes is too long (%d at most)", value_type_name(type),
		    value->text.len, VALUE_MAX_BYTES);
	if (type == VALUE_STRING && !utf8_valid(value->text.data, value->text.len, &bad))
		return err_set(
		    err, "a string must be UTF-8, and is not at byte %zu; declare it binary", bad);
	value->type = type;
	return 0;
}

int value_fit(struct value *value, enum value_type type, bool from_text, struct err *err)
{
	struct value fitted = *value;
	int result = -1;

	if (from_text && (type == VALUE_INT || type == VALUE_DOUBLE || type == VALUE_DATE))
		number_of_text(&fitted);
	switch (type) {
	case VALUE_INT:
	case VALUE_DATE:
		result = fit_whole(&fitted, type, err);
		break;
	case VALUE_DOUBLE:
		result = fit_double(&fitted, err);
		break;
	case VALUE_BOOLEAN:
		result = fit_boolean(&fitted, from_text, err);
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
		result = fit_text(&fitted, type, err);
		break;
	}
	if (result == 0)
		*value = fitted;
	return result;
}

static bool path_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

int path_check(const char *path, struct err *err)
{
	size_t len = strnlen(path, PATH_MAX_BYTES + 1), name = 0;
	bool dotted = false;

	if (len > PATH_MAX_BYTES)
		return err_set(err, "the path %.40s... is longer than %d bytes", path, PATH_MAX_BYTES);
	for (size_t i = 0; i <= len; i++) {
		if (path_char(path[i]))
			continue;
		if (path[i] != '.' && path[i] != '\0')
			return err_set(err,
			    "the path \"%s\" has a character at byte %zu that is none of A-Z a-z 0-9 _ - .",
			    path, i);
		if (i == name)
			return err_set(err, "the path \"%s\" has an empty name at byte %zu", path, i);
		name = i + 1;
		dotted = dotted || path[i] == '.';
	}
	return dotted ? 0 : err_set(err, "the path \"%s\" has no dot (asset.name is wanted)", path);
}

/* The length of the character at s, of at most n bytes; 0 if it is none. Unicode, table 3-7. */
static size_t utf8_char(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last, low, high; /* of the first byte; of the second */
		unsigned char len;
	} forms[] = {
	    {0x00, 0x7f, 0, 0, 1},
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (n < forms[i].len || (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high)))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

bool utf8_valid(const char *text, size_t len, size_t *bad_offset)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char((const unsigned char *)text + i, len - i);
		if (n == 0) {
			if (bad_offset != NULL)
				*bad_offset = i;
			return false;
		}
		i += n;
	}
	return true;
}
