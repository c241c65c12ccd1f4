#include "core/inbox.h"

#include "core/buf.h"
#include "core/intake.h"
#include "core/journal.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/plan.h"
#include "core/task.h"
#include "core/turns.h"

#include <stdlib.h>
#include <string.h>

#define INTAKE_MAX  (1024 * 1024) /* bytes of payloads not done yet */
#define WAITING_MAX 2000          /* pieces of work; more is refused as busy */
#define REASON_MAX  200           /* bytes of a reason that the journal keeps */

/* A message while any of its tasks is not done. It owns what they point to. */
struct payload {
	uint64_t id; /* in the intake; 0: it could not be kept there */
	struct task_list list;
	size_t open; /* tasks not done */
};

/* A task that is being done; or the report of all settings, which is like a read that nobody sent.
 */
struct running {
	struct inbox *inbox;
	struct payload *payload; /* the report: NULL */
	const char *uid;         /* the report: NULL */
	struct work *works;
	size_t count;
	size_t open;       /* works not done */
	struct buf reason; /* what failed; empty if all is well */
	struct running *prev, *next;
};

/* A task's work on one path. */
struct work {
	struct turn turn;
	struct job job;
	struct running *running;
};

struct inbox {
	struct clock *clock;
	const struct config *config;
	struct catalog *catalog;
	struct ingest *ingest;
	struct intake *intake;
	struct journal *journal;
	struct turns *turns;
	struct running *running;
	struct inbox_figures figures;
	bool starting; /* start_ready is on the stack */
	bool stopped;  /* what ends now was cut off by the stop: it is not done */
};

static void start_ready(struct inbox *inbox);

/* --- the end of a task --- */

static void free_payload(struct payload *payload)
{
	task_list_free(&payload->list);
	free(payload);
}

static void payload_done(struct inbox *inbox, struct payload *payload)
{
	if (--payload->open > 0)
		return;
	if (payload->id)
		intake_done(inbox->intake, payload->id);
	free_payload(payload);
}

static struct running *new_running(
    struct inbox *inbox, struct payload *payload, const char *uid, size_t count)
{
	struct running *running = mem_alloc(sizeof(*running));

	running->inbox = inbox;
	running->payload = payload;
	running->uid = uid;
	running->works = mem_alloc(count * sizeof(*running->works));
	running->count = count;
	running->open = 1; /* the maker's, until all are added */
	running->next = inbox->running;
	if (running->next)
		running->next->prev = running;
	inbox->running = running;
	inbox->figures.running++;
	return running;
}

static void free_running(struct running *running)
{
	struct inbox *inbox = running->inbox;

	*(running->prev ? &running->prev->next : &inbox->running) = running->next;
	if (running->next)
		running->next->prev = running->prev;
	inbox->figures.running--;
	for (size_t i = 0; i < running->count; i++)
		plan_free(&running->works[i].job);
	free(running->works);
	buf_free(&running->reason);
	free(running);
}

static void task_done(struct running *running)
{
	struct inbox *inbox = running->inbox;
	struct payload *payload = running->payload;
	bool ok = running->reason.len == 0;

	if (running->reason.len > REASON_MAX)
		running->reason.len = REASON_MAX;
	/* The answers are with the kernel before the journal says done: a crash between does it again.
	 */
	ingest_commit(inbox->ingest);
	if (running->uid) {
		journal_set(inbox->journal, running->uid, JOURNAL_DONE, buf_str(&running->reason));
		inbox->figures.done += ok;
		inbox->figures.failed += !ok;
	}
	free_running(running);
	if (payload)
		payload_done(inbox, payload);
}

static void fail(struct running *running, const char *why)
{
	log_warn("task", "%s: %s", running->uid ? running->uid : "report of the settings", why);
	if (running->reason.len > 0)
		buf_text(&running->reason, "; ");
	buf_text(&running->reason, why);
}

static void work_done(struct running *running)
{
	if (--running->open == 0)
		task_done(running);
}

/* --- the work --- */

static void answer(struct inbox *inbox, const struct sample *samples, size_t count)
{
	struct err err = {0};

	for (size_t i = 0; i < count; i++) {
		if (ingest_answer(inbox->ingest, &samples[i], &err) < 0)
			log_error("task", "%s: its answer cannot be sent: %s", samples[i].path, err.text);
	}
}

