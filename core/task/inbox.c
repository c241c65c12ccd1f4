/*
 * The end of a task, in this order: its values are with the kernel, the journal says done and how,
 * the acknowledgement is with the kernel, the intake forgets the payload. A crash before the
 * journal does it again or interrupts it; a crash after it acknowledges it again, from the
 * journal: never another outcome, never none.
 */
#include "core/task/inbox.h"

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/task/executor.h"
#include "core/task/hold.h"
#include "core/task/intake.h"
#include "core/task/journal.h"
#include "core/task/outcome.h"
#include "core/task/preview.h"
#include "core/task/refused.h"
#include "core/task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTAKE_MAX  (1024 * 1024) /* bytes of payloads not done yet */
#define PIECES_MAX  20000         /* paths that wait for their turn */
#define REFUSAL_MAX 100

/* A message while any of its tasks is not done. It owns what they point to. */
struct payload {
	uint64_t id; /* in the intake; 0: it could not be kept there */
	struct task_list list;
	size_t open;             /* tasks not done */
	struct outcome *outcome; /* for who waits for it; or NULL */
};

/* A task that is not done. */
struct pending {
	struct inbox *inbox;
	struct payload *payload;
	const struct task *task;
	struct pending *prev, *next;
};

struct inbox {
	struct clock *clock;
	const struct config *config;
	struct ingest *ingest;
	struct intake *intake;
	struct journal *journal;
	struct executor *executor;
	struct hold *hold;
	struct refused *refused;
	struct pending *pendings;
	struct inbox_figures figures;
	bool held, paused, stopped;
};

/* --- the end of a task --- */

static void free_payload(struct payload *payload, bool complete)
{
	outcome_free(payload->outcome, complete);
	task_list_free(&payload->list);
	free(payload);
}

static void payload_done(struct inbox *inbox, struct payload *payload)
{
	if (--payload->open > 0)
		return;
	if (payload->id)
		intake_done(inbox->intake, payload->id);
	free_payload(payload, true);
}

static void free_pending(struct pending *pending)
{
	*(pending->prev ? &pending->prev->next : &pending->inbox->pendings) = pending->next;
	if (pending->next)
		pending->next->prev = pending->prev;
	free(pending);
}

static void on_synced(void *ctx, int error)
{
	(void)ctx;
	(void)error; /* the queue has said so, and goes on trying */
}

/* Says what the journal says, so that every acknowledgement of a uid is the same. */
static void acknowledge(struct inbox *inbox, const char *uid)
{
	struct journal_entry entry = {0};
	struct err err;

	if (!inbox->config->payload.acks || !journal_find(inbox->journal, uid, &entry))
		return;
	if (ingest_ack(inbox->ingest, uid, entry.outcome, &err) < 0)
		log_error("task", "it cannot be acknowledged: %s", err.text);
	ingest_sync(inbox->ingest, on_synced, NULL);
}

/* A reason may quote what a script or a payload said: what is not UTF-8 becomes a question mark. */
static void add_clean(struct buf *out, const char *text)
{
	size_t len = strlen(text), bad;

	while (!utf8_valid(text, len, &bad)) {
		buf_add(out, text, bad);
		buf_char(out, '?');
		text += bad + 1;
		len -= bad + 1;
	}
	buf_add(out, text, len);
}

static void settle(struct inbox *inbox, const char *uid, const char *why)
{
	struct buf outcome = {0};

	add_clean(&outcome, why);
	journal_set(inbox->journal, uid, JOURNAL_DONE, buf_str(&outcome));
	acknowledge(inbox, uid);
	buf_free(&outcome);
}

static void on_done(void *ctx, const char *why)
{
	struct pending *pending = ctx;
	struct inbox *inbox = pending->inbox;
	struct payload *payload = pending->payload;

	settle(inbox, pending->task->uid, why);
	if (payload->outcome)
		outcome_task(payload->outcome, pending->task->uid, why, false);
	inbox->figures.done += !*why;
	inbox->figures.failed += *why != '\0';
	free_pending(pending);
	payload_done(inbox, payload);
}

/* --- the beginning of a task --- */

