/*
 * How long to wait before the next try: exponential, with full jitter between a least and a
 * greatest delay, so that a fleet that lost its broker at one moment does not come back at one
 * moment.
 *
 * After n failures in a row the delay is uniform between `min_ms` and min(max_ms, min_ms * 2^n).
 * Pure: the random number is passed in.
 */
#ifndef NEAP_CORE_BACKOFF_H
#define NEAP_CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t min_ms, max_ms;
	unsigned failures; /* in a row */
};

void backoff_init(struct backoff *backoff, int64_t min_ms, int64_t max_ms);
void backoff_reset(struct backoff *backoff);

/* One more failure: the delay after it. */
int64_t backoff_next_ms(struct backoff *backoff, uint64_t random);

/* The longest delay that the last failure could have brought. */
int64_t backoff_ceiling_ms(const struct backoff *backoff);

#endif
