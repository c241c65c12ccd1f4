#include "lua/job.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"
#include "lua/point.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <stdlib.h>

#define DISPATCH "neap.dispatch" /* in the registry: the library's function */

struct pending {
	struct timer begin;
	struct script *script;
	struct job *job;
	struct box *box; /* what Lua holds of it; NULL before it begins */
	struct pending *prev, *next;
};

/* Lua's hold on a job: empty when it has been answered. */
struct box {
	struct pending *pending;
};

static void answer(struct pending *pending, bool ok, const struct sample *sample, const char *why)
{
	struct script *script = pending->script;
	struct job *job = pending->job;
	scheduler_cancel(script->host->scheduler, &pending->begin);
	if (pending->box)
		pending->box->pending = NULL;
	if (pending->prev)
		pending->prev->next = pending->next;
	else
		script->jobs = pending->next;
	if (pending->next)
		pending->next->prev = pending->prev;
	free(pending);
	host_commit(script->host);
	job->done(
	    job, ok, sample, sample ? 1 : 0, !ok && script->closing ? "the script was closed" : why);
}

/* --- in --- */

static void push_arguments(lua_State *L, const struct job *job)
{
	lua_createtable(L, 0, (int)job->arguments_count);
	for (size_t i = 0; i < job->arguments_count; i++) {
		value_to_lua(L, &job->arguments[i].value);
		lua_setfield(L, -2, job->arguments[i].name);
	}
}

static int begin(lua_State *L)
{
	static const char *const kinds[] = {[JOB_READ] = "read",
	    [JOB_WRITE] = "write",
	    [JOB_COMMAND] = "command",
	    [JOB_INSTALL] = "install"};
	struct pending *pending = lua_touserdata(L, 1);
	const struct job *job = pending->job;
	struct box *box;
	(void)lua_getfield(L, LUA_REGISTRYINDEX, DISPATCH); /* dispatch */
	box = lua_newuserdatauv(L, sizeof *box, 0);         /* dispatch box */
	box->pending = NULL;
	luaL_setmetatable(L, "neap.job");
	lua_pushinteger(L, job->entry->handler); /* dispatch box handle */
	lua_pushstring(L, kinds[job->kind]);     /* dispatch box handle kind */
	if (job->kind == JOB_WRITE)
		value_to_lua(L, &job->value);
	else if (job->arguments)
		push_arguments(L, job);
	else
		lua_pushnil(L); /* dispatch box handle kind value */
	pending->box = box;
	box->pending = pending;
	fiber_wake(fiber_new(L, 4, &(struct fiber_options){.what = "a task: ", .holds = true}));
	return 0;
}

static void on_begin(struct timer *timer)
{
	struct pending *pending = (struct pending *)timer; /* its first member */
	struct err err;
	if (script_call(pending->script, begin, pending, &err) < 0)
		answer(pending, false, NULL, err.text);
}

void job_start(struct owner *owner, struct job *job)
{
	struct script *script = (struct script *)owner; /* its first member */
	if (!script->L || script->closing || script->host->stop.asked) {
		job->done(job, false, NULL, 0, "the script was closed");
		return;
	}
	struct pending *pending = mem_alloc(sizeof *pending);
	*pending = (struct pending){
	    .begin.fire = on_begin, .script = script, .job = job, .next = script->jobs};
	if (pending->next)
		pending->next->prev = pending;
	script->jobs = pending;
	/* not at once: the caller may be a handler's own answer, with Lua below it on the stack */
	scheduler_soon(script->host->scheduler, &pending->begin);
}

void job_close_all(struct script *script)
{
	while (script->jobs) {
		struct pending *pending = script->jobs;
		answer(pending, false, NULL, NULL);
		must(script->jobs != pending);
	}
}

/* --- out --- */

static struct pending *pending_of(lua_State *L)
{
	const struct box *box = luaL_checkudata(L, 1, "neap.job");
	return box->pending;
}

/* done(job, ok, value or nil[, why]) */
static int done(lua_State *L)
{
	struct pending *pending = pending_of(L);
	bool ok = lua_toboolean(L, 2);
	const char *why = luaL_optstring(L, 4, ok ? NULL : "the handler gave no reason");
	struct err err;
	if (!pending)
		return 0;
	if (lua_isnoneornil(L, 3)) {
		answer(pending, ok, NULL, why);
		return 0;
	}
	const struct entry *entry = pending->job->entry;
	struct sample sample = {
	    .path = entry->path, .time = clock_stamp(pending->script->host->services.clock)};
	if (value_from_lua(L, 3, entry->type, &sample.value, &err) < 0) {
		err_prefix(&err, "%s: ", entry->path);
		answer(pending, false, NULL, err.text);
	} else {
		answer(pending, ok, &sample, why);
	}
	return 0;
}

/* done_last(job): with what was pushed last, and its time */
static int done_last(lua_State *L)
{
	struct pending *pending = pending_of(L);
	if (!pending)
		return 0;
	const struct point *point = &pending->script->points[pending->job->entry->handler - 1];
	if (!point->has_last) {
		struct err err;
		(void)err_set(&err, "%s has no value yet", point->path);
		answer(pending, false, NULL, err.text);
		return 0;
	}
	struct sample sample = {.path = point->path, .value = point->last, .time = point->last_time};
	answer(pending, true, &sample, NULL);
	return 0;
}

/* A handler that was ended outside of what the library guards: it may have had no memory. */
static int on_lost(lua_State *L)
{
	struct pending *pending = pending_of(L);
	if (pending)
		answer(pending, false, NULL, "the handler was ended");
	return 0;
}

/* dispatcher(function(job, handle, kind, value)) */
static int dispatcher(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, DISPATCH);
	return 0;
}

static const luaL_Reg functions[] = {
    {"done", done},
    {"done_last", done_last},
    {"dispatcher", dispatcher},
    {NULL, NULL},
};

void bind_job(lua_State *L)
{
	(void)luaL_newmetatable(L, "neap.job");
	lua_pushcfunction(L, on_lost);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, on_lost);
	lua_setfield(L, -2, "__close");
	lua_pop(L, 1);
	luaL_setfuncs(L, functions, 0);
}
