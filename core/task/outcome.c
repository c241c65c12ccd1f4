#include "core/task/outcome.h"

#include "core/base/json_out.h"
#include "core/base/mem.h"
#include "core/base/value_json.h"
#include "core/message/body.h"

#include <stdlib.h>

struct outcome {
	const struct config *config;
	void (*done)(void *ctx, struct buf *json);
	void *ctx;
	struct buf head, tasks, values;
	struct json_out heads, task_list, value_list;
};

struct outcome *outcome_new(
    const struct config *config, void (*done)(void *ctx, struct buf *json), void *ctx)
{
	struct outcome *outcome = mem_alloc(sizeof(*outcome));

	outcome->config = config;
	outcome->done = done;
	outcome->ctx = ctx;
	outcome->heads.buf = &outcome->head;
	outcome->task_list.buf = &outcome->tasks;
	outcome->value_list.buf = &outcome->values;
	json_out_open(&outcome->heads, NULL, '{');
	json_out_open(&outcome->task_list, NULL, '[');
	json_out_open(&outcome->value_list, NULL, '[');
	return outcome;
}

void outcome_decoded(struct outcome *outcome, const struct task_list *list)
{
	struct json_out *out = &outcome->heads;

	if (list->mended > 0)
		json_out_int(out, "mended", (int64_t)list->mended_offset);
	json_out_open(out, "refused", '[');
	for (size_t i = 0; i < list->refused; i++)
		json_out_text(out, NULL, list->refusals[i].text);
	json_out_close(out, ']');
}

void outcome_value(struct outcome *outcome, const char *uid, const struct sample *sample)
{
	struct json_out *out = &outcome->value_list;
	struct buf body = {0};

	json_out_open(out, NULL, '{');
	json_out_text(out, "uid", uid);
	json_out_text(out, "path", sample->path);
	json_out_raw(out, "value");
	value_json(out->buf, &sample->value);
	body_of_sample(outcome->config, sample, &body);
	json_out_text(out, "body", buf_str(&body));
	buf_free(&body);
	json_out_close(out, '}');
}

void outcome_task(struct outcome *outcome, const char *uid, const char *why, bool repeated)
{
	struct json_out *out = &outcome->task_list;
	struct buf ack = {0};

	json_out_open(out, NULL, '{');
	json_out_text(out, "uid", uid);
	json_out_text(out, "status", *why ? "ERROR" : "OK");
	if (*why)
		json_out_text(out, "message", why);
	if (repeated)
		json_out_bool(out, "repeated", true);
	body_of_ack(outcome->config, uid, why, &ack);
	if (ack.len > 0)
		json_out_text(out, "ack", buf_str(&ack));
	buf_free(&ack);
	json_out_close(out, '}');
}

static void tell(struct outcome *outcome)
{
	struct json_out *out = &outcome->heads;

	json_out_close(&outcome->task_list, ']');
	json_out_close(&outcome->value_list, ']');
	json_out_raw(out, "tasks");
	buf_add(out->buf, outcome->tasks.data, outcome->tasks.len);
	json_out_raw(out, "values");
	buf_add(out->buf, outcome->values.data, outcome->values.len);
	json_out_close(out, '}');
	outcome->done(outcome->ctx, &outcome->head);
}

void outcome_free(struct outcome *outcome, bool complete)
{
	if (!outcome)
		return;
	if (complete)
		tell(outcome);
	else
		outcome->done(outcome->ctx, NULL);
	buf_free(&outcome->head);
	buf_free(&outcome->tasks);
	buf_free(&outcome->values);
	free(outcome);
}
