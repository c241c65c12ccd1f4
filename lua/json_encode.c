#include "core/base/number.h"
#include "core/base/sample.h"
#include "lua/json.h"
#include "lua/limits.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 100
#define OUT   2 /* where the text is on the stack, in a userdata */

struct out {
	lua_State *L;
	char *data;
	size_t len, room;
};

static void add(struct out *out, const char *text, size_t len)
{
	if (len == 0)
		return;
	if (out->room - out->len < len) {
		size_t room = 2 * out->room + len + 64;
		char *data = lua_newuserdatauv(out->L, room, 0);
		if (out->len)
			memcpy(data, out->data, out->len);
		lua_replace(out->L, OUT);
		out->data = data;
		out->room = room;
	}
	memcpy(out->data + out->len, text, len);
	out->len += len;
}

static void add_char(struct out *out, char c)
{
	add(out, &c, 1);
}

static void add_escape(struct out *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
	char text[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
	if (c && at) {
		text[1] = at[1];
		add(out, text, 2);
	} else {
		add(out, text, sizeof text);
	}
}

static void add_string(struct out *out, const char *text, size_t len)
{
	const char *end = text + len, *done = text;
	if (!utf8_valid(text, len, NULL))
		(void)script_fail(out->L, "cjson.encode: a string is not UTF-8");
	add_char(out, '"');
	for (; text < end; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		add(out, done, (size_t)(text - done));
		add_escape(out, c);
		done = text + 1;
	}
	add(out, done, (size_t)(end - done));
	add_char(out, '"');
}

static void add_number(struct out *out, int index)
{
	char text[NUMBER_TEXT];
	if (lua_isinteger(out->L, index)) {
		size_t digits = number_from_int(text, lua_tointeger(out->L, index));
		add(out, text, digits);
		return;
	}
	double number = lua_tonumber(out->L, index);
	if (!isfinite(number))
		(void)script_fail(out->L, "cjson.encode: NaN and infinity cannot be written");
	size_t len = number_from_double(text, number);
	add(out, text, len);
	if (strcspn(text, ".e") == len) /* a number with a fraction, that happens to be 0 */
		add(out, ".0", 2);
}

/* --- tables --- */

struct key {
	const char *text; /* the table's own; NULL: a number */
	size_t len;
	lua_Integer number;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (!x->text || !y->text)
		return x->text || y->text ? (x->text ? 1 : -1)
		                          : (x->number > y->number) - (x->number < y->number);
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The greatest key if all are whole numbers from 1 on, else -1. */
static lua_Integer array_size(lua_State *L, int index, size_t *count)
{
	lua_Integer greatest = 0;
	*count = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) { /* key value */
		++*count;
		if (greatest < 0)
			continue;
		if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0)
			greatest = greatest > lua_tointeger(L, -2) ? greatest : lua_tointeger(L, -2);
		else
			greatest = -1;
	}
	return greatest;
}

static void add_value(struct out *out, int index, int depth);

static void add_array(struct out *out, int index, lua_Integer size, int depth)
{
	add_char(out, '[');
	for (lua_Integer i = 1; i <= size; i++) {
		if (i > 1)
			add_char(out, ',');
		(void)lua_rawgeti(out->L, index, i);
		add_value(out, lua_gettop(out->L), depth);
		lua_pop(out->L, 1);
	}
	add_char(out, ']');
}

/* Pushes the keys' memory. They are sorted. */
static struct key *keys_of(lua_State *L, int index, size_t count)
{
	struct key *keys = lua_newuserdatauv(L, count * sizeof *keys, 0), *key = keys;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), key++) {
		memset(key, 0, sizeof *key);
		if (lua_type(L, -2) == LUA_TSTRING)
			key->text = lua_tolstring(L, -2, &key->len);
		else if (lua_isinteger(L, -2))
			key->number = lua_tointeger(L, -2);
		else
			(void)script_fail(L, "cjson.encode: a key must be text or a whole number, not a %s",
			    luaL_typename(L, -2));
	}
	qsort(keys, count, sizeof *keys, compare);
	return keys;
}

static void add_object(struct out *out, int index, size_t count, int depth)
{
	char text[NUMBER_TEXT];
	lua_State *L = out->L;
	const struct key *keys = keys_of(L, index, count);
	add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		const struct key *key = &keys[i];
		if (i)
			add_char(out, ',');
		if (key->text) {
			add_string(out, key->text, key->len);
			lua_pushlstring(L, key->text, key->len);
			(void)lua_rawget(L, index);
		} else {
			size_t digits = number_from_int(text, key->number);
			add_string(out, text, digits);
			(void)lua_rawgeti(L, index, key->number);
		}
		add_char(out, ':');
		add_value(out, lua_gettop(L), depth); /* keys value */
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	add_char(out, '}');
}

static void add_table(struct out *out, int index, int depth)
{
	size_t count;
	if (depth > DEPTH)
		(void)script_fail(
		    out->L, "cjson.encode: tables lie more than %d deep, or in a circle", DEPTH);
	luaL_checkstack(out->L, 8, "cjson.encode");
	lua_Integer size = array_size(out->L, index, &count);
	if (size > 10 && size / 2 > (lua_Integer)count)
		(void)script_fail(out->L,
		    "cjson.encode: a list has %zu values and goes to %lld: give it text as keys", count,
		    (long long)size);
	if (size > 0)
		add_array(out, index, size, depth);
	else
		add_object(out, index, count, depth);
}

static void add_value(struct out *out, int index, int depth)
{
	limits_tick(out->L);
	switch (lua_type(out->L, index)) {
	case LUA_TNIL:
		add(out, "null", 4);
		break;
	case LUA_TBOOLEAN:
		add(out, lua_toboolean(out->L, index) ? "true" : "false",
		    lua_toboolean(out->L, index) ? 4 : 5);
		break;
	case LUA_TNUMBER:
		add_number(out, index);
		break;
	case LUA_TSTRING: {
		size_t len;
		const char *text = lua_tolstring(out->L, index, &len);
		add_string(out, text, len);
		break;
	}
	case LUA_TTABLE:
		add_table(out, index, depth + 1);
		break;
	default:
		if (!lua_islightuserdata(out->L, index) || lua_touserdata(out->L, index))
			(void)script_fail(
			    out->L, "cjson.encode: a %s has no JSON", luaL_typename(out->L, index));
		add(out, "null", 4); /* cjson.null */
	}
}

int json_encode(lua_State *L)
{
	struct out out = {.L = L};
	luaL_checkany(L, 1);
	lua_settop(L, 1);
	lua_pushnil(L); /* value out */
	add_value(&out, 1, 0);
	lua_pushlstring(L, out.data, out.len);
	return 1;
}
