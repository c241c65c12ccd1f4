/*
 * What goes into the next body of a queue: its next samples, as far as they fit, in the encoding
 * that the policy wants, for the topic that it belongs to.
 *
 * Samples that can never leave are dealt with on the way: one that no body can hold, and one that
 * the broker hangs up on (poison.h), are counted as lost and said. Samples whose time may still
 * become known stay where they are. Loop thread.
 */
#ifndef NEAP_CORE_BODIES_H
#define NEAP_CORE_BODIES_H

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/config/config.h"
#include "core/config/policy.h"
#include "core/queue/queue.h"

struct bodies;

struct bodies *bodies_new(
    const struct clock *clock, const struct config *config, struct catalog *catalog);
void bodies_free(struct bodies *bodies);

/* Bytes of a body at most: payload.max_bytes, or what was found to be the broker's limit. */
size_t bodies_limit(const struct bodies *bodies);
void bodies_set_limit(struct bodies *bodies, size_t limit); /* between two bodies */

struct body {
	struct range range; /* in flight from now on; count 0: nothing can be sent now */
	const char *topic;
	struct buf *text;      /* the bodies' own, valid until the next one */
	uint32_t untimed;      /* samples that go without their time */
	int64_t blocked_until; /* count 0: monotonic ms when the next sample goes at the latest; or 0 */
};
struct body bodies_next(struct bodies *bodies, struct queue *queue, enum queue_lane lane,
    enum policy_encoding encoding, uint32_t max_samples);

/* The sample is set aside in queue.dir/refused.log when its turn comes. */
void bodies_condemn(struct bodies *bodies, const struct queue *queue, uint64_t seq);

#endif
