#include "core/offline.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/rig.h"

#include <stdlib.h>
#include <string.h>

struct offline {
	const struct host_ops *ops;
	struct rig *rig;
	struct buf *answer; /* of the chunk that runs */
	bool done, interrupted;
};

struct offline *offline_open(const struct config *config, const struct host_ops *ops,
    struct problems *problems, struct err *err)
{
	const struct rig_options options = {
	    .name = "repl", .config = config, .ops = ops, .copy_state = true};
	struct rig *rig = rig_open(&options, err);
	struct offline *offline;

	if (!rig)
		return NULL;
	offline = mem_alloc(sizeof(*offline));
	offline->ops = ops;
	offline->rig = rig;
	ops->load(rig->host, problems);
	ops->start(rig->host);
	ops->console->arm(rig->host, INT64_MAX);
	return offline;
}

void offline_close(struct offline *offline)
{
	rig_close(offline->rig);
	free(offline);
}

/* --- the console's side --- */

static void on_done(void *ctx, struct buf *json)
{
	struct offline *offline = ctx;

	offline->answer->len = 0;
	if (json)
		buf_add(offline->answer, json->data, json->len);
	offline->done = true;
}

static void on_interrupt(uv_poll_t *poll, int status, int events)
{
	struct offline *offline = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	offline->interrupted = true;
	offline->ops->console->stop(offline->rig->host);
}

static int eval(void *ctx, const char *chunk, int interrupt, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;
	uv_poll_t poll = {.data = offline};

	offline->done = offline->interrupted = false;
	offline->answer = answer;
	if (offline->ops->console->eval(
	        offline->rig->host, chunk, strlen(chunk), on_done, offline, err) < 0)
		return -1;
	if (interrupt >= 0) {
		must(uv_poll_init(&offline->rig->loop, &poll, interrupt) == 0);
		poll.data = offline;
		uv_poll_start(&poll, UV_READABLE, on_interrupt);
	}
	while (!offline->done)
		uv_run(&offline->rig->loop, UV_RUN_ONCE);
	if (interrupt >= 0) {
		uv_close((uv_handle_t *)&poll, NULL);
		uv_run(&offline->rig->loop, UV_RUN_NOWAIT);
	}
	if (!offline->interrupted)
		return 0;
	err_set(err, "stopped");
	err->code = -ECANCELED;
	return -1;
}

static int complete(void *ctx, const char *text, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;

	return offline->ops->console->complete(offline->rig->host, text, strlen(text), answer, err);
}

static int ask(void *ctx, const char *request, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;
	size_t pos = 0;
	struct json_doc *doc = json_parse(request, strlen(request), &pos, 100, err);
	const struct json *cmd = doc ? json_member(json_root(doc), "cmd") : NULL;
	bool sensors = cmd && strcmp(cmd->string.data, "sensors") == 0;

	json_free(doc);
	if (!sensors)
		return err_set(err, "offline there is no agent to ask: all runs here, on a copy");
	offline->ops->console->sensors(offline->rig->host, NULL, NULL, answer);
	return 0;
}

struct console_side offline_side(struct offline *offline)
{
	return (struct console_side){.ctx = offline,
	    .eval = eval,
	    .complete = complete,
	    .ask = ask,
	    .greeting = "neap " NEAP_VERSION ", offline, on a copy of the state: all runs, nothing "
	                "is\nsent or kept. Lua, or :help"};
}
