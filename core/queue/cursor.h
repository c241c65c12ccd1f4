/*
 * The small file beside a queue's segments: what of them is acknowledged, and what was ever lost.
 *
 * Two slots, each with a CRC and a generation, written in turn: a torn write costs the newer one
 * only. A cursor that is older than the truth makes a restart send some samples again; none is
 * lost by it. docs/queue-format.md has the bytes.
 */
#ifndef NEAP_CORE_CURSOR_H
#define NEAP_CORE_CURSOR_H

#include "core/queue/ranges.h"

#include <stddef.h>
#include <stdint.h>

#define CURSOR_VERSION 1
#define CURSOR_SLOT    4096
#define CURSOR_LOSSES  8   /* counters: room for more reasons than there are */
#define CURSOR_SPANS   240 /* what is acknowledged beyond the base; more is sent again */

struct cursor {
	uint64_t generation;          /* grows with each write */
	uint64_t base;                /* all below is done */
	uint64_t lost[CURSOR_LOSSES]; /* by enum loss */
	uint32_t count;
	struct {
		uint64_t first, last; /* inclusive */
	} done[CURSOR_SPANS];     /* sorted */
};

enum cursor_state { CURSOR_GOOD, CURSOR_MISSING, CURSOR_NEWER, CURSOR_BAD };

/* Whatever it returns, *cursor can be used; it is zero but for CURSOR_GOOD. A file that cannot be
 * read is bad. */
enum cursor_state cursor_load(const char *path, struct cursor *cursor);
/* Into the slot that is not the newest; makes the file if need be, without a sync. -1 with errno;
 * then the older slot is whole. */
int cursor_store(const char *path, struct cursor *cursor);

/* The bytes of one slot, pure. encode returns how many. */
size_t cursor_encode(uint8_t out[CURSOR_SLOT], const struct cursor *cursor);
enum cursor_state cursor_decode(const uint8_t *data, size_t len, struct cursor *cursor);

#endif
