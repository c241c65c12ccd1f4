#include "core/console/offline.h"

#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/command/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_MAX_MS 1000
#define TIME_MAX_MS (31LL * 86400000)

struct offline {
	const struct host_ops *ops;
	struct rig *rig;
	struct buf *answer; /* of the chunk that runs */
	bool done, interrupted;
	uv_timer_t real;
};

struct offline *offline_open(const struct config *config, const struct host_ops *ops,
    struct problems *problems, struct err *err)
{
	struct clock *now = clock_new(config->clock.trust);
	const struct rig_options options = {.name = "repl",
	    .config = config,
	    .ops = ops,
	    .copy_state = true,
	    .is_virtual = true,
	    .wall_ms = clock_wall_ms(now)};
	struct rig *rig = rig_open(&options, err);
	struct offline *offline;

	clock_free(now);
	if (!rig)
		return NULL;
	offline = mem_alloc(sizeof(*offline));
	offline->ops = ops;
	offline->rig = rig;
	must(uv_timer_init(&rig->loop, &offline->real) == 0);
	ops->load(rig->host, problems);
	ops->start(rig->host);
	ops->console->arm(rig->host, INT64_MAX);
	return offline;
}

void offline_close(struct offline *offline)
{
	uv_close((uv_handle_t *)&offline->real, NULL);
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

static void on_limit(uv_timer_t *timer)
{
	(void)timer; /* it ends uv_run */
}

/* Who waits for a device or a program does so in real time, and so do its timeouts. */
static void pass_really(struct offline *offline, int64_t next)
{
	struct rig *rig = offline->rig;
	int64_t began = clock_io_ms(), left = next - clock_mono_ms(rig->clock), passed;

	uv_update_time(&rig->loop);
	uv_timer_start(&offline->real, on_limit, left < REAL_MAX_MS ? (uint64_t)left : REAL_MAX_MS, 0);
	(void)uv_run(&rig->loop, UV_RUN_ONCE);
	uv_timer_stop(&offline->real);
	passed = clock_io_ms() - began;
	rig_advance(rig, clock_mono_ms(rig->clock) + (passed < left ? passed : left));
}

/* Time passes only where a chunk waits for it: to the next timer. */
static void pass(struct offline *offline)
{
	struct rig *rig = offline->rig;
	int64_t next;

	(void)uv_run(&rig->loop, UV_RUN_NOWAIT);
	if (offline->done)
		return;
	next = offline->ops->next(rig->host);
	if (next <= clock_mono_ms(rig->clock))
		offline->ops->run(rig->host);
	else if (offline->ops->waits_outside(rig->host))
		pass_really(offline, next);
	else if (offline->ops->waits(rig->host) || next == INT64_MAX)
		(void)uv_run(&rig->loop, UV_RUN_ONCE); /* for the disk */
	else
		rig_advance(rig, next);
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
		pass(offline);
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

static uint64_t accepted(const struct rig *rig)
{
	uint64_t sum = 0;

	for (struct queue *queue = queue_next(rig->queues, NULL); queue;
	     queue = queue_next(rig->queues, queue))
		sum += queue_figures(queue).accepted;
	return sum;
}

/* {"cmd":"time","ms":3600000}: the result is a text. */
static int pass_time(
    struct offline *offline, const struct json *ms, struct buf *answer, struct err *err)
{
	struct rig *rig = offline->rig;
	uint64_t before = accepted(rig);
	int64_t end, next;
	char text[160], passed[NUMBER_TEXT];

	if (!ms || ms->kind != JSON_INTEGER || ms->integer > TIME_MAX_MS)
		return err_set(err, "time passes by 31 days at most");
	end = clock_mono_ms(rig->clock) + ms->integer;
	do {
		if (!rig_settle(rig))
			return err_set(err, "the scripts do not come to rest: one waits for no time again and "
			                    "again, or for a device");
		next = offline->ops->next(rig->host);
		rig_advance(rig, next < end ? next : end);
	} while (next < end);
	if (!rig_settle(rig))
		return err_set(err, "the scripts do not come to rest");
	(void)duration_format(passed, ms->integer);
	(void)snprintf(text, sizeof(text), "%s passed, %llu samples were taken", passed,
	    (unsigned long long)(accepted(rig) - before));
	json_add_text(answer, text);
	return 0;
}

static int ask(void *ctx, const char *request, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;
	size_t pos = 0;
	struct json_doc *doc = json_parse(request, strlen(request), &pos, 100, err);
	const struct json *cmd = doc ? json_member(json_root(doc), "cmd") : NULL;
	const char *name = cmd ? cmd->string.data : "";
	int rc = 0;

	if (strcmp(name, "time") == 0)
		rc = pass_time(offline, json_member(json_root(doc), "ms"), answer, err);
	else if (strcmp(name, "sensors") == 0)
		offline->ops->console->sensors(offline->rig->host, NULL, NULL, answer);
	else
		rc = err_set(err, "offline there is no agent to ask: all runs here, on a copy");
	json_free(doc);
	return rc;
}

struct console_side offline_side(struct offline *offline)
{
	return (struct console_side){.ctx = offline,
	    .eval = eval,
	    .complete = complete,
	    .ask = ask,
	    .greeting = "neap " NEAP_VERSION ", offline, on a copy of the state: all runs, nothing is\n"
	                "sent or kept; time passes where a chunk waits for it. Lua, or :help"};
}
