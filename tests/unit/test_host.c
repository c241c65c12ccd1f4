/* Scripts at work: loaded from a folder, sampled into real queues, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "core/base/fileio.h"
#include "lua/script.h"

/* --- sensors --- */

static void variable_is_read_at_the_start_and_each_period(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine')\n"
	                   "local n = 0\n"
	                   "m:variable('temperature', { every = '5s', read = function()\n"
	                   "  n = n + 1 return 20 + n / 10 end })\n");
	world_run(world, 12000);
	assert_string_equal(world_take(world, "default"), "machine.temperature=20.1@0\n"
	                                                  "machine.temperature=20.2@5000\n"
	                                                  "machine.temperature=20.3@10000\n");
}

static void failing_sensor_backs_off_and_stops_nothing(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine')\n"
	                   "local bad, reads = true, 0\n"
	                   "m:variable('a', { every = 1, read = function()\n"
	                   "  reads = reads + 1\n"
	                   "  if bad then error('no answer') end return 1 end })\n"
	                   "m:variable('b', { every = 10, read = function() return 2 end })\n"
	                   "every(60, function() bad = false end)\n"
	                   "on('disconnected', function() log.info('reads', reads) end)\n");
	world_run(world, 59500);
	assert_logged(world, "warn script.machine: machine.a: bad: machine.lua:5: no answer\n");
	assert_string_equal(world_take(world, "default"),
	    "machine.b=2@0\nmachine.b=2@10000\nmachine.b=2@20000\nmachine.b=2@30000\n"
	    "machine.b=2@40000\nmachine.b=2@50000\n");
	script_host()->event(world->host, "disconnected", NULL);
	world_run(world, 0);
	/* at 0, 1, 3, 7, 15, 25, 35, 45, 55 s */
	assert_logged(world, "reads 9\n");
	struct buf status = {0};
	script_host()->status(world->host, &status);
	assert_has(buf_str(&status), "\"bad\":[\"machine.a\"]");
	buf_free(&status);

	world_run(world, 10000);
	assert_logged(world, "info script.machine: machine.a: good again\n");
	assert_has(world_take(world, "default"), "machine.a=1@65000\n");
	/* told once, not at each read */
	const char *first = strstr(buf_str(&world->log), "machine.a: bad");
	assert_null(strstr(first + 1, "machine.a: bad"));
}

static void what_does_not_fit_makes_the_sensor_bad(void **state)
{
	static const struct {
		const char *returns, *trouble;
	} cases[] = {
	    {"return nil", "read returned nothing"},
	    {"return nil, 'no reply'", "no reply"},
	    {"return 0/0", "NaN"},
	    {"return 2^31", "2147483648"},
	    {"return 'warm'", "string \"warm\" is not an int"},
	    {"return {}", "table is not a value"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script,
		    "asset('m'):variable('v%zu', {type = 'int', every = 1, read = function() %s end})", i,
		    cases[i].returns);
		world_start(world, buf_str(&script));
		world_run(world, 0);
		assert_string_equal(world_take(world, "default"), "");
		assert_has(strstr(buf_str(&world->log), "bad: "), cases[i].trouble);
		world->log.len = 0;
		world_close(world);
		buf_free(&script);
	}
}

static void read_that_waits_too_long_is_ended(void **state)
{
	struct world *world = *state;
	world_start(world, "asset('machine'):variable('v', { every = 10, timeout = '2s',\n"
	                   "  read = function()\n"
	                   "    log.info(try(sleep, 60))\n"
	                   "    sleep(1)\n"
	                   "    return 1 end })\n");
	world_run(world, 2000);
	assert_logged(world, "info script.machine: nil took longer than 2s ETIMEDOUT\n");
	assert_logged(world, "machine.v: bad: machine.lua:4: took longer than 2s\n");
}

static void reads_do_not_overlap_and_keep_their_phase(void **state)
{
	struct world *world = *state;
	world_start(world, "asset('machine'):variable('v', { every = 2, read = function()\n"
	                   "  local t = uptime() if t < 1 then sleep(5) end return t end })\n");
	world_run(world, 9000);
	assert_string_equal(
	    world_take(world, "default"), "machine.v=0@5000\nmachine.v=6@6000\nmachine.v=8@8000\n");
}

