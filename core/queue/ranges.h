/*
 * Which sequences of a queue are in flight or done: sorted spans that do not overlap. What is in no
 * span waits. Zero-initialised is empty. Pure.
 *
 * A message's range may enclose sequences that belong to another message (taken before it and not
 * yet released), so what was taken together is found again by its owner, not by its bounds.
 */
#ifndef NEAP_CORE_RANGES_H
#define NEAP_CORE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum span_state {
	SPAN_FREE, /* goes at the next ranges_tidy */
	SPAN_TAKEN,
	SPAN_DONE, /* acknowledged, or lost and counted */
};

struct span {
	uint64_t first, last; /* inclusive */
	uint64_t owner;       /* of what is taken */
	uint32_t count;       /* samples in it, of what is taken */
	uint8_t state;
	uint8_t lost; /* of what is taken: 0, or 1 + the reason why its segment is gone */
};

struct ranges {
	struct span *spans;
	size_t count, room;
};

void ranges_free(struct ranges *ranges);

/* Index of the first span that ends at seq or behind; count if none does. */
size_t ranges_at(const struct ranges *ranges, uint64_t seq);
bool ranges_has(const struct ranges *ranges, uint64_t seq);
/* Must not overlap another span. */
void ranges_add(struct ranges *ranges, const struct span *span);
/* All of [first, last] that is in no span becomes done; returns how many sequences that were. */
uint64_t ranges_fill(struct ranges *ranges, uint64_t first, uint64_t last);
/* Drops what is free and what is done below `floor`, joins neighbours that are done. */
void ranges_tidy(struct ranges *ranges, uint64_t floor);

#endif
