/* rule{}: limits, hysteresis, hold times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/script.h"

/* m.v is read each second from the list; the rule has `options`. What it tells: "+value second" for
 * raise, "-value second" for clear. */
static void write_script(struct world *world, const char *options, const char *values)
{
	struct buf script = {0};
	buf_printf(&script,
	    "local values, i = { %s }, 0\n"
	    "local m = asset('m')\n"
	    "local limit = m:setting('limit', { default = 10 })\n"
	    "m:variable('v', { every = 1, report = { change = 1000 }, read = function()\n"
	    "  i = i + 1 return values[i] end })\n"
	    "local r = rule { name = 'r', variable = 'm.v', %s,\n"
	    "  raise = function(v, t) log.info(('raise %%g %%g'):format(v, t %% 100)) end,\n"
	    "  clear = function(v, t) log.info(('clear %%g %%g'):format(v, t %% 100)) end }\n"
	    "on('connected', function() log.info('is raised:', r:raised()) end)\n",
	    values, options);
	world_script(world, "machine.lua", buf_str(&script));
	buf_free(&script);
}

static void start(struct world *world, const char *options, const char *values)
{
	write_script(world, options, values);
	world_open(world);
	assert_string_equal(world_problems(world), "");
	script_host()->start(world->host);
}

/* "raise 11 2.0, clear 9 5.0" */
static const char *told(struct world *world)
{
	static struct buf text;
	text.len = 0;
	const char *line = buf_str(&world->log);
	for (; (line = strstr(line, "info script.machine: ")); line++) {
		line += strlen("info script.machine: ");
		if (strncmp(line, "raise", 5) != 0 && strncmp(line, "clear", 5) != 0)
			continue;
		buf_printf(&text, "%s%.*s", text.len ? ", " : "", (int)strcspn(line, "\n"), line);
	}
	world->log.len = 0;
	return buf_str(&text);
}

static void limits_hysteresis_and_hold(void **state)
{
	static const struct {
		const char *options, *values, *told;
	} cases[] = {
	    {"above = 10", "10, 11, 12, 10, 9, 11", "raise 11 1, clear 10 3, raise 11 5"},
	    {"above = 10, hysteresis = 2", "11, 9, 8.5, 8, 10, 11",
	        "raise 11 0, clear 8 3, raise 11 5"},
	    {"below = 5", "5, 4, 5", "raise 4 1, clear 5 2"},
	    {"below = 5, hysteresis = 1", "4, 5, 6, 5.5, 4.9", "raise 4 0, clear 6 2, raise 4.9 4"},
	    {"is = 3", "3, 3, 4, 3", "raise 3 0, clear 4 2, raise 3 3"},
	    /* beyond it for so long without a break; the hysteresis does not count before it is raised */
	    {"above = 10, hold = 2", "11, 10, 11, 12, 13, 9, 11, 12, 9", "raise 13 4, clear 9 5"},
	    {"above = 10, hold = '2s', hysteresis = 5", "11, 9, 9, 11, 11, 11, 9, 5",
	        "raise 11 5, clear 5 7"},
	    /* what cannot be read changes nothing */
	    {"above = 10, hold = 2", "11, nil, nil, nil", "raise 11 3"},
	    {"above = 10", "11, 0/0, 12, 9", "raise 11 0, clear 9 3"},
	    {"above = limit", "10, 11, 10", "raise 11 1, clear 10 2"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start(world, cases[i].options, cases[i].values);
		world_run(world, 9999);
		assert_string_equal(told(world), cases[i].told);
		world_close(world);
		/* the seconds shall begin at 0 again */
		clock_advance(world->clock, 100000 - clock_mono_ms(world->clock) % 100000);
	}
}

/* A hold ends by itself: what is pushed comes seldom. */
static void hold_needs_no_further_value(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('m')\n"
	                   "m:variable('door', { type = 'boolean' })\n"
	                   "rule { variable = 'm.door', is = true, hold = '5m',\n"
	                   "  raise = function(v, t) log.info('raise', v, t % 1000) end }\n"
	                   "on('start', function() m:push('door', true) sleep(200)\n"
	                   "  m:push('door', false) m:push('door', true) end)\n");
	world_run(world, 500000);
	assert_string_equal(told(world), "");
	world_run(world, 1000);
	assert_string_equal(told(world), "raise true 101.0");
}

static void limit_follows_its_setting(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	start(world, "above = limit", "8, 8, 8, 8");
	world_run(world, 500);
	world_job(world, JOB_WRITE, "m.limit", "7", &outcome);
	world_run(world, 0);
	assert_true(outcome.ok);
	assert_string_equal(told(world), "raise 8 0.5");
}

static void windows_have_rules(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m, n = asset('m'), 0\n"
	    "m:variable('v', { every = 1, report = { window = 4, values = { 'mean' } },\n"
	    "  read = function() n = n + 1 return n end })\n"
	    "rule { variable = 'm.v.mean', above = 6, raise = function(v) log.info('raise', v) end }\n"
	    "rule { variable = 'm.v', above = 4, raise = function(v) log.info('raise raw', v) end }\n");
	world_run(world, 9000);
	assert_string_equal(told(world), "raise raw 5, raise 6.5");
}