static void report_by_exception(void **state)
{
	struct world *world = *state;
	world_start(world, "local values = { 1, 1.2, 1.6, 1.7, 9, 1, 1, 1, 1, 1, 1, 1 }\n"
	                   "local i = 0\n"
	                   "asset('machine'):variable('v', { every = 1,\n"
	                   "  report = { change = 0.5, heartbeat = '4s', min_gap = '2s' },\n"
	                   "  read = function() i = i + 1 return values[i] end })\n");
	world_run(world, 11000);
	assert_string_equal(world_take(world, "default"),
	    "machine.v=1@0\nmachine.v=1.6@2000\nmachine.v=9@4000\nmachine.v=1@6000\n"
	    "machine.v=1@10000\n");
}

static void group_is_one_read_with_one_time(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	world_start(world, "asset('machine'):group({ every = '5s',\n"
	                   "  variables = { rpm = { type = 'int' }, load = {} },\n"
	                   "  read = function() sleep(1) return { rpm = 3, load = 0.5 } end })\n");
	world_run(world, 1000);
	assert_string_equal(
	    world_take(world, "default"), "machine.load=0.5@1000\nmachine.rpm=3@1000\n");
	world_job(world, JOB_READ, "machine.rpm", NULL, &outcome);
	world_run(world, 1000);
	assert_true(outcome.ok);
	assert_string_equal(outcome.values, "machine.rpm=3");
	assert_string_equal(world_take(world, "default"), "");
}

static void period_follows_a_setting(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	world_start(world, "local m = asset('machine')\n"
	                   "local period = m:setting('period', { type = 'int', default = 10 })\n"
	                   "m:variable('v', { every = period, read = uptime })\n"
	                   "every(period, 'beat', function() log.info('beat', uptime()) end)\n");
	world_run(world, 12000);
	world_job(world, JOB_WRITE, "machine.period", "3", &outcome);
	world_run(world, 5000);
	assert_logged(
	    world, "beat 10.0\ninfo script.machine: beat 13.0\ninfo script.machine: beat 16.0\n");
	assert_string_equal(world_take(world, "default"),
	    "machine.v=0@0\nmachine.v=10@10000\nmachine.v=13@13000\nmachine.v=16@16000\n");
}

/* --- push, every, on --- */

static void push_takes_values_times_and_lists(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine')\n"
	                   "m:variable('n', { type = 'int' }) m:variable('s', { type = 'string' })\n"
	                   "m:variable('b', { type = 'boolean' }) m:variable('d', { type = 'date' })\n"
	                   "every('10s', 'beat', function()\n"
	                   "  m:push('n', 25.0) m:push('s', 'h\\u{e9}') m:push('b', false)\n"
	                   "  m:push('d', now(), { time = now() - 3 })\n"
	                   "  m:push({ { 'n', 1, time = now() - 2 }, { 'n', 2 } })\n"
	                   "end)\n");
	world_run(world, 10000);
	assert_string_equal(world_take(world, "default"),
	    "machine.n=25@10000\nmachine.s=h\xc3\xa9@10000\nmachine.b=false@10000\n"
	    "machine.d=1767225610000@7000\nmachine.n=1@8000\nmachine.n=2@10000\n");
}

static void wrong_push_names_the_sensor_and_the_line(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine')\n"
	                   "m:variable('level', { type = 'int' })\n"
	                   "on('start', function()\n"
	                   "  m:push('level', 0/0) end)\n"
	                   "on('start', function() m:push('levle', 1) end)\n"
	                   "on('start', function() log.info(try(m.push, m, 'level', 'x')) end)\n");
	world_run(world, 0);
	assert_logged(world, "error script.machine: on \"start\": machine.lua:4: machine.level: NaN");
	assert_logged(world, "machine.lua:5: machine.levle is not declared as a variable here (did you "
	                     "mean \"level\"?)\n");
	assert_logged(world, "nil machine.lua:6: machine.level: string \"x\" is not an int ERROR\n");
}

static void durable_push_returns_when_it_is_synced(void **state)
{
	struct world *world = *state;
	world_start(world, "policy('alarm', { flush = 'now', durable = true, limit = '64KB' })\n"
	                   "local m = asset('machine')\n"
	                   "m:variable('door', { type = 'boolean', policy = 'alarm' })\n"
	                   "on('start', function() log.info('before') m:push('door', true)\n"
	                   "  log.info('safe') end)\n"
	                   "on('start', function()\n"
	                   "  table.sort({1, 2}, function() m:push('door', false) end)\n"
	                   "  log.info('sorted') end)\n");
	world_run(world, 0);
	assert_logged(world, "before\n");
	for (int i = 0; i < 1000 && !world_logged(world, "safe\n"); i++) {
		(void)uv_run(&world->loop, UV_RUN_ONCE);
		world_run(world, 0);
	}
	assert_logged(world, "safe\n");
	assert_logged(world, "sorted\n");
	assert_has(world_take(world, "alarm"), "machine.door=true@0\n");
}

