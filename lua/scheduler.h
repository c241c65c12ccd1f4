/*
 * The scripts' timers: a heap of their own on the agent's monotonic clock.
 *
 * A uv_timer is armed to the earliest, so that the loop runs what is due. On a virtual clock the
 * owner of the clock does the same by hand: advance it to scheduler_next(), call scheduler_run().
 * Times are milliseconds of clock_mono_ms(). Timers are part of their owner's struct; adding and
 * cancelling is allowed at any time, also from within `fire`. Loop thread.
 */
#ifndef NEAP_LUA_SCHEDULER_H
#define NEAP_LUA_SCHEDULER_H

#include "core/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct scheduler;

struct timer { /* zeroed: not armed */
	void (*fire)(struct timer *timer);
	int64_t due_ms;
	uint64_t order; /* of arming: equal times fire in this order */
	size_t place;   /* in the heap, from 1; 0: not armed */
};

/*
 * `turn_end` is called after each scheduler_run, when nothing of the scheduler is in use any more:
 * it may even free it. The loop must run once more after scheduler_free, for libuv's handle.
 */
struct scheduler *scheduler_new(
    uv_loop_t *loop, struct clock *clock, void (*turn_end)(void *ctx), void *ctx);
void scheduler_free(struct scheduler *scheduler);

/* Arms the timer, again if it was armed. A time that has passed means the next turn. */
void scheduler_add(struct scheduler *scheduler, struct timer *timer, int64_t due_ms);
void scheduler_soon(struct scheduler *scheduler, struct timer *timer); /* due now */
void scheduler_cancel(struct scheduler *scheduler, struct timer *timer);

int64_t scheduler_next(const struct scheduler *scheduler); /* INT64_MAX: nothing is armed */
/* One turn: fires what is due at `now_ms`, but nothing that was armed during the turn. */
void scheduler_run(struct scheduler *scheduler, int64_t now_ms);

#endif
