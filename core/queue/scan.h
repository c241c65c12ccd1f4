/*
 * Reads a segment from its first record to its last, whatever is damaged in between: recovery,
 * delivery, thinning and the offline tools all go this way.
 *
 * A damaged place is reported as one item, up to the next record whose CRC fits; a sample whose
 * path is unknown counts as damaged. Memory: the buffer and the segment's paths. A segment that
 * still grows can be read on after SCAN_END.
 */
#ifndef NEAP_CORE_SCAN_H
#define NEAP_CORE_SCAN_H

#include "core/queue/paths.h"
#include "core/queue/segment.h"

#define SCAN_BUFFER (2 * 16384) /* at least; recovery takes more */

enum scan_item {
	SCAN_END,
	SCAN_RECORD, /* seq, path, view */
	SCAN_DAMAGE, /* at, bytes: lies between the samples `seq` and the next one */
	SCAN_ERROR,  /* the file cannot be read: errno; call again to try again */
};

struct scan {
	struct segment *segment;
	/* the item */
	uint64_t seq; /* of the last record returned; first_seq - 1 before the first */
	const char *path;
	struct record_view view; /* both valid until the next call */
	uint32_t at, bytes;

	/* inside */
	uint32_t pos;         /* where to look next */
	uint32_t damage_from; /* 0: in no damage */
	uint8_t *buffer;
	uint32_t room, start, len; /* the buffer holds [start, start + len) */
	struct paths paths;
};

void scan_begin(struct scan *scan, struct segment *segment, uint32_t buffer);
enum scan_item scan_next(struct scan *scan);
void scan_rest(struct scan *scan); /* gives the buffer back until the next call; the item is gone */
void scan_end(struct scan *scan);  /* frees; zero-initialised is fine too */

/* How many samples a damaged tail seems to have held: follows the lengths in it. */
uint32_t scan_guess(struct segment *segment, uint32_t at);

#endif
