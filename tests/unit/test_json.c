/* The JSON reader: what it takes, what it refuses, at which byte, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/json.h"
#include "core/base/mem.h"

#define NODES 1000

/* A document as text again, in a form of its own that tells integers from doubles. */
static void show(struct buf *out, const struct json *node)
{
	if (node->key)
		buf_printf(out, "%s=", node->key);
	switch (node->kind) {
	case JSON_NULL:
		buf_text(out, "null");
		break;
	case JSON_BOOLEAN:
		buf_text(out, node->boolean ? "true" : "false");
		break;
	case JSON_INTEGER:
		buf_printf(out, "i%lld", (long long)node->integer);
		break;
	case JSON_DOUBLE:
		buf_printf(out, "d%.17g", node->number);
		break;
	case JSON_STRING:
		buf_printf(out, "'%s'", node->string.data);
		assert_int_equal(node->string.data[node->string.len], '\0');
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		buf_char(out, node->kind == JSON_ARRAY ? '[' : '{');
		for (const struct json *child = node->child; child; child = child->next) {
			show(out, child);
			if (child->next)
				buf_char(out, ' ');
		}
		buf_char(out, node->kind == JSON_ARRAY ? ']' : '}');
		break;
	}
}

/* Parses an exact copy, so that a read behind the end is found by the sanitizers. */
static struct json_doc *parse(const char *text, size_t len, size_t *pos, struct err *err)
{
	char *copy = mem_alloc(len ? len : 1);
	memcpy(copy, text, len);
	struct json_doc *doc = json_parse(copy, len, pos, NODES, err);
	free(copy);
	return doc;
}

static void whole_texts(void **state)
{
	static const struct {
		const char *text, *shown;
	} table[] = {
	    {"null", "null"},
	    {" \t\r\n true ", "true"},
	    {"false", "false"},
	    {"0", "i0"},
	    {"-0", "d-0"},
	    {"-0.0", "d-0"},
	    {"25", "i25"},
	    {"25.0", "d25"},
	    {"1e2", "d100"},
	    {"1E+2", "d100"},
	    {"2.5e-1", "d0.25"},
	    {"1348836320188", "i1348836320188"},
	    {"9007199254740993", "i9007199254740993"},
	    {"9223372036854775807", "i9223372036854775807"},
	    {"-9223372036854775808", "i-9223372036854775808"},
	    {"9223372036854775808", "d9.2233720368547758e+18"},
	    {"-9223372036854775809", "d-9.2233720368547758e+18"},
	    {"1.7976931348623157e308", "d1.7976931348623157e+308"},
	    {"1e-400", "d0"},
	    {"\"\"", "''"},
	    {"\"a b\"", "'a b'"},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "'\"\\/\b\f\n\r\t'"},
	    {"\"\\u00e9\\u20ac\\uD834\\udd1e\"", "'\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e'"},
	    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\x7f\"",
	        "'\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\x7f'"},
	    {"[]", "[]"},
	    {"[ ]", "[]"},
	    {"{ }", "{}"},
	    {"[1,[2,[]],{\"a\":{}}]", "[i1 [i2 []] {a={}}]"},
	    {"{\"a\":1,\"\":2,\"A\":3,\"a \":4}", "{a=i1 =i2 A=i3 a =i4}"},
	    {"{\"\\u0061\" : [ \"x\" , null ] }", "{a=['x' null]}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct err err = {.text = ""};
		struct buf out = {0};
		size_t pos = 0, len = strlen(table[i].text);
		struct json_doc *doc = parse(table[i].text, len, &pos, &err);
		if (!doc)
			fail_msg("%s: %s", table[i].text, err.text);
		show(&out, json_root(doc));
		assert_string_equal(buf_str(&out), table[i].shown);
		assert_true(json_only_space(table[i].text, len, &pos));
		assert_int_equal(pos, len);
		buf_free(&out);
		json_free(doc);
	}
}

