/* Scripts and the time of day: cron. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/script.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

/* The time of day jumps, as the agent tells it. */
static void step(struct world *world, int64_t ms, bool set)
{
	clock_step(world->clock, ms, set);
	script_host()->event(world->host, "clock", set ? "step" : "");
}

static int count(struct world *world, const char *text)
{
	int times = 0;
	for (const char *at = buf_str(&world->log); (at = strstr(at, text)); at++)
		times++;
	return times;
}

static void cron_runs_by_the_calendar(void **state)
{
	struct world *world = *state; /* begins at midnight of 1 January 2026, a Thursday, UTC */
	world_start(world, "local function at(what) return function()\n"
	                   "  log.info(what, os.date('!%a %H:%M:%S')) end end\n"
	                   "cron('30 4 * * *', 'daily', at('daily'), { zone = 'UTC' })\n"
	                   "cron('0 12 * * mon', at('weekly'), { zone = 'CET-1' })\n"
	                   "cron('*/20 0 1 * *', at('often'), { zone = 'UTC' })\n");
	world_run(world, 8 * DAY);
	assert_int_equal(count(world, ": daily"), 8);
	assert_logged(world, "daily Thu 04:30:00\n");
	assert_int_equal(count(world, ": weekly Mon 11:00:00\n"), 1);
	assert_int_equal(count(world, ": often"), 2); /* midnight itself was when it began */
	assert_logged(world, "often Thu 00:20:00\n");
}

static void cron_follows_the_zone(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "cron('30 2 * * *', 'night', function() log.info('at', os.date('!%d %H:%M'))\n"
	    "  end, { zone = 'CET-1CEST,M3.5.0,M10.5.0/3' })\n");
	step(world, (31 + 28 + 26) * DAY, true); /* 27 March */
	world_run(world, 3 * DAY);
	assert_logged(world, "at 27 01:30\n");
	assert_logged(world, "at 28 01:30\n");
	assert_logged(world, "at 29 01:00\n"); /* there is no half past two */
	assert_int_equal(count(world, ": at "), 3);
}

static void cron_follows_the_clock(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "cron('0 3 * * *', 'c', function() log.info('ran', os.date('!%d %H:%M')) end,\n"
	    "  { zone = 'UTC' })\n");
	world_run(world, 2 * HOUR + HOUR / 2);
	step(world, HOUR, true); /* over it, a little: late */
	world_run(world, 0);
	assert_int_equal(count(world, ": ran 01 03:30\n"), 1);
	step(world, -HOUR, true); /* back: not again */
	world_run(world, 2 * HOUR);
	assert_int_equal(count(world, ": ran"), 1);
	step(world, 12 * HOUR + DAY, true); /* far over it: left out */
	world_run(world, HOUR);
	assert_int_equal(count(world, ": ran"), 1);
	step(world, -17 * HOUR, true); /* it was wrong: again */
	world_run(world, 5 * HOUR);
	assert_int_equal(count(world, ": ran"), 2);
}

static void cron_waits_for_the_clock(void **state)
{
	struct world *world = *state;
	clock_step(world->clock, -1000 * DAY, false);
	world_start(
	    world, "cron('* * * * *', 'c', function() log.info('ran') end, { zone = 'UTC' })\n");
	world_run(world, DAY);
	assert_int_equal(count(world, ": ran"), 0);
	step(world, 1000 * DAY, true);
	world_run(world, 10 * 60000);
	assert_int_equal(count(world, ": ran"), 10);
}

/* The clock is slow against the timers: never before its time. */
static void cron_is_never_early(void **state)
{
	struct world *world = *state;
	world_start(world, "cron('0 3 * * *', 'c', function() log.info('ran', os.date('!%H:%M')) end,\n"
	                   "  { zone = 'UTC' })\n");
	world_run(world, 2 * HOUR);
	clock_step(world->clock, -400, true); /* too little to be told */
	world_run(world, HOUR + 400);
	assert_int_equal(count(world, ": ran 03:00\n"), 1);
	assert_int_equal(count(world, ": ran"), 1);
}

static void cron_does_not_overlap_and_spreads(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "cron('*/10 * * * *', 'slow', function() log.info('slow') sleep('25m') end)\n"
	    "cron('0 * * * *', 'spread', function()\n"
	    "  log.info('after', now() % 3600) end, { jitter = '10m' })\n");
	world_run(world, HOUR - 1000);
	assert_int_equal(count(world, ": slow\n"), 2); /* at 10 and at 40 */
	world->log.len = 0;
	world_run(world, 48 * HOUR);
	assert_int_equal(count(world, ": after"), 48);
	double least = 3600, most = 0;
	for (const char *at = buf_str(&world->log); (at = strstr(at, ": after ")); at++) {
		double seconds = strtod(at + 8, NULL);
		least = seconds < least ? seconds : least;
		most = seconds > most ? seconds : most;
	}
	assert_true(most < 600.001 && most - least > 60);
}

static void wrong_cron_is_told(void **state)
{
	static const struct {
		const char *script, *problem;
	} cases[] = {
	    {"cron('0 25 * * *', 'x', now)",
	        "machine.lua:1: cron \"x\": \"0 25 * * *\": the hour cannot be read at \"25\""},
	    {"cron('0 0 30 2 *', now)", "cron at machine.lua:1: \"0 0 30 2 *\": there is no such day"},
	    {"cron('0 3 * * *', 'x', now, { zone = 'Mars/Olympus' })",
	        "there is no time zone \"Mars/Olympus\""},
	    {"cron('0 3 * * *', 'x', now, { jiter = 1 })", "(did you mean \"jitter\"?)"},
	    {"cron('0 3 * * *', 'x')", "the argument after its name must be a function"},
	    {"cron(3, 'x', now)", "cron: argument 1 must be text, not 3"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world_script(world, "machine.lua", cases[i].script);
		world_open(world);
		assert_has(world_problems(world), cases[i].problem);
		world_close(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(cron_runs_by_the_calendar),
	    WORLD_TEST(cron_follows_the_zone),
	    WORLD_TEST(cron_follows_the_clock),
	    WORLD_TEST(cron_waits_for_the_clock),
	    WORLD_TEST(cron_is_never_early),
	    WORLD_TEST(cron_does_not_overlap_and_spreads),
	    WORLD_TEST(wrong_cron_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
