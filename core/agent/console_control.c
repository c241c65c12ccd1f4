#include "core/agent/console_control.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"

#include <stdlib.h>
#include <string.h>

/* A chunk that somebody waits for. */
struct wait {
	const struct console_ops *ops;
	struct host *host;
	struct control_answer *owed;
};

static void on_done(void *ctx, struct buf *json)
{
	struct wait *wait = ctx;
	struct err err = {0};

	if (!json)
		err_set(&err, "the agent stops");
	control_answer(wait->owed, json ? json : &(struct buf){0}, &err);
	free(wait);
}

static void on_gone(void *ctx)
{
	const struct wait *wait = ctx;

	wait->ops->stop(wait->host);
}

static int eval(const struct console_ops *ops, struct host *host, struct control *control,
    const struct json *chunk, struct err *err)
{
	struct wait *wait;

	if (!chunk || chunk->kind != JSON_STRING)
		return err_set(err, "\"chunk\" must be a string: Lua");
	wait = mem_alloc(sizeof(*wait));
	wait->ops = ops;
	wait->host = host;
	if (ops->eval(host, chunk->string.data, chunk->string.len, on_done, wait, err) < 0) {
		free(wait);
		return -1;
	}
	wait->owed = control_defer(control); /* `done` comes from the loop, later */
	control_on_gone(wait->owed, on_gone, wait);
	return 0;
}

/* It is in the log who did it. */
static void arm(
    const struct console_ops *ops, struct host *host, int64_t for_ms, const struct json *by)
{
	char time[NUMBER_TEXT];

	(void)duration_format(time, for_ms);
	ops->arm(host, for_ms);
	if (for_ms > 0)
		log_warn("console", "armed for %s by %s: what is typed there runs", time,
		    by && by->kind == JSON_STRING ? by->string.data : "somebody");
	else
		log_warn("console", "no longer armed");
}

int console_control(const struct console_ops *ops, struct host *host, struct control *control,
    const struct json *request, struct buf *result, struct err *err)
{
	const char *cmd = json_member(request, "cmd")->string.data;
	const struct json *text = json_member(request, "text");
	const struct json *time = json_member(request, "for_ms");

	if (strcmp(cmd, "eval") == 0)
		return eval(ops, host, control, json_member(request, "chunk"), err);
	if (strcmp(cmd, "sensors") == 0) {
		ops->sensors(host, NULL, NULL, result);
		return 0;
	}
	if (strcmp(cmd, "complete") == 0) {
		if (!text || text->kind != JSON_STRING)
			return err_set(err, "\"text\" must be a string");
		return ops->complete(host, text->string.data, text->string.len, result, err);
	}
	if (strcmp(cmd, "time") == 0)
		return err_set(err, "time passes by itself here: `:time` is for --offline");
	if (strcmp(cmd, "arm") != 0)
		return 1;
	if (!time || time->kind != JSON_INTEGER || time->integer < 0 || time->integer > ARM_MAX_MS)
		return err_set(err, "\"for_ms\" must be milliseconds, a day at most");
	arm(ops, host, time->integer, json_member(request, "by"));
	return 0;
}