static void many_pushes_in_a_tight_loop_arrive_complete(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine')\n"
	                   "m:variable('n', { type = 'int' })\n"
	                   "on('start', function() for i = 1, 20000 do m:push('n', i) end end)\n");
	world_run(world, 0);
	const char *text = world_take(world, "default");
	int count = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		count++;
	assert_int_equal(count, 20000);
	assert_has(text, "machine.n=20000@0\n");
}

static void events_carry_their_reason(void **state)
{
	struct world *world = *state;
	world_start(world, "on('disconnected', function(why) log.info('lost:', why) end)\n"
	                   "on('connected', function(why) log.info('up', why) end)\n");
	script_host()->event(world->host, "disconnected", "no answer to a ping");
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 0);
	assert_logged(world, "lost: no answer to a ping\n");
	assert_logged(world, "up nil\n");
}

static void stop_waits_for_its_handlers_within_its_limit(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('machine') m:variable('v', {})\n"
	                   "every(1, function() m:push('v', 1) end)\n"
	                   "on('stop', function() sleep(2) m:push('v', 99) end)\n"
	                   "on('stop', function() local t <close> = setmetatable({}, { __close =\n"
	                   "  function() log.info('closed') end }) sleep(3600) end)\n");
	world_run(world, 1500);
	world_stop(world, 10000);
	assert_true(clock_mono_ms(world->clock) >= 11500 && clock_mono_ms(world->clock) < 12500);
	assert_string_equal(world_take(world, "default"), "machine.v=1@1000\nmachine.v=99@3500\n");
	assert_logged(world, "handlers did not end in time");
	assert_logged(world, "closed\n");
}

/* --- files --- */

static void files_are_read_written_and_appended(void **state)
{
	struct world *world = *state;
	struct buf script = {0};
	buf_printf(&script,
	    "local dir = '%s/'\n"
	    "on('start', function()\n"
	    "  log.info(file.exists(dir .. 'x'))\n"
	    "  file.write(dir .. 'x', 'one\\n') file.append(dir .. 'x', 'two\\n')\n"
	    "  log.info(file.exists(dir .. 'x'), (file.read(dir .. 'x'):gsub('\\n', ';')))\n"
	    "  log.info(try(file.read, dir .. 'none'))\n"
	    "  log.info(try(file.append, '/dev/full', 'x'))\n"
	    "  log.info(try(file.read, '/dev/zero'))\n"
	    "  local ok, e = pcall(file.read, dir .. 'none')\n"
	    "  log.info(e.code, 'e: ' .. e)\n"
	    "  file.read(dir)\n"
	    "end)\n",
	    world->dir);
	world_start(world, buf_str(&script));
	buf_free(&script);
	world_run(world, 0);
	assert_logged(world, "info script.machine: false\n");
	assert_logged(world, "info script.machine: true one;two;\n");
	assert_logged(world, "/none: No such file or directory ENOENT\n");
	assert_logged(world, "nil file.append: /dev/full: No space left on device ENOSPC\n");
	assert_logged(world, "nil file.read: /dev/zero: is not a regular file ERROR\n");
	assert_logged(world, "info script.machine: ENOENT e: machine.lua:9: file.read: /tmp/");
	assert_logged(world, "error script.machine: on \"start\": machine.lua:11: file.read: /tmp/");
}

/* --- settings --- */

static const char threshold[] =
    "local m = asset('machine')\n"
    "threshold = m:setting('threshold', { type = 'int', default = 30, min = 0, max = 100,\n"
    "  write = function(new, old)\n"
    "    log.info('write', new, old) sleep(1)\n"
    "    if new == 66 then error('too hot') end\n"
    "    if new == 67 then return nil, 'not today' end\n"
    "    if new == 68 then return false end\n"
    "  end })\n";

