/* The scripts' timers, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lua/scheduler.h"

struct world {
	uv_loop_t loop;
	struct clock *clock;
	struct scheduler *scheduler;
	int turns;
	int fired[64];
	int count;
};

struct item {
	struct timer timer;
	struct world *world;
	int name;
	int64_t again_ms; /* armed again by this much when it fires; -1: not */
	struct item *cancels;
};

static void on_turn_end(void *ctx)
{
	struct world *world = ctx;
	world->turns++;
}

static void on_fire(struct timer *timer)
{
	struct item *item = (struct item *)timer;
	struct world *world = item->world;
	if (world->count < 64)
		world->fired[world->count++] = item->name;
	if (item->again_ms >= 0)
		scheduler_add(world->scheduler, timer, timer->due_ms + item->again_ms);
	if (item->cancels)
		scheduler_cancel(world->scheduler, &item->cancels->timer);
}

static struct item item(struct world *world, int name)
{
	return (struct item){.timer.fire = on_fire, .world = world, .name = name, .again_ms = -1};
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	assert_int_equal(uv_loop_init(&world->loop), 0);
	world->clock = clock_new_virtual(1700000000000);
	world->scheduler = scheduler_new(&world->loop, world->clock, on_turn_end, world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	scheduler_free(world->scheduler);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	clock_free(world->clock);
	free(world);
	return 0;
}

/* As the owner of a virtual clock does it: to the next, run, until `end`. */
static void run_until(struct world *world, int64_t end)
{
	while (scheduler_next(world->scheduler) <= end) {
		int64_t wait = scheduler_next(world->scheduler) - clock_mono_ms(world->clock);
		if (wait > 0)
			clock_advance(world->clock, wait);
		scheduler_run(world->scheduler, clock_mono_ms(world->clock));
	}
}

static void expect(struct world *world, const int *names, int count)
{
	assert_int_equal(world->count, count);
	for (int i = 0; i < count; i++)
		assert_int_equal(world->fired[i], names[i]);
}

static void fires_by_time_then_by_order(void **state)
{
	struct world *world = *state;
	struct item a = item(world, 1), b = item(world, 2), c = item(world, 3), d = item(world, 4);
	scheduler_add(world->scheduler, &a.timer, 30);
	scheduler_add(world->scheduler, &b.timer, 10);
	scheduler_add(world->scheduler, &c.timer, 20);
	scheduler_add(world->scheduler, &d.timer, 10);
	assert_int_equal(scheduler_next(world->scheduler), 10);
	run_until(world, 100);
	expect(world, (int[]){2, 4, 3, 1}, 4);
	assert_true(scheduler_next(world->scheduler) == INT64_MAX);
}

static void not_before_its_time(void **state)
{
	struct world *world = *state;
	struct item a = item(world, 1);
	scheduler_add(world->scheduler, &a.timer, 10);
	scheduler_run(world->scheduler, 9);
	assert_int_equal(world->count, 0);
	assert_int_equal(world->turns, 1);
	scheduler_run(world->scheduler, 10);
	assert_int_equal(world->count, 1);
}

static void cancelled_does_not_fire(void **state)
{
	struct world *world = *state;
	struct item a = item(world, 1), b = item(world, 2), c = item(world, 3);
	a.cancels = &b; /* due at the same time, behind it */
	scheduler_add(world->scheduler, &a.timer, 10);
	scheduler_add(world->scheduler, &b.timer, 10);
	scheduler_add(world->scheduler, &c.timer, 10);
	run_until(world, 100);
	expect(world, (int[]){1, 3}, 2);
	scheduler_cancel(world->scheduler, &b.timer); /* not armed: nothing happens */
}

static void armed_again_moves(void **state)
{
	struct world *world = *state;
	struct item a = item(world, 1), b = item(world, 2);
	scheduler_add(world->scheduler, &a.timer, 10);
	scheduler_add(world->scheduler, &b.timer, 20);
	scheduler_add(world->scheduler, &a.timer, 30);
	run_until(world, 100);
	expect(world, (int[]){2, 1}, 2);
}

static void what_is_armed_in_a_turn_waits_for_the_next(void **state)
{
	struct world *world = *state;
	struct item a = item(world, 1), b = item(world, 2);
	a.again_ms = 0; /* like sleep(0) in a loop */
	scheduler_add(world->scheduler, &a.timer, 0);
	scheduler_add(world->scheduler, &b.timer, 0);
	scheduler_run(world->scheduler, 0);
	expect(world, (int[]){1, 2}, 2);
	scheduler_run(world->scheduler, 0);
	expect(world, (int[]){1, 2, 1}, 3);
	scheduler_cancel(world->scheduler, &a.timer);
}

/* Against the plainest model: many timers, armed and cancelled at random. */
static void heap_keeps_order(void **state)
{
	enum { COUNT = 300 };
	struct world *world = *state;
	struct item *items = calloc(COUNT, sizeof *items);
	assert_non_null(items);
	uint32_t seed = 12345;
	int armed = 0;
	for (int round = 0; round < 5000; round++) {
		seed = seed * 1664525 + 1013904223;
		struct item *one = &items[(seed >> 8) % COUNT];
		if (!one->world)
			*one = item(world, (int)(one - items));
		bool was = one->timer.place != 0;
		if (seed >> 30 == 0) {
			scheduler_cancel(world->scheduler, &one->timer);
			armed -= was;
		} else {
			scheduler_add(world->scheduler, &one->timer, (seed >> 4) % 1000);
			armed += !was;
		}
	}
	int64_t last = -1;
	for (; armed > 0; armed--) {
		int64_t next = scheduler_next(world->scheduler);
		assert_true(next >= last && next != INT64_MAX);
		for (int i = 0; i < COUNT; i++)
			assert_true(items[i].timer.place == 0 || items[i].timer.due_ms >= next);
		last = next;
		for (int i = 0; i < COUNT; i++) {
			if (items[i].timer.place && items[i].timer.due_ms == next) {
				scheduler_cancel(world->scheduler, &items[i].timer);
				break;
			}
		}
	}
	assert_true(scheduler_next(world->scheduler) == INT64_MAX);
	free(items);
}

/* The real loop fires it, without anybody's help. */
static void the_loop_runs_it(void **state)
{
	struct world *world = *state;
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);
	struct scheduler *scheduler = scheduler_new(&world->loop, clock, on_turn_end, world);
	struct item a = item(world, 7);
	int64_t begin = clock_mono_ms(clock);
	scheduler_add(scheduler, &a.timer, begin + 20);
	while (!world->count)
		(void)uv_run(&world->loop, UV_RUN_ONCE);
	assert_true(clock_mono_ms(clock) >= begin + 20);
	scheduler_free(scheduler);
	clock_free(clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(fires_by_time_then_by_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(not_before_its_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(cancelled_does_not_fire, setup, teardown),
	    cmocka_unit_test_setup_teardown(armed_again_moves, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        what_is_armed_in_a_turn_waits_for_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(heap_keeps_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_loop_runs_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
