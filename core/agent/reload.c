#include "core/agent/reload.h"

#include "core/base/json_out.h"

static void on_done(void *ctx, const struct problems *problems, const struct buf *changes)
{
	struct buf json = {0};
	struct json_out out = {.buf = &json};

	json_out_open(&out, NULL, '{');
	json_out_raw(&out, "changes");
	buf_add(&json, changes->data, changes->len);
	json_out_open(&out, "problems", '[');
	for (size_t i = 0; i < problems->count; i++) {
		json_out_open(&out, NULL, '{');
		json_out_text(&out, "text", problems->list[i].text);
		json_out_bool(&out, "warning", problems->list[i].warning);
		json_out_close(&out, '}');
	}
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	control_answer(ctx, &json, NULL);
	buf_free(&json);
}

void reload_serve(const struct host_ops *ops, struct host *host, struct control *control,
    const struct json *request, struct buf *result)
{
	const struct json *script = json_member(request, "script");
	const struct json *try_ms = json_member(request, "try_ms");
	const char *name = script && script->kind == JSON_STRING ? script->string.data : NULL;

	if (json_member(request, "confirm")) {
		buf_printf(result, "{\"confirmed\":%u}", ops->confirm(host, name));
		return;
	}
	ops->reload(host, &(struct reload_request){
	                      .script = name,
	                      .reason = "command",
	                      .try_ms = try_ms && try_ms->kind == JSON_INTEGER ? try_ms->integer : 0,
	                      .done = on_done,
	                      .ctx = control_defer(control),
	                  });
}
