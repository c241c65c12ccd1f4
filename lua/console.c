#include "lua/console.h"

#include "core/base/json.h"
#include "core/base/json_out.h"
#include "core/base/mem.h"
#include "core/base/value_json.h"
#include "lua/entry.h"
#include "lua/fiber.h"
#include "lua/library.h"
#include "lua/load.h"
#include "lua/point.h"

#include <lauxlib.h>
#include <stdlib.h>

struct evaluation {
	struct host *host;
	void (*done)(void *ctx, struct buf *json);
	void *ctx;
	struct buf result; /* empty: the chunk was ended before it had one */
};

/* --- the state --- */

static struct script *console_state(struct host *host, struct err *err)
{
	struct script *script = host->console;
	if (script)
		return script;
	script = host->console = script_new(host, "console");
	int result =
	    script->L ? library_open(script, err) : err_set(err, "no memory for the console's state");
	script->loading = false;
	if (result == 0)
		return script;
	load_end(script);
	script_free(script);
	host->console = NULL;
	return NULL;
}

void console_end(struct host *host)
{
	struct script *script = host->console;
	if (!script)
		return;
	load_end(script);
	script_free(script);
	host->console = NULL;
}

/* --- a chunk --- */

static void on_ended(void *ctx)
{
	struct evaluation *evaluation = ctx;
	struct buf *result = &evaluation->result;
	const struct script *script = evaluation->host->console;

	evaluation->host->evaluation = NULL;
	if (result->len == 0)
		buf_text(result, "{\"ok\":false,\"steps\":\"\",\"output\":\"\",\"results\":[],\"error\":"
		                 "\"the chunk was ended\"}");
	evaluation->done(
	    evaluation->ctx, script && script->L && !script->host->stop.asked ? result : NULL);
	buf_free(result);
	free(evaluation);
}

struct text {
	const char *data;
	size_t len;
	struct evaluation *evaluation;
	struct buf *out;
};

void console_result(struct host *host, const struct buf *json)
{
	if (!host->evaluation)
		return;
	host->evaluation->result.len = 0;
	buf_add(&host->evaluation->result, json->data, json->len);
}

static int begin(lua_State *L)
{
	const struct text *chunk = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, CONSOLE_RUN);
	lua_pushlstring(L, chunk->data, chunk->len); /* run chunk */
	fiber_wake(fiber_new(L, 1,
	    &(struct fiber_options){.what = "console: ", .ended = on_ended, .ctx = chunk->evaluation}));
	return 0;
}

static int eval(struct host *host, const char *chunk, size_t len,
    void (*done)(void *ctx, struct buf *json), void *ctx, struct err *err)
{
	if (host->evaluation)
		return err_set(err, "another chunk runs in the console: it has one at a time");
	struct script *script = console_state(host, err);
	if (!script)
		return -1;
	struct evaluation *evaluation = mem_alloc(sizeof *evaluation);
	*evaluation = (struct evaluation){.host = host, .done = done, .ctx = ctx};
	struct text text = {chunk, len, evaluation, NULL};
	if (script_call(script, begin, &text, err) < 0) {
		free(evaluation);
		return -1;
	}
	host->evaluation = evaluation;
	return 0;
}

static void stop(struct host *host)
{
	if (host->evaluation)
		fiber_close_all(host->console);
}

static int complete_text(lua_State *L)
{
	const struct text *text = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, CONSOLE_COMPLETE);
	lua_pushlstring(L, text->data, text->len);
	lua_call(L, 1, 2); /* from list */
	buf_printf(text->out, "{\"from\":%lld,\"texts\":[", (long long)lua_tointeger(L, -2));
	size_t count = lua_rawlen(L, -1);
	for (size_t i = 1; i <= count; i++) {
		if (i > 1)
			buf_char(text->out, ',');
		(void)lua_geti(L, -1, (lua_Integer)i);
		json_add_text(text->out, luaL_tolstring(L, -1, NULL));
		lua_pop(L, 2);
	}
	buf_text(text->out, "]}");
	return 0;
}

static int complete(
    struct host *host, const char *text, size_t len, struct buf *json, struct err *err)
{
	struct script *script = console_state(host, err);
	struct text arg = {text, len, NULL, json};
	return script ? script_call(script, complete_text, &arg, err) : -1;
}

static void arm(struct host *host, int64_t for_ms)
{
	int64_t now = clock_mono_ms(host->services.clock);

	host->armed_until_ms = for_ms <= 0 ? 0 : for_ms < INT64_MAX - now ? now + for_ms : INT64_MAX;
}

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

/* How its reads go. */
static void add_reads(struct json_out *out, const struct point *point, int64_t now_ms)
{
	int64_t next_ms = point_next_ms(point);

	if (next_ms != INT64_MAX)
		json_out_number(out, "next_s", seconds(next_ms > now_ms ? next_ms - now_ms : 0));
	if (point->failures > 0)
		json_out_int(out, "failures", point->failures);
	if (point->why)
		json_out_text(out, point->bad ? "error" : "last_error", point->why);
}

static void add_point(struct json_out *out, const struct point *point, int64_t now_ms)
{
	const struct entry *entry = point->entry;
	bool is_default =
	    !point->has_last && entry && entry->kind == ENTRY_SETTING && entry->has_default;
	const char *quality = point->bad ? "bad" : is_default ? "default" : "none";

	if (entry && entry->kind == ENTRY_COMMAND)
		return;
	json_out_open(out, NULL, '{');
	json_out_text(out, "path", point->path);
	json_out_text(out, "quality", point->has_last && !point->bad ? "good" : quality);
	if (point->has_last || is_default) {
		json_out_raw(out, "value");
		value_json(out->buf, is_default ? &entry->fallback : &point->last);
	}
	if (point->has_last)
		json_out_number(out, "age_s", seconds(now_ms - point->last_time.mono_ms));
	if (entry && *entry->unit)
		json_out_text(out, "unit", entry->unit);
	add_reads(out, point, now_ms);
	json_out_close(out, '}');
}

static void sensors(struct host *host, bool (*wanted)(const void *ctx, const char *path),
    const void *ctx, struct buf *json)
{
	struct json_out out = {.buf = json};
	int64_t now = clock_mono_ms(host->services.clock);

	json_out_open(&out, NULL, '[');
	for (const struct script *script = host->scripts; script; script = script->next)
		for (size_t i = 0; i < script->points_count; i++)
			if (!wanted || wanted(ctx, script->points[i].path))
				add_point(&out, &script->points[i], now);
	json_out_close(&out, ']');
}

const struct console_ops console_ops = {
    .eval = eval,
    .stop = stop,
    .arm = arm,
    .complete = complete,
    .sensors = sensors,
};
