/*
 * Functions of the table table that loop in C as often as a script says: the same as Lua's (manual,
 * 6.6), but the limits on time reach them. A table can say any length: by __len, or with holes.
 */
#include "lua/bindings.h"
#include "lua/limits.h"

#include <lauxlib.h>
#include <lualib.h>

static lua_Integer check_table(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	return luaL_len(L, 1);
}

static lua_Integer sum(lua_Integer a, lua_Integer b)
{
	return (lua_Integer)((lua_Unsigned)a + (lua_Unsigned)b); /* wraps */
}

static void copy(lua_State *L, lua_Integer from, int to_table, lua_Integer to)
{
	limits_tick(L);
	(void)lua_geti(L, 1, from);
	lua_seti(L, to_table, to);
}

static int insert(lua_State *L)
{
	lua_Integer end = sum(check_table(L), 1), at = end;
	int count = lua_gettop(L);
	if (count != 2 && count != 3)
		return luaL_error(L, "wrong number of arguments to 'insert'");
	if (count == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)end, 2, "position out of bounds");
		for (lua_Integer i = end; i > at; i--)
			copy(L, i - 1, 1, i);
	}
	lua_seti(L, 1, at);
	return 0;
}

static int take_out(lua_State *L)
{
	lua_Integer len = check_table(L), at = luaL_optinteger(L, 2, len);
	if (at != len)
		luaL_argcheck(L, (lua_Unsigned)at - 1 <= (lua_Unsigned)len, 2, "position out of bounds");
	(void)lua_geti(L, 1, at);
	for (; at < len; at++)
		copy(L, at + 1, 1, at);
	lua_pushnil(L);
	lua_seti(L, 1, at);
	return 1;
}

static int move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
	lua_Integer to = luaL_checkinteger(L, 4);
	int target = lua_isnoneornil(L, 5) ? 1 : 5;
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, target, LUA_TTABLE);
	if (last >= from) {
		luaL_argcheck(L, from > 0 || last < LUA_MAXINTEGER + from, 3, "too many elements to move");
		lua_Integer count = last - from + 1;
		luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
		if (to > last || to <= from || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ)))
			for (lua_Integer i = 0; i < count; i++)
				copy(L, from + i, target, to + i);
		else
			for (lua_Integer i = count - 1; i >= 0; i--)
				copy(L, from + i, target, to + i);
	}
	lua_pushvalue(L, target);
	return 1;
}

static void add_field(lua_State *L, luaL_Buffer *out, lua_Integer index)
{
	limits_tick(L);
	(void)lua_geti(L, 1, index);
	if (!lua_isstring(L, -1))
		(void)luaL_error(
		    L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1), index);
	luaL_addvalue(out);
}

static int concat(lua_State *L)
{
	size_t len;
	luaL_Buffer out;
	lua_Integer last = check_table(L);
	const char *separator = luaL_optlstring(L, 2, "", &len);
	lua_Integer i = luaL_optinteger(L, 3, 1);
	last = luaL_optinteger(L, 4, last);
	luaL_buffinit(L, &out);
	for (; i < last; i++) {
		add_field(L, &out, i);
		luaL_addlstring(&out, separator, len);
	}
	if (i == last)
		add_field(L, &out, i);
	luaL_pushresult(&out);
	return 1;
}

/* --- sort: Lua's own, whose comparisons look at the limits --- */

static int is_less(lua_State *L)
{
	limits_tick(L);
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

/* Upvalue: a function in C. */
static int compare(lua_State *L)
{
	limits_tick(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* Upvalue: Lua's own. */
static int sort(lua_State *L)
{
	if (check_table(L) > 1 && !lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	if (lua_isnil(L, 2)) {
		lua_pushcfunction(L, is_less);
		lua_replace(L, 2);
	} else if (lua_iscfunction(L, 2)) {
		lua_pushcclosure(L, compare, 1);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 0);
	return 0;
}

static const luaL_Reg functions[] = {
    {"insert", insert},
    {"remove", take_out},
    {"move", move},
    {"concat", concat},
    {NULL, NULL},
};

void table_replace(lua_State *L)
{
	(void)lua_getglobal(L, LUA_TABLIBNAME);
	luaL_setfuncs(L, functions, 0);
	(void)lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, sort, 1);
	lua_setfield(L, -2, "sort");
	lua_pop(L, 1);
}
