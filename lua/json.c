/*
 * lua-cjson, linked in: a module of its own for each script, because its settings are shared by all
 * who hold it. Strict where it can be: no NaN, no infinity, no hex; bounded depth; no buffer kept.
 */
#include "lua/bindings.h"

#include <lauxlib.h>
#include <lua-cjson.h>

#define DEPTH 100

static void set(lua_State *L, const char *function, int nargs)
{
	/* cjson args... */
	(void)lua_getfield(L, -nargs - 1, function);
	lua_insert(L, -nargs - 1);
	lua_call(L, nargs, 0);
}

void bind_json(lua_State *L)
{
	(void)luaopen_cjson(L);
	(void)lua_getfield(L, -1, "new");
	lua_call(L, 0, 1); /* core shared cjson */
	lua_remove(L, -2);
	lua_pushboolean(L, 0);
	set(L, "decode_invalid_numbers", 1);
	lua_pushboolean(L, 0);
	set(L, "encode_invalid_numbers", 1);
	lua_pushboolean(L, 0);
	set(L, "encode_keep_buffer", 1);
	lua_pushinteger(L, DEPTH);
	set(L, "decode_max_depth", 1);
	lua_pushinteger(L, DEPTH);
	set(L, "encode_max_depth", 1);
	lua_setfield(L, -2, "cjson"); /* core */
}
