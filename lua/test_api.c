/* What lua/neap/test.lua is built on. */
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/fiber.h"
#include "lua/install.h"
#include "lua/point.h"
#include "lua/reload.h"
#include "lua/script.h"
#include "lua/test_impl.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* --- time --- */

static void stop_waiting(void *request)
{
	struct test *test = request;
	test->waits = NULL;
}

static const struct wait_ops time_ops = {NULL, stop_waiting, false};

/* advance(ms): and all that is due then is done */
static int advance(lua_State *L)
{
	struct test *test = script_of(L)->host->test;
	int64_t ms = luaL_checkinteger(L, 1);
	fiber_check(L, "advance");
	if (test->waits)
		return script_fail(L, "time passes for the case already: a fake may sleep()");
	test->waits = script_of(L)->current;
	test->until_ms = clock_mono_ms(test->host->services.clock) + ms;
	return fiber_wait(L, &time_ops, test);
}

/* --- the scripts --- */

/* A start or a reload, done outside of Lua. */
struct errand {
	struct timer timer; /* first */
	struct host *host;
	struct fiber *fiber; /* NULL: nobody waits any more */
	char *script;        /* of a reload */
	bool done;
	struct buf problems; /* a line each, errors only */
};

static void free_errand(struct errand *errand)
{
	scheduler_cancel(errand->host->scheduler, &errand->timer);
	buf_free(&errand->problems);
	free(errand->script);
	free(errand);
}

static int errand_finish(lua_State *L, void *request)
{
	const struct errand *errand = request;
	if (errand->problems.len == 0)
		return 0;
	lua_pushlstring(L, errand->problems.data, errand->problems.len);
	return 1;
}

static void errand_release(void *request)
{
	struct errand *errand = request;
	errand->fiber = NULL;
	if (errand->done || errand->timer.place)
		free_errand(errand);
}

static const struct wait_ops errand_ops = {errand_finish, errand_release, false};

static void errand_done(struct errand *errand, const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		if (!problems->list[i].warning)
			buf_printf(&errand->problems, "%s%s", errand->problems.len ? "\n" : "",
			    problems->list[i].text);
	errand->done = true;
	if (errand->fiber)
		fiber_wake(errand->fiber);
	else
		free_errand(errand);
}

static int run_errand(lua_State *L, void (*fire)(struct timer *timer), const char *script)
{
	struct host *host = script_of(L)->host;
	struct errand *errand = mem_alloc(sizeof *errand);
	*errand = (struct errand){.timer.fire = fire, .host = host, .fiber = script_of(L)->current};
	errand->script = script ? mem_strdup(script) : NULL;
	scheduler_soon(host->scheduler, &errand->timer);
	return fiber_wait(L, &errand_ops, errand);
}

static bool is_there(const struct host *host, const char *name)
{
	const struct script *script = host->scripts;
	while (script && strcmp(script->name, name) != 0)
		script = script->next;
	return script != NULL;
}

static void on_start(struct timer *timer)
{
	struct errand *errand = (struct errand *)timer;
	struct host *host = errand->host;
	struct problems problems = {0};
	install_all(host, &problems);
	for (const char *const *name = host->services.only; name && *name; name++)
		if (!is_there(host, *name))
			problems_add(&problems, false, "%s/%s.lua: there is no such script",
			    host->services.config->scripts.dir, *name);
	script_host()->start(host);
	errand_done(errand, &problems);
	problems_free(&problems);
}

/* start() -> why the scripts do not load, a line each; or nothing */
static int start_scripts(lua_State *L)
{
	fiber_check(L, "start");
	return run_errand(L, on_start, NULL);
}

static void on_reloaded(void *ctx, const struct problems *problems, const struct buf *changes)
{
	(void)changes;
	errand_done(ctx, problems);
}

static void on_reload(struct timer *timer)
{
	struct errand *errand = (struct errand *)timer;
	const struct reload_request request = {
	    .script = errand->script, .reason = "command", .done = on_reloaded, .ctx = errand};
	reload_start(errand->host, &request);
}

/* reload(script) -> why not, a line each; or nothing */
static int reload(lua_State *L)
{
	const char *script = luaL_checkstring(L, 1);
	fiber_check(L, "reload");
	return run_errand(L, on_reload, script);
}

