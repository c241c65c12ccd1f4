#include "lua/state.h"

#include "core/log.h"
#include "core/mem.h"
#include "lua/limits.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The limit is on what Lua holds. What a request in flight holds outside is bounded by its kind. */
static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
	struct script *script = ctx;
	if (!old)
		old_size = 0; /* it is a kind of object then */
	if (size == 0) {
		script->memory -= old_size;
		free(old);
		return NULL;
	}
#ifdef NEAP_GC_STRESS
	/* refused once, Lua collects all it can and asks again: a full collection at each allocation */
	script->refused = script->L && size > old_size && !script->refused;
	if (script->refused)
		return NULL;
#endif
	if (size > old_size && script->memory - old_size + size > script->memory_max)
		return NULL;
	void *block = realloc(old, size);
	if (block)
		script->memory += size - old_size;
	return block;
}

static int on_panic(lua_State *L)
{
	log_error(script_of(L)->topic, "an error outside of a protected call: %s",
	    lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?");
	must(!"every way into Lua is protected");
	return 0;
}

static char *join(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 1;
	char *text = mem_alloc(size);
	(void)snprintf(text, size, "%s%s", a, b);
	return text;
}

struct script *script_new(struct host *host, const char *name)
{
	struct script *script = mem_alloc(sizeof *script);
	script->host = host;
	script->name = mem_strdup(name);
	script->owner.name = script->name;
	script->topic = join("script.", name);
	script->memory_max = host->services.config->scripts.memory;
	script->loading = true;
	script->L = lua_newstate(allocate, script);
	if (script->L) {
		*(struct script **)lua_getextraspace(script->L) = script;
		lua_atpanic(script->L, on_panic);
	}
	return script;
}

void script_drop_state(struct script *script)
{
	script->closing = true;
	if (script->L)
		lua_close(script->L);
	script->L = NULL;
	script->idle_count = 0;
	draft_free(script->draft);
	script->draft = NULL;
	free(script->policies);
	script->policies = NULL;
	script->policies_count = 0;
}

void script_free(struct script *script)
{
	if (!script)
		return;
	free(script->trouble);
	free(script->topic);
	free(script->name);
	free(script);
}

void script_set_trouble(struct script *script, const char *text)
{
	free(script->trouble);
	script->trouble = mem_strdup(text);
}

/* --- ways into Lua --- */

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

/* --- errors --- */

void script_where(lua_State *L)
{
	lua_Debug at;
	for (int level = 0; lua_getstack(L, level, &at); level++) {
		(void)lua_getinfo(L, "Sl", &at);
		if (at.source[0] == '@' && at.currentline > 0) {
			(void)lua_pushfstring(L, "%s:%d: ", at.source + 1, at.currentline);
			return;
		}
	}
	lua_pushliteral(L, "");
}

int script_fail(lua_State *L, const char *fmt, ...)
{
	char text[500];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	script_where(L);         /* where */
	lua_pushstring(L, text); /* where text */
	lua_concat(L, 2);        /* message */
	return lua_error(L);
}

int script_raise(lua_State *L, const struct err *err)
{
	lua_createtable(L, 0, 3); /* error */
	lua_pushstring(L, err->text);
	lua_setfield(L, -2, "message");
	lua_pushstring(L, err->code ? err_code(err) : "ERROR");
	lua_setfield(L, -2, "code");
	script_where(L);
	lua_setfield(L, -2, "where");
	luaL_setmetatable(L, "neap.error");
	return lua_error(L);
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

void host_commit(struct host *host)
{
	if (host->pushed)
		ingest_commit(host->services.ingest);
	host->pushed = 0;
}
