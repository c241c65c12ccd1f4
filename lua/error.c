/*
 * Error objects: what a failure raises. A table with `message`, `code` ("ENOENT") and `where`, the
 * script's line; as text, and joined to text by "..", it is "machine.lua:12: message".
 */
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdbool.h>

static int to_text(lua_State *L)
{
	lua_settop(L, 1);
	lua_pushliteral(L, "where");
	(void)lua_rawget(L, 1);
	lua_pushliteral(L, "message");
	(void)lua_rawget(L, 1); /* error where message */
	if (!lua_isstring(L, 2)) {
		lua_pushliteral(L, "");
		lua_replace(L, 2);
	}
	if (!lua_isstring(L, 3)) {
		lua_pushliteral(L, "?");
		lua_replace(L, 3);
	}
	lua_concat(L, 2);
	return 1;
}

static int concat(lua_State *L)
{
	(void)luaL_tolstring(L, 1, NULL);
	(void)luaL_tolstring(L, 2, NULL);
	lua_concat(L, 2);
	return 1;
}

static int tried(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L);
	lua_settop(L, 1); /* error */
	bool object = false;
	if (luaL_getmetafield(L, 1, "__name") == LUA_TSTRING) { /* error name */
		luaL_getmetatable(L, "neap.error");
		object = lua_getmetatable(L, 1) && lua_rawequal(L, -1, -2);
	}
	lua_settop(L, 1);
	lua_pushnil(L); /* error nil */
	if (object) {
		(void)lua_getfield(L, 1, "message");
		(void)lua_getfield(L, 1, "code"); /* error nil message code */
	} else {
		(void)luaL_tolstring(L, 1, NULL);
		lua_pushliteral(L, "ERROR");
	}
	return 3;
}

/* try(f, ...) -> what f returns; or nil, message, CODE */
static int try(lua_State *L)
{
	luaL_checkany(L, 1);
	return tried(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, tried), 0);
}

static const luaL_Reg functions[] = {
    {"try", try},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__tostring", to_text},
    {"__concat", concat},
    {NULL, NULL},
};

void bind_error(lua_State *L)
{
	(void)luaL_newmetatable(L, "neap.error");
	luaL_setfuncs(L, metamethods, 0);
	lua_pushliteral(L, "error");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	luaL_setfuncs(L, functions, 0);
}
