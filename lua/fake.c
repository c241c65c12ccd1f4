/*
 * I/O that is faked: what a script asks of a file, a device or a program is handed, as plain values,
 * to a function of the test file, and its answer back. The library's own part of it (checks,
 * register maps) runs as ever: lua/neap/fake.lua puts this in the place of the functions in C.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"
#include "lua/plain.h"
#include "lua/test.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEED "neap.feed" /* in the registry of a script: its function for what happens outside */

struct call {
	struct timer begin;  /* first */
	struct fiber *fiber; /* of the script; NULL: nobody waits any more */
	struct host *host;
	struct buf in, out; /* plain values */
	int in_count, out_count;
	bool serving; /* the fake's fiber refers to it */
	bool answered, failed;
	struct err err;
	char code[32];
};

static void free_call(struct call *call)
{
	scheduler_cancel(call->host->scheduler, &call->begin);
	buf_free(&call->in);
	buf_free(&call->out);
	free(call);
}

static void fail(struct call *call, const char *why, const char *code)
{
	call->answered = call->failed = true;
	(void)err_set(&call->err, "%s", why);
	(void)snprintf(call->code, sizeof call->code, "%s", code);
}

/* --- the values --- */

/* The packing, then the values. */
static int pack(lua_State *L)
{
	struct buf *buf = lua_touserdata(L, 1);
	for (int i = 2; i <= lua_gettop(L); i++)
		plain_write(L, i, buf);
	return 0;
}

/* All from `first` on; pops them. 0, or a status with the error on top. */
static int pack_rest(lua_State *L, int first, struct buf *buf)
{
	int count = lua_gettop(L) - first + 1;
	luaL_checkstack(L, 3, NULL);
	lua_pushcfunction(L, pack);
	lua_pushlightuserdata(L, buf);
	lua_rotate(L, first, 2);
	return lua_pcall(L, count + 1, 0, 0);
}

static int unpack(lua_State *L, const struct buf *buf, int count)
{
	size_t at = 0;
	luaL_checkstack(L, count, "values of a fake");
	for (int i = 0; i < count; i++)
		at = plain_read(L, buf, at);
	return count;
}

/* --- the script's side --- */

static int finish(lua_State *L, void *request)
{
	struct call *call = request;
	if (call->failed)
		return script_raise_code(L, &call->err, call->code);
	return unpack(L, &call->out, call->out_count);
}

static void release(void *request)
{
	struct call *call = request;
	call->fiber = NULL;
	if (!call->serving)
		free_call(call);
}

static const struct wait_ops ops = {finish, release, false};

static int push_call(lua_State *L, void *ctx)
{
	struct call *call = ctx;
	lua_pushlightuserdata(L, call);
	return 1 + unpack(L, &call->in, call->in_count);
}

static void on_served(void *ctx)
{
	struct call *call = ctx;
	call->serving = false;
	if (!call->answered)
		fail(call, "the fake was ended", "ERROR");
	if (call->fiber)
		fiber_wake(call->fiber);
	else
		free_call(call);
}

static void on_begin(struct timer *timer)
{
	struct call *call = (struct call *)timer;
	struct err err;
	call->serving = true;
	if (test_serve(call->host, push_call, on_served, call, &err) == 0)
		return;
	call->serving = false;
	fail(call, err.text, "ERROR");
	fiber_wake(call->fiber);
}

/* fake(kind, ...) -> what the test file's function gives; waits */
static int fake(lua_State *L)
{
	struct script *script = script_of(L);
	fiber_check_io(L, luaL_checkstring(L, 1));
	struct call *call = mem_alloc(sizeof *call);
	*call = (struct call){.begin.fire = on_begin,
	    .fiber = script->current,
	    .host = script->host,
	    .in_count = lua_gettop(L)};
	if (pack_rest(L, 1, &call->in) != LUA_OK) {
		free_call(call);
		return lua_error(L);
	}
	scheduler_soon(script->host->scheduler, &call->begin);
	return fiber_wait(L, &ops, call);
}

/* --- the test file's side --- */

int fake_answer(lua_State *L)
{
	struct call *call = lua_touserdata(L, 1);
	luaL_argcheck(L, call, 1, "no call");
	if (!lua_toboolean(L, 2)) {
		fail(call, luaL_checkstring(L, 3), luaL_checkstring(L, 4));
		return 0;
	}
	call->out.len = 0;
	call->out_count = lua_gettop(L) - 2;
	if (pack_rest(L, 3, &call->out) != LUA_OK)
		return lua_error(L);
	call->answered = true;
	return 0;
}

/* --- what happens outside --- */

struct happening {
	const struct buf *values;
	int count;
};

static int start_feed(lua_State *L)
{
	const struct happening *happening = lua_touserdata(L, 1);
	if (lua_getfield(L, LUA_REGISTRYINDEX, FEED) != LUA_TFUNCTION)
		return 0;
	int count = unpack(L, happening->values, happening->count);
	fiber_wake(fiber_new(L, count, &(struct fiber_options){.what = "what was faked: "}));
	return 0;
}

int fake_feed(lua_State *L)
{
	struct buf values = {0};
	struct happening happening = {&values, lua_gettop(L)};
	struct err err;
	if (pack_rest(L, 1, &values) != LUA_OK) {
		buf_free(&values);
		return lua_error(L);
	}
	for (struct script *script = script_of(L)->host->scripts; script; script = script->next)
		if (script->L && script_call(script, start_feed, &happening, &err) < 0)
			log_error(script->topic, "%s", err.text);
	buf_free(&values);
	return 0;
}

/* feeds(function(...)): is called for each feed */
static int feeds(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, FEED);
	return 0;
}

/* invented(text): what has values that are made up, and why */
static int invented(lua_State *L)
{
	log_info("invented", "%s", luaL_checkstring(L, 1));
	return 0;
}

void bind_fake(lua_State *L)
{
	static const luaL_Reg functions[] = {
	    {"fake", fake},
	    {"feeds", feeds},
	    {NULL, NULL},
	};
	const struct script *script = script_of(L);
	if (!script->host->services.faked || script == script->host->console)
		return;
	luaL_setfuncs(L, functions, 0);
	if (!script->host->services.invented)
		return;
	lua_pushcfunction(L, invented);
	lua_setfield(L, -2, "invented");
}
