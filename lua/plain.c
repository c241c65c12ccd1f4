#include "lua/plain.h"

#include <lauxlib.h>
#include <string.h>

#define DEPTH 50

enum tag { NIL, FALSE, TRUE, INTEGER, NUMBER, STRING, TABLE, END };

static void put(struct buf *out, enum tag tag, const void *data, size_t len)
{
	buf_char(out, (char)tag);
	buf_add(out, data, len);
}

static void write_string(lua_State *L, int index, struct buf *out)
{
	size_t len;
	const char *text = lua_tolstring(L, index, &len);
	put(out, STRING, &len, sizeof len);
	buf_add(out, text, len);
}

static void write_value(lua_State *L, int index, struct buf *out, int depth);

static void write_table(lua_State *L, int index, struct buf *out, int depth)
{
	if (depth > DEPTH)
		luaL_error(L, "a table in tables more than %d deep", DEPTH);
	luaL_checkstack(L, 4, "plain values");
	put(out, TABLE, NULL, 0);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) { /* key value */
		write_value(L, lua_gettop(L) - 1, out, depth + 1);
		write_value(L, lua_gettop(L), out, depth + 1);
	}
	put(out, END, NULL, 0);
}

static void write_value(lua_State *L, int index, struct buf *out, int depth)
{
	lua_Integer integer = lua_tointeger(L, index);
	lua_Number number = lua_tonumber(L, index);
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		put(out, NIL, NULL, 0);
		break;
	case LUA_TBOOLEAN:
		put(out, lua_toboolean(L, index) ? TRUE : FALSE, NULL, 0);
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			put(out, INTEGER, &integer, sizeof integer);
		else
			put(out, NUMBER, &number, sizeof number);
		break;
	case LUA_TSTRING:
		write_string(L, index, out);
		break;
	case LUA_TTABLE:
		write_table(L, index, out, depth);
		break;
	default:
		luaL_error(L, "a %s is not a plain value", luaL_typename(L, index));
	}
}

void plain_write(lua_State *L, int index, struct buf *out)
{
	write_value(L, lua_absindex(L, index), out, 0);
}

static size_t read_table(lua_State *L, const struct buf *in, size_t at)
{
	luaL_checkstack(L, 4, "plain values");
	lua_newtable(L);
	while (in->data[at] != END) {
		at = plain_read(L, in, at);
		at = plain_read(L, in, at); /* table key value */
		lua_rawset(L, -3);
	}
	return at + 1;
}

size_t plain_read(lua_State *L, const struct buf *in, size_t at)
{
	lua_Integer integer;
	lua_Number number;
	size_t len;
	enum tag tag = (enum tag)in->data[at++];
	switch (tag) {
	case FALSE:
	case TRUE:
		lua_pushboolean(L, tag == TRUE);
		return at;
	case INTEGER:
		memcpy(&integer, in->data + at, sizeof integer);
		lua_pushinteger(L, integer);
		return at + sizeof integer;
	case NUMBER:
		memcpy(&number, in->data + at, sizeof number);
		lua_pushnumber(L, number);
		return at + sizeof number;
	case STRING:
		memcpy(&len, in->data + at, sizeof len);
		lua_pushlstring(L, in->data + at + sizeof len, len);
		return at + sizeof len + len;
	case TABLE:
		return read_table(L, in, at);
	case NIL:
	case END:
	default:
		lua_pushnil(L);
		return at;
	}
}
