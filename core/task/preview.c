#include "core/task/preview.h"

#include "core/base/json_out.h"
#include "core/base/value_json.h"

static void describe(struct buf *text, const struct job *job)
{
	static const char *const verbs[] = {[JOB_READ] = "read ",
	    [JOB_WRITE] = "write ",
	    [JOB_COMMAND] = "command ",
	    [JOB_INSTALL] = ""};

	buf_text(text, verbs[job->kind]);
	buf_text(text, job->path);
	if (job->kind == JOB_WRITE) {
		buf_text(text, " = ");
		value_json(text, &job->value);
	}
	for (size_t i = 0; i < job->arguments_count; i++) {
		buf_printf(text, " %s=", job->arguments[i].name);
		value_json(text, &job->arguments[i].value);
	}
	if (*job->entry->where)
		buf_printf(text, " (%s)", job->entry->where);
}

static void on_step(void *ctx, const struct job *job, const char *why)
{
	static const char *const kinds[] = {[JOB_READ] = "read",
	    [JOB_WRITE] = "write",
	    [JOB_COMMAND] = "command",
	    [JOB_INSTALL] = "install"};
	struct json_out *out = ctx;
	struct buf text = {0};

	if (job)
		describe(&text, job);
	else
		buf_text(&text, why);
	json_out_open(out, NULL, '{');
	json_out_bool(out, "ok", job != NULL);
	json_out_text(out, "text", buf_str(&text));
	if (job) {
		json_out_text(out, "kind", kinds[job->kind]);
		json_out_text(out, "path", job->path);
	}
	json_out_close(out, '}');
	buf_free(&text);
}

void preview_write(struct executor *executor, const struct task_list *list, struct buf *json)
{
	struct json_out out = {.buf = json};

	json_out_open(&out, NULL, '{');
	json_out_open(&out, "refused", '[');
	for (size_t i = 0; i < list->refused; i++)
		json_out_text(&out, NULL, list->refusals[i].text);
	json_out_close(&out, ']');
	json_out_open(&out, "tasks", '[');
	for (size_t i = 0; i < list->count; i++) {
		json_out_open(&out, NULL, '{');
		json_out_text(&out, "uid", list->tasks[i].uid);
		json_out_open(&out, "steps", '[');
		executor_preview(executor, &list->tasks[i], on_step, &out);
		json_out_close(&out, ']');
		json_out_close(&out, '}');
	}
	json_out_close(&out, ']');
	json_out_close(&out, '}');
}
