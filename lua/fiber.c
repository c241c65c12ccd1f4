#include "lua/fiber.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/limits.h"
#include "lua/trial.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fiber {
	struct script *script;
	struct coroutine coroutine;
	int nargs; /* for the first resume */
	const char *what;
	void (*ended)(void *ctx);
	void *ctx;
	bool holds;
	const struct wait_ops *ops; /* NULL: does not wait */
	void *request;
	struct timer wake;
	struct timer limit; /* armed only while it waits: what never waits costs no timer */
	int64_t deadline_ms;
	int64_t limit_ms; /* what the deadline was made of, for the message */
	bool owes_sync;   /* its end waits for a sync */
	bool ending;
	bool deferred; /* its turn came while another of its script was made to yield */
	struct fiber *prev, *next;
};

static void give_back(struct fiber *fiber)
{
	const struct wait_ops *ops = fiber->ops;
	if (ops)
		fiber->script->host->outside -= ops->outside;
	fiber->ops = NULL;
	if (ops && ops->release)
		ops->release(fiber->request);
	fiber->request = NULL;
}

/* --- begin and end --- */

static struct fiber *of_wake(struct timer *timer)
{
	return (struct fiber *)((char *)timer - offsetof(struct fiber, wake));
}

static void on_wake(struct timer *timer)
{
	fiber_run(of_wake(timer));
}

static void on_limit(struct timer *timer)
{
	struct fiber *fiber = (struct fiber *)((char *)timer - offsetof(struct fiber, limit));
	if (fiber->script->preempted == fiber)
		return; /* it does not wait: it is late already, and sees so when it wants to */
	give_back(fiber);
	scheduler_cancel(fiber->script->host->scheduler, &fiber->wake);
	fiber_run(fiber); /* `resumed` sees that the time is over */
}

/*
 * What a fiber runs is called protected, and its error raised again: only so does Lua let hooks run
 * while its close variables are closed. Stack: the traceback, the function, arguments.
 */
static int body_end(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD)
		return 0;
	return lua_error(L);
}

static int body(lua_State *L)
{
	return body_end(L, lua_pcallk(L, lua_gettop(L) - 2, 0, 1, 0, body_end), 0);
}

struct fiber *fiber_new(lua_State *L, int nargs, const struct fiber_options *options)
{
	struct script *script = script_of(L);
	struct coroutine coroutine;
	if (script->idle_count) {
		coroutine = script->idle[--script->idle_count];
	} else {
		coroutine.co = lua_newthread(L);                /* function args... thread */
		coroutine.ref = luaL_ref(L, LUA_REGISTRYINDEX); /* function args... */
	}
	if (!lua_checkstack(coroutine.co, nargs + 3))
		(void)luaL_error(L, "not enough memory");
	lua_pushcfunction(coroutine.co, body);
	lua_pushcfunction(coroutine.co, script_on_error);
	lua_xmove(L, coroutine.co, nargs + 1);
	struct fiber *fiber = mem_alloc(sizeof *fiber);
	*fiber = (struct fiber){
	    .script = script,
	    .coroutine = coroutine,
	    .nargs = nargs + 2,
	    .what = options->what,
	    .ended = options->ended,
	    .ctx = options->ctx,
	    .holds = options->holds,
	    .wake.fire = on_wake,
	    .limit.fire = on_limit,
	    .deadline_ms = INT64_MAX,
	    .next = script->fibers,
	};
	if (fiber->next)
		fiber->next->prev = fiber;
	script->fibers = fiber;
	script->host->holding += fiber->holds;
	return fiber;
}

static void recycle(struct script *script, struct coroutine coroutine, bool whole)
{
	if (!whole)
		script_reset(script, coroutine.co);
	lua_settop(coroutine.co, 0);
	if (whole && script->idle_count < sizeof script->idle / sizeof *script->idle)
		script->idle[script->idle_count++] = coroutine;
	else
		luaL_unref(script->L, LUA_REGISTRYINDEX, coroutine.ref);
}

/* The script's fibers whose turn came meanwhile have it now. */
static void release_others(struct script *script)
{
	script->preempted = NULL;
	for (struct fiber *fiber = script->fibers; fiber; fiber = fiber->next) {
		if (fiber->deferred)
			fiber_wake(fiber);
		fiber->deferred = false;
	}
}

/* `whole`: the function returned, the coroutine can run another one. */
static void end(struct fiber *fiber, bool whole)
{
	struct script *script = fiber->script;
	if (script->preempted == fiber)
		release_others(script);
	if (fiber->prev)
		fiber->prev->next = fiber->next;
	else
		script->fibers = fiber->next;
	if (fiber->next)
		fiber->next->prev = fiber->prev;
	give_back(fiber);
	scheduler_cancel(script->host->scheduler, &fiber->wake);
	scheduler_cancel(script->host->scheduler, &fiber->limit);
	recycle(script, fiber->coroutine, whole);
	script->host->holding -= fiber->holds;
	if (fiber->ended)
		fiber->ended(fiber->ctx);
	free(fiber);
}