/* A read or a write runs again after a crash, started or not: the file need not know. */
static void on_started(void *ctx)
{
	struct pending *pending = ctx;
	enum task_kind kind = pending->task->kind;

	if (kind == TASK_COMMAND || kind == TASK_SWINSTALL)
		journal_set(pending->inbox->journal, pending->task->uid, JOURNAL_STARTED, "");
}

static void on_answered(void *ctx, const struct sample *sample)
{
	const struct pending *pending = ctx;

	if (pending->payload->outcome)
		outcome_value(pending->payload->outcome, pending->task->uid, sample);
}

static const struct execution_events execution_events = {
    .started = on_started,
    .answered = on_answered,
    .done = on_done,
};

static bool is_pending(const struct inbox *inbox, const char *uid)
{
	const struct pending *pending = inbox->pendings;

	while (pending && strcmp(pending->task->uid, uid) != 0)
		pending = pending->next;
	return pending != NULL;
}

/* Why a new task must not begin; NULL if it may. `text` is room for it. */
static const char *refusal(struct inbox *inbox, char text[REFUSAL_MAX])
{
	int64_t held_ms = inbox->config->tasks.hold_refuses ? hold_left_ms(inbox->hold) : 0;
	char left[NUMBER_TEXT];

	if (held_ms > 0) {
		duration_format(left, (held_ms + 999) / 1000 * 1000);
		(void)snprintf(
		    text, REFUSAL_MAX, "held for another %s: somebody works on the machine", left);
		return text;
	}
	if (executor_running(inbox->executor) >= inbox->config->tasks.queue)
		return "busy: as many tasks as tasks.queue allows are not done yet";
	if (executor_waiting(inbox->executor) >= PIECES_MAX)
		return "busy: too many paths wait to be read or written";
	return NULL;
}

static struct pending *new_pending(
    struct inbox *inbox, struct payload *payload, const struct task *task)
{
	struct pending *pending = mem_alloc(sizeof(*pending));

	*pending =
	    (struct pending){.inbox = inbox, .payload = payload, .task = task, .next = inbox->pendings};
	if (pending->next)
		pending->next->prev = pending;
	inbox->pendings = pending;
	return pending;
}

/* done: as the journal has it, NULL while it is being done. */
static void repeat(
    struct inbox *inbox, struct payload *payload, const char *uid, const struct journal_entry *done)
{
	log_info("task", "%s: seen before, not done again", uid);
	inbox->figures.repeated++;
	if (payload->outcome)
		outcome_task(
		    payload->outcome, uid, done ? done->outcome : "it is being done already", true);
	if (done)
		acknowledge(inbox, uid);
	payload_done(inbox, payload);
}

static void begin(struct inbox *inbox, struct payload *payload, const struct task *task)
{
	struct journal_entry entry = {0};
	bool known = journal_find(inbox->journal, task->uid, &entry);
	bool done = known && entry.state == JOURNAL_DONE;
	char text[REFUSAL_MAX];
	const char *why = known ? NULL : refusal(inbox, text);

	if (done || is_pending(inbox, task->uid)) {
		repeat(inbox, payload, task->uid, done ? &entry : NULL);
		return;
	}
	struct pending *pending = new_pending(inbox, payload, task);
	if (why) {
		log_warn("task", "%s: refused: %s", task->uid, why);
		on_done(pending, why);
		return;
	}
	if (!known)
		journal_set(inbox->journal, task->uid, JOURNAL_ACCEPTED, "");
	executor_run(inbox->executor, task, entry.state == JOURNAL_STARTED, &execution_events, pending);
}

/* --- messages --- */

int inbox_arrived(struct inbox *inbox, const void *data, size_t len, uint64_t *id)
{
	return intake_append(inbox->intake, data, len, id);
}

/* What could not be understood is answered where it has a uid, if answers are wanted. */
static void answer_refusal(struct inbox *inbox, const struct task_refusal *refusal)
{
	struct journal_entry entry;

	if (!refusal->uid || !inbox->config->payload.acks || is_pending(inbox, refusal->uid))
		return;
	if (journal_find(inbox->journal, refusal->uid, &entry) && entry.state == JOURNAL_DONE)
		acknowledge(inbox, refusal->uid);
	else
		settle(inbox, refusal->uid, refusal->text);
}

