#include "core/task/executor.h"

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/task/plan.h"
#include "core/task/turns.h"

#include <stdlib.h>
#include <string.h>

/* What is done for one path. */
struct piece {
	struct turn turn;
	struct job job;
	const char *path;
	size_t index; /* in the task's items */
	struct execution *execution;
};

/* A task, or the report of all settings, which is like a read that nobody sent. */
struct execution {
	struct executor *executor;
	const struct task *task; /* the report: NULL */
	const struct execution_events *events;
	void *ctx;
	bool interrupted, started;
	struct piece *pieces;
	size_t count, open; /* open: pieces not done */
	struct buf reason;  /* what failed; empty if all is well */
	struct arena paths; /* the report's */
	struct execution *prev, *next;
};

struct executor {
	struct clock *clock;
	struct catalog *catalog;
	struct ingest *ingest;
	struct turns *turns;
	struct execution *executions;
	size_t running;
	bool starting; /* start_ready is on the stack */
	bool held, stopped;
};

static void start_ready(struct executor *executor);

/* --- the end --- */

static void free_execution(struct execution *execution)
{
	struct executor *executor = execution->executor;

	*(execution->prev ? &execution->prev->next : &executor->executions) = execution->next;
	if (execution->next)
		execution->next->prev = execution->prev;
	executor->running--;
	for (size_t i = 0; i < execution->count; i++)
		plan_free(&execution->pieces[i].job);
	free(execution->pieces);
	buf_free(&execution->reason);
	arena_free(&execution->paths);
	free(execution);
}

static void piece_done(struct execution *execution)
{
	if (--execution->open > 0)
		return;
	ingest_commit(execution->executor->ingest);
	if (execution->events)
		execution->events->done(execution->ctx, buf_str(&execution->reason));
	free_execution(execution);
}

static void fail(const struct piece *piece, const char *why)
{
	struct execution *execution = piece->execution;
	struct buf *reason = &execution->reason;

	if (reason->len > 0)
		buf_text(reason, "; ");
	size_t before = reason->len;
	/* A reason may begin with the path already. */
	if (strncmp(why, piece->path, strlen(piece->path)) != 0)
		buf_printf(reason, "%s: ", piece->path);
	buf_text(reason, why);
	log_warn("task", "%s: %s", execution->task ? execution->task->uid : "report of the settings",
	    buf_str(reason) + before);
}

/* --- a piece --- */

static void answer(struct execution *execution, const struct sample *sample)
{
	struct err err = {0};

	bool keeps = execution->events && execution->events->keeps;

	if (!keeps && ingest_answer(execution->executor->ingest, sample, &err) < 0)
		log_error("task", "%s: its answer cannot be sent: %s", sample->path, err.text);
	if (execution->events)
		execution->events->answered(execution->ctx, sample);
}

static void on_job_done(
    struct job *job, bool ok, const struct sample *samples, size_t count, const char *why)
{
	struct piece *piece = job->ctx;
	struct execution *execution = piece->execution;
	struct executor *executor = execution->executor;

	turns_end(executor->turns, &piece->turn);
	if (executor->stopped && !ok)
		return; /* cut off: it stays open, and so is not done */
	for (size_t i = 0; i < count; i++)
		answer(execution, &samples[i]);
	if (!ok)
		fail(piece, why);
	piece_done(execution);
	start_ready(executor);
}

static int plan(const struct execution *execution, struct piece *piece, struct err *err)
{
	const struct catalog *catalog = execution->executor->catalog;
	const struct task *task = execution->task;

	if (!task || task->kind == TASK_READ)
		return plan_read(catalog, piece->path, &piece->job, err);
	if (task->kind == TASK_WRITE)
		return plan_write(catalog, piece->path, task->items[piece->index].value, &piece->job, err);
	if (task->kind == TASK_COMMAND)
		return plan_command(catalog, piece->path, task->params, &piece->job, err);
	return plan_install(catalog, task->type, task->revision, task->url, &piece->job, err);
}

/* Why what is well formed must not be done all the same; NULL if it may. */
static const char *refusal(const struct execution *execution, const struct entry *entry)
{
	const struct clock *clock = execution->executor->clock;
	const struct task *task = execution->task;

	if (!task)
		return NULL;
	bool once = task->kind == TASK_COMMAND || task->kind == TASK_SWINSTALL;
	if (execution->interrupted && once && !entry->repeatable)
		return "interrupted: neap stopped while it ran, and it is not declared repeatable";
	if (task->timestamp_ms > 0 && entry->ttl_ms > 0 && clock_is_set(clock) &&
	    clock_wall_ms(clock) - task->timestamp_ms > entry->ttl_ms)
		return "it is older than its ttl";
	return NULL;
}