static void fail_work(const struct work *work, const char *why)
{
	struct buf text = {0};

	/* A reason may begin with the path already. */
	if (strncmp(why, work->job.path, strlen(work->job.path)) == 0)
		buf_text(&text, why);
	else
		buf_printf(&text, "%s: %s", work->job.path, why);
	fail(work->running, buf_str(&text));
	buf_free(&text);
}

static void on_job_done(
    struct job *job, bool ok, const struct sample *samples, size_t count, const char *why)
{
	struct work *work = job->ctx;
	struct inbox *inbox = work->running->inbox;

	turns_end(inbox->turns, &work->turn);
	if (inbox->stopped)
		return;
	answer(inbox, samples, count);
	if (!ok)
		fail_work(work, why);
	work_done(work->running);
	start_ready(inbox);
}

static void start_ready(struct inbox *inbox)
{
	struct turn *turn;

	if (inbox->starting)
		return;
	inbox->starting = true;
	while (!inbox->stopped && (turn = turns_next(inbox->turns))) {
		struct work *work = (struct work *)(void *)((char *)turn - offsetof(struct work, turn));

		work->job.entry->owner->start(work->job.entry->owner, &work->job);
	}
	inbox->starting = false;
}

static void add_work(struct work *work)
{
	work->job.done = on_job_done;
	work->job.ctx = work;
	work->turn.task = work->running;
	work->turn.read = work->job.kind == JOB_READ;
	work->running->open++;
	turns_add(work->running->inbox->turns, &work->turn, work->job.path);
}

/* --- the beginning of a task --- */

static int plan(
    struct inbox *inbox, const struct task *task, size_t index, struct job *job, struct err *err)
{
	if (task->kind == TASK_COMMAND)
		return plan_command(inbox->catalog, task->id, task->params, job, err);
	if (task->kind == TASK_READ)
		return plan_read(inbox->catalog, task->items[index].path, job, err);
	return plan_write(inbox->catalog, task->items[index].path, task->items[index].value, job, err);
}

/* Why a command must not run although it is well formed; NULL if it may. */
static const char *refuse_command(const struct inbox *inbox, const struct task *task,
    const struct job *job, enum journal_state before)
{
	int64_t age_ms = clock_wall_ms(inbox->clock) - task->timestamp_ms;

	if (before == JOURNAL_STARTED && !job->entry->repeatable)
		return "interrupted: neap stopped while it ran, and it is not declared repeatable";
	if (task->timestamp_ms > 0 && job->entry->ttl_ms > 0 && clock_is_set(inbox->clock) &&
	    age_ms > job->entry->ttl_ms)
		return "it is older than its ttl";
	return NULL;
}

/* Every piece that can be done is added, every other one fails by itself. */
static void add_works(struct running *running, const struct task *task, enum journal_state before)
{
	struct inbox *inbox = running->inbox;
	bool started = false;

	for (size_t i = 0; i < running->count; i++) {
		struct work *work = &running->works[i];
		struct err err = {0};
		const char *why = NULL;

		work->running = running;
		if (plan(inbox, task, i, &work->job, &err) < 0)
			why = err.text;
		else if (task->kind == TASK_COMMAND)
			why = refuse_command(inbox, task, &work->job, before);
		if (!why && turns_waiting(inbox->turns) >= WAITING_MAX)
			why = "too many tasks are waiting";
		if (why) {
			work->job.path = task->kind == TASK_COMMAND ? task->id : task->items[i].path;
			fail_work(work, why);
			continue;
		}
		if (!started)
			journal_set(inbox->journal, task->uid, JOURNAL_STARTED, "");
		started = true;
		add_work(work);
	}
}

static size_t works_of(const struct task *task)
{
	switch (task->kind) {
	case TASK_READ:
	case TASK_WRITE:
		return task->count;
	case TASK_COMMAND:
		return 1;
	default:
		return 0;
	}
}

static bool is_running(const struct inbox *inbox, const char *uid)
{
	for (const struct running *running = inbox->running; running; running = running->next) {
		if (running->uid && strcmp(running->uid, uid) == 0)
			return true;
	}
	return false;
}

static void begin(struct inbox *inbox, struct payload *payload, const struct task *task)
{
	struct journal_entry entry = {0};
	bool known = journal_find(inbox->journal, task->uid, &entry);
	struct running *running;

	if ((known && entry.state == JOURNAL_DONE) || is_running(inbox, task->uid)) {
		log_info("task", "%s: seen before, not done again", task->uid);
		inbox->figures.repeated++;
		payload_done(inbox, payload);
		return;
	}
	if (!known)
		journal_set(inbox->journal, task->uid, JOURNAL_ACCEPTED, "");
	running = new_running(inbox, payload, task->uid, works_of(task));
	if (task->kind == TASK_SWINSTALL)
		fail(running, "this device installs no software: no script declares a handler for it");
	add_works(running, task, known ? entry.state : JOURNAL_ACCEPTED);
	work_done(running);
	start_ready(inbox);
}