static void refuse(struct inbox *inbox, const struct task_list *list)
{
	if (list->mended > 0)
		log_warn("task", "byte %zu: a closing bracket that matches no open one was left out%s",
		    list->mended_offset, list->mended > 1 ? ", and others behind it" : "");
	for (size_t i = 0; i < list->refused; i++) {
		log_warn("task", "refused: %s", list->refusals[i].text);
		answer_refusal(inbox, &list->refusals[i]);
	}
	inbox->figures.refused += list->refused;
}

static void decode(const struct inbox *inbox, const void *data, size_t len, struct task_list *list)
{
	task_decode(data, len, inbox->config->tasks.strict, inbox->config->tasks.max_bytes, list);
}

static void take(
    struct inbox *inbox, const void *data, size_t len, uint64_t id, struct outcome *outcome)
{
	struct payload *payload;

	if (inbox->stopped) { /* it is in the intake */
		outcome_free(outcome, false);
		return;
	}
	payload = mem_alloc(sizeof(*payload));
	payload->id = id;
	payload->outcome = outcome;
	inbox->figures.payloads++;
	decode(inbox, data, len, &payload->list);
	refuse(inbox, &payload->list);
	if (payload->list.refused > 0)
		refused_add(inbox->refused, data, len, &payload->list);
	if (outcome)
		outcome_decoded(outcome, &payload->list);
	payload->open = payload->list.count + 1; /* ours, until all have begun */
	/* the analyser does not see that `open` counts the holders */
	for (size_t i = 0; i < payload->list.count; i++) /* NOLINT(clang-analyzer-unix.Malloc) */
		begin(inbox, payload, &payload->list.tasks[i]);
	payload_done(inbox, payload);
}

void inbox_message(struct inbox *inbox, const void *data, size_t len, uint64_t id)
{
	take(inbox, data, len, id, NULL);
}

void inbox_submit(struct inbox *inbox, const void *data, size_t len,
    void (*done)(void *ctx, struct buf *json), void *ctx)
{
	uint64_t id = 0;

	(void)intake_append(inbox->intake, data, len, &id); /* -1: as a message that finds it full */
	take(inbox, data, len, id, outcome_new(inbox->config, done, ctx));
}

void inbox_preview(struct inbox *inbox, const void *data, size_t len, struct buf *json)
{
	struct task_list list;

	decode(inbox, data, len, &list);
	preview_write(inbox->executor, &list, json);
	task_list_free(&list);
}

/* --- trials --- */

static void on_trial_started(void *ctx)
{
	(void)ctx;
}

static void on_tried(void *ctx, const char *why)
{
	struct pending *pending = ctx;
	struct inbox *inbox = pending->inbox;
	struct payload *payload = pending->payload;

	outcome_task(payload->outcome, pending->task->uid, why, false);
	free_pending(pending);
	payload_done(inbox, payload);
}

static const struct execution_events trial_events = {
    .started = on_trial_started,
    .answered = on_answered,
    .done = on_tried,
    .keeps = true,
};

static void try_task(struct inbox *inbox, struct payload *payload, const struct task *task)
{
	struct pending *pending = new_pending(inbox, payload, task);
	char text[REFUSAL_MAX];
	const char *why = task->kind == TASK_READ ? refusal(inbox, text) : "it is no read";

	if (why)
		on_tried(pending, why);
	else
		executor_run(inbox->executor, task, false, &trial_events, pending);
}

void inbox_try(struct inbox *inbox, const void *data, size_t len,
    void (*done)(void *ctx, struct buf *json), void *ctx)
{
	struct payload *payload = mem_alloc(sizeof(*payload));

	payload->outcome = outcome_new(inbox->config, done, ctx);
	if (inbox->stopped) {
		free_payload(payload, false);
		return;
	}
	decode(inbox, data, len, &payload->list);
	outcome_decoded(payload->outcome, &payload->list);
	payload->open = payload->list.count + 1; /* ours, until all have begun */
	/* as in take(): the analyser does not see that `open` counts the holders */
	for (size_t i = 0; i < payload->list.count; i++) /* NOLINT(clang-analyzer-unix.Malloc) */
		try_task(inbox, payload, &payload->list.tasks[i]);
	payload_done(inbox, payload);
}