static void write_is_kept_over_a_restart(void **state)
{
	struct world *world = *state;
	struct outcome outcome, read;
	world_start(world, threshold);
	world_job(world, JOB_READ, "machine.threshold", NULL, &read);
	world_run(world, 0);
	assert_string_equal(read.values, "machine.threshold=30");
	world_job(world, JOB_WRITE, "machine.threshold", "25", &outcome);
	world_job(world, JOB_READ, "machine.threshold", NULL, &read);
	world_run(world, 500);
	assert_int_equal(outcome.calls, 0); /* the handler still works */
	world_run(world, 500);
	assert_int_equal(outcome.calls, 1);
	assert_true(outcome.ok);
	assert_string_equal(outcome.values, "machine.threshold=25");
	assert_string_equal(read.values, "machine.threshold=25"); /* behind the write */
	world_close(world);

	world_start(world, threshold);
	world_job(world, JOB_READ, "machine.threshold", NULL, &read);
	world_run(world, 0);
	assert_string_equal(read.values, "machine.threshold=25");
	world_close(world);

	world_start(
	    world, "asset('machine'):setting('threshold', { type = 'int', default = 5, max = 20 })");
	world_job(world, JOB_READ, "machine.threshold", NULL, &read);
	world_run(world, 0);
	assert_string_equal(read.values, "machine.threshold=5");
	assert_logged(world, "machine.threshold: its stored value does not fit any more, the default "
	                     "holds: 25 is above its maximum 20\n");
}

static void refused_write_leaves_the_old_value(void **state)
{
	static const struct {
		const char *value, *why;
	} cases[] = {
	    {"66", "machine.lua:5: too hot"},
	    {"67", "not today"},
	    {"68", "the handler refused it"},
	};
	struct world *world = *state;
	struct outcome outcome;
	world_start(world, threshold);
	for (size_t i = 0; i < 3; i++) {
		world_job(world, JOB_WRITE, "machine.threshold", cases[i].value, &outcome);
		world_run(world, 1000);
		assert_false(outcome.ok);
		assert_string_equal(outcome.why, cases[i].why);
		assert_string_equal(outcome.values, "machine.threshold=30");
	}
	struct value value;
	assert_false(store_get(world->settings, "machine.threshold", &value));
}

static void setting_lives_elsewhere(void **state)
{
	struct world *world = *state;
	struct outcome outcome;
	world_start(world, "local plc = 41\n"
	                   "asset('machine'):setting('speed', { type = 'int', at_start = 'write',\n"
	                   "  default = 7, read = function() return plc end,\n"
	                   "  write = function(new) plc = new // 2 * 2 end })\n");
	world_run(world, 0);
	world_job(world, JOB_READ, "machine.speed", NULL, &outcome);
	world_run(world, 0);
	assert_string_equal(outcome.values, "machine.speed=6"); /* written at the start */
	world_job(world, JOB_WRITE, "machine.speed", "9", &outcome);
	world_run(world, 0);
	assert_true(outcome.ok);
	assert_string_equal(outcome.values, "machine.speed=8"); /* what is in force */
}

static void script_gets_and_sets(void **state)
{
	struct world *world = *state;
	struct buf script = {0};
	buf_printf(&script, "%s%s", threshold,
	    "on('start', function() log.info('is', threshold:get()) threshold:set(40)\n"
	    "  log.info('is', threshold:get())\n"
	    "  log.info(try(threshold.set, threshold, 101))\n"
	    "  log.info(try(threshold.set, threshold, 66)) end)\n");
	world_start(world, buf_str(&script));
	buf_free(&script);
	world_run(world, 5000);
	assert_logged(world, "is 30\n");
	assert_logged(world, "is 40\n");
	assert_logged(world, "machine.threshold: 101 is above its maximum 100 ERROR\n");
	assert_logged(world, "machine.threshold: machine.lua:5: too hot ERROR\n");
	assert_string_equal(world_take(world, "default"), "machine.threshold=40@1000\n");
	struct value value;
	assert_true(store_get(world->settings, "machine.threshold", &value));
	assert_int_equal(value.integer, 40);
}

/* --- jobs --- */

static void read_job_runs_the_sensor_or_gives_the_last_value(void **state)
{
	struct world *world = *state;
	struct outcome sensor, pushed, never, failing;
	world_start(world, "local m = asset('machine')\n"
	                   "m:variable('sensor', { read = function() sleep(1) return 3 end })\n"
	                   "m:variable('pushed', { type = 'string' }) m:variable('never')\n"
	                   "m:variable('failing', { read = function() error('no reply', 0) end })\n"
	                   "on('start', function() m:push('pushed', 'hello') end)\n");
	world_run(world, 10);
	world_job(world, JOB_READ, "machine.sensor", NULL, &sensor);
	world_job(world, JOB_READ, "machine.pushed", NULL, &pushed);
	world_job(world, JOB_READ, "machine.never", NULL, &never);
	world_job(world, JOB_READ, "machine.failing", NULL, &failing);
	world_run(world, 1000);
	assert_string_equal(sensor.values, "machine.sensor=3");
	assert_string_equal(pushed.values, "machine.pushed=hello");
	assert_false(never.ok);
	assert_string_equal(never.why, "machine.never has no value yet");
	assert_false(failing.ok);
	assert_string_equal(failing.why, "no reply");
	assert_string_equal(world_take(world, "default"), "machine.pushed=hello@0\n");
}

