/*
 * From the queues to the broker: which policy is due, what goes into the next body, how much is in
 * flight.
 *
 * The window (messages and bytes) is ours to keep: paho queues without limit. High before normal
 * before low; within a priority the queues take turns. After an outage fresh samples keep their
 * share of the link (`drain.fresh`) while the backlog drains, and the backlog the rest. A body that
 * makes the broker disconnect again and again is found, split, and at last set aside and counted.
 * Loop thread.
 */
#ifndef NEAP_CORE_UPLINK_H
#define NEAP_CORE_UPLINK_H

#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/catalog/observe.h"
#include "core/catalog/policies.h"
#include "core/config/config.h"
#include "core/link/mqtt.h"
#include "core/queue/queue.h"

#include <uv.h>

struct uplink;

struct uplink_message {
	const char *policy, *topic;
	const void *payload;
	size_t len;
	void *token;
};

/* What carries the messages: the functions of mqtt.h, or a model of a link. */
struct uplink_link {
	int (*publish)(void *ctx, const struct uplink_message *message);
	void (*drop_session)(void *ctx);
	void *ctx;
};

struct uplink *uplink_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    struct catalog *catalog, struct queue_set *queues, struct policies *policies,
    const struct uplink_link *link);
void uplink_free(struct uplink *uplink);
void uplink_observed(struct uplink *uplink, const struct observers *observers); /* outlive it */

void uplink_wake(
    struct uplink *uplink); /* samples were committed, a policy changed, the clock became set */
void uplink_link(struct uplink *uplink, const struct link_status *status);
void uplink_acked(struct uplink *uplink, void *token);
void uplink_failed(struct uplink *uplink, void *token);
void uplink_flush(struct uplink *uplink); /* everything is due now: a stop */
/* The same, and what waits now is the backlog from now on, so that whoever watches its figure knows when all
 * of it is gone: `neap drain`. */
void uplink_drain(struct uplink *uplink);

struct uplink_figures {
	uint32_t in_flight; /* messages */
	uint64_t in_flight_bytes;
	uint64_t messages, samples, bytes; /* acknowledged, since the start */
	uint64_t untimed;                  /* samples sent without a time */
};
struct uplink_figures uplink_figures(const struct uplink *uplink);
/* Monotonic ms; INT64_MAX: nothing waits. */
int64_t uplink_next_flush(struct uplink *uplink, const struct queue *queue);

#endif