/* --- after a crash --- */

static void on_replayed(void *ctx, uint64_t id, const void *data, size_t len)
{
	inbox_message(ctx, data, len, id);
}

void inbox_replay(struct inbox *inbox)
{
	intake_replay(inbox->intake, on_replayed, inbox);
}

void inbox_report_settings(struct inbox *inbox)
{
	executor_report_settings(inbox->executor);
}

/* --- holding --- */

static void log_hold(int64_t left_ms)
{
	char left[NUMBER_TEXT];

	duration_format(left, left_ms);
	log_warn("task", "tasks are held for %s", left);
}

int inbox_hold(struct inbox *inbox, int64_t duration_ms, struct err *err)
{
	int rc = hold_set(inbox->hold, duration_ms, err);

	if (duration_ms > 0)
		log_hold(duration_ms);
	inbox_tick(inbox);
	return rc;
}

void inbox_tick(struct inbox *inbox)
{
	bool held = hold_left_ms(inbox->hold) > 0;

	if (inbox->held && !held)
		log_info("task", "tasks are no longer held");
	inbox->held = held;
	executor_hold(inbox->executor, held || inbox->paused);
	intake_tick(inbox->intake);
	refused_tick(inbox->refused);
}

void inbox_refused(const struct inbox *inbox, struct buf *json)
{
	refused_write(inbox->refused, json);
}

/* --- outside --- */

static int open_files(struct inbox *inbox, struct err *err)
{
	const struct config *config = inbox->config;
	struct arena paths = {0};
	const char *dir = config->state.dir;

	inbox->hold = hold_open(arena_printf(&paths, "%s/hold", dir), inbox->clock);
	inbox->refused = refused_open(arena_printf(&paths, "%s/refused", dir), inbox->clock);
	inbox->journal = journal_open(arena_printf(&paths, "%s/uids", dir), config->tasks.sync, err);
	if (inbox->journal)
		inbox->intake = intake_open(
		    arena_printf(&paths, "%s/intake", dir), config->tasks.sync, INTAKE_MAX, err);
	arena_free(&paths);
	return inbox->intake ? 0 : -1;
}

struct inbox *inbox_new(struct clock *clock, const struct config *config, struct catalog *catalog,
    struct ingest *ingest, struct err *err)
{
	struct inbox *inbox = mem_alloc(sizeof(*inbox));

	inbox->clock = clock;
	inbox->config = config;
	inbox->ingest = ingest;
	inbox->executor = executor_new(clock, catalog, ingest);
	if (open_files(inbox, err) < 0) {
		inbox_free(inbox);
		return NULL;
	}
	if (hold_left_ms(inbox->hold) > 0)
		log_hold(hold_left_ms(inbox->hold));
	inbox_tick(inbox);
	return inbox;
}

void inbox_stop(struct inbox *inbox)
{
	inbox->stopped = true;
	executor_stop(inbox->executor);
}

void inbox_pause(struct inbox *inbox, bool paused)
{
	inbox->paused = paused;
	executor_hold(inbox->executor, inbox->held || paused);
}

void inbox_free(struct inbox *inbox)
{
	if (!inbox)
		return;
	executor_free(inbox->executor);
	while (inbox->pendings) {
		struct payload *payload = inbox->pendings->payload; /* NOLINT(clang-analyzer-unix.Malloc) */

		free_pending(inbox->pendings);
		if (--payload->open == 0)
			free_payload(payload, false);
	}
	intake_close(inbox->intake);
	journal_close(inbox->journal);
	refused_close(inbox->refused);
	hold_close(inbox->hold);
	free(inbox);
}

struct inbox_figures inbox_figures(struct inbox *inbox)
{
	struct inbox_figures figures = inbox->figures;

	figures.held_ms = hold_left_ms(inbox->hold);
	figures.running = (uint32_t)executor_running(inbox->executor);
	return figures;
}
