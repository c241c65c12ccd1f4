#include "lua/scheduler.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>

/* libuv's clock stands still while the device sleeps, ours goes on: look again at least this often.
 */
#define LOOK_MS 10000

struct scheduler {
	uv_timer_t *uv;   /* both freed by their close callback, after us */
	uv_idle_t *again; /* something is due already: libuv would run a timer of 0 ms at once, and
	                     again, without a look at its sockets */
	struct clock *clock;
	void (*turn_end)(void *ctx);
	void *ctx;
	struct timer **heap; /* heap[0] is unused */
	size_t count, room;
	uint64_t order;
	int64_t armed_ms; /* what the uv_timer waits for; INT64_MAX: nothing */
	bool in_turn;
};

static bool before(const struct timer *a, const struct timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put(struct scheduler *s, struct timer *timer, size_t place)
{
	s->heap[place] = timer;
	timer->place = place;
}

static void sift_up(struct scheduler *s, struct timer *timer, size_t place)
{
	for (; place > 1 && before(timer, s->heap[place / 2]); place /= 2)
		put(s, s->heap[place / 2], place);
	put(s, timer, place);
}

static void sift_down(struct scheduler *s, struct timer *timer, size_t place)
{
	for (size_t child; (child = place * 2) <= s->count; place = child) {
		if (child < s->count && before(s->heap[child + 1], s->heap[child]))
			child++;
		if (!before(s->heap[child], timer))
			break;
		put(s, s->heap[child], place);
	}
	put(s, timer, place);
}

static void on_uv_timer(uv_timer_t *uv)
{
	struct scheduler *s = uv->data;
	s->armed_ms = INT64_MAX;
	scheduler_run(s, clock_mono_ms(s->clock));
}

static void on_uv_idle(uv_idle_t *uv)
{
	struct scheduler *s = uv->data;
	s->armed_ms = INT64_MAX;
	(void)uv_idle_stop(uv);
	scheduler_run(s, clock_mono_ms(s->clock));
}

static void arm(struct scheduler *s)
{
	int64_t next = scheduler_next(s);
	if (s->in_turn || next == s->armed_ms)
		return;
	s->armed_ms = next;
	(void)uv_timer_stop(s->uv);
	(void)uv_idle_stop(s->again);
	if (next == INT64_MAX)
		return;
	int64_t wait = next - clock_mono_ms(s->clock);
	if (wait <= 0) {
		must(uv_idle_start(s->again, on_uv_idle) == 0);
		return;
	}
	if (wait > LOOK_MS)
		wait = LOOK_MS;
	/* libuv counts from the time it cached at the start of the loop's turn */
	uv_update_time(s->uv->loop);
	must(uv_timer_start(s->uv, on_uv_timer, (uint64_t)wait, 0) == 0);
}

struct scheduler *scheduler_new(
    uv_loop_t *loop, struct clock *clock, void (*turn_end)(void *ctx), void *ctx)
{
	struct scheduler *s = mem_alloc(sizeof *s);
	s->uv = mem_alloc(sizeof *s->uv);
	must(uv_timer_init(loop, s->uv) == 0);
	s->uv->data = s;
	s->again = mem_alloc(sizeof *s->again);
	must(uv_idle_init(loop, s->again) == 0);
	s->again->data = s;
	s->clock = clock;
	s->turn_end = turn_end;
	s->ctx = ctx;
	s->armed_ms = INT64_MAX;
	return s;
}

static void on_uv_closed(uv_handle_t *handle)
{
	free(handle);
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	for (size_t i = 1; i <= s->count; i++)
		s->heap[i]->place = 0;
	uv_close((uv_handle_t *)s->uv, on_uv_closed);
	uv_close((uv_handle_t *)s->again, on_uv_closed);
	free(s->heap);
	free(s);
}

static void take_out(struct scheduler *s, struct timer *timer)
{
	size_t place = timer->place;
	struct timer *last = s->heap[s->count--];
	timer->place = 0;
	if (last == timer)
		return;
	if (place > 1 && before(last, s->heap[place / 2]))
		sift_up(s, last, place);
	else
		sift_down(s, last, place);
}

void scheduler_add(struct scheduler *s, struct timer *timer, int64_t due_ms)
{
	if (timer->place)
		take_out(s, timer);
	if (s->count + 1 >= s->room) {
		s->room = s->room ? s->room * 2 : 16;
		s->heap = mem_resize(s->heap, s->room, sizeof(struct timer *));
	}
	timer->due_ms = due_ms;
	timer->order = s->order++;
	sift_up(s, timer, ++s->count);
	arm(s);
}

void scheduler_soon(struct scheduler *s, struct timer *timer)
{
	scheduler_add(s, timer, clock_mono_ms(s->clock));
}

void scheduler_cancel(struct scheduler *s, struct timer *timer)
{
	if (!timer->place)
		return;
	take_out(s, timer);
	arm(s);
}

int64_t scheduler_next(const struct scheduler *s)
{
	return s->count ? s->heap[1]->due_ms : INT64_MAX;
}

void scheduler_run(struct scheduler *s, int64_t now_ms)
{
	/* what is armed meanwhile waits for the next turn: `sleep(0)` in a loop starves nobody */
	uint64_t limit = s->order;
	s->in_turn = true;
	while (s->count && s->heap[1]->due_ms <= now_ms && s->heap[1]->order < limit) {
		struct timer *timer = s->heap[1];
		take_out(s, timer);
		timer->fire(timer);
	}
	s->in_turn = false;
	s->armed_ms = INT64_MAX - 1; /* not known: arm anew */
	arm(s);
	s->turn_end(s->ctx);
}
