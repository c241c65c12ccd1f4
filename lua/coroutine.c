/*
 * pcall, xpcall and the coroutine functions, as Lua has them but for two things: they pass on the
 * end of a handler whose budget is over instead of catching it, and a coroutine that is made to yield
 * (limits.h) takes those that wait for it along, out to the loop, and goes on where it was.
 * setmetatable refuses __gc, whose functions no limit would reach.
 */
#include "lua/bindings.h"
#include "lua/limits.h"

#include <lauxlib.h>
#include <stdbool.h>

/* --- pcall, xpcall --- */

/* `keep`: values at the bottom of the stack that are not results */
static int protected_end(lua_State *L, int status, lua_KContext keep)
{
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - (int)keep;
	if (script_of(L)->time.condemned)
		return lua_error(L);
	lua_pushboolean(L, 0);
	lua_insert(L, -2); /* ... false error */
	return 2;
}

static int protected_call(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, 1);
	lua_insert(L, 1); /* true f args... */
	return protected_end(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, protected_end), 0);
}

/* The script's own handler, its upvalue, is not asked about the end of its time. */
static int handle(lua_State *L)
{
	if (script_of(L)->time.condemned)
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static int handled_call(lua_State *L)
{
	int count = lua_gettop(L);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handle, 1); /* f handler args... handle */
	lua_replace(L, 2);              /* f handle args... */
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2); /* f handle true f args... */
	return protected_end(L, lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, protected_end), 2);
}

/* --- coroutines --- */

/* What a coroutine runs is called protected, and raised again: only so does Lua let hooks run
 * while its close variables are closed. */
static int body_end(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L);
	return lua_error(L);
}

static int body(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return body_end(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, body_end), 0);
}

static int create(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_State *co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, body, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static lua_State *to_coroutine(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	luaL_argexpected(L, co, 1, "coroutine");
	return co;
}

/* stack of L: the coroutine first. Returns how many results it left there, or -1 and the error. */
static int results_of(lua_State *L, lua_State *co, int status, int count)
{
	if (status == LUA_OK || status == LUA_YIELD) {
		if (!lua_checkstack(L, count + 1)) {
			lua_pop(co, count);
			lua_pushliteral(L, "too many results to resume");
			return -1;
		}
		lua_xmove(co, L, count);
		return count;
	}
	lua_xmove(co, L, 1);
	return -1;
}

typedef int resume_end(lua_State *L, int count);

/* Resumes until the coroutine yields or ends by its own. */
static int resume_on(lua_State *L, int nargs, resume_end *end, lua_KFunction k)
{
	struct script *script = script_of(L);
	lua_State *co = lua_tothread(L, 1);
	int status, count;

	for (;;) {
		lua_State *before = limits_switch(script, co);
		status = lua_resume(co, L, nargs, &count);
		(void)limits_switch(script, before);
		if (status != LUA_YIELD || !script->time.preempting)
			break;
		if (lua_isyieldable(L))
			return lua_yieldk(L, 0, 0, k);
		script->time.preempting = false; /* it cannot be now: a sort or the like is between */
		nargs = 0;
	}
	count = results_of(L, co, status, count);
	if (count < 0 && script->time.condemned)
		return lua_error(L);
	return end(L, count);
}

/* Moves the arguments above `base` over. -1: the reason is on top of the stack. */
static int pass_arguments(lua_State *L, lua_State *co, int base)
{
	int nargs = lua_gettop(L) - base;
	if (!lua_checkstack(co, nargs)) {
		lua_pushliteral(L, "too many arguments to resume");
		return -1;
	}
	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0) {
		lua_pushliteral(L, "cannot resume dead coroutine");
		return -1;
	}
	lua_xmove(L, co, nargs);
	return nargs;
}

static int resumed(lua_State *L, int count)
{
	lua_pushboolean(L, count >= 0);
	if (count < 0)
		count = 1;
	lua_insert(L, -(count + 1));
	return count + 1;
}

static int resume_more(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return resume_on(L, 0, resumed, resume_more);
}

static int resume(lua_State *L)
{
	lua_State *co = to_coroutine(L);
	int nargs = pass_arguments(L, co, 1);
	return nargs < 0 ? resumed(L, -1) : resume_on(L, nargs, resumed, resume_more);
}

static int wrapped_end(lua_State *L, int count)
{
	if (count >= 0)
		return count;
	lua_State *co = lua_tothread(L, 1);
	int status = lua_status(co);
	if (status != LUA_OK && status != LUA_YIELD) {
		lua_State *before = limits_switch(script_of(L), co);
		(void)lua_resetthread(co); /* closes its variables */
		(void)limits_switch(script_of(L), before);
	}
	if (lua_type(L, -1) == LUA_TSTRING) { /* as Lua does: where it was called */
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int wrapped_more(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return resume_on(L, 0, wrapped_end, wrapped_more);
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1); /* co args... */
	int nargs = pass_arguments(L, co, 1);
	return nargs < 0 ? wrapped_end(L, -1) : resume_on(L, nargs, wrapped_end, wrapped_more);
}

static int wrap(lua_State *L)
{
	(void)create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

/* coroutine.close, which is Lua's own, with the hook aimed at what is being closed. Upvalue: it. */
static int close_coroutine(lua_State *L)
{
	lua_State *co = to_coroutine(L);
	lua_settop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_State *before = limits_switch(script_of(L), co);
	int status = lua_pcall(L, 1, LUA_MULTRET, 0);
	(void)limits_switch(script_of(L), before);
	return status == LUA_OK && !script_of(L)->time.condemned ? lua_gettop(L) : lua_error(L);
}

/* --- setmetatable --- */

static int set_metatable(lua_State *L)
{
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return script_fail(
			    L, "__gc is not there: use a close variable (local x <close> = ...)");
		lua_pop(L, 1);
	}
	int count = lua_gettop(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, count, 1);
	return 1;
}

/* Puts a closure over the library's own function in its place: table on top of the stack. */
static void cover(lua_State *L, const char *name, lua_CFunction function)
{
	(void)lua_getfield(L, -1, name);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
}

static const luaL_Reg coroutine_functions[] = {
    {"create", create},
    {"resume", resume},
    {"wrap", wrap},
    {NULL, NULL},
};

static const luaL_Reg base_functions[] = {
    {"pcall", protected_call},
    {"xpcall", handled_call},
    {NULL, NULL},
};

void coroutine_replace(lua_State *L)
{
	lua_pushglobaltable(L);
	luaL_setfuncs(L, base_functions, 0);
	cover(L, "setmetatable", set_metatable);
	(void)lua_getfield(L, -1, "coroutine");
	luaL_setfuncs(L, coroutine_functions, 0);
	cover(L, "close", close_coroutine);
	lua_pop(L, 2);
}