static void command_runs_with_its_parameters(void **state)
{
	struct world *world = *state;
	struct outcome fine, refused, slow;
	world_start(world, "local m = asset('machine')\n"
	                   "m:command('go', { params = { n = { type = 'string', default = 'x' } },\n"
	                   "  timeout = 5, run = function(p)\n"
	                   "  log.info('go', p.n) if p.n == 'no' then return nil, 'not now' end\n"
	                   "  if p.n == 'slow' then sleep(60) end end })\n");
	world_job(world, JOB_COMMAND, "machine.go", "on", &fine);
	world_job(world, JOB_COMMAND, "machine.go", "no", &refused);
	world_job(world, JOB_COMMAND, "machine.go", "slow", &slow);
	world_run(world, 5000);
	assert_true(fine.ok);
	assert_logged(world, "go on\n");
	assert_false(refused.ok);
	assert_string_equal(refused.why, "not now");
	assert_string_equal(slow.why, "machine.lua:5: took longer than 5s");
}

static void jobs_of_a_closed_script_are_answered(void **state)
{
	struct world *world = *state;
	struct outcome running, waiting;
	world_start(world, "asset('m'):command('c', { run = function() sleep(3600) end })\n");
	world_job(world, JOB_COMMAND, "m.c", NULL, &running);
	world_run(world, 0);
	world_job(world, JOB_COMMAND, "m.c", NULL, &waiting);
	world_close(world);
	assert_int_equal(running.calls, 1);
	assert_int_equal(waiting.calls, 1);
	assert_string_equal(running.why, "the script was closed");
	assert_string_equal(waiting.why, "the script was closed");
}

/* --- loading --- */

static void scripts_share_an_asset_and_policies(void **state)
{
	struct world *world = *state;
	world_script(world, "a.lua",
	    "policy('fast', { flush = 1, max_samples = 5.0, durable = false })\n"
	    "asset('m', { label = 'M' }):variable('a', { policy = 'fast' })");
	world_script(world, "b.lua",
	    "policy('fast', { flush = '1s', max_samples = 5 })\n"
	    "asset('m'):variable('b', { policy = 'fast' })");
	world_script(world, "b_test.lua", "error('not for me')");
	world_script(world, "notes.txt", "not Lua");
	world_open(world);
	assert_string_equal(world_problems(world), "");
	assert_string_equal(catalog_find(world->catalog, "m.b")->where, "b.lua:2");
	assert_int_equal(policies_find(world->policies, "fast")->flush_ms, 1000);
	assert_int_equal(policies_find(world->policies, "fast")->max_samples, 5);
}

static void one_that_does_not_load_leaves_the_others(void **state)
{
	struct world *world = *state;
	world_script(world, "a.lua", "local x = = 1");
	world_script(world, "b.lua", "asset('m'):variable('v', { every = 1, read = uptime })");
	world_script(world, "c.lua", "asset('m'):variable('v')");
	world_open(world);
	assert_has(world_problems(world), "/scripts/a.lua:1: unexpected symbol near '='\n");
	assert_has(world_problems(world), "/scripts/c.lua:1: m.v is already declared in b.lua:1\n");
	script_host()->start(world->host);
	world_run(world, 1000);
	assert_string_equal(world_take(world, "default"), "m.v=0@0\nm.v=1@1000\n");
	struct buf status = {0};
	script_host()->status(world->host, &status);
	assert_has(buf_str(&status), "{\"name\":\"a\",\"state\":\"failed\"");
	assert_has(buf_str(&status), "{\"name\":\"b\",\"state\":\"running\"");
	buf_free(&status);
}

static void modules_come_from_lib(void **state)
{
	struct world *world = *state;
	world_script(world, "lib/util.lua",
	    "local M = {}\nfunction M.twice(x) return 2 * x end\n"
	    "function M.bad() error('here') end\nreturn M");
	world_script(world, "lib/wrong.lua", "local x = nil\nreturn x.y");
	world_start(world,
	    "local util = require('util')\n"
	    "log.info(util.twice(21), require('util') == util, require('cjson') == cjson)\n"
	    "log.info(pcall(require, 'wrong'))\n"
	    "on('start', function() util.bad() end)\n"
	    "log.info(cjson.encode({ 1, 2 }), pcall(cjson.decode, '[nan]'))\n");
	world_run(world, 0);
	assert_logged(world, "42 true true\n");
	assert_logged(world, "false lib/wrong.lua:2: attempt to index a nil value (local 'x')\n");
	assert_logged(world, "on \"start\": lib/util.lua:3: here\n");
	assert_logged(world, "[1,2] false");
}