static void start(struct piece *piece)
{
	struct execution *execution = piece->execution;
	struct job *job = &piece->job;
	struct err err = {0};
	const char *why = err.text;

	if (plan(execution, piece, &err) == 0)
		why = refusal(execution, job->entry);
	if (why) {
		turns_end(execution->executor->turns, &piece->turn);
		fail(piece, why);
		piece_done(execution);
		return;
	}
	if (!execution->started && execution->events)
		execution->events->started(execution->ctx);
	execution->started = true;
	job->done = on_job_done;
	job->ctx = piece;
	job->entry->owner->start(job->entry->owner, job);
}

static void start_ready(struct executor *executor)
{
	struct turn *turn;

	if (executor->starting)
		return;
	executor->starting = true;
	while (!executor->stopped && !executor->held && (turn = turns_next(executor->turns)))
		start((struct piece *)(void *)((char *)turn - offsetof(struct piece, turn)));
	executor->starting = false;
}

/* --- the beginning --- */

static struct execution *new_execution(struct executor *executor, size_t count)
{
	struct execution *execution = mem_alloc(sizeof(*execution));

	execution->executor = executor;
	execution->pieces = mem_alloc(count * sizeof(*execution->pieces));
	execution->count = count;
	execution->open = 1; /* the maker's, until all are added */
	execution->next = executor->executions;
	if (execution->next)
		execution->next->prev = execution;
	executor->executions = execution;
	executor->running++;
	return execution;
}

static void add_piece(struct execution *execution, size_t index, const char *path, bool read)
{
	struct executor *executor = execution->executor;
	struct piece *piece = &execution->pieces[index];
	const struct entry *entry = catalog_find(executor->catalog, path);

	piece->execution = execution;
	piece->index = index;
	piece->path = path;
	piece->turn.task = execution;
	piece->turn.read = read;
	piece->turn.parallel = entry && entry->parallel;
	execution->open++;
	turns_add(executor->turns, &piece->turn, path);
}

static const char *path_of(const struct task *task, size_t index)
{
	if (task->kind == TASK_COMMAND)
		return task->id;
	return task->kind == TASK_SWINSTALL ? "install" : task->items[index].path;
}

static size_t count_pieces(const struct task *task)
{
	return task->kind == TASK_READ || task->kind == TASK_WRITE ? task->count : 1;
}

void executor_run(struct executor *executor, const struct task *task, bool interrupted,
    const struct execution_events *events, void *ctx)
{
	struct execution *execution = new_execution(executor, count_pieces(task));

	execution->task = task;
	execution->interrupted = interrupted;
	execution->events = events;
	execution->ctx = ctx;
	for (size_t i = 0; i < execution->count; i++)
		add_piece(execution, i, path_of(task, i), task->kind == TASK_READ);
	piece_done(execution);
	start_ready(executor);
}

void executor_preview(struct executor *executor, const struct task *task,
    void (*step)(void *ctx, const struct job *job, const char *why), void *ctx)
{
	const struct execution execution = {.executor = executor, .task = task};

	for (size_t i = 0; i < count_pieces(task); i++) {
		struct piece piece = {.path = path_of(task, i), .index = i};
		struct err err = {0};
		const char *why = err.text;

		if (plan(&execution, &piece, &err) == 0)
			why = refusal(&execution, piece.job.entry);
		step(ctx, why ? NULL : &piece.job, why);
		plan_free(&piece.job);
	}
}

static size_t count_settings(const struct catalog *catalog)
{
	size_t count = 0;

	for (const struct entry *entry = NULL; (entry = catalog_next(catalog, entry));)
		count += entry->kind == ENTRY_SETTING;
	return count;
}

void executor_report_settings(struct executor *executor)
{
	struct execution *report = new_execution(executor, count_settings(executor->catalog));
	size_t index = 0;

	for (const struct entry *entry = NULL; (entry = catalog_next(executor->catalog, entry));) {
		if (entry->kind == ENTRY_SETTING)
			add_piece(report, index++, arena_strdup(&report->paths, entry->path), true);
	}
	piece_done(report);
	start_ready(executor);
}

/* --- outside --- */

struct executor *executor_new(struct clock *clock, struct catalog *catalog, struct ingest *ingest)
{
	struct executor *executor = mem_alloc(sizeof(*executor));

	*executor = (struct executor){
	    .clock = clock, .catalog = catalog, .ingest = ingest, .turns = turns_new()};
	return executor;
}

void executor_free(struct executor *executor)
{
	if (!executor)
		return;
	while (executor->executions)
		free_execution(executor->executions);
	turns_free(executor->turns);
	free(executor);
}

void executor_hold(struct executor *executor, bool held)
{
	executor->held = held;
	start_ready(executor);
}

void executor_stop(struct executor *executor)
{
	executor->stopped = true;
}

size_t executor_running(const struct executor *executor)
{
	return executor->running;
}

size_t executor_waiting(const struct executor *executor)
{
	return turns_waiting(executor->turns);
}
