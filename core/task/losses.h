/*
 * What was lost, told as data, so that a gap in a chart has its explanation.
 *
 * Watches the queues' counters. A loss begins a spell, which goes on until nothing more was lost for
 * LOSSES_QUIET_MS while the link is up, or for LOSSES_SPELL_MS at most then: after an outage one report for
 * each policy and reason tells of all of it. The report is a sample of the path ASSET.lost (self.h), a text:
 *
 *   {"policy":"trend","reason":"drop_oldest","count":120,"first":1763820000000,"last":1763820600000}
 *
 * first, last: between these times (ms since 1970) samples are missing; left out where they are not known.
 * What was reported is kept in state.dir/losses.json, so that the losses of one process, and those
 * found at a start, are told by the next: each at least once. Both ends of a spell go into the journal of
 * events, also where there is no asset. Loop thread.
 */
#ifndef NEAP_CORE_LOSSES_H
#define NEAP_CORE_LOSSES_H

#include "core/base/clock.h"
#include "core/base/events.h"
#include "core/queue/queue.h"
#include "core/task/ingest.h"
#include "core/task/self.h"

#define LOSSES_QUIET_MS 5000
#define LOSSES_SPELL_MS (10 * 60 * 1000)

struct losses;

struct losses_parts { /* all outlive it */
	uv_loop_t *loop;
	const char *state_dir;
	const struct clock *clock;
	struct queue_set *queues;
	struct ingest *ingest;
	struct self *self; /* NULL: nothing is reported */
	struct events *events;
};

struct losses *losses_new(const struct losses_parts *parts);
void losses_free(
    struct losses *losses); /* after the queues are closed; keeps what is not told yet */
/* About once a second. True: something was lost since the last call, or since losses_new. */
bool losses_tick(struct losses *losses, bool connected);

#endif
