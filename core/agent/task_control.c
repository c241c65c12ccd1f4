#include "core/agent/task_control.h"

#include "core/task/hold.h"

#include <string.h>

static void on_done(void *ctx, struct buf *json)
{
	struct err err = {0};

	if (json) {
		control_answer(ctx, json, NULL);
		return;
	}
	err_set(&err, "the agent stops; it goes on with what it accepted after its next start");
	control_answer(ctx, &(struct buf){0}, &err);
}

static bool is_true(const struct json *member)
{
	return member && member->kind == JSON_BOOLEAN && member->boolean;
}

static int do_task(struct inbox *inbox, struct control *control, const struct json *request,
    struct buf *result, struct err *err)
{
	const struct json *payload = json_member(request, "payload");

	if (!payload || payload->kind != JSON_STRING)
		return err_set(err, "\"payload\" must be a string: an array of tasks, as JSON");
	if (is_true(json_member(request, "dry_run")))
		inbox_preview(inbox, payload->string.data, payload->string.len, result);
	else
		inbox_submit(
		    inbox, payload->string.data, payload->string.len, on_done, control_defer(control));
	return 0;
}

static int do_hold(struct inbox *inbox, const struct json *request, struct err *err)
{
	const struct json *time = json_member(request, "for_ms");

	if (!time || time->kind != JSON_INTEGER || time->integer < 0 || time->integer > HOLD_MAX_MS)
		return err_set(err, "\"for_ms\" must be milliseconds, 30 days at most");
	if (inbox_hold(inbox, time->integer, err) == 0)
		return 0;
	err_prefix(err, "it holds, but would not outlive a restart: ");
	return -1;
}

int task_control(struct inbox *inbox, struct control *control, const struct json *request,
    struct buf *result, struct err *err)
{
	const struct json *cmd = json_member(request, "cmd");

	if (strcmp(cmd->string.data, "task") == 0)
		return do_task(inbox, control, request, result, err);
	if (strcmp(cmd->string.data, "hold") == 0)
		return do_hold(inbox, request, err);
	if (strcmp(cmd->string.data, "tasks-refused") != 0)
		return 1;
	inbox_refused(inbox, result);
	return 0;
}
