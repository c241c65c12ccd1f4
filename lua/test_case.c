#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/entry.h"
#include "lua/fiber.h"
#include "lua/library.h"
#include "lua/load.h"
#include "lua/test_impl.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY (64 << 20) /* of the test file: it may hold what days of samples gave */

/* --- what the scripts do --- */

static void see(struct observer *observer, const struct sighting *sighting)
{
	struct test *test = (struct test *)observer; /* its first member */
	if (sighting->what != SIGHT_QUEUED || strcmp(sighting->queue, POLICY_ACKS) == 0)
		return;
	if (test->count == test->room) {
		test->room = test->room ? test->room * 2 : 256;
		test->seen = mem_resize(test->seen, test->room, sizeof *test->seen);
	}
	struct seen *seen = &test->seen[test->count++];
	*seen = (struct seen){.path = mem_strdup(sighting->path),
	    .value = *sighting->value,
	    .wall_ms = sighting->time.wall_ms};
	if (seen->value.type == VALUE_STRING || seen->value.type == VALUE_BINARY) {
		seen->text = mem_alloc(seen->value.text.len + 1); /* it may hold NULs */
		memcpy(seen->text, seen->value.text.data, seen->value.text.len);
		seen->value.text.data = seen->text;
	}
}

static void on_log(void *ctx, enum log_level level, const char *topic, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct test *test = ctx;
	buf_printf(&test->log, "%s %s: %s\n", names[level], topic, text);
}

void test_forget(struct test *test)
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
	host->test->observer.see = see;
	observe_begin(host->services.observers, &host->test->observer);
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
	observe_end(host->services.observers, &test->observer);
	test_forget(test);
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
	(void)lua_getfield(L, LUA_REGISTRYINDEX, TEST_CASES);
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
	(void)lua_getfield(L, LUA_REGISTRYINDEX, TEST_RUN);
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

static void end(struct host *host, const char *why)
{
	buf_text(&host->test->why, why);
	fiber_close_all(host->console);
}

const struct test_ops test_ops = {
    .load = load,
    .cases = cases,
    .begin = begin,
    .until = until,
    .arrive = arrive,
    .end = end,
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
	(void)lua_getfield(L, LUA_REGISTRYINDEX, TEST_SERVE);
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