static void report(struct fiber *fiber, const char *text)
{
	script_error(fiber->script, fiber->what, text);
	trial_error(fiber->script);
}

void fiber_close_all(struct script *script)
{
	if (script->host->served == script)
		script->host->served = NULL;
	while (script->fibers) {
		struct fiber *fiber = script->fibers;
		end(fiber, false);
		must(script->fibers != fiber);
	}
}

/* --- running --- */

static const struct wait_ops sync_ops;
static struct sync *start_sync(struct fiber *fiber);

static struct script *after(const struct host *host, const struct script *script)
{
	if (script && script->next)
		return script->next;
	if (script != host->console && host->console)
		return host->console;
	return host->scripts ? host->scripts : host->console;
}

/* One slice of one handler that was made to yield, the scripts in turn; then the loop has its. */
static void on_background(struct timer *timer)
{
	struct host *host = (struct host *)((char *)timer - offsetof(struct host, background));
	struct script *first = after(host, host->served);
	struct script *script = first;
	while (script && !script->preempted) {
		script = after(host, script);
		if (script == first)
			script = NULL;
	}
	if (!script)
		return;
	host->served = script;
	scheduler_soon(host->scheduler, &host->background);
	fiber_run(script->preempted);
}

static void go_on_later(struct fiber *fiber)
{
	struct host *host = fiber->script->host;
	fiber->script->time.preempting = false;
	fiber->script->preempted = fiber;
	host->background.fire = on_background;
	if (!host->background.place)
		scheduler_soon(host->scheduler, &host->background);
}

void fiber_run(struct fiber *fiber)
{
	struct script *script = fiber->script;
	bool again = script->preempted == fiber;
	scheduler_cancel(script->host->scheduler, &fiber->wake);
	if (script->preempted && !again) {
		fiber->deferred = true;
		return;
	}
	if (fiber->ending) {
		end(fiber, true);
		return;
	}
	int nargs = fiber->nargs, nresults = 0;
	fiber->nargs = 0;
	script->current = fiber;
	int status = script_resume(script, fiber->coroutine.co, nargs, &nresults, again);
	script->current = NULL;
	if (status == LUA_YIELD && script->time.preempting) {
		go_on_later(fiber);
		return;
	}
	if (again)
		release_others(script);
	if (status == LUA_YIELD && fiber->ops)
		return;
	if (status == LUA_YIELD) {
		report(fiber, "coroutine.yield in a handler, outside of a coroutine of its own: use sleep");
		end(fiber, false);
		return;
	}
	if (status != LUA_OK) {
		struct err err;
		script_error_of(script, fiber->coroutine.co, &err);
		report(fiber, err.text);
	}
	if (status == LUA_OK && fiber->owes_sync) {
		fiber->ending = true;
		fiber->ops = &sync_ops;
		fiber->request = start_sync(fiber);
		return;
	}
	end(fiber, status == LUA_OK);
}

/* --- waiting --- */

static bool is_over(const struct fiber *fiber)
{
	return fiber->deadline_ms != INT64_MAX &&
	       clock_mono_ms(fiber->script->host->services.clock) >= fiber->deadline_ms;
}

static int raise_over(lua_State *L, const struct fiber *fiber)
{
	char limit[NUMBER_TEXT];
	(void)duration_format(limit, fiber->limit_ms);
	struct err err;
	(void)err_set(&err, "took longer than %s", limit);
	err.code = UV_ETIMEDOUT;
	return script_raise(L, &err);
}

bool fiber_can_wait(lua_State *L)
{
	const struct fiber *fiber = script_of(L)->current;
	return fiber && fiber->coroutine.co == L && lua_isyieldable(L);
}

void fiber_check(lua_State *L, const char *function)
{
	const struct script *script = script_of(L);
	const struct fiber *fiber = script->current;
	if (script->loading)
		(void)script_fail(L,
		    "%s is not there while the script loads: call it from a handler, such as "
		    "on(\"start\", ...)",
		    function);
	if (!fiber) {
		(void)script_fail(L, "%s cannot wait while the script is being closed", function);
		return; /* it does not come here */
	}
	if (fiber->coroutine.co != L)
		(void)script_fail(L, "%s cannot wait inside a coroutine of the script's own", function);
	if (!lua_isyieldable(L))
		(void)script_fail(
		    L, "%s cannot wait here (in a sort, a gsub, a metamethod or a module)", function);
	if (is_over(fiber))
		(void)raise_over(L, fiber);
}

void fiber_check_io(lua_State *L, const char *function)
{
	fiber_check(L, function);
	host_commit(script_of(L)->host);
}

void fiber_check_effect(lua_State *L, const char *function)
{
	const struct host *host = script_of(L)->host;
	fiber_check_io(L, function);
	if (script_of(L) == host->console && !host_armed(host))
		(void)script_fail(
		    L, "%s has effects, and the console is not armed: `:arm 5m` lets it run", function);
}

