#include "core/base/number.h"
#include "lua/json.h"
#include "lua/limits.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH 100

/* Values come to the top of the stack. */
struct in {
	lua_State *L;
	const char *begin, *at, *end; /* a NUL is at the end */
};

static void fail(struct in *in, const char *what)
{
	(void)script_fail(in->L, "cjson.decode: byte %td: %s", in->at - in->begin, what);
}

static void skip_space(struct in *in)
{
	while (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r')
		in->at++;
}

static unsigned read_hex(struct in *in)
{
	unsigned code = 0;
	for (int i = 0; i < 4; i++, in->at++) {
		static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
		const char *digit = *in->at ? strchr(digits, *in->at) : NULL;
		if (!digit)
			fail(in, "four hexadecimal digits are expected");
		else
			code = code << 4 | (unsigned)(digit - digits) / 2;
	}
	return code;
}

static void add_utf8(luaL_Buffer *out, unsigned code)
{
	if (code < 0x80) {
		luaL_addchar(out, (char)code);
		return;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
	luaL_addchar(out, (char)(first[more] | code >> (6 * more)));
	while (more-- > 0)
		luaL_addchar(out, (char)(0x80 | ((code >> (6 * more)) & 0x3f)));
}

/* at: behind "\\u" */
static void read_unicode(struct in *in, luaL_Buffer *out)
{
	unsigned code = read_hex(in);
	if (code >= 0xd800 && code < 0xdc00 && in->at[0] == '\\' && in->at[1] == 'u') {
		in->at += 2;
		unsigned low = read_hex(in);
		if (low < 0xdc00 || low > 0xdfff)
			fail(in, "the second half of a character is missing");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xd800 && code < 0xe000) {
		fail(in, "half a character");
	}
	add_utf8(out, code);
}

/* at: behind the backslash */
static void read_escape(struct in *in, luaL_Buffer *out)
{
	static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	char c = *in->at;
	if (c == 'u') {
		in->at++;
		read_unicode(in, out);
		return;
	}
	for (size_t i = 0; escapes[i]; i += 2) {
		if (escapes[i] == c) {
			luaL_addchar(out, escapes[i + 1]);
			in->at++;
			return;
		}
	}
	fail(in, "there is no such escape");
}

/* To the next byte of a string that is not itself. */
static const char *run_end(struct in *in)
{
	const char *at = in->at;
	while ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	if ((unsigned char)*at < 0x20) {
		in->at = at;
		fail(in, at == in->end ? "the string has no end" : "a control character in a string");
	}
	return at;
}

static void read_string(struct in *in)
{
	in->at++;
	const char *end = run_end(in);
	if (*end == '"') {
		lua_pushlstring(in->L, in->at, (size_t)(end - in->at));
		in->at = end + 1;
		return;
	}
	luaL_Buffer out;
	luaL_buffinit(in->L, &out);
	for (; *end != '"'; end = run_end(in)) {
		luaL_addlstring(&out, in->at, (size_t)(end - in->at));
		in->at = end + 1;
		read_escape(in, &out);
	}
	luaL_addlstring(&out, in->at, (size_t)(end - in->at));
	in->at = end + 1;
	luaL_pushresult(&out);
}

static void read_number(struct in *in)
{
	int64_t integer;
	double number;
	size_t len = strspn(in->at, "+-.0123456789eE");
	enum number_kind kind = number_parse(in->at, len, &integer, &number);
	if (kind == NUMBER_NONE || (kind == NUMBER_DOUBLE && !isfinite(number)))
		fail(in, len ? "this is not a number, or it is too large" : "a value is expected");
	if (kind == NUMBER_INTEGER)
		lua_pushinteger(in->L, integer);
	else
		lua_pushnumber(in->L, number);
	in->at += len;
}

static bool read_word(struct in *in, const char *word)
{
	size_t len = strlen(word);
	if (strncmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static void read_value(struct in *in, int depth);

/* Behind an element: a comma, or the closing bracket. */
static bool goes_on(struct in *in, char bracket)
{
	skip_space(in);
	if (*in->at != ',' && *in->at != bracket)
		fail(in, bracket == ']' ? "a comma or ] is expected" : "a comma or } is expected");
	return *in->at++ == ',';
}

static void read_array(struct in *in, int depth)
{
	lua_newtable(in->L);
	in->at++;
	skip_space(in);
	if (*in->at == ']') {
		in->at++;
		return;
	}
	lua_Integer i = 1;
	do {
		read_value(in, depth);
		lua_rawseti(in->L, -2, i++);
	} while (goes_on(in, ']'));
}

static void read_object(struct in *in, int depth)
{
	lua_newtable(in->L);
	in->at++;
	skip_space(in);
	if (*in->at == '}') {
		in->at++;
		return;
	}
	do {
		skip_space(in);
		if (*in->at != '"')
			fail(in, "a name in quotes is expected");
		read_string(in);
		skip_space(in);
		if (*in->at != ':')
			fail(in, "a colon is expected");
		in->at++;
		read_value(in, depth); /* object name value */
		lua_rawset(in->L, -3);
	} while (goes_on(in, '}'));
}

static void read_value(struct in *in, int depth)
{
	limits_tick(in->L);
	skip_space(in);
	if (depth >= DEPTH)
		fail(in, "nested more than 100 deep");
	luaL_checkstack(in->L, 4, "cjson.decode");
	if (*in->at == '{')
		read_object(in, depth + 1);
	else if (*in->at == '[')
		read_array(in, depth + 1);
	else if (*in->at == '"')
		read_string(in);
	else if (read_word(in, "true"))
		lua_pushboolean(in->L, 1);
	else if (read_word(in, "false"))
		lua_pushboolean(in->L, 0);
	else if (read_word(in, "null"))
		lua_pushlightuserdata(in->L, NULL);
	else
		read_number(in);
}

int json_decode(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct in in = {L, text, text, text + len};
	read_value(&in, 0);
	skip_space(&in);
	if (in.at != in.end)
		fail(&in, "there is more behind the value");
	return 1;
}