/* len only where the text holds a NUL */
static const struct {
	const char *text;
	size_t len;
	const char *message;
} faulty[] = {
    {"", 0, "byte 0: the text ends where a value should be"},
    {"  ", 0, "byte 2: the text ends where a value should be"},
    {"[1,2", 0, "byte 4: the text ends, and the '[' at byte 0 is still open"},
    {"[{\"a\":", 0, "byte 6: the text ends, and the '{' at byte 1 is still open"},
    {"\"abc", 0, "byte 4: the text ends inside the string that begins at byte 0"},
    {"\"abc\\", 0, "byte 5: the text ends inside the string that begins at byte 0"},
    {"\"abc\\\"", 0, "byte 6: the text ends inside the string that begins at byte 0"},
    {"]", 0, "byte 0: ']' closes nothing that is open"},
    {" [1}", 0, "byte 3: '}' closes nothing: the innermost open bracket is the '[' at byte 1"},
    {"{\"a\":1]", 0, "byte 6: ']' closes nothing: the innermost open bracket is the '{' at byte 0"},
    {"[1,]", 0, "byte 3: a value expected, not ']'"},
    {"[,1]", 0, "byte 1: a value expected, not ','"},
    {"[1 2]", 0, "byte 3: ',' or ']' expected, not '2'"},
    {"{\"a\" 1}", 0, "byte 5: ':' expected, not '1'"},
    {"{\"a\":1,}", 0, "byte 7: a name in double quotes expected, not '}'"},
    {"{a:1}", 0, "byte 1: a name in double quotes expected, not 'a'"},
    {"{\"a\":1;", 0, "byte 6: ',' or '}' expected, not ';'"},
    {"'a'", 0, "byte 0: a value expected, not '''"},
    {"NaN", 0, "byte 0: a value expected, not 'N'"},
    {"-Infinity", 0, "byte 0: '-' is not a number in JSON's form"},
    {"nul", 0, "byte 0: a value expected, not 'n'"},
    {"True", 0, "byte 0: a value expected, not 'T'"},
    {"[0x10]", 0, "byte 2: ',' or ']' expected, not 'x'"},
    {"01", 0, "byte 0: '01' is not a number in JSON's form"},
    {"-01", 0, "byte 0: '-01' is not a number in JSON's form"},
    {"+1", 0, "byte 0: a value expected, not '+'"},
    {".5", 0, "byte 0: a value expected, not '.'"},
    {"1.", 0, "byte 0: '1.' is not a number in JSON's form"},
    {"1.e5", 0, "byte 0: '1.e5' is not a number in JSON's form"},
    {"1e", 0, "byte 0: '1e' is not a number in JSON's form"},
    {"1e+", 0, "byte 0: '1e+' is not a number in JSON's form"},
    {" 1e400", 0, "byte 1: a number out of range (at most 1.8e308)"},
    {"-1e400", 0, "byte 0: a number out of range (at most 1.8e308)"},
    {"\xef\xbb\xbf[]", 0, "byte 0: a value expected, not a byte 0xef"},
    {"[1]\0[2]", 7, NULL}, /* one value; what follows is not white space */
    {"[1\0]", 4, "byte 2: ',' or ']' expected, not a byte 0x00"},
    {"[\0]", 3, "byte 1: a value expected, not a byte 0x00"},
    {"\"a\0b\"", 5, "byte 2: a control character (0x00) in the string that begins at byte 0"},
    {"\"a\nb\"", 0, "byte 2: a control character (0x0a) in the string that begins at byte 0"},
    {"\"a\\\nb\"", 0, "byte 3: a control character (0x0a) in the string that begins at byte 0"},
    {"\"\\x41\"", 0, "byte 1: no such escape; a backslash itself is written \\\\"},
    {"\"\\u12g4\"", 0, "byte 1: \\u must be followed by four hexadecimal digits"},
    {"\"\\u12\"34", 0, "byte 1: \\u must be followed by four hexadecimal digits"},
    {"\"a\\ud800\"", 0, "byte 2: half of a surrogate pair"},
    {"\"a\\ud800\\u0041\"", 0, "byte 2: half of a surrogate pair"},
    {"\"\\udc00\\ud800\"", 0, "byte 1: half of a surrogate pair"},
    {"\"ab\xff\"", 0, "byte 3: invalid UTF-8 in the string that begins at byte 0"},
    {"\"\xc0\x80\"", 0, "byte 1: invalid UTF-8 in the string that begins at byte 0"},
    {"\"\xed\xa0\x80\"", 0, "byte 1: invalid UTF-8 in the string that begins at byte 0"},
    {"{\"a\\u0000\":1}", 0, "byte 1: a name that holds \\u0000"},
    {"{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", 0, "byte 17: a second value for \"a\" in one object"},
    {"{\"a\":1,\"\\u0061\":3}", 0, "byte 16: a second value for \"a\" in one object"},
};

static void faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		struct err err = {.text = ""};
		size_t pos = 0, len = faulty[i].len ? faulty[i].len : strlen(faulty[i].text);
		struct json_doc *doc = parse(faulty[i].text, len, &pos, &err);
		if (!faulty[i].message) {
			assert_non_null(doc);
			assert_false(json_only_space(faulty[i].text, len, &pos));
			json_free(doc);
			continue;
		}
		assert_null(doc);
		assert_string_equal(err.text, faulty[i].message);
		assert_int_equal(pos, strtoul(err.text + strlen("byte "), NULL, 10));
	}
}

/* Each cut of a text is an error at its end, never a value and never a read behind it. */
static void truncated(void **state)
{
	const char *text = "[{\"a\\u20ac\":[1,-2.5e3,\"x\\n\"],\"b\":{\"c\":null}},true]";
	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		struct err err;
		size_t pos = 0;
		assert_null(parse(text, len, &pos, &err));
		assert_true(pos <= len);
	}
}

