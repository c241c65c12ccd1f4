#include "core/base/json.h"

#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/base/sample.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 16 /* members that are compared without allocating */

struct json_doc {
	struct arena arena;
	const struct json *root;
};

struct reader {
	const char *text;
	size_t len, pos;
	size_t nodes_left;
	size_t depth;
	size_t open[JSON_DEPTH]; /* offsets of the brackets that are open */
	struct json_doc *doc;
	struct err *err;
};

static struct json *read_value(struct reader *r);

/* Errors: each sets the position to the byte it speaks of, and returns NULL. */

static void *fail(struct reader *r, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void *fail(struct reader *r, size_t at, const char *fmt, ...)
{
	r->pos = at;
	if (r->err) {
		char text[sizeof(r->err->text) - 40];
		va_list args;
		va_start(args, fmt);
		vsnprintf(text, sizeof(text), fmt, args);
		va_end(args);
		err_set(r->err, "byte %zu: %s", at, text);
	}
	return NULL;
}

/* The byte at the position is not one of those that `wanted` names. */
static void *unexpected(struct reader *r, const char *wanted)
{
	size_t at = r->pos;
	size_t open = r->depth ? r->open[r->depth - 1] : 0;
	if (at == r->len && r->depth)
		return fail(
		    r, at, "the text ends, and the '%c' at byte %zu is still open", r->text[open], open);
	if (at == r->len)
		return fail(r, at, "the text ends where %s should be", wanted);
	char c = r->text[at];
	if ((c == '}' || c == ']') && !r->depth)
		return fail(r, at, "'%c' closes nothing that is open", c);
	if ((c == '}' && r->text[open] == '[') || (c == ']' && r->text[open] == '{'))
		return fail(r, at,
		    "'%c' closes nothing: the innermost open bracket is the '%c' at byte %zu", c,
		    r->text[open], open);
	if (c > ' ' && c <= '~')
		return fail(r, at, "%s expected, not '%c'", wanted, c);
	return fail(r, at, "%s expected, not a byte 0x%02x", wanted, (unsigned char)c);
}

static size_t skip_space(const char *text, size_t len, size_t at)
{
	while (
	    at < len && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
		at++;
	return at;
}

/* The next byte that is not white space, which the position is moved to; NUL at the end (and for a
 * NUL in the text, which is right nowhere). */
static char peek(struct reader *r)
{
	r->pos = skip_space(r->text, r->len, r->pos);
	return r->pos < r->len ? r->text[r->pos] : '\0';
}

/* --- strings --- */

static char *put_utf8(char *out, uint32_t code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

/* Of the form \uXXXX at `at`, wholly before `end`. */
static bool hex_escape(const struct reader *r, size_t at, size_t end, uint32_t *code)
{
	if (end - at < 6 || r->text[at] != '\\' || r->text[at + 1] != 'u')
		return false;
	*code = 0;
	for (size_t i = at + 2; i < at + 6; i++) {
		char c = r->text[i];
		if (c >= '0' && c <= '9')
			*code = *code << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*code = *code << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Decodes \uXXXX or a pair of them; returns the bytes read, 0 after an error. */
static size_t decode_hex(struct reader *r, size_t at, size_t end, char **out)
{
	uint32_t code, low;
	size_t used = 6;
	if (!hex_escape(r, at, end, &code))
		return fail(r, at, "\\u must be followed by four hexadecimal digits"), 0;
	if (code >= 0xd800 && code <= 0xdbff && hex_escape(r, at + 6, end, &low) && low >= 0xdc00 &&
	    low <= 0xdfff) {
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		used = 12;
	}
	if (code >= 0xd800 && code <= 0xdfff)
		return fail(r, at, "half of a surrogate pair"), 0;
	*out = put_utf8(*out, code);
	return used;
}

/* Decodes text[at, end), whose escapes are never longer than what they stand for. */
static char *decode(struct reader *r, size_t at, size_t end, char *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";
	while (at < end) {
		if (r->text[at] != '\\') {
			*out++ = r->text[at++];
			continue;
		}
		char c = r->text[at + 1];
		const char *name = c ? strchr(names, c) : NULL;
		if (name) {
			*out++ = bytes[name - names];
			at += 2;
		} else if (c == 'u') {
			size_t used = decode_hex(r, at, end, &out);
			if (!used)
				return NULL;
			at += used;
		} else {
			return fail(r, at, "no such escape; a backslash itself is written \\\\");
		}
	}
	return out;
}

/* The string at the position, which is at its opening quote; NULL after an error. */
static const char *read_string(struct reader *r, size_t *len)
{
	const char *text = r->text;
	size_t start = r->pos + 1, end = start, bad;
	bool escapes = false;
	for (; end < r->len && text[end] != '"'; end++) {
		if ((unsigned char)text[end] < ' ')
			return fail(r, end,
			    "a control character (0x%02x) in the string that begins at byte %zu",
			    (unsigned char)text[end], r->pos);
		if (text[end] != '\\')
			continue;
		escapes = true;
		if (end + 1 < r->len && (unsigned char)text[end + 1] >= ' ')
			end++; /* it may be a quote */
	}
	if (end >= r->len)
		return fail(r, r->len, "the text ends inside the string that begins at byte %zu", r->pos);
	if (!utf8_valid(text + start, end - start, &bad))
		return fail(r, start + bad, "invalid UTF-8 in the string that begins at byte %zu", r->pos);
	char *string = arena_alloc(&r->doc->arena, end - start + 1);
	char *stop = string;
	if (escapes)
		stop = decode(r, start, end, string);
	else if (end > start)
		stop = (char *)memcpy(string, text + start, end - start) + (end - start);
	if (!stop)
		return NULL;
	*stop = '\0';
	*len = (size_t)(stop - string);
	r->pos = end + 1;
	return string;
}

/* --- numbers and words --- */

static struct json *read_number(struct reader *r, struct json *node)
{
	const char *start = r->text + r->pos;
	size_t len = 0;
	while (len < r->len - r->pos && start[len] && strchr("0123456789+-.eE", start[len]))
		len++;
	switch (number_parse(start, len, &node->integer, &node->number)) {
	case NUMBER_INTEGER:
		node->kind = JSON_INTEGER;
		break;
	case NUMBER_DOUBLE:
		node->kind = JSON_DOUBLE;
		if (!isfinite(node->number))
			return fail(r, r->pos, "a number out of range (at most 1.8e308)");
		break;
	case NUMBER_NONE:
		return fail(
		    r, r->pos, "'%.*s' is not a number in JSON's form", len < 40 ? (int)len : 40, start);
	}
	r->pos += len;
	return node;
}

static struct json *read_word(struct reader *r, struct json *node)
{
	static const struct {
		const char *text;
		enum json_kind kind;
		bool boolean;
	} words[] = {
	    {"true", JSON_BOOLEAN, true}, {"false", JSON_BOOLEAN, false}, {"null", JSON_NULL, false}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].text);
		if (r->len - r->pos < len || memcmp(r->text + r->pos, words[i].text, len) != 0)
			continue;
		node->kind = words[i].kind;
		node->boolean = words[i].boolean;
		r->pos += len;
		return node;
	}
	return unexpected(r, "a value");
}

/* --- arrays and objects --- */

static int by_key(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
	int order = strcmp(x->key, y->key);
	return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sorting keeps an object of 100,000 members from being 10^10 comparisons. */
static const struct json *second_of_a_name(const struct json *object, size_t count)
{
	const struct json *few[FEW], **list = few, *found = NULL;
	if (count > FEW)
		list = mem_resize(NULL, count, sizeof(void *));
	size_t i = 0;
	for (const struct json *m = object->child; m; m = m->next)
		list[i++] = m;
	if (count > 1)
		qsort(list, count, sizeof(void *), by_key);
	for (i = 1; i < count; i++)
		if (!strcmp(list[i - 1]->key, list[i]->key) && (!found || list[i]->offset < found->offset))
			found = list[i];
	if (list != few)
		free(list);
	return found;
}

static const char *read_key(struct reader *r)
{
	if (peek(r) != '"')
		return unexpected(r, "a name in double quotes");
	size_t start = r->pos, len = 0;
	const char *key = read_string(r, &len);
	if (!key)
		return NULL;
	if (strlen(key) != len)
		return fail(r, start, "a name that holds \\u0000");
	if (peek(r) != ':')
		return unexpected(r, "':'");
	r->pos++;
	return key;
}

static struct json *read_container(struct reader *r, struct json *node, char close)
{
	const struct json **tail = &node->child;
	size_t count = 0;
	if (r->depth == JSON_DEPTH)
		return fail(r, r->pos, "nested deeper than %d", JSON_DEPTH);
	r->open[r->depth++] = r->pos++;
	for (char c = peek(r) == close ? close : ','; c == ','; count++) {
		const char *key = NULL;
		if (close == '}' && !(key = read_key(r)))
			return NULL;
		struct json *child = read_value(r);
		if (!child)
			return NULL;
		child->key = key;
		*tail = child;
		tail = &child->next;
		c = peek(r);
		if (c != ',' && c != close)
			return unexpected(r, close == '}' ? "',' or '}'" : "',' or ']'");
		if (c == ',')
			r->pos++;
	}
	r->pos++;
	r->depth--;
	const struct json *again = close == '}' ? second_of_a_name(node, count) : NULL;
	if (again)
		return fail(r, again->offset, "a second value for \"%.64s\" in one object", again->key);
	return node;
}

static struct json *read_value(struct reader *r)
{
	char c = peek(r);
	if (!r->nodes_left)
		return fail(r, r->pos, "too many values in one text");
	r->nodes_left--;
	struct json *node = arena_alloc(&r->doc->arena, sizeof(*node));
	node->offset = r->pos;
	if (c == '{' || c == '[') {
		node->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
		return read_container(r, node, c == '{' ? '}' : ']');
	}
	if (c == '"') {
		node->kind = JSON_STRING;
		node->string.data = read_string(r, &node->string.len);
		return node->string.data ? node : NULL;
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r, node);
	return read_word(r, node);
}

/* --- the interface --- */

struct json_doc *json_parse(
    const char *text, size_t len, size_t *pos, size_t max_nodes, struct err *err)
{
	struct reader r = {.text = text, .len = len, .pos = *pos, .nodes_left = max_nodes, .err = err};
	r.doc = mem_alloc(sizeof(*r.doc));
	r.doc->root = read_value(&r);
	*pos = r.pos;
	if (r.doc->root)
		return r.doc;
	json_free(r.doc);
	return NULL;
}

const struct json *json_root(const struct json_doc *doc)
{
	return doc->root;
}

void json_free(struct json_doc *doc)
{
	if (!doc)
		return;
	arena_free(&doc->arena);
	free(doc);
}

bool json_only_space(const char *text, size_t len, size_t *pos)
{
	*pos = skip_space(text, len, *pos);
	return *pos == len;
}

const struct json *json_member(const struct json *object, const char *key)
{
	if (!object || object->kind != JSON_OBJECT)
		return NULL;
	for (const struct json *m = object->child; m; m = m->next)
		if (!strcmp(m->key, key))
			return m;
	return NULL;
}

const char *json_kind_name(const struct json *node)
{
	static const char *const names[] = {[JSON_NULL] = "null",
	    [JSON_BOOLEAN] = "a boolean",
	    [JSON_INTEGER] = "an integer",
	    [JSON_DOUBLE] = "a number",
	    [JSON_STRING] = "a string",
	    [JSON_ARRAY] = "an array",
	    [JSON_OBJECT] = "an object"};
	return names[node->kind];
}

static void add_escaped(struct buf *out, const char *text, size_t len)
{
	static const char bytes[] = "\"\\\b\f\n\r\t";
	static const char names[] = "\"\\bfnrt";
	size_t plain = 0; /* where the run that needs no escape begins */
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		buf_add(out, text + plain, i - plain);
		plain = i + 1;
		const char *byte = c ? strchr(bytes, c) : NULL;
		if (byte)
			buf_add(out, (const char[]){'\\', names[byte - bytes]}, 2);
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_add(out, text + plain, len - plain);
}

void json_add_string(struct buf *out, const char *text, size_t len)
{
	buf_char(out, '"');
	add_escaped(out, text, len);
	buf_char(out, '"');
}

void json_add_text(struct buf *out, const char *text)
{
	size_t len = strlen(text), bad;
	buf_char(out, '"');
	while (!utf8_valid(text, len, &bad)) {
		add_escaped(out, text, bad);
		buf_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		text += bad + 1;
		len -= bad + 1;
	}
	add_escaped(out, text, len);
	buf_char(out, '"');
}