static void params_come_from_the_configuration(void **state)
{
	struct world *world = *state;
	world->yaml = "params:\n  machine: { port: 7, unit: 3, deep: { a: true }, list: [x, 2] }\n";
	world_start(world,
	    "local p = params { port = '/dev/ttyS0', unit = 1, other = 'o',\n"
	    "  deep = { a = false, b = 1.5 }, list = {} }\n"
	    "log.info(p.port .. '|', p.unit, p.other, p.deep.a, p.deep.b, p.list[1], p.list[2])\n");
	assert_logged(world, "7| 3 o true 1.5 x 2\n");
	world_close(world);
	world->log.len = 0;

	static const struct {
		const char *yaml, *script, *problem;
	} cases[] = {
	    {"params: { machine: { prot: 1 } }\n", "params { port = 1 }",
	        "neap.yaml:5:28: params.machine.prot: the script has no such parameter (did you mean "
	        "\"port\"?)"},
	    {"params: { machine: { port: x } }\n", "params { port = 1 }",
	        "neap.yaml:5:28: params.machine.port must be a number, as its default in the script "
	        "is"},
	    {"params: { machin: { port: x } }\n", "params { port = 1 }", "params.machin: there is no"},
	    {"params: { machine: { port: x } }\n", "local x = 1", "it has no params{...}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world->yaml = cases[i].yaml;
		world_script(world, "machine.lua", cases[i].script);
		world_open(world);
		assert_has(world_problems(world), cases[i].problem);
		world_close(world);
	}
}

/* Each script has one fault; the problem names file and line. */
static const struct {
	const char *script, *problem;
} faults[] = {
    {"\nasset('m'):variable('v', { typ = 'int' })",
        "machine.lua:2: variable m.v: there is no field \"typ\" (did you mean \"type\"?)"},
    {"asset('m'):variable('v', { type = 'integer' })", "there is no type \"integer\""},
    {"asset('m'):variable('v', { every = 5 })", "m.v: every needs read"},
    {"asset('m'):variable('v', { every = '5 parsec', read = now })",
        "m.v: its period must be a number of seconds above 0 or text such as \"250ms\", "
        "\"10s\" or "
        "\"5m\", not \"5 parsec\""},
    {"asset('m'):variable('v', { every = 0, read = now })", "not 0"},
    {"asset('m'):variable('v', { read = 5 })", "variable m.v: read must be a function, not 5"},
    {"asset('m'):variable('v', { report = { chnge = 1 }, every = 1, read = now })",
        "variable m.v: report: there is no field \"chnge\" (did you mean \"change\"?)"},
    {"asset('m'):variable('v', { report = { change = 1 } })", "report needs every and read"},
    {"asset('m'):variable('v', { factor = 0 })", "variable m.v: factor must be above 0"},
    {"asset('m'):variable('v', { type = 'string', factor = 10 })",
        "machine.lua:1: m.v: a factor is for numbers, not for string"},
    {"asset('m'):variable('v', { policy = 'trned' }) policy('trend', {})",
        "machine.lua:1: m.v: no policy is called \"trned\" (did you mean \"trend\"?)"},
    {"local m = asset('m')\nm:variable('v')\nm:setting('v')",
        "machine.lua:3: m.v is already declared in machine.lua:2"},
    {"asset('m'):variable('a b')", "m.a b"},
    {"asset('m.n')", "asset: \"m.n\" is not an id"},
    {"asset('m'):varable('v')", "the asset m has no \"varable\" (did you mean \"variable\"?)"},
    {"asset('m'):variable()", "asset:variable: argument 1 is missing: it must be text"},
    {"asset('m'):setting('s', { type = 'int', default = 'x' })",
        "m.s: its default does not fit: string \"x\" is not an int"},
    {"asset('m'):setting('s', { type = 'int', default = 5, max = 4 })", "5 is above its maximum 4"},
    {"asset('m'):setting('s', { at_start = 'run' })", "at_start must be \"none\" or \"write\""},
    {"asset('m'):setting('s', {}).vaule = 1", "the setting m.s cannot be changed: \"vaule\""},
    {"asset('m'):command('c', {})", "command m.c: it needs run, a function"},
    {"asset('m'):command('c', { run = now, params = { n = { tpye = 'int' } } })",
        "command m.c: the parameter n: there is no field \"tpye\" (did you mean \"type\"?)"},
    {"asset('m'):group({ variables = { a = {} } })", "group of asset m: it needs read"},
    {"policy('p', { flsh = 1 })",
        "policy \"p\": flsh: a policy has no such field (did you mean flush?)"},
    {"policy('p', { full = 'drop' })", "policy \"p\": full: takes \"drop_oldest\""},
    {"policy('p', { flush = 1 })\npolicy('p', { flush = 2 })",
        "machine.lua:2: policy \"p\" is already "
        "declared in machine.lua:1"},
    {"on('conected', now)", "on: there is no event \"conected\" (did you mean \"connected\"?)"},
    {"every('1s')", "every at machine.lua:1: its last argument must be a function"},
    {"thershold = 1\nlog.info(threshold)",
        "machine.lua:2: nothing is called threshold (did you mean \"thershold\"?)"},

    {"log.wran('x')", "log has no \"wran\" (did you mean \"warn\"?)"},
    {"os.execute('ls')", "machine.lua:1: os.execute is not there: use exec{...}"},
    {"os.exit(1)", "os.exit is not there"},
    {"os.getenv('HOME')", "os.getenv is not there: use params{...}"},
    {"io.popen('ls')", "io is not there: use file.read"},
    {"debug.sethook()", "debug is not there"},
    {"package.loadlib('x', 'y')", "package is not there: use require"},
    {"dofile('x.lua')", "dofile is not there: use require"},
    {"string.dump(now)", "string.dump is not there"},
    {"assert(load('\\27Lua'))", "attempt to load a binary chunk"},
    {"getmetatable('').__index = {}", "machine.lua:1: attempt to"},
    {"require('nothing')", "require: there is no module \"nothing\" in lib/"},
    {"require('../machine')", "require: \"../machine\" is not a module name"},
    {"sleep(1)",
        "machine.lua:1: sleep is not there while the script loads: call it from a handler"},
    {"file.read('/etc/hostname')", "machine.lua:1: file.read is not there while the script loads"},
    {"local m = asset('m') m:variable('v')\nm:push('v', 1)",
        "machine.lua:2: m.v: nothing can be pushed while the script loads"},
    {"local t = {} for i = 1, 1e9 do t[i] = i end",
        "machine.lua: needs more memory than scripts.memory"},
    {"error({})", "machine.lua: table: "},
    {"error('plain', 0)", "machine.lua: plain"},
};

static void faults_are_told_with_file_and_line(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		world_script(world, "machine.lua", faults[i].script);
		world_open(world);
		assert_has(world_problems(world), faults[i].problem);
		assert_true(world->problems.errors > 0);
		assert_null(catalog_next(world->catalog, NULL));
		world_close(world);
	}
}

