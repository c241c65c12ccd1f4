#include "lua/entry.h"

#include "core/base/log.h"
#include "lua/limits.h"

#include <lauxlib.h>

static void log_traceback(lua_State *L, lua_State *of, const char *message, int level)
{
	struct script *script = script_of(L);
	if (!log_wanted(LOG_LEVEL_DEBUG, script->topic))
		return;
	luaL_traceback(L, of, message, level); /* traceback */
	const char *line = luaL_gsub(L, lua_tostring(L, -1), "\nstack traceback:", "");
	line = luaL_gsub(L, line, "\n\t", " <- "); /* traceback trace line */
	log_debug(script->topic, "%s", line);
	lua_pop(L, 3);
}

int script_on_error(lua_State *L)
{
	lua_settop(L, 1);
	if (log_wanted(LOG_LEVEL_DEBUG, script_of(L)->topic))
		log_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	lua_settop(L, 1);
	return 1;
}

static int on_error(lua_State *L)
{
	(void)script_on_error(L);
	(void)luaL_tolstring(L, 1, NULL);
	return 1;
}

int script_call(struct script *script, lua_CFunction function, void *arg, struct err *err)
{
	lua_State *L = script->L;
	struct entry_mark before;
	limits_enter(script, L, false, &before);
	/* none of the three can raise: the values need no memory, the state has LUA_MINSTACK free */
	lua_pushcfunction(L, on_error);
	lua_pushcfunction(L, function);
	lua_pushlightuserdata(L, arg);
	int status = lua_pcall(L, 1, 0, -3);
	if (status != LUA_OK) {
		const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
		(void)err_set(err, "%s", text);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	limits_leave(script, &before);
	return status == LUA_OK ? 0 : -1;
}

int script_resume(struct script *script, lua_State *co, int nargs, int *nresults, bool again)
{
	struct entry_mark before;
	limits_enter(script, co, again, &before);
	int status = lua_resume(co, script->L, nargs, nresults);
	limits_leave(script, &before);
	return status;
}

void script_reset(struct script *script, lua_State *co)
{
	bool waits = lua_status(co) == LUA_YIELD; /* one that failed gives its old error again */
	struct entry_mark before;
	limits_enter(script, co, false, &before);
	limits_hurry(script);
	int status = lua_resetthread(co);
	limits_leave(script, &before);
	if (status != LUA_OK && waits)
		log_warn(script->topic, "an error while a handler was closed: %s",
		    lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "?");
	lua_settop(co, 0);
}

struct failed {
	lua_State *co;
	struct err *err;
};

static int describe(lua_State *L)
{
	struct failed *failed = lua_touserdata(L, 1);
	limits_hurry(script_of(L)); /* the error's __tostring is the script's */
	if (!lua_checkstack(failed->co, 1))
		return 0;
	lua_pushvalue(failed->co, -1);
	lua_xmove(failed->co, L, 1); /* failed error */
	(void)err_set(failed->err, "%s", luaL_tolstring(L, -1, NULL));
	log_traceback(L, failed->co, failed->err->text, 0);
	return 0;
}

void script_error_of(struct script *script, lua_State *co, struct err *err)
{
	struct failed failed = {co, err};
	(void)err_set(err, "unknown error");
	struct err second;
	if (script_call(script, describe, &failed, &second) < 0)
		(void)err_set(err, "an error that cannot be shown (%s)", second.text);
}
