/*
 * What the files of the queue share: queue_set.c (all queues, the folder), queue_sync.c (syncs),
 * queue_in.c (append, commit), queue_out.c (lanes, delivery), queue_room.c (limits),
 * queue_thin.c (thinning), queue_load.c (recovery), queue_segments.c (the list of segments).
 * For nobody else. Loop thread.
 *
 * A record is `live` until it is acknowledged or lost; a segment without a live one is unlinked.
 * Live records wait or are taken; what is taken is in a span (ranges.h). A span never crosses the
 * border of a segment, so a segment's part of what is in flight can be counted without reading.
 */
#ifndef NEAP_CORE_QUEUE_IMPL_H
#define NEAP_CORE_QUEUE_IMPL_H

#include "core/queue/boots.h"
#include "core/queue/cursor.h"
#include "core/queue/disk.h"
#include "core/queue/queue.h"
#include "core/queue/ranges.h"
#include "core/queue/scan.h"
#include "core/queue/segment.h"

#define SEGMENT_MIN       4096
#define SEGMENT_MAX       (256 * 1024)
#define FLUSH_AT          (64 * 1024) /* so much in memory is written without waiting for a commit */
#define ACTIVE_KEEP       (16 * 1024) /* a smaller active segment stays until the next sync */
#define RETRY_MS          1000        /* between attempts to write when the disk refuses */
#define READ_RETRIES      10          /* then unreadable blocks count as damage */
#define LANE_OWNER(which) (UINT64_MAX - (uint64_t)(which))

struct lane {
	uint64_t next;    /* the sequence to look for */
	uint64_t waiting; /* samples not taken; `advanced` of them were passed by queue_advance */
	uint32_t advanced;
	bool seek;             /* `scan` stands behind `next` */
	bool peeked;           /* `scan` stands at the sample that queue_peek returned */
	int64_t read_again_ms; /* 0, or when to try again after a read error */
	struct scan scan;      /* segment NULL: not reading */
	struct span piece;     /* passed last; not in the ranges yet */
};

struct thin_job;

struct queue {
	struct queue_set *set;
	struct queue *next;
	struct policy policy;
	char *name, *folder;
	bool declared;

	struct segment **segments; /* the oldest first */
	size_t count, room;
	struct segment *active; /* the last one, or NULL: the next append begins one */
	uint64_t next_seq;
	struct ranges taken; /* in flight, and what is done but not at the front */
	struct lane lanes[2];
	uint64_t backlog_end; /* sequences below are the backlog lane's */

	uint64_t bytes, pending, unsynced; /* sums over the segments: size; size - written; - synced */
	uint64_t in_flight, accepted, delivered;
	uint64_t lost[LOSS_REASONS];
	int64_t first_mono_ms;

	struct cursor cursor;
	uint64_t flash_bytes, flash_writes;
	bool done_changed, lost_changed; /* against the cursor on disk */
	bool folder_made;
	bool folder_dirty; /* names in it were not synced yet */
	int trouble;       /* errno of the last attempt to write, 0: all is well */
	int64_t retry_ms;
	char trouble_text[200];
	struct thin_job *thin;
};

struct sync_waiter {
	void (*done)(void *ctx, int error);
	void *ctx;
	struct sync_waiter *next;
};

struct queue_set {
	uv_timer_t *timer;
	struct clock *clock;
	struct disk *disk;
	struct queue_options options;
	char *dir;
	bool dir_dirty;
	struct queue *queues;
	uint64_t bytes, pending, unsynced; /* sums over the queues */
	struct boots boots;
	bool untimed; /* a sample of this boot is without a wall time, and the boots file lacks it */
	bool boots_under_way, boots_noted; /* this boot is in the file */
	struct sync_waiter *waiters;       /* of the sync to come */
	bool syncing, closing;
};

/* --- queue_segments.c --- */
/* Index of the first segment that ends at seq or behind; count if none does. */
size_t queue_index(const struct queue *queue, uint64_t seq);
struct segment *queue_find(const struct queue *queue, uint64_t seq);  /* NULL: in none */
void queue_add_segment(struct queue *queue, struct segment *segment); /* behind the others */
void queue_remove_segment(struct queue *queue, size_t index); /* unlinks, frees; counts nothing */
/* In the place of one with the same first sequence, whose file is replaced already. */
void queue_swap_segment(struct queue *queue, size_t index, struct segment *segment);
void queue_account(struct queue *queue, int64_t bytes, int64_t pending, int64_t unsynced);
void queue_seal(struct queue *queue); /* the next append begins a new segment */
void queue_sweep(
    struct queue *queue, uint64_t first, uint64_t last); /* segments without a live record */
void queue_count_lost(struct queue *queue, enum loss reason, uint64_t count);
uint64_t queue_floor(const struct queue *queue); /* all below is done */
char *queue_segment_path(const struct queue *queue, uint64_t first_seq, const char *suffix);
struct segment *queue_make_segment(struct queue *queue, uint64_t first_seq, const char *suffix);

/* --- queue_set.c --- */
bool queue_is_over(const struct queue *queue); /* not declared, and empty */
void queue_remove_folder(struct queue *queue); /* if it is over */

/* --- queue_load.c --- */
void queue_load(struct queue *queue);
/* How many samples in the segment wait, by lane. False: it cannot be read. */
bool queue_tally(struct queue *queue, struct segment *segment, uint64_t waiting[2]);

/* --- queue_in.c --- */
bool queue_flush(struct queue *queue);      /* true: nothing is left in memory */
int queue_make_folder(struct queue *queue); /* -1 with errno */
uint32_t queue_segment_bytes(const struct queue *queue);

/* --- queue_out.c --- */
void queue_note(struct queue *queue); /* what the lanes have passed is in the ranges */
void lane_leave(struct lane *lane);   /* its segment goes */
int64_t queue_wall(const struct queue_set *set, const struct segment *segment,
    const struct stamp *stamp, enum record_time *time);
void queue_damage_met(struct queue *queue, struct segment *segment); /* may remove it */

/* --- queue_room.c --- */
bool queue_room(struct queue *queue, size_t need); /* false: the sample is lost, and counted */
uint64_t queue_drop_segment(struct queue *queue, size_t index, enum loss reason);

/* --- queue_thin.c --- */
bool queue_thin(struct queue *queue);         /* true: one is being thinned; room will follow */
bool queue_thin_memory(struct queue *queue);  /* true: it has freed some */
void queue_thin_abandon(struct queue *queue); /* before the queue is freed */

/* --- queue_sync.c --- */
void queue_sync_arm(struct queue_set *set);
void queue_sync_start(struct queue_set *set);
void queue_sync_last(struct queue_set *set); /* here and now, at the close */
void queue_note_boot(struct queue_set *set); /* its time, if the clock is set and samples need it */

#endif
