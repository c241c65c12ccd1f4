/* The table cjson. */
#include "lua/json.h"

#include "lua/bindings.h"

#include <lauxlib.h>

static const luaL_Reg functions[] = {
    {"encode", json_encode},
    {"decode", json_decode},
    {NULL, NULL},
};

void bind_json(lua_State *L)
{
	lua_newtable(L); /* core cjson */
	luaL_setfuncs(L, functions, 0);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_setfield(L, -2, "cjson");
}
