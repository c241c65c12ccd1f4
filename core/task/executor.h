/*
 * Tasks being done: a piece of work for each path or command, each in its owner's script and in its
 * turn, its values sent through ingest.
 *
 * A piece is planned when its turn comes, not before: what waited is checked against what the
 * scripts declare, and against its ttl, at the time it starts. Loop thread.
 */
#ifndef NEAP_CORE_EXECUTOR_H
#define NEAP_CORE_EXECUTOR_H

#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/task/ingest.h"
#include "core/task/task.h"

struct executor;

struct executor *executor_new(struct clock *clock, struct catalog *catalog, struct ingest *ingest);
void executor_free(struct executor *executor); /* what is under way is forgotten, without `done` */

/* What the giver of a task hears, from within executor_run or later. */
struct execution_events {
	void (*started)(void *ctx); /* once, before the first piece starts */
	void (*answered)(void *ctx, const struct sample *sample); /* a value that goes to the server */
	void (*done)(void *ctx, const char *why);                 /* in the end; "" if all went well */
	bool keeps; /* values go to `answered` only, not to the server */
};

/*
 * The task and the events stay the caller's until `done`. interrupted: it had started before a
 * crash, so what must not run twice fails.
 */
void executor_run(struct executor *executor, const struct task *task, bool interrupted,
    const struct execution_events *events, void *ctx);
/* What executor_run would do now: `step` is told each piece, as a job, or NULL and why not. Nothing
 * runs. */
void executor_preview(struct executor *executor, const struct task *task,
    void (*step)(void *ctx, const struct job *job, const char *why), void *ctx);
/* Every setting is read and its value sent. */
void executor_report_settings(struct executor *executor);

void executor_hold(struct executor *executor, bool held); /* while held nothing starts */
/* For good. What is under way may still end well; what fails from now on was cut off by the stop:
 * its `done` does not come. */
void executor_stop(struct executor *executor);

size_t executor_running(const struct executor *executor); /* tasks */
size_t executor_waiting(const struct executor *executor); /* pieces that have not started */

#endif