static void slow_handler_is_told_in_order(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m = asset('m')\n"
	    "m:variable('v', {})\n"
	    "rule { variable = 'm.v', above = 0,\n"
	    "  raise = function(v) sleep(1) log.info('raise', v) if v == 2 then error('no') end end,\n"
	    "  clear = function(v) log.info('clear', v) end }\n"
	    "on('start', function() for i = 1, 3 do m:push('v', i) m:push('v', -i) end end)\n");
	world_run(world, 5000);
	assert_logged(world, "error script.machine: rule \"m.v above\": machine.lua:4: no\n");
	assert_string_equal(
	    told(world), "raise 1.0, clear -1.0, raise 2.0, clear -2.0, raise 3.0, clear -3.0");
}

static void many_that_wait_end_with_the_truth(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m, n, last = asset('m'), 0\n"
	    "m:variable('v', {})\n"
	    "local function tell(on) return function() sleep(1) n = n + 1 last = on end end\n"
	    "rule { variable = 'm.v', above = 0, raise = tell('raise'), clear = tell('clear') }\n"
	    "on('start', function() for i = 1, 50 do m:push('v', i) m:push('v', -i) end\n"
	    "  m:push('v', 1) end)\n"
	    "on('connected', function() log.info('told', n < 12, last) end)\n");
	world_run(world, 60000);
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 0);
	assert_logged(world, "told true raise\n");
	assert_logged(world, "its functions take too long: one change is left out");
}

static void reload_keeps_what_is_raised(void **state)
{
	struct world *world = *state;
	start(world, "above = 10", "11, 11, 11, 11");
	world_run(world, 1500);
	assert_string_equal(told(world), "raise 11 0");
	write_script(world, "above = 10", "12, 12, 9, 9");
	script_host()->reload(world->host, &(struct reload_request){.reason = "command"});
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 1000);
	assert_logged(world, "is raised: true\n");
	world_run(world, 5000);
	assert_string_equal(told(world), "clear 9 4");
}

static void reload_keeps_a_hold(void **state)
{
	struct world *world = *state;
	start(world, "above = 10, hold = 5", "11, 11, 11, 11");
	world_run(world, 2500);
	script_host()->reload(
	    world->host, &(struct reload_request){.script = "machine", .reason = "command"});
	world_run(world, 5000);
	assert_string_equal(told(world), "raise 11 5");
}

static void wrong_rules(void **state)
{
	static const struct {
		const char *rule, *error;
	} cases[] = {
	    {"rule()", "machine.lua:1: rule: argument 1 is missing: it must be a table"},
	    {"rule { varable = 'm.v' }",
	        "rule: there is no field \"varable\" (did you mean \"variable\"?)"},
	    {"rule { above = 1 }", "rule: it needs variable, the path of a variable of this script"},
	    {"rule { variable = 'm.w', above = 1 }",
	        "rule: m.w is not declared as a variable of this script before (did you mean \"m."},
	    {"rule { variable = 'm.v' }", "rule of m.v: it needs one of above, below and is"},
	    {"rule { variable = 'm.v', above = 1, below = 2 }", "rule of m.v: it has above and below"},
	    {"rule { variable = 'm.v', above = '1', raise = print }",
	        "rule \"m.v above\": above must be a number, not \"1\""},
	    {"rule { variable = 'm.v', above = 1 }",
	        "rule \"m.v above\": it needs raise or clear, a function"},
	    {"rule { variable = 'm.s', above = 1, raise = print }",
	        "rule \"m.s above\": above is for numbers, and m.s is of the type string"},
	    {"rule { variable = 'm.s', is = '1', hysteresis = 1, raise = print }",
	        "hysteresis is for above and below"},
	    {"for i = 1, 2 do rule { variable = 'm.v', above = i, raise = print } end",
	        "rule \"m.v above\": there is one already, at machine.lua:1: give them names"},
	    {"local r = rule { variable = 'm.v', above = 1, raise = print } r:raise()",
	        "the rule \"m.v above\" has no \"raise\" (did you mean \"raised\"?)"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script,
		    "asset('m'):variable('v') asset('m'):variable('s', { type = 'string' }) %s",
		    cases[i].rule);
		world_script(world, "machine.lua", buf_str(&script));
		world_open(world);
		assert_has(world_problems(world), cases[i].error);
		assert_has(world_problems(world), "machine.lua:1: ");
		world_close(world);
		buf_free(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(limits_hysteresis_and_hold),
	    WORLD_TEST(hold_needs_no_further_value),
	    WORLD_TEST(limit_follows_its_setting),
	    WORLD_TEST(windows_have_rules),
	    WORLD_TEST(slow_handler_is_told_in_order),
	    WORLD_TEST(many_that_wait_end_with_the_truth),
	    WORLD_TEST(reload_keeps_what_is_raised),
	    WORLD_TEST(reload_keeps_a_hold),
	    WORLD_TEST(wrong_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