static int resumed(lua_State *L, int status, lua_KContext ctx)
{
	struct fiber *fiber = script_of(L)->current;
	(void)status;
	(void)ctx;
	if (!fiber->ops)
		return raise_over(L, fiber);
	int count = fiber->ops->finish ? fiber->ops->finish(L, fiber->request) : 0;
	give_back(fiber);
	return count;
}

int fiber_wait(lua_State *L, const struct wait_ops *ops, void *request)
{
	struct fiber *fiber = script_of(L)->current;
	give_back(fiber); /* a `finish` that raised left it */
	fiber->ops = ops;
	fiber->request = request;
	fiber->script->host->outside += ops->outside;
	if (fiber->deadline_ms != INT64_MAX && !fiber->limit.place)
		scheduler_add(fiber->script->host->scheduler, &fiber->limit, fiber->deadline_ms);
	return lua_yieldk(L, 0, 0, resumed);
}

void fiber_wake(struct fiber *fiber)
{
	scheduler_soon(fiber->script->host->scheduler, &fiber->wake);
}

/* --- sleep --- */

static const struct wait_ops sleep_ops = {NULL, NULL, false};

/* sleep_ms(ms) */
static int sleep_ms(lua_State *L)
{
	int64_t ms = luaL_checkinteger(L, 1);
	fiber_check(L, "sleep");
	struct script *script = script_of(L);
	scheduler_add(script->host->scheduler, &script->current->wake,
	    clock_mono_ms(script->host->services.clock) + ms);
	return fiber_wait(L, &sleep_ops, NULL);
}

/* --- syncs --- */

struct sync {
	struct fiber *fiber; /* NULL: nobody waits any more */
	int error;
	bool done;
};

static void on_synced(void *ctx, int error)
{
	struct sync *sync = ctx;
	sync->error = error;
	sync->done = true;
	if (sync->fiber)
		fiber_wake(sync->fiber);
	else
		free(sync);
}

static int sync_finish(lua_State *L, void *request)
{
	const struct sync *sync = request;
	if (!sync->error)
		return 0;
	struct err err;
	(void)err_sys(&err, sync->error, "what was pushed is accepted, but not safe on disk yet");
	return script_raise(L, &err);
}

static void sync_release(void *request)
{
	struct sync *sync = request;
	sync->fiber->script->host->syncing--;
	sync->fiber = NULL;
	if (sync->done)
		free(sync);
}

static const struct wait_ops sync_ops = {sync_finish, sync_release, false};

static struct sync *start_sync(struct fiber *fiber)
{
	struct sync *sync = mem_alloc(sizeof *sync);
	sync->fiber = fiber;
	fiber->script->host->syncing++;
	host_commit(fiber->script->host);
	ingest_sync(fiber->script->host->services.ingest, on_synced, sync);
	return sync;
}

int fiber_sync(lua_State *L)
{
	struct fiber *fiber = script_of(L)->current;
	if (!fiber_can_wait(L)) {
		if (fiber)
			fiber->owes_sync = true;
		return 0;
	}
	return fiber_wait(L, &sync_ops, start_sync(fiber));
}

/* --- calls with a limit on the time --- */

/* stack: deadline and limit of before, the traceback, then results or an error */
static int guarded_end(lua_State *L, int status, lua_KContext ctx)
{
	struct script *script = script_of(L);
	struct fiber *fiber = script->current;
	(void)ctx;
	fiber->deadline_ms = lua_tointeger(L, 1);
	fiber->limit_ms = lua_tointeger(L, 2);
	scheduler_cancel(script->host->scheduler, &fiber->limit);
	limits_pardon(script); /* the handler is ended; what the library makes of that is not it */
	lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
	lua_replace(L, 3);
	return lua_gettop(L) - 2;
}

/*
 * guarded(ms, f, ...) -> like pcall(f, ...), which may wait for so long at most; a wait that is
 * under way then, and all that follow, raise. Within another one the nearer limit holds.
 */
static int guarded(lua_State *L)
{
	struct script *script = script_of(L);
	struct fiber *fiber = script->current;
	int64_t ms = luaL_checkinteger(L, 1);
	luaL_checkany(L, 2);
	int nargs = lua_gettop(L) - 2;
	lua_pushinteger(L, fiber->deadline_ms);
	lua_replace(L, 1);
	lua_pushinteger(L, fiber->limit_ms);
	lua_pushcfunction(L, script_on_error);
	lua_rotate(L, 2, 2); /* deadline limit traceback f args... */
	int64_t deadline = clock_mono_ms(script->host->services.clock) + ms;
	if (deadline < fiber->deadline_ms) {
		fiber->deadline_ms = deadline;
		fiber->limit_ms = ms;
		scheduler_cancel(script->host->scheduler, &fiber->limit);
	}
	return guarded_end(L, lua_pcallk(L, nargs, LUA_MULTRET, 3, 0, guarded_end), 0);
}

static const luaL_Reg functions[] = {
    {"sleep", sleep_ms},
    {"guarded", guarded},
    {NULL, NULL},
};

void bind_fiber(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
