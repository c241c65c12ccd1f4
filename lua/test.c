#include "lua/test.h"

#include "core/log.h"
#include "core/mem.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"
#include "lua/install.h"
#include "lua/library.h"
#include "lua/load.h"
#include "lua/point.h"
#include "lua/reload.h"
#include "lua/script.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY (64 << 20) /* of the test file: it may hold what days of samples gave */

/* In the registry: the test file's functions. */
#define CASES "neap.test.cases" /* () -> JSON */
#define RUN   "neap.test.run"   /* (index) */
#define SERVE "neap.test.serve" /* (call, kind, ...) */

/* A sample that was accepted. */
struct seen {
	char *path, *text; /* text: of the value, if it has one */
	struct value value;
	int64_t wall_ms;
};

struct test {
	struct host *host;
	struct seen *seen;
	size_t count, room;
	struct buf log, notes, why;
	void (*done)(void *ctx, const struct test_result *result);
	void *ctx;
	bool finished;
	struct fiber *waits; /* for `until_ms`; or NULL */
	int64_t until_ms;
};

/* --- what the scripts do --- */

static void on_sample(void *ctx, const char *policy, const struct sample *sample)
{
	struct test *test = ctx;
	if (strcmp(policy, POLICY_ACKS) == 0)
		return;
	if (test->count == test->room) {
		test->room = test->room ? test->room * 2 : 256;
		test->seen = mem_resize(test->seen, test->room, sizeof *test->seen);
	}
	struct seen *seen = &test->seen[test->count++];
	*seen = (struct seen){
	    .path = mem_strdup(sample->path), .value = sample->value, .wall_ms = sample->time.wall_ms};
	if (sample->value.type == VALUE_STRING || sample->value.type == VALUE_BINARY) {
		seen->text = mem_alloc(sample->value.text.len + 1); /* it may hold NULs */
		memcpy(seen->text, sample->value.text.data, sample->value.text.len);
		seen->value.text.data = seen->text;
	}
}

static void on_log(void *ctx, enum log_level level, const char *topic, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct test *test = ctx;
	buf_printf(&test->log, "%s %s: %s\n", names[level], topic, text);
}

static void forget(struct test *test)
{
	for (size_t i = 0; i < test->count; i++) {
		free(test->seen[i].path);
		free(test->seen[i].text);
	}
	test->count = 0;
}

/* --- begin and end --- */

static int make_state(struct host *host, const char *name, struct err *err)
{
	struct script *script = script_new(host, name);
	script->memory_max = MEMORY;
	host->console = script;
	host->test = mem_alloc(sizeof *host->test);
	host->test->host = host;
	ingest_tap(host->services.ingest, on_sample, host->test);
	log_tap(on_log, host->test);
	return script->L ? library_open(script, err) : err_set(err, "not enough memory");
}

static int load(struct host *host, const char *name, struct err *err)
{
	int result = host->test ? 0 : make_state(host, name ? name : "fakes", err);
	if (result < 0 || !name)
		return result;
	host->console->loading = true;
	result = library_run(host->console, name, err);
	host->console->loading = false;
	return result;
}

void test_end(struct host *host)
{
	struct test *test = host->test;
	if (!test)
		return;
	log_tap(NULL, NULL);
	ingest_tap(host->services.ingest, NULL, NULL);
	forget(test);
	free(test->seen);
	buf_free(&test->log);
	buf_free(&test->notes);
	buf_free(&test->why);
	free(test);
	host->test = NULL;
}

static int list_cases(lua_State *L)
{
	struct buf *json = lua_touserdata(L, 1);
	size_t len;
	(void)lua_getfield(L, LUA_REGISTRYINDEX, CASES);
	if (lua_isnil(L, -1))
		return 0;
	lua_call(L, 0, 1);
	const char *text = lua_tolstring(L, -1, &len);
	buf_add(json, text, len);
	return 0;
}

static void cases(struct host *host, struct buf *json)
{
	struct err err;
	if (script_call(host->console, list_cases, json, &err) < 0 || json->len == 0) {
		json->len = 0;
		buf_text(json, "[]"); /* it requires no "test" */
	}
}

/* --- a case --- */

static void on_ended(void *ctx)
{
	struct test *test = ctx;
	if (!test->finished && test->why.len == 0)
		buf_text(&test->why, "the case was ended, see the log");
	const struct test_result result = {
	    .why = buf_str(&test->why),
	    .notes = buf_str(&test->notes),
	    .log = buf_str(&test->log),
	};
	test->done(test->ctx, &result);
}

static int start_case(lua_State *L)
{
	const size_t *index = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, RUN);
	lua_pushinteger(L, (lua_Integer)*index + 1);
	fiber_wake(fiber_new(L, 1,
	    &(struct fiber_options){
	        .what = "test: ", .ended = on_ended, .ctx = script_of(L)->host->test}));
	return 0;
}

static int begin(struct host *host, size_t index,
    void (*done)(void *ctx, const struct test_result *result), void *ctx, struct err *err)
{
	host->test->done = done;
	host->test->ctx = ctx;
	return script_call(host->console, start_case, &index, err);
}

static int64_t until(const struct host *host)
{
	return host->test->waits ? host->test->until_ms : INT64_MAX;
}

static void arrive(struct host *host)
{
	if (host->test->waits)
		fiber_wake(host->test->waits);
}

static void stuck(struct host *host)
{
	buf_text(&host->test->why, "it waits for something that will not happen any more");
	fiber_close_all(host->console);
}

const struct test_ops test_ops = {
    .load = load,
    .cases = cases,
    .begin = begin,
    .until = until,
    .arrive = arrive,
    .stuck = stuck,
};

/* --- fakes --- */

struct service {
	int (*push)(lua_State *L, void *ctx);
	void (*ended)(void *ctx);
	void *ctx;
};

static int start_service(lua_State *L)
{
	const struct service *service = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, SERVE);
	int count = service->push(L, service->ctx);
	fiber_wake(fiber_new(L, count,
	    &(struct fiber_options){.what = "a fake: ", .ended = service->ended, .ctx = service->ctx}));
	return 0;
}

int test_serve(struct host *host, int (*push)(lua_State *L, void *ctx), void (*ended)(void *ctx),
    void *ctx, struct err *err)
{
	struct service service = {push, ended, ctx};
	if (!host->test)
		return err_set(err, "there are no fakes here");
	return script_call(host->console, start_service, &service, err);
}

/* --- time --- */

static void stop_waiting(void *request)
{
	struct test *test = request;
	test->waits = NULL;
}

static const struct wait_ops time_ops = {NULL, stop_waiting};

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

static const struct wait_ops errand_ops = {errand_finish, errand_release};

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
	forget(test);
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
	lua_setfield(L, LUA_REGISTRYINDEX, SERVE);
	lua_setfield(L, LUA_REGISTRYINDEX, RUN);
	lua_setfield(L, LUA_REGISTRYINDEX, CASES);
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
