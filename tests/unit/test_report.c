/* What of the values that are read is sent: by exception, and windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/script.h"

/* A sensor v of the asset m, read each second: one of the list after the other, then nothing. */
static void start(struct world *world, const char *report, const char *values)
{
	struct buf script = {0};
	buf_printf(&script,
	    "local values, i = { %s }, 0\n"
	    "asset('m'):variable('v', { every = 1, report = { %s }, read = function()\n"
	    "  i = i + 1 return values[i] end })\n",
	    values, report);
	world_start(world, buf_str(&script));
	buf_free(&script);
}

static void reload(struct world *world)
{
	script_host()->reload(
	    world->host, &(struct reload_request){.script = "machine", .reason = "command"});
}

/* --- by exception --- */

static void by_exception(void **state)
{
	static const struct {
		const char *report, *values, *sent;
	} cases[] = {
	    {"change = 0.5", "1, 1.4, 1.5, 1.9, 1, 0.4", "1 0, 1.5 2, 1 4, 0.4 5"},
	    {"change = 0", "1, 1, 2", "1 0, 1 1, 2 2"},
	    /* a share of the last value that was sent */
	    {"change = '10%'", "100, 109, 110, 120, 121, 109, 108", "100 0, 110 2, 121 4, 108 6"},
	    {"change = '50 %'", "-2, -2.9, -3, -1.5", "-2 0, -3 2, -1.5 3"},
	    {"change = '10%'", "0, 0, 0.001, 0", "0 0, 0.001 2, 0 3"},
	    {"heartbeat = 3", "1, 1, 1, 1, 2, 2, 2, 2", "1 0, 1 3, 2 4, 2 7"},
	    {"min_gap = 2", "1, 2, 3, 4, 4, 5", "1 0, 3 2, 4 4"},
	    {"change = 1, heartbeat = 4, min_gap = 2", "1, 5, 5.5, 5, 5, 5, 5, 5.5", "1 0, 5.5 2, 5 6"},
	    /* after a failure the next value is news */
	    {"change = 5", "1, 1, 0/0, 1, 1", "1 0, 1 3"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf sent = {0};
		int64_t began = clock_mono_ms(world->clock);
		start(world, cases[i].report, cases[i].values);
		world_run(world, 7999);
		const char *at = world_take(world, "default");
		while ((at = strstr(at, "m.v="))) {
			char *end = NULL;
			double value = strtod(at + 4, &end);
			at = end + 1; /* behind the @ */
			buf_printf(&sent, "%s%g %lld", sent.len ? ", " : "", value,
			    (strtoll(at, NULL, 10) - began) / 1000);
		}
		assert_string_equal(buf_str(&sent), cases[i].sent);
		buf_free(&sent);
		world_close(world);
	}
}

/* --- windows --- */

#define ALL "values = { 'mean', 'min', 'max', 'first', 'last', 'sum', 'count', 'median' }"

static void window_sends_what_was_asked_for(void **state)
{
	struct world *world = *state;
	start(world, "window = '5s', " ALL, "3, 1, 4, 1, 6, 9, 2, 0/0, 8");
	world_run(world, 10000);
	/* nothing between; the ends are the times; the failed read is missing */
	assert_string_equal(world_take(world, "default"),
	    "m.v.mean=3@5000\nm.v.min=1@5000\nm.v.max=6@5000\nm.v.first=3@5000\nm.v.last=6@5000\n"
	    "m.v.sum=15@5000\nm.v.count=5@5000\nm.v.median=3@5000\n"
	    "m.v.mean=6.333333333333333@10000\nm.v.min=2@10000\nm.v.max=9@10000\nm.v.first=9@10000\n"
	    "m.v.last=8@10000\nm.v.sum=19@10000\nm.v.count=3@10000\nm.v.median=8@10000\n");
	assert_logged(world, "m.v: bad: m.v: NaN is not a finite number\n");
	/* of an empty one there is only the count */
	world_run(world, 5000);
	assert_string_equal(world_take(world, "default"), "m.v.count=0@15000\n");
	assert_null(catalog_find(world->catalog, "m.v"));
	assert_int_equal(catalog_find(world->catalog, "m.v.count")->type, VALUE_INT);
	assert_int_equal(catalog_find(world->catalog, "m.v.median")->type, VALUE_DOUBLE);
}

static void windows_are_aligned(void **state)
{
	struct world *world = *state;
	clock_advance(world->clock, 3500);
	start(world, "window = '5s', values = { 'count' }", "1, 2, 3, 4, 5, 6, 7, 8, 9");
	world_run(world, 12000);
	assert_string_equal(
	    world_take(world, "default"), "m.v.count=2@5000\nm.v.count=5@10000\nm.v.count=2@15000\n");
}

/* What comes at the very end belongs to the next one, whichever timer is first. */
static void window_begins_with_its_beginning(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m, n = asset('m'), 0\n"
	    "for _, name in ipairs { 'a', 'b' } do\n"
	    "m:variable(name, { every = 5, report = { window = '10s', values = { 'last' } },\n"
	    "  read = function() return now() % 100 end }) end\n");
	world_run(world, 20000);
	assert_string_equal(world_take(world, "default"),
	    "m.a.last=5@10000\nm.b.last=5@10000\nm.a.last=15@20000\nm.b.last=15@20000\n");
}

static void stop_sends_what_there_is(void **state)
{
	struct world *world = *state;
	start(world, "window = '1h', values = { 'count', 'mean' }", "1, 2");
	world_run(world, 3000);
	world_stop(world, 5000);
	assert_has(world_take(world, "default"), "m.v.count=2@3000\nm.v.mean=1.5@3000\n");
}

