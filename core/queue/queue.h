/*
 * The queues: one for each policy, on disk, and what became of each sample.
 *
 *   append -> (commit: one write) -> kernel -> (sync) -> disk
 *   peek, advance -> take -> in flight -> ack (trimmed), or release (to be read again)
 *
 * A sample is accepted at append. A queue is a list of segments (segment.h) in a folder of its own,
 * queue.dir/NAME. Samples have a sequence that only grows; within one queue and lane they are read
 * in that order. All functions are the loop thread's; syncs run on the disk thread that the set
 * owns. Nothing that the disk does wrong stops or fails an append: the queue goes on in memory up
 * to its limit, says so once, and goes back to disk when that works again. Every sample that is
 * lost is counted by reason.
 * docs/queue-format.md describes the files.
 */
#ifndef NEAP_CORE_QUEUE_H
#define NEAP_CORE_QUEUE_H

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/sample.h"
#include "core/config/policy.h"

#include <uv.h>

struct queue_set;
struct queue;

struct queue_options {
	const char *dir;
	int64_t sync_ms; /* at most this long between append and sync */
	uint64_t memory; /* bytes of samples that could not be written, all queues together */
	uint64_t limit;  /* bytes on disk, all queues together */
};

/* Opens the folder and recovers every queue found in it, also those that no policy is declared for:
 * they drain and go. */
struct queue_set *queue_set_open(
    uv_loop_t *loop, struct clock *clock, const struct queue_options *options, struct err *err);
/* Commits, syncs, writes the cursors; waits for the disk thread and answers who waits for a sync.
 * Run the loop afterwards: two handles close. */
void queue_set_close(struct queue_set *set);

struct queue *queue_declare(struct queue_set *set, const struct policy *policy,
    struct err *err); /* makes it, or gives an open one the policy's limits */
struct queue *queue_next(
    struct queue_set *set, const struct queue *after); /* NULL: the first; NULL at the end */
const char *queue_name(const struct queue *queue);

/* --- in --- */

/* What the next sample that is accepted gets. */
uint64_t queue_next_seq(const struct queue *queue);
/* Accepts a copy. -1 only for a sample that no record can hold; a full queue makes room or drops as
 * its policy says, and counts. */
int queue_append(struct queue *queue, const struct sample *sample, struct err *err);
/* Hands everything appended so far to the kernel: one write for each queue. */
void queue_commit(struct queue_set *set);
/* Commits, syncs now, and calls back when all that was appended so far survives a power cut (error
 * 0), or cannot be made to (errno). Waiting calls share one sync. */
void queue_sync(struct queue_set *set, void (*done)(void *ctx, int error), void *ctx);

/* --- out --- */

enum queue_lane { LANE_BACKLOG, LANE_FRESH };

enum record_time {
	TIME_KNOWN,   /* sample.time.wall_ms is true */
	TIME_WAITS,   /* of this boot, whose clock is not set yet: it may become known */
	TIME_UNKNOWN, /* of an earlier boot that never saw a set clock */
};

struct record {
	uint64_t seq;
	enum record_time time;
	struct sample sample; /* valid until the next call on this queue */
};

struct range {
	uint64_t first, last; /* sequences, inclusive */
	uint32_t count;       /* samples in it */
};

/* All that is queued now becomes the backlog lane; what comes later is fresh. Called when the link
 * comes up. */
void queue_mark_backlog(struct queue *queue);
/* The lane's next sample that is neither in flight nor acknowledged. False: none. */
bool queue_peek(struct queue *queue, enum queue_lane which, struct record *out);
void queue_advance(struct queue *queue, enum queue_lane which); /* behind the one peeked */
/* All that the lane has advanced over since the last take is in flight from now on; count 0 if
 * nothing. */
struct range queue_take(struct queue *queue, enum queue_lane which);
void queue_ack(struct queue *queue, const struct range *range); /* delivered: trimmed */
void queue_release(struct queue *queue,
    const struct range *range); /* not delivered: waits again, in its old place */

/* Where the sample of that sequence is. Gone: acknowledged, or lost. */
enum queue_place { PLACE_WAITS, PLACE_IN_FLIGHT, PLACE_GONE };
enum queue_place queue_where(struct queue *queue, uint64_t seq);

/* --- losses and figures --- */

enum loss {
	LOSS_OLDEST,
	LOSS_NEWEST,
	LOSS_THINNED,
	LOSS_DAMAGED,
	LOSS_MEMORY,
	LOSS_REFUSED,
	LOSS_DROPPED,
	LOSS_REASONS
};

void queue_lose(struct queue *queue, const struct range *range,
    enum loss reason); /* taken, and given up: trimmed and counted */
uint64_t queue_drop_all(
    struct queue *queue); /* `neap queue drop`: what is not in flight; returns how many */

struct queue_figures {
	uint64_t waiting; /* accepted, not in flight */
	uint64_t in_flight;
	uint64_t backlog;             /* of the waiting: in the backlog lane */
	uint64_t bytes;               /* on disk and in memory */
	uint64_t memory_bytes;        /* of them not in a file because the disk refuses */
	uint64_t unsynced;            /* bytes that a power cut would take */
	uint64_t accepted, delivered; /* since the process's start */
	int64_t first_mono_ms;  /* when the first sample of the present batch (fresh lane) came in; 0:
	                           none */
	int64_t oldest_wall_ms; /* of the oldest waiting, 0 if unknown */
	uint64_t lost[LOSS_REASONS]; /* kept over restarts */
	uint32_t segments;
	uint64_t flash_bytes,
	    flash_writes;    /* since the process's start: 4 KB pages that syncs brought to
	                                       the disk, and in how many files */
	const char *trouble; /* why the disk is not used, NULL if all is well */
};
struct queue_figures queue_figures(const struct queue *queue);
const char *loss_name(enum loss reason); /* "drop_oldest" ... */

#endif
