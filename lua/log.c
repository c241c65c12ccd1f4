/* Log lines of a script, under its topic "script.NAME". */
#include "core/base/log.h"
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

static const luaL_Reg functions[] = {
    {"log", log_text},
    {NULL, NULL},
};

void bind_log(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
