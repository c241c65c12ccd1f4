/* Counters: what they count, and that it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "core/base/fileio.h"
#include "lua/script.h"

#define SCRIPT                                                                       \
	"local m = asset('m')\n"                                                         \
	"local water = m:counter('water', { scale = 0.1, every = '1m', unit = 'm3' })\n" \
	"every(10, function() water:add() water:add(2) end)\n"

static void counts_and_is_sent(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	world_start(world, SCRIPT);
	world_run(world, 125000);
	assert_string_equal(
	    world_take(world, "default"), "m.water=0@0\nm.water=1.5@60000\nm.water=3.3@120000\n");
	world_job(world, JOB_READ, "m.water", NULL, &outcome);
	world_run(world, 0);
	assert_string_equal(outcome.values, "m.water=3.6");
	assert_string_equal(catalog_find(world->catalog, "m.water")->unit, "m3");
}

static void goes_on_after_a_restart(void **state)
{
	struct world *world = *state;
	world_start(world, SCRIPT);
	world_run(world, 35000);
	world_stop(world, 1000);
	world_close(world);
	world_start(world, SCRIPT);
	world_run(world, 0);
	assert_has(world_take(world, "default"), "m.water=0.9@");
}

/* kill -9: the file is what it was when it was written last. */
static void kill_costs_what_was_not_saved(void **state)
{
	struct world *world = *state;
	struct buf text = {0};
	char path[200];
	world_start(world, "local water = asset('m'):counter('water', { save = '1m' })\n"
	                   "every(1, function() water:add() end)\n");
	world_run(world, 239500);
	(void)snprintf(path, sizeof path, "%s/state-machine.json", world->dir);
	assert_int_equal(fileio_read(path, 1 << 20, &text, NULL), 0);
	world_close(world);
	assert_int_equal(fileio_replace(path, text.data, text.len, 0600, NULL), 0);
	world_start(world, "local water = asset('m'):counter('water', { every = 1 })\n");
	world_run(world, 0);
	assert_has(world_take(world, "default"), "m.water=179@");
	buf_free(&text);
}

static void follows_another_counter(void **state)
{
	static const struct {
		const char *options, *raw, *told;
	} cases[] = {
	    /* what it had before neap knew it does not count */
	    {"", "{ 100, 103, 103, 110 }", "follows 0 3 3 10"},
	    {"rollover = 256", "{ 250, 255, 0, 4, 3 }", "follows 0 5 6 10 265"},
	    {"", "{ 100, 103, 2, 5 }", "follows 0 3 5 8"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script,
		    "local n = asset('m'):counter('n%zu', { %s })\n"
		    "on('start', function() local told = {} for _, raw in ipairs(%s) do\n"
		    "  n:follow(raw) told[#told + 1] = tostring(n:get()) end\n"
		    "  log.info('follows', table.concat(told, ' ')) end)\n",
		    i, cases[i].options, cases[i].raw);
		world_start(world, buf_str(&script));
		world_run(world, 0);
		assert_logged(world, cases[i].told);
		world_close(world);
		buf_free(&script);
	}
	assert_logged(world, "info script.machine: m.n2: what it follows began anew, after 103\n");
}

/* What the other one counted meanwhile is not lost. */
static void follows_over_a_restart(void **state)
{
	struct world *world = *state;
	world_start(world, "local n = asset('m'):counter('n')\n"
	                   "on('start', function() n:follow(100) n:follow(101) end)\n");
	world_run(world, 0);
	world_close(world);
	world_start(world, "local n = asset('m'):counter('n', { every = 1 })\n"
	                   "on('start', function() n:follow(150) end)\n");
	world_run(world, 1000);
	assert_has(world_take(world, "default"), "m.n=50@");
}

static void is_set(void **state)
{
	struct world *world = *state;
	world_start(world, "local n = asset('m'):counter('n', { scale = 0.5 })\n"
	                   "on('start', function() n:set(12.5) n:add() log.info('has', n:get())\n"
	                   "  log.info(try(n.add, n, -1)) log.info(try(n.add, n, 1.5))\n"
	                   "  log.info(try(n.set, n, '5')) log.info(try(n.follow, n)) end)\n");
	world_run(world, 0);
	assert_logged(world, "has 13.0\n");
	assert_logged(world, "m.n:add: it takes a whole number from 0, not -1 ERROR\n");
	assert_logged(world, "m.n:add: it takes a whole number from 0, not 1.5 ERROR\n");
	assert_logged(world, "m.n:set: argument 1 must be a number, not \"5\" ERROR\n");
	assert_logged(world, "m.n:follow: it takes a whole number from 0, not nil ERROR\n");
}

static void sent_by_exception_and_in_windows(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m = asset('m')\n"
	    "local a = m:counter('a', { every = 1, report = { change = 2 } })\n"
	    "local b = m:counter('b', { every = 1, report = { window = 4, values = { 'max' } } })\n"
	    "every(1, function() a:add() b:add(3) end)\n");
	world_run(world, 4000);
	assert_string_equal(
	    world_take(world, "default"), "m.a=0@0\nm.a=2@2000\nm.b.max=9@4000\nm.a=4@4000\n");
}

static void damaged_count_begins_anew(void **state)
{
	struct world *world = *state;
	world_file(world, "state-machine.json", "{\"counter\":{\"m.water\":{\"count\":-3}}}");
	world_start(world, SCRIPT);
	assert_logged(world, "error script.machine: m.water: what was kept of it is not a count");
	world_run(world, 0);
	assert_has(world_take(world, "default"), "m.water=0@");
}

static void wrong_counters(void **state)
{
	static const struct {
		const char *script, *error;
	} cases[] = {
	    {"counter()", "machine.lua:1: asset:counter: argument 1 is missing"},
	    {"counter('n', { gpoi = 'DI1' })",
	        "machine.lua:1: counter m.n: there is no field \"gpoi\" (did you mean \"gpio\"?)"},
	    {"counter('n', { edge = 'both' })", "counter m.n: edge is for gpio, and there is none"},
	    {"counter('n', { scale = 0 })", "counter m.n: scale must be above 0"},
	    {"counter('n', { rollover = 0 })", "counter m.n: rollover must be above 0"},
	    {"counter('n', { save = 'x' })", "counter m.n: save must be a number of seconds"},
	    {"counter('n', { report = { change = 1 } })", "counter m.n: report needs every"},
	    {"counter('n', { gpio = 'DI1', edge = 'up' })",
	        "edge must be \"both\", \"falling\" or \"rising\""},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script, "asset('m'):%s", cases[i].script);
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
	    WORLD_TEST(counts_and_is_sent),
	    WORLD_TEST(goes_on_after_a_restart),
	    WORLD_TEST(kill_costs_what_was_not_saved),
	    WORLD_TEST(follows_another_counter),
	    WORLD_TEST(follows_over_a_restart),
	    WORLD_TEST(is_set),
	    WORLD_TEST(sent_by_exception_and_in_windows),
	    WORLD_TEST(damaged_count_begins_anew),
	    WORLD_TEST(wrong_counters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