static void window_goes_on_over_a_reload(void **state)
{
	struct world *world = *state;
	start(world, "window = '10s', " ALL, "3, 1, 4, 1, 6, 9, 2");
	world_run(world, 3500);
	reload(world);
	world_run(world, 6500);
	/* 3 1 4 1 and then, from the beginning, 3 1 4 1 6 9 */
	assert_string_equal(world_take(world, "default"),
	    "m.v.mean=3.3@10000\nm.v.min=1@10000\nm.v.max=9@10000\nm.v.first=3@10000\nm.v.last=9@"
	    "10000\n"
	    "m.v.sum=33@10000\nm.v.count=10@10000\nm.v.median=3@10000\n");
}

static void median_is_bounded(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local n = 0\n"
	    "asset('m'):variable('v', { every = '1ms', report = { window = '20s',\n"
	    "  values = { 'median', 'count' } }, read = function() n = n + 1 return n end })\n"
	    "on('connected', function() log.info(collectgarbage('count') < 600) end)\n");
	world_run(world, 20000);
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 0);
	assert_logged(world, "info script.machine: true\n");
	const char *taken = world_take(world, "default");
	assert_has(taken, "m.v.median=");
	double median = strtod(taken + strlen("m.v.median="), NULL);
	assert_true(median > 9900 && median < 10100);
}

static void texts_have_first_last_and_count(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local n, texts = 0, { 'a', 'b', 5, 'c' }\n"
	    "asset('m'):variable('v', { every = 1, type = 'string', report = { window = 5,\n"
	    "  values = { 'first', 'last', 'count' } },\n"
	    "  read = function() n = n + 1 return texts[n] end })\n");
	world_run(world, 5000);
	assert_string_equal(
	    world_take(world, "default"), "m.v.first=a@5000\nm.v.last=c@5000\nm.v.count=3@5000\n");
}

static void members_of_a_group_have_windows(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	world_start(world,
	    "local n = 0\n"
	    "asset('m'):group({ every = 1, variables = { raw = {}, slow = { type = 'int',\n"
	    "  report = { window = 3, values = { 'sum', 'max' } } } },\n"
	    "  read = function() n = n + 1 return { raw = n, slow = n } end })\n");
	world_run(world, 3000);
	assert_string_equal(world_take(world, "default"),
	    "m.raw=1@0\nm.raw=2@1000\nm.raw=3@2000\nm.slow.sum=6@3000\nm."
	    "slow.max=3@3000\nm.raw=4@3000\n");
	world_job(world, JOB_READ, "m.slow.max", NULL, &outcome);
	world_run(world, 0);
	assert_string_equal(outcome.values, "m.slow.max=3");
}

/* Windows follow the clock as soon as it is set. */
static void window_follows_the_clock(void **state)
{
	struct world *world = *state;
	clock_step(world->clock, -WORLD_WALL_MS, false);
	start(
	    world, "window = '10s', values = { 'count' }", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13");
	world_run(world, 3500);
	clock_step(world->clock, WORLD_WALL_MS + 1000, true);
	script_host()->event(world->host, "clock", "set");
	world_run(world, 16000);
	/* the first one ends as it began; the next one at the full ten seconds: 11 then, 20 at 19000 */
	assert_string_equal(world_take(world, "default"), "m.v.count=10@10000\nm.v.count=3@19000\n");
}

static void wrong_windows(void **state)
{
	static const struct {
		const char *report, *error;
	} cases[] = {
	    {"window = '1m'", "machine.lua:2: variable m.v: report: values must be a table"},
	    {"window = '1m', values = {}", "values must be a list such as"},
	    {"window = '1m', values = { 'men' }",
	        "values, item 1 must be \"count\", \"first\", \"last\", \"max\", \"mean\", \"median\", "
	        "\"min\" or \"sum\", not \"men\" (did you mean \"mean\"?)"},
	    {"window = '1m', values = { 'max', 'max' }", "values has max twice"},
	    {"window = '1m', values = { 'max' }, change = 1", "report: there is no field \"change\""},
	    {"window = 0, values = { 'max' }", "report: window must be a number of seconds above 0"},
	    {"values = { 'max' }", "report: there is no field \"values\""},
	    {"}, type = 'boolean', x = { window = 1, values = { 'mean' }", "no field \"x\""},
	    {"window = 1, values = { 'mean' } }, type = 'boolean', label = {", "label must be text"},
	    {"window = 1, values = { 'mean' } }, type = 'boolean', unit = nil, policy = nil and {",
	        "values: mean is for variables of the type double or int"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script,
		    "\nasset('m'):variable('v', { every = 1, read = now, report = { %s } })\n",
		    cases[i].report);
		world_script(world, "machine.lua", buf_str(&script));
		world_open(world);
		assert_has(world_problems(world), cases[i].error);
		world_close(world);
		buf_free(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(by_exception),
	    WORLD_TEST(window_sends_what_was_asked_for),
	    WORLD_TEST(windows_are_aligned),
	    WORLD_TEST(window_begins_with_its_beginning),
	    WORLD_TEST(stop_sends_what_there_is),
	    WORLD_TEST(window_goes_on_over_a_reload),
	    WORLD_TEST(median_is_bounded),
	    WORLD_TEST(texts_have_first_last_and_count),
	    WORLD_TEST(members_of_a_group_have_windows),
	    WORLD_TEST(window_follows_the_clock),
	    WORLD_TEST(wrong_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