static struct json_doc *parse_buf(struct buf *text, size_t nodes, size_t *pos, struct err *err)
{
	*pos = 0;
	return json_parse(text->data, text->len, pos, nodes, err);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	for (int depth = JSON_DEPTH; depth <= 10000; depth += 10000 - JSON_DEPTH) {
		struct buf text = {0};
		struct err err = {.text = ""};
		size_t pos;
		for (int i = 0; i < depth; i++)
			buf_char(&text, '[');
		for (int i = 0; i < depth; i++)
			buf_char(&text, ']');
		struct json_doc *doc = parse_buf(&text, NODES, &pos, &err);
		if (depth == JSON_DEPTH)
			assert_non_null(doc);
		else
			assert_null(doc);
		assert_string_equal(err.text, doc ? "" : "byte 32: nested deeper than 32");
		json_free(doc);
		buf_free(&text);
	}
}

static void nodes_are_bounded(void **state)
{
	const char *text = "[1,2,3]";
	struct err err;
	size_t pos = 0;
	(void)state;
	struct json_doc *doc = json_parse(text, strlen(text), &pos, 4, &err);
	assert_non_null(doc);
	json_free(doc);
	pos = 0;
	assert_null(json_parse(text, strlen(text), &pos, 3, &err));
	assert_string_equal(err.text, "byte 5: too many values in one text");
}

/* 100,000 members: would take minutes if each name were compared with each. */
static void large_objects(void **state)
{
	struct buf text = {0};
	struct err err = {.text = ""};
	size_t pos;
	(void)state;
	buf_char(&text, '{');
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "\"name%d\":%d,", (i * 7919) % 100000, i);
	size_t last = text.len;
	buf_text(&text, "\"x\":0}");
	struct json_doc *doc = parse_buf(&text, 200000, &pos, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(json_member(json_root(doc), "name0")->integer, 0);
	json_free(doc);
	text.len = last;
	buf_text(&text, "\"name42\":0}");
	assert_null(parse_buf(&text, 200000, &pos, &err));
	assert_non_null(strstr(err.text, "a second value for \"name42\""));
	assert_int_equal(pos, text.len - 2);
	buf_free(&text);
}

static void large_strings_and_numbers(void **state)
{
	struct buf text = {0};
	struct err err = {.text = ""};
	size_t pos;
	(void)state;
	buf_char(&text, '"');
	for (int i = 0; i < 300000; i++)
		buf_char(&text, 'x');
	buf_char(&text, '"');
	struct json_doc *doc = parse_buf(&text, 1, &pos, &err);
	assert_non_null(doc);
	assert_int_equal(json_root(doc)->string.len, 300000);
	json_free(doc);
	text.len = 0;
	for (int i = 0; i < 401; i++)
		buf_char(&text, '1');
	assert_null(parse_buf(&text, 1, &pos, &err));
	assert_string_equal(err.text, "byte 0: a number out of range (at most 1.8e308)");
	text.len = 300;
	doc = parse_buf(&text, 1, &pos, &err);
	assert_non_null(doc);
	assert_int_equal(json_root(doc)->kind, JSON_DOUBLE);
	json_free(doc);
	buf_free(&text);
}

static void values_one_after_another(void **state)
{
	const char *text = " {\"a\":1} [2] x";
	size_t pos = 0, len = strlen(text);
	(void)state;
	struct json_doc *doc = json_parse(text, len, &pos, NODES, NULL);
	assert_int_equal(json_root(doc)->offset, 1);
	assert_int_equal(json_member(json_root(doc), "a")->offset, 6);
	assert_null(json_member(json_root(doc), "b"));
	assert_null(json_member(json_member(json_root(doc), "a"), "a"));
	assert_null(json_member(NULL, "a"));
	assert_int_equal(pos, 8);
	json_free(doc);
	doc = json_parse(text, len, &pos, NODES, NULL);
	assert_string_equal(json_kind_name(json_root(doc)), "an array");
	json_free(doc);
	assert_false(json_only_space(text, len, &pos));
	assert_int_equal(pos, 13);
	assert_null(json_parse(text, len, &pos, NODES, NULL));
}

static void strings_are_written(void **state)
{
	struct buf out = {0};
	(void)state;
	json_add_string(&out, "a\"b\\c/\b\f\n\r\t\x01\0\x7f\xc3\xa9", 16);
	assert_string_equal(buf_str(&out), "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u0000\x7f\xc3\xa9\"");
	out.len = 0;
	json_add_text(&out, "a\xff"
	                    "\n\xc3\xa9\xc3");
	assert_string_equal(buf_str(&out), "\"a\xef\xbf\xbd\\n\xc3\xa9\xef\xbf\xbd\"");
	out.len = 0;
	json_add_text(&out, "");
	assert_string_equal(buf_str(&out), "\"\"");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_texts),
	    cmocka_unit_test(faults),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(nodes_are_bounded),
	    cmocka_unit_test(large_objects),
	    cmocka_unit_test(large_strings_and_numbers),
	    cmocka_unit_test(values_one_after_another),
	    cmocka_unit_test(strings_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