static void handlers_declare_nothing(void **state)
{
	struct world *world = *state;
	world_start(world, "on('start', function() asset('m'):variable('late') end)");
	world_run(world, 0);
	assert_logged(world, "machine.lua:1: m.late must be declared while the script loads");
}

static void memory_is_limited(void **state)
{
	struct world *world = *state;
	world->memory = "1MB";
	world->budget = "10m"; /* a sanitizer makes it slow */
	world_start(world, "local m = asset('m')\n"
	                   "m:variable('bomb', { every = 1, read = function()\n"
	                   "  local t = {} for i = 1, 1e9 do t[i] = { i } end end })\n"
	                   "m:variable('fine', { every = 1, read = function() return 1 end })\n"
	                   "on('start', function() return ('x'):rep(1e9) end)\n");
	world_run(world, 1000);
	assert_logged(world, "m.bomb: bad: not enough memory\n");
	assert_logged(world, "on \"start\": not enough memory\n");
	assert_string_equal(world_take(world, "default"), "m.fine=1@0\nm.fine=1@1000\n");
}

static void yield_of_a_script_is_its_own(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "on('start', function()\n"
	    "  local co = coroutine.wrap(function() coroutine.yield(1) sleep(1) end)\n"
	    "  log.info('got', co()) co() end)\n"
	    "on('start', function() coroutine.yield() end)\n"
	    "on('start', function() table.sort({ 1, 2 }, function() sleep(1) end) end)\n");
	world_run(world, 0);
	assert_logged(world, "got 1\n");
	assert_logged(world, "sleep cannot wait inside a coroutine of the script's own");
	assert_logged(world, "coroutine.yield in a handler, outside of a coroutine of its own");
	assert_logged(world, "sleep cannot wait here");
}

