/*
 * One append-only file of records, and what of it is not written yet.
 *
 * Bytes [0, written) are in the file, [written, size) in memory. While the disk works the second
 * part is what came since the last commit; when the disk refuses it grows, up to the whole segment,
 * and nobody who reads sees a difference. What was handed to the kernel never changes again.
 * Not thread-safe; the disk thread knows segments by their path only.
 */
#ifndef NEAP_CORE_SEGMENT_H
#define NEAP_CORE_SEGMENT_H

#include "core/base/buf.h"
#include "core/queue/paths.h"
#include "core/queue/record.h"

#include <sys/types.h>

struct segment {
	struct segment_header header;
	char *path;
	uint64_t last_seq; /* of the last record; first_seq - 1 if there is none */
	uint32_t size;     /* bytes, in the file and in memory */
	uint32_t written;  /* of them in the file */
	uint32_t synced;   /* of them known to survive a power cut */
	int fd;            /* -1: not open */
	bool exists;       /* there is a file */
	bool doubtful;     /* a sync failed: what the kernel holds may never have reached the disk */
	struct buf pending;
	struct paths paths; /* of what is appended to; empty in a segment that was opened */

	/* the queue's account */
	uint32_t live;       /* records neither acknowledged nor lost */
	uint32_t touched;    /* changes when one of them is taken, acknowledged or lost */
	struct stamp oldest; /* of the first record that was live when it was appended or opened */
	bool unreadable;     /* given up: unreadable blocks count as damage */
	bool unthinnable;    /* it was tried */
	unsigned read_errors;
};

struct segment *segment_new(const char *path, const struct segment_header *header);
/* To be read only; what `state` says of its header. NULL: cannot be opened or read (then errno). */
struct segment *segment_open(const char *path, enum header_state *state, uint16_t *version);
void segment_free(struct segment *segment); /* closes; the file stays */

/* Bytes that appending the sample takes at most, its path's records included. */
size_t segment_need(size_t record, size_t path_len);
/* Returns the bytes added; 0: no room for another path or sequence, begin another segment. `record`
 * is what record_size said. */
size_t segment_append(struct segment *segment, uint64_t seq, const struct sample *sample,
    size_t path_len, size_t record);

/* Writes what is in memory, making the file if need be. -1 with errno: what got out got out, the
 * rest stays; call again. */
int segment_flush(struct segment *segment);
/* Makes the kernel write again what a failed sync may have lost. -1 with errno. */
int segment_rewrite(struct segment *segment);
/* Up to `len` bytes from `at`, from file or memory; fewer only at the end. Unreadable blocks are
 * zeros if segment->unreadable, else -1 with errno. */
ssize_t segment_read(struct segment *segment, uint32_t at, void *out, size_t len);
void segment_rest(struct segment *segment); /* closes the file until it is needed again */
void segment_unlink(struct segment *segment);

#endif
