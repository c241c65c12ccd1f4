/*
 * From a task message to its answers: decoded, each uid once, done by the executor, acknowledged
 * where the server wants that.
 *
 *   paho's thread: inbox_arrived (one write to the intake file) -> PUBACK -> loop: inbox_message ->
 * executor -> answers, acknowledgement -> intake trimmed
 *
 * A uid is accepted, started (a command or an install) and done in the journal. After a crash what
 * was accepted or started runs again, but for a started command that is not repeatable: it is
 * answered "interrupted". A uid that was done comes again with the same acknowledgement.
 */
#ifndef NEAP_CORE_INBOX_H
#define NEAP_CORE_INBOX_H

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/config/config.h"
#include "core/task/ingest.h"

struct inbox;

struct inbox *inbox_new(struct clock *clock, const struct config *config, struct catalog *catalog,
    struct ingest *ingest, struct err *err); /* opens intake and journal in state.dir */
/* Before the scripts are stopped: nothing begins any more. What is under way and does not end well
 * is not done, and comes again after the next start. */
void inbox_stop(struct inbox *inbox);
void inbox_pause(struct inbox *inbox, bool paused); /* meanwhile no task starts: a reload waits */
void inbox_free(struct inbox *inbox);

int inbox_arrived(
    struct inbox *inbox, const void *data, size_t len, uint64_t *id); /* PAHO'S THREAD */
void inbox_message(
    struct inbox *inbox, const void *data, size_t len, uint64_t id); /* loop thread */
/*
 * A payload that somebody else than the broker sends, by the very path that the broker's take.
 * `done` comes once, from within or later, with what came of it (outcome.h); NULL: the agent stops.
 */
void inbox_submit(struct inbox *inbox, const void *data, size_t len,
    void (*done)(void *ctx, struct buf *json), void *ctx);
/* The same for its reads alone, which take their turns as any do: nothing leaves, and nothing of it
 * is noted. */
void inbox_try(struct inbox *inbox, const void *data, size_t len,
    void (*done)(void *ctx, struct buf *json), void *ctx);
/* What such a payload would do (preview.h); nothing is done. */
void inbox_preview(struct inbox *inbox, const void *data, size_t len, struct buf *json);
void inbox_replay(
    struct inbox *inbox); /* at the start, when the scripts are loaded: what a crash left undone */

/* Every setting's value goes to the server, as if it had read them all: at the first connect after
 * a start. */
void inbox_report_settings(struct inbox *inbox);

/* Nothing starts for so long; 0: no more. -1: it holds, but would not outlive a restart. */
int inbox_hold(struct inbox *inbox, int64_t duration_ms, struct err *err);
/* The payloads refused last (refused.h). */
void inbox_refused(const struct inbox *inbox, struct buf *json);
void inbox_tick(struct inbox *inbox); /* about once a second */

struct inbox_figures {
	uint64_t payloads, done, refused, repeated, failed;
	uint32_t running;
	int64_t held_ms; /* tasks are held for so long; 0: they are not */
};
struct inbox_figures inbox_figures(struct inbox *inbox);

#endif