static void traceback_goes_to_the_debug_log(void **state)
{
	struct world *world = *state;
	world_start(world, "local function deep() error('down here') end\n"
	                   "on('start', function() deep() end)\n"
	                   "asset('m'):variable('v', { every = 1, read = function() deep() end })\n");
	log_set_topic("script.machine", LOG_LEVEL_DEBUG);
	world_run(world, 0);
	const char *trace =
	    strstr(buf_str(&world->log), "debug script.machine: machine.lua:1: down here");
	assert_non_null(trace);
	assert_has(trace, " <- machine.lua:1: in upvalue 'deep' <- machine.lua:2: in function");
}

/* What ships runs as it is: each loads without a problem and sends something. */
static void shipped_scripts_run(void **state)
{
	static const struct {
		const char *file, *sends;
	} cases[] = {
	    {"examples/machine.lua", "machine.temperature="},
	    {"scripts/system.lua", "system.load="},
	};
	struct world *world = *state;
	world->yaml = "policies: { system: { flush: now } }\n";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		assert_int_equal(fileio_read(cases[i].file, 65536, &text, NULL), 0);
		world_start(world, buf_str(&text));
		buf_free(&text);
		world_run(world, 130000);
		struct buf taken = {0};
		buf_text(&taken, world_take(world, "default"));
		buf_text(&taken, world_take(world, "system"));
		assert_has(buf_str(&taken), cases[i].sends);
		buf_free(&taken);
		assert_false(world_logged(world, "bad:"));
		assert_false(world_logged(world, "error"));
		world_stop(world, 1000);
		world_close(world);
	}
}

/* What neap check and neap model do: no ingest, no store, nothing starts. */
static void host_can_only_load(void **state)
{
	struct world *world = *state;
	world_script(world, "machine.lua", threshold);
	world_open(world);
	struct catalog *catalog = catalog_new();
	struct policies *policies = policies_new(world->config);
	struct services services = {.loop = &world->loop,
	    .clock = world->clock,
	    .config = world->config,
	    .catalog = catalog,
	    .policies = policies};
	struct problems problems = {0};
	struct host *host = script_host()->open(&services);
	script_host()->load(host, &problems);
	assert_int_equal(problems.count, 0);
	assert_non_null(catalog_find(catalog, "machine.threshold"));
	script_host()->close(host);
	policies_free(policies);
	catalog_free(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(variable_is_read_at_the_start_and_each_period),
	    WORLD_TEST(failing_sensor_backs_off_and_stops_nothing),
	    WORLD_TEST(what_does_not_fit_makes_the_sensor_bad),
	    WORLD_TEST(read_that_waits_too_long_is_ended),
	    WORLD_TEST(reads_do_not_overlap_and_keep_their_phase),
	    WORLD_TEST(report_by_exception),
	    WORLD_TEST(group_is_one_read_with_one_time),
	    WORLD_TEST(period_follows_a_setting),
	    WORLD_TEST(push_takes_values_times_and_lists),
	    WORLD_TEST(wrong_push_names_the_sensor_and_the_line),
	    WORLD_TEST(durable_push_returns_when_it_is_synced),
	    WORLD_TEST(many_pushes_in_a_tight_loop_arrive_complete),
	    WORLD_TEST(events_carry_their_reason),
	    WORLD_TEST(stop_waits_for_its_handlers_within_its_limit),
	    WORLD_TEST(files_are_read_written_and_appended),
	    WORLD_TEST(write_is_kept_over_a_restart),
	    WORLD_TEST(refused_write_leaves_the_old_value),
	    WORLD_TEST(setting_lives_elsewhere),
	    WORLD_TEST(script_gets_and_sets),
	    WORLD_TEST(read_job_runs_the_sensor_or_gives_the_last_value),
	    WORLD_TEST(command_runs_with_its_parameters),
	    WORLD_TEST(jobs_of_a_closed_script_are_answered),
	    WORLD_TEST(scripts_share_an_asset_and_policies),
	    WORLD_TEST(one_that_does_not_load_leaves_the_others),
	    WORLD_TEST(modules_come_from_lib),
	    WORLD_TEST(params_come_from_the_configuration),
	    WORLD_TEST(faults_are_told_with_file_and_line),
	    WORLD_TEST(handlers_declare_nothing),
	    WORLD_TEST(memory_is_limited),
	    WORLD_TEST(yield_of_a_script_is_its_own),
	    WORLD_TEST(traceback_goes_to_the_debug_log),
	    WORLD_TEST(shipped_scripts_run),
	    WORLD_TEST(host_can_only_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
