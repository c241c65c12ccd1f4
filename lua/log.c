/* Log lines of a script, under its topic "script.NAME". */
#include "core/log.h"
#include "core/nearest.h"
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdlib.h>

/* log(level, text) */
static int log_text(lua_State *L)
{
	enum log_level level;
	const char *text = luaL_checkstring(L, 2);
	luaL_argcheck(L, log_level_parse(luaL_checkstring(L, 1), &level) == 0, 1, "no such level");
	log_line(level, script_of(L)->topic, "%s", text);
	return 0;
}

/* fail(text): raises it with the script's line before it */
static int fail(lua_State *L)
{
	return script_fail(L, "%s", luaL_checkstring(L, 1));
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
    {"log", log_text},
    {"traceback", script_on_error},
    {"fail", fail},
    {"where", where},
    {"nearest", nearest},
    {NULL, NULL},
};

void bind_log(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