/* --- messages --- */

int inbox_arrived(struct inbox *inbox, const void *data, size_t len, uint64_t *id)
{
	return intake_append(inbox->intake, data, len, id);
}

static void say_refusals(struct inbox *inbox, const struct task_list *list)
{
	if (list->mended > 0)
		log_warn("task", "byte %zu: a closing bracket that matches no open one was left out%s",
		    list->mended_offset, list->mended > 1 ? ", and others behind it" : "");
	for (size_t i = 0; i < list->refused; i++)
		log_warn("task", "refused: %s", list->refusals[i].text);
	inbox->figures.refused += list->refused;
}

void inbox_message(struct inbox *inbox, const void *data, size_t len, uint64_t id)
{
	struct payload *payload = mem_alloc(sizeof(*payload));

	payload->id = id;
	inbox->figures.payloads++;
	task_decode(
	    data, len, inbox->config->tasks.strict, inbox->config->tasks.max_bytes, &payload->list);
	say_refusals(inbox, &payload->list);
	payload->open = payload->list.count + 1; /* ours, until all have begun */
	for (size_t i = 0; i < payload->list.count; i++)
		begin(inbox, payload, &payload->list.tasks[i]);
	payload_done(inbox, payload);
}

static void on_replayed(void *ctx, uint64_t id, const void *data, size_t len)
{
	inbox_message(ctx, data, len, id);
}

void inbox_replay(struct inbox *inbox)
{
	intake_replay(inbox->intake, on_replayed, inbox);
}

static size_t count_entries(const struct catalog *catalog)
{
	size_t count = 0;

	for (const struct entry *entry = catalog_next(catalog, NULL); entry;
	     entry = catalog_next(catalog, entry))
		count++;
	return count;
}

void inbox_report_settings(struct inbox *inbox)
{
	struct running *report = new_running(inbox, NULL, NULL, count_entries(inbox->catalog));
	struct work *work = report->works;
	struct err err;

	for (const struct entry *entry = catalog_next(inbox->catalog, NULL); entry;
	     entry = catalog_next(inbox->catalog, entry)) {
		if (entry->kind != ENTRY_SETTING ||
		    plan_read(inbox->catalog, entry->path, &work->job, &err) < 0)
			continue;
		work->running = report;
		add_work(work++);
	}
	work_done(report);
	start_ready(inbox);
}

/* --- outside --- */

static struct journal *open_journal(const char *dir, struct err *err)
{
	struct buf path = {0};
	struct journal *journal;

	buf_printf(&path, "%s/uids", dir);
	journal = journal_open(buf_str(&path), err);
	buf_free(&path);
	return journal;
}

static struct intake *open_intake(const struct config *config, struct err *err)
{
	struct buf path = {0};
	struct intake *intake;

	buf_printf(&path, "%s/intake", config->state.dir);
	intake = intake_open(buf_str(&path), config->tasks.sync, INTAKE_MAX, err);
	buf_free(&path);
	return intake;
}

struct inbox *inbox_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    struct catalog *catalog, struct ingest *ingest, struct err *err)
{
	struct inbox *inbox = mem_alloc(sizeof(*inbox));

	(void)loop;
	inbox->clock = clock;
	inbox->config = config;
	inbox->catalog = catalog;
	inbox->ingest = ingest;
	inbox->turns = turns_new();
	inbox->journal = open_journal(config->state.dir, err);
	inbox->intake = inbox->journal ? open_intake(config, err) : NULL;
	if (inbox->intake)
		return inbox;
	inbox_free(inbox);
	return NULL;
}

void inbox_stop(struct inbox *inbox)
{
	inbox->stopped = true;
}

void inbox_free(struct inbox *inbox)
{
	if (!inbox)
		return;
	while (inbox->running) {
		struct payload *payload = inbox->running->payload;

		free_running(inbox->running);
		if (payload && --payload->open == 0)
			free_payload(payload);
	}
	intake_close(inbox->intake);
	journal_close(inbox->journal);
	turns_free(inbox->turns);
	free(inbox);
}

struct inbox_figures inbox_figures(const struct inbox *inbox)
{
	return inbox->figures;
}
