/* Bytes of the day and the month: over midnight, over restarts, and before the clock is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/agent/usage.h"
#include "core/base/fileio.h"

#define HOUR_MS (60 * 60 * 1000)
/* 2025-11-29, 22:00 UTC */
#define EVENING_MS 1764453600000

struct world {
	char dir[64], file[80];
	struct clock *clock;
	struct usage *usage;
};

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	*state = &world;
	strcpy(world.dir, "/tmp/neap-test-usage-XXXXXX");
	if (!mkdtemp(world.dir))
		return -1;
	snprintf(world.file, sizeof(world.file), "%s/usage.json", world.dir);
	world.clock = clock_new_virtual(EVENING_MS);
	world.usage = usage_new(NULL, world.dir, world.clock);
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	usage_free(world->usage);
	clock_free(world->clock);
	unlink(world->file);
	return rmdir(world->dir);
}

static void expect(const struct world *world, uint64_t start, uint64_t day, uint64_t month)
{
	const struct usage_figures *figures = usage_figures(world->usage);

	assert_int_equal(figures->start[USAGE_OUT], start);
	assert_int_equal(figures->day[USAGE_OUT], day);
	assert_int_equal(figures->month[USAGE_OUT], month);
	assert_int_equal(figures->day[USAGE_IN], 2 * day);
}

static void tick(struct world *world, uint64_t out)
{
	usage_tick(world->usage, out, 2 * out);
}

static void days_and_months_begin_anew(void **state)
{
	struct world *world = *state;

	tick(world, 100);
	expect(world, 100, 100, 100);
	clock_advance(world->clock, 3 * HOUR_MS); /* the 30th */
	tick(world, 150);
	expect(world, 150, 50, 150);
	clock_advance(world->clock, 24 * HOUR_MS); /* December */
	tick(world, 157);
	expect(world, 157, 7, 7);
}

static void a_restart_goes_on(void **state)
{
	struct world *world = *state;

	tick(world, 100);
	usage_free(world->usage);
	world->usage = usage_new(NULL, world->dir, world->clock);
	expect(world, 0, 100, 100);
	tick(world, 5);
	expect(world, 5, 105, 105);
	usage_free(world->usage);
	clock_advance(world->clock, 3 * HOUR_MS);
	world->usage = usage_new(NULL, world->dir, world->clock);
	expect(world, 0, 0, 105);
}

static void it_is_written_once_an_hour(void **state)
{
	struct world *world = *state;

	tick(world, 100);
	assert_int_equal(access(world->file, F_OK), -1);
	clock_advance(world->clock, HOUR_MS - 1);
	tick(world, 100);
	assert_int_equal(access(world->file, F_OK), -1);
	clock_advance(world->clock, 1);
	tick(world, 100);
	assert_int_equal(access(world->file, F_OK), 0);
}

static void what_came_before_the_clock(void **state)
{
	struct world *world = *state;

	tick(world, 100);
	clock_step(world->clock, -1000LL * 24 * HOUR_MS, false);
	tick(world, 130);
	assert_false(usage_figures(world->usage)->dated);
	clock_step(world->clock, 1000LL * 24 * HOUR_MS, true);
	tick(world, 131);
	assert_true(usage_figures(world->usage)->dated);
	expect(world, 131, 131, 131);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(days_and_months_begin_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_restart_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_is_written_once_an_hour, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_came_before_the_clock, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
