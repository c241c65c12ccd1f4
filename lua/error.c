/*
 * Errors, and what a script sees of them. A failure raises an error object: a table with `message`, `code` ("ENOENT") and `where`, the
 * script's line; as text, and joined to text by "..", it is "machine.lua:12: message".
 */
#include "core/base/nearest.h"
#include "core/base/problems.h"
#include "lua/bindings.h"
#include "lua/entry.h"
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
	if (script_of(L)->time.condemned)
		return lua_error(L);
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

/* --- the library's own errors --- */

/* fail(text): raises it with the script's line before it */
static int fail(lua_State *L)
{
	return script_fail(L, "%s", luaL_checkstring(L, 1));
}

/* raise(text, code): raises it as a failure, an error object */
static int raise_failure(lua_State *L)
{
	struct err err;
	const char *code = luaL_checkstring(L, 2);
	(void)err_set(&err, "%s", luaL_checkstring(L, 1));
	return script_raise_code(L, &err, code);
}

/* caution(text): a warning about the script that loads, with its line */
static int caution(lua_State *L)
{
	struct problems *cautions = script_of(L)->cautions;
	script_where(L); /* text where */
	if (cautions)
		problems_add(cautions, true, "%s%s", lua_tostring(L, -1), luaL_checkstring(L, 1));
	return 0;
}

/* where() -> "machine.lua:12", the script's line, or "" */
static int where(lua_State *L)
{
	script_where(L);
	size_t len = lua_rawlen(L, -1);
	lua_pushlstring(L, lua_tostring(L, -1), len < 2 ? 0 : len - 2);
	return 1;
}

/* nearest(name, {names}) -> the one that is meant, or nil */
static int nearest(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	size_t count = lua_rawlen(L, 2);
	const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
	for (size_t i = 0; i < count; i++) {
		(void)lua_geti(L, 2, (lua_Integer)i + 1);
		names[i] = luaL_checkstring(L, -1); /* the table keeps it */
		lua_pop(L, 1);
	}
	names[count] = NULL;
	lua_pushstring(L, nearest_name(name, names));
	return 1;
}

static const luaL_Reg functions[] = {
    {"try", try},
    {"traceback", script_on_error},
    {"fail", fail},
    {"raise", raise_failure},
    {"caution", caution},
    {"where", where},
    {"nearest", nearest},
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