/* event(name, reason) */
static int event(lua_State *L)
{
	struct host *host = script_of(L)->host;
	const char *name = luaL_checkstring(L, 1), *reason = luaL_checkstring(L, 2);
	script_host()->event(host, name, reason);
	if (strcmp(name, "connected") == 0)
		inbox_report_settings(host->services.inbox);
	return 0;
}

/* bad(path) -> is its quality bad? nil: no script has it */
static int bad(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const struct script *script = script_of(L)->host->scripts;
	for (; script; script = script->next) {
		for (size_t i = 0; i < script->points_count; i++) {
			if (strcmp(script->points[i].path, path) != 0)
				continue;
			lua_pushboolean(L, script->points[i].bad);
			return 1;
		}
	}
	return 0;
}

/* --- what was seen --- */

static void push_time(lua_State *L, const struct seen *seen)
{
	lua_pushnumber(L, (lua_Number)seen->wall_ms / 1000);
}

/* last(path) -> value, time; or nothing */
static int last(lua_State *L)
{
	const struct test *test = script_of(L)->host->test;
	const char *path = luaL_checkstring(L, 1);
	for (size_t i = test->count; i > 0; i--) {
		if (strcmp(test->seen[i - 1].path, path) != 0)
			continue;
		value_to_lua(L, &test->seen[i - 1].value);
		push_time(L, &test->seen[i - 1]);
		return 2;
	}
	return 0;
}

/* samples(path) -> {{value=, time=}, ...} */
static int samples(lua_State *L)
{
	const struct test *test = script_of(L)->host->test;
	const char *path = luaL_checkstring(L, 1);
	lua_Integer count = 0;
	lua_newtable(L);
	for (size_t i = 0; i < test->count; i++) {
		if (strcmp(test->seen[i].path, path) != 0)
			continue;
		lua_createtable(L, 0, 2);
		value_to_lua(L, &test->seen[i].value);
		lua_setfield(L, -2, "value");
		push_time(L, &test->seen[i]);
		lua_setfield(L, -2, "time");
		lua_seti(L, -2, ++count);
	}
	return 1;
}

/* seen() -> {path = how many samples} */
static int seen(lua_State *L)
{
	const struct test *test = script_of(L)->host->test;
	lua_newtable(L);
	for (size_t i = 0; i < test->count; i++) {
		(void)lua_getfield(L, -1, test->seen[i].path);
		lua_pushinteger(L, lua_tointeger(L, -1) + 1);
		lua_setfield(L, -3, test->seen[i].path);
		lua_pop(L, 1);
	}
	return 1;
}

/* forget(): all samples and log lines so far */
static int forget_all(lua_State *L)
{
	struct test *test = script_of(L)->host->test;
	test_forget(test);
	test->log.len = 0;
	return 0;
}

/* log_lines() -> text */
static int log_lines(lua_State *L)
{
	const struct buf *log = &script_of(L)->host->test->log;
	lua_pushlstring(L, log->data ? log->data : "", log->len);
	return 1;
}

/* --- the case's end --- */

/* say(text): a note beside the result */
static int say(lua_State *L)
{
	buf_printf(&script_of(L)->host->test->notes, "%s\n", luaL_checkstring(L, 1));
	return 0;
}

/* finish(why): "" if all is well */
static int finish_case(lua_State *L)
{
	struct test *test = script_of(L)->host->test;
	buf_text(&test->why, luaL_checkstring(L, 1));
	test->finished = true;
	return 0;
}

/* entries(cases, run, serve) */
static int entries(lua_State *L)
{
	lua_settop(L, 3);
	lua_setfield(L, LUA_REGISTRYINDEX, TEST_SERVE);
	lua_setfield(L, LUA_REGISTRYINDEX, TEST_RUN);
	lua_setfield(L, LUA_REGISTRYINDEX, TEST_CASES);
	return 0;
}

static const luaL_Reg functions[] = {
    {"advance", advance},
    {"answer", fake_answer},
    {"bad", bad},
    {"entries", entries},
    {"event", event},
    {"feed", fake_feed},
    {"finish", finish_case},
    {"forget", forget_all},
    {"last", last},
    {"log_lines", log_lines},
    {"reload", reload},
    {"samples", samples},
    {"say", say},
    {"seen", seen},
    {"start", start_scripts},
    {NULL, NULL},
};

void bind_test(lua_State *L)
{
	const struct script *script = script_of(L);
	if (!script->host->test || script != script->host->console)
		return;
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_pushstring(L, script->name);
	lua_setfield(L, -2, "name");
	lua_setfield(L, -2, "test");
}
