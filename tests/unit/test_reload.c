/* Reload, trials and the watched folder, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/script.h"

#include <dirent.h>
#include <unistd.h>

#define assert_has_not(text, part)                     \
	do {                                               \
		if (strstr(text, part))                        \
			fail_msg("\"%s\" is in:\n%s", part, text); \
	} while (0)

struct answer {
	struct buf changes;
	char problems[1000];
	bool done;
};

static struct answer answer; /* of the last reload; a test program may */

static void on_done(void *ctx, const struct problems *problems, const struct buf *changes)
{
	struct buf text = {0};
	(void)ctx;
	assert_false(answer.done);
	answer.done = true;
	buf_add(&answer.changes, changes->data, changes->len);
	for (size_t i = 0; i < problems->count; i++)
		buf_printf(&text, "%s\n", problems->list[i].text);
	(void)snprintf(answer.problems, sizeof answer.problems, "%s", buf_str(&text));
	buf_free(&text);
}

/* The changes, or "pending". */
static const char *reload_try(struct world *world, const char *name, int64_t try_ms)
{
	const struct reload_request request = {
	    .script = name, .reason = "command", .try_ms = try_ms, .done = on_done};
	buf_free(&answer.changes);
	answer = (struct answer){0};
	script_host()->reload(world->host, &request);
	return answer.done ? buf_str(&answer.changes) : "pending";
}

static const char *reload(struct world *world, const char *name)
{
	return reload_try(world, name, 0);
}

static const char *status(struct world *world)
{
	static struct buf json;
	json.len = 0;
	script_host()->status(world->host, &json);
	return buf_str(&json);
}

static void remove_script(struct world *world, const char *name)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/scripts/%s", world->dir, name);
	assert_int_equal(unlink(path), 0);
}

/* --- what a reload changes, and what it does not --- */

static void new_version_goes_on_where_the_old_one_was(void **state)
{
	struct world *world = *state;
	world_start(world, "local m = asset('m')\n"
	                   "local s = m:setting('s', { type = 'int', default = 1 })\n"
	                   "m:variable('a', { every = 10, read = function() return 1 end })\n"
	                   "m:variable('b', { every = 10, read = function() return 1 end })\n"
	                   "every(10, 'beat', function() log.info('beat', now() % 100) end)\n");
	world_run(world, 0);
	struct outcome outcome;
	world_job(world, JOB_WRITE, "m.s", "7", &outcome);
	world_run(world, 4000);
	assert_true(outcome.ok);
	(void)world_take(world, "default");
	world_script(world, "machine.lua",
	    "local m = asset('m')\n"
	    "local s = m:setting('s', { type = 'int', default = 2 })\n"
	    "m:variable('a', { every = 10, read = function() return s:get() end })\n"
	    "m:variable('b', { every = 5, read = function() return 2 end })\n"
	    "m:variable('c', { every = 10, read = function() return 3 end })\n"
	    "every(10, 'beat', function() log.info('new beat', now() % 100) end)\n"
	    "on('start', function(reason) log.info('start:', reason) end)\n");
	assert_string_equal(reload(world, NULL), "[{\"script\":\"machine\",\"result\":\"reloaded\"}]");
	assert_string_equal(answer.problems, "");
	world_run(world, 10000);
	/* a and beat in their old phase, b has another period and c is new: they begin now */
	static const char *const lines[] = {"m.b=2@4000\n", "m.c=3@4000\n", "m.b=2@9000\n",
	    "m.a=7@10000\n", "m.c=3@14000\n", "m.b=2@14000\n"};
	const char *got = world_take(world, "default");
	size_t len = 0;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_has(
		    got, lines[i]); /* those of one moment in any order: a slice may end in between */
		len += strlen(lines[i]);
	}
	assert_int_equal(strlen(got), len);
	assert_logged(world, "new beat 10.0\n");
	assert_logged(world, "start: reload\n");
	assert_logged(world, "info scripts: machine: reloaded (command)\n");
}

static void broken_version_leaves_the_old_one(void **state)
{
	static const struct {
		const char *script, *problem;
	} cases[] = {
	    {"local x = = 1", "/scripts/machine.lua:1: unexpected symbol"},
	    {"asset('m'):variable('o')", "machine.lua:1: m.o is already declared in other.lua:1"},
	    {"asset('m'):variable('v', { policy = 'none' })",
	        "machine.lua:1: m.v: no policy is called \"none\""},
	    {"policy('p', { flush = 2 })",
	        "machine.lua:1: policy \"p\" is already declared in other.lua:2, with another flush"},
	    {"error('no')", "machine.lua:1: no"},
	};
	struct world *world = *state;
	world_script(world, "other.lua", "asset('m'):variable('o')\npolicy('p', { flush = 1 })");
	world_start(world, "asset('m'):variable('v', { every = 1, read = function() return 1 end })");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world_script(world, "machine.lua", cases[i].script);
		assert_string_equal(
		    reload(world, NULL), "[{\"script\":\"machine\",\"result\":\"refused\"}]");
		assert_has(answer.problems, cases[i].problem);
		assert_string_equal(strchr(answer.problems, '\n'), "\n"); /* one */
		assert_has(status(world), "\"refused\":\"");
		assert_has(status(world), "\"state\":\"running\"");
		(void)world_take(world, "default");
		world_run(world, 1000);
		assert_has(world_take(world, "default"), "m.v=1@");
	}
	/* mended: nothing to do, it is what runs */
	world_script(world, "machine.lua",
	    "asset('m'):variable('v', { every = 1, read = function() return 1 end })");
	assert_string_equal(reload(world, NULL), "[]");
	/* a version that works ends the complaint */
	world_script(world, "machine.lua", "asset('m'):variable('w')");
	assert_has(reload(world, "machine"), "\"reloaded\"");
	assert_has_not(status(world), "\"refused\"");
	assert_null(catalog_find(world->catalog, "m.v"));
	assert_non_null(catalog_find(world->catalog, "m.w"));
}

static void files_come_and_go(void **state)
{
	struct world *world = *state;
	world_script(world, "gone.lua",
	    "asset('m'):variable('g')\non('stop', function(why) log.info('stop:', why) end)");
	world_script(world, "stays.lua", "asset('m'):variable('s')\nlog.info('loaded')");
	world_start(world, "local x = 1");
	remove_script(world, "gone.lua");
	world_script(world, "alpha.lua",
	    "asset('m'):variable('g', { every = 1, read = function() return 1 end })");
	world->log.len = 0;
	assert_string_equal(reload(world, NULL), "pending");
	world_run(world, 0);
	assert_has(buf_str(&answer.changes), "{\"script\":\"alpha\",\"result\":\"new\"},"
	                                     "{\"script\":\"gone\",\"result\":\"removed\"}]");
	assert_logged(world, "stop: removed\n");
	assert_false(world_logged(world, "loaded"));
	assert_string_equal(world_take(world, "default"), "m.g=1@0\n");
	assert_string_equal(catalog_find(world->catalog, "m.g")->where, "alpha.lua:1");
	assert_has_not(status(world), "gone");
	/* in the order of their names */
	assert_true(strstr(status(world), "alpha") < strstr(status(world), "machine"));
	assert_has(reload(world, "stays"), "\"reloaded\"");
	assert_logged(world, "loaded");
	assert_has(reload(world, "stay"), "[]");
	assert_has(answer.problems, "there is no script stay.lua in ");
	assert_has(answer.problems, "(did you mean \"stays\"?)");
}

static void modules_are_part_of_a_script(void **state)
{
	struct world *world = *state;
	world_script(world, "lib/util.lua", "return { value = 1 }");
	world_script(world, "user.lua", "log.info('user', require('util').value)");
	world_script(world, "optional.lua", "log.info('optional', (pcall(require, 'extra')))");
	world_start(world, "log.info('machine')");
	world->log.len = 0;
	assert_has(reload(world, NULL), "[]");
	world_script(world, "lib/util.lua", "return { value = 2 }");
	assert_has(reload(world, NULL), "[{\"script\":\"user\",\"result\":\"reloaded\"}]");
	assert_logged(world, "user 2\n");
	world_script(world, "lib/extra.lua", "return 1");
	assert_has(reload(world, NULL), "[{\"script\":\"optional\",\"result\":\"reloaded\"}]");
	assert_logged(world, "optional true\n");
	assert_false(world_logged(world, "info script.machine: machine"));
}

static void scripts_that_change_together_fit_together(void **state)
{
	struct world *world = *state;
	world_script(world, "a.lua", "policy('p', { flush = 1 })\nasset('m'):variable('x')");
	world_script(world, "b.lua", "policy('p', { flush = 1 })\nasset('m'):variable('y')");
	world_open(world);
	script_host()->start(world->host);
	assert_string_equal(world_problems(world), "");
	world_script(world, "a.lua", "policy('p', { flush = 2 })\nasset('m'):variable('y')");
	world_script(world, "b.lua", "policy('p', { flush = 2 })\nasset('m'):variable('x')");
	(void)reload(world, NULL);
	assert_string_equal(answer.problems, "");
	assert_string_equal(catalog_find(world->catalog, "m.y")->where, "a.lua:2");
	assert_int_equal(policies_find(world->policies, "p")->flush_ms, 2000);

	/* one of them is broken: the other cannot come without it */
	world_script(world, "a.lua", "policy('p', { flush = 3 })\nasset('m'):variable('x')");
	world_script(world, "b.lua", "policy('p', { flush = 3 })\nbroken(");
	assert_string_equal(reload(world, NULL),
	    "[{\"script\":\"a\",\"result\":\"refused\"},{\"script\":\"b\",\"result\":"
	    "\"refused\"}]");
	assert_string_equal(catalog_find(world->catalog, "m.y")->where, "a.lua:2");
	assert_int_equal(policies_find(world->policies, "p")->flush_ms, 2000);
}

static void policy_that_another_script_needs_stays(void **state)
{
	struct world *world = *state;
	world_script(world, "user.lua", "asset('m'):variable('u', { policy = 'p' })");
	world_start(world, "policy('p', { flush = 1 })");
	world_script(world, "machine.lua", "local x = 1");
	assert_has(reload(world, NULL), "\"refused\"");
	assert_has(answer.problems, "machine.lua: it declares the policy \"p\" no more, which "
	                            "user.lua:1 needs for m.u\n");
	assert_non_null(policies_find(world->policies, "p"));
	remove_script(world, "machine.lua");
	assert_has(reload(world, NULL), "\"refused\"");
	assert_has(status(world), "\"name\":\"machine\",\"state\":\"running\"");
	/* both together can */
	world_script(world, "user.lua", "asset('m'):variable('u')");
	assert_has(reload(world, NULL), "\"removed\"");
	assert_null(policies_find(world->policies, "p"));
}

static void values_quality_and_reports_are_carried(void **state)
{
	static const char *const script =
	    "local m = asset('m')\n"
	    "m:variable('pushed')\n"
	    "m:variable('changed', { type = 'string' })\n"
	    "m:variable('bad', { every = 1, read = function() error('no answer', 0) end })\n"
	    "m:variable('steady', { every = 1, read = function() return 5 end,\n"
	    "  report = { heartbeat = '10s' } })\n"
	    "on('connected', function(why) log.info('connected', why)\n"
	    "  if not why then m:push('pushed', 42) m:push('changed', 'x') end end)\n";
	struct world *world = *state;
	world_start(world, script);
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 3500);
	assert_has(world_take(world, "default"), "m.steady=5@0\n");
	world->log.len = 0;
	char text[1000];
	(void)snprintf(text, sizeof text, "-- another version\n%s", script);
	char *type = strstr(text, "{ type = 'string' }");
	memcpy(type, "{ type = 'int'    }", strlen("{ type = 'int'    }"));
	world_script(world, "machine.lua", text);
	assert_has(reload(world, NULL), "\"reloaded\"");
	assert_has(status(world), "\"bad\":[\"m.bad\"]");
	struct outcome pushed, changed;
	world_job(world, JOB_READ, "m.pushed", NULL, &pushed);
	world_job(world, JOB_READ, "m.changed", NULL, &changed);
	world_run(world, 4500);
	assert_string_equal(pushed.values, "m.pushed=42");
	assert_false(changed.ok);
	assert_string_equal(world_take(world, "default"), "");
	world_run(world, 4000);
	assert_string_equal(world_take(world, "default"), "m.steady=5@10000\n");
	assert_logged(world, "connected reload\n");
	assert_false(world_logged(world, "m.bad: bad")); /* it was told */
}

/* --- handlers that are under way --- */

static void handlers_end_before_the_swap(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local m = asset('m')\n"
	    "m:variable('slow', { every = 10, read = function() sleep(3) return 1 end })\n"
	    "m:variable('fast', { every = 1, read = function() return 1 end })\n"
	    "m:command('c', { run = function() sleep(2) log.info('done') end })\n"
	    "on('reload', function(why) log.info('reload:', why) sleep(1)\n"
	    "  m:push('fast', 9) end)\n");
	struct outcome outcome;
	world_job(world, JOB_COMMAND, "m.c", NULL, &outcome);
	world_run(world, 1500);
	world_script(world, "machine.lua",
	    "local m = asset('m')\n"
	    "m:variable('slow', { every = 10, read = function() return 2 end })\n"
	    "m:variable('fast', { every = 1, read = function() return 2 end })\n");
	assert_string_equal(reload(world, NULL), "pending");
	assert_false(answer.done);
	world_run(world, 100);
	script_host()->reload(world->host, &(struct reload_request){.reason = "signal"});
	world_run(world, 3000);
	assert_true(answer.done);
	assert_true(outcome.ok);
	assert_logged(world, "reload: command\n");
	/* the reads of the old one are whole; what was due at 2 and 3 s comes late, once */
	assert_string_equal(world_take(world, "default"),
	    "m.fast=1@0\nm.fast=1@1000\nm.fast=9@2500\nm.slow=1@3000\nm.fast=2@3000\nm.fast=2@4000\n");
}

static void handlers_that_never_end_are_ended(void **state)
{
	struct world *world = *state;
	world_start(world, "on('start', function()\n"
	                   "  local _ <close> = setmetatable({}, { __close = function()\n"
	                   "    log.info('closed') end })\n"
	                   "  while true do sleep(1) end end)\n"
	                   "asset('m'):command('c', { run = function() sleep(100) end })\n");
	struct outcome outcome;
	world_job(world, JOB_COMMAND, "m.c", NULL, &outcome);
	world_run(world, 500);
	world_script(world, "machine.lua", "log.info('new')");
	assert_string_equal(reload(world, NULL), "pending");
	world_run(world, 9900);
	assert_false(answer.done);
	world_run(world, 200);
	assert_true(answer.done);
	assert_logged(world, "closed\n");
	assert_logged(world, "handlers did not end in time for the reload");
	assert_int_equal(outcome.calls, 1);
	assert_false(outcome.ok);
}

static void setting_written_while_the_reload_waits_is_kept(void **state)
{
	static const char *const script =
	    "local s = asset('m'):setting('s', { type = 'int', default = 1 })\n"
	    "on('reload', function() sleep(1) s:set(5) end)\n"
	    "on('start', function(why) log.info(why, s:get()) end) -- %d\n";
	struct world *world = *state;
	world_start(world, script);
	world_script(world, "machine.lua",
	    "local x = 1\n"
	    "local s = asset('m'):setting('s', { type = 'int' })\n"
	    "on('start', function(why) log.info(why, s:get()) end)\n");
	(void)reload(world, NULL);
	world_run(world, 2000);
	assert_logged(world, "reload 5\n");
}

static void stop_ends_a_reload(void **state)
{
	struct world *world = *state;
	world_start(world, "on('start', function() sleep(60) end)\n"
	                   "on('stop', function() log.info('stopped') end)");
	world_run(world, 0);
	world_script(world, "machine.lua", "asset('m'):variable('v')");
	assert_string_equal(reload(world, NULL), "pending");
	world_stop(world, 1000);
	assert_logged(world, "stopped\n");
	assert_null(catalog_find(world->catalog, "m.v"));
}

/* --- trials --- */

static const char *const old_version =
    "asset('m'):variable('v', { every = 1, read = function() return 1 end })";
static const char *const new_version =
    "asset('m'):variable('v', { every = 1, read = function() return 2 end })\n"
    "asset('m'):variable('w')";

static void try_it(struct world *world, const char *script)
{
	world_script(world, "machine.lua", script);
	assert_has(reload_try(world, NULL, 300000), "\"reloaded\"");
	assert_has(status(world), "\"trial_left_s\":300");
}

static const char *sample_now(struct world *world)
{
	(void)world_take(world, "default");
	world_run(world, 1000);
	return world_take(world, "default");
}

static void trial_that_is_confirmed_stays(void **state)
{
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, new_version);
	world_run(world, 60000);
	assert_int_equal(script_host()->confirm(world->host, "other"), 0);
	assert_int_equal(script_host()->confirm(world->host, NULL), 1);
	assert_int_equal(script_host()->confirm(world->host, NULL), 0);
	assert_has_not(status(world), "trial");
	world_run(world, 600000);
	assert_has(sample_now(world), "m.v=2@");
	world_close(world);
	world_open(world);
	assert_non_null(catalog_find(world->catalog, "m.w"));
}

static void trial_that_is_not_confirmed_goes_back(void **state)
{
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, new_version);
	assert_has(sample_now(world), "m.v=2@");
	world_run(world, 290000);
	assert_non_null(catalog_find(world->catalog, "m.w"));
	world_run(world, 10000);
	assert_null(catalog_find(world->catalog, "m.w"));
	assert_has(sample_now(world), "m.v=1@");
	assert_has(status(world), "\"back\":\"it was not confirmed in time\"");
	assert_logged(world, "the trial failed: it was not confirmed in time");
	assert_logged(world, "info scripts: machine: reloaded (trial)\n");

	/* so it is after a restart, until somebody reloads it or edits it */
	world_close(world);
	world_open(world);
	assert_null(catalog_find(world->catalog, "m.w"));
	script_host()->start(world->host);
	assert_has(sample_now(world), "m.v=1@");
	assert_has(reload(world, NULL), "\"reloaded\"");
	assert_has(sample_now(world), "m.v=2@");
	assert_has_not(status(world), "\"back\"");
	world_close(world);
	world_open(world);
	assert_non_null(catalog_find(world->catalog, "m.w"));
}

static void restart_ends_a_trial(void **state)
{
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, new_version);
	world_close(world);
	world_open(world);
	assert_null(catalog_find(world->catalog, "m.w"));
	assert_has(status(world), "\"back\":\"neap ended before the trial was confirmed\"");
	world_close(world);
	/* edited since: the file counts */
	world_script(world, "machine.lua", "asset('m'):variable('edited')");
	world_open(world);
	assert_non_null(catalog_find(world->catalog, "m.edited"));
	assert_has_not(status(world), "\"back\"");
	world_close(world);
	world_open(world);
	assert_non_null(catalog_find(world->catalog, "m.edited"));
}

static void damaged_trial_file_is_left_out(void **state)
{
	static const char *const files[] = {"", "neap trial 1\n",
	    "neap trial 2\nkept 1 machine.lua\nx\n",
	    "neap trial 1\ntried 00000000 machine.lua\nkept 99 machine.lua\nx\n",
	    "neap trial 1\nkept 18446744073709551615 machine.lua\nx\n", "neap trial 1\nnonsense"};
	struct world *world = *state;
	world_script(world, "machine.lua", new_version);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		world_file(world, "trial-machine", files[i]);
		world_open(world);
		assert_non_null(catalog_find(world->catalog, "m.w"));
		world_close(world);
	}
}

static void errors_in_a_burst_end_a_trial(void **state)
{
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, "asset('m'):variable('v', { every = 1, read = function() error('no') end })\n"
	              "every(1, function() error('oops') end)");
	world_run(world, 5000);
	assert_logged(world, "the trial failed: 5 errors within a minute");
	assert_has(sample_now(world), "m.v=1@");
	assert_has_not(status(world), "\"trial_left_s\"");
	/* a few over a long time are none */
	try_it(world, "every(20, function() error('now and then') end)");
	world_run(world, 290000);
	assert_has(status(world), "\"trial_left_s\":10");
}

static void limit_ends_a_trial(void **state)
{
	struct world *world = *state;
#ifdef __SANITIZE_THREAD__
	skip(); /* it keeps signals back until the next system call */
#endif
	world->yaml = "";
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, "on('start', function() while true do end end)");
	world_run(world, 1000);
	assert_logged(world, "the trial failed: a limit was hit");
	assert_has(sample_now(world), "m.v=1@");
}

static void trial_of_a_trial_goes_back_to_what_was_sure(void **state)
{
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	try_it(world, new_version);
	try_it(world, "asset('m'):variable('z')");
	world_run(world, 301000);
	assert_has(sample_now(world), "m.v=1@");
}

/* --- the watched folder --- */

/* Lets the kernel's events come in; the virtual clock then makes them a second old. */
static void wait_for_log(struct world *world, const char *text)
{
	for (int i = 0; i < 3000 && !world_logged(world, text); i++) {
		(void)usleep(10000);
		world_run(world, 1000);
	}
	assert_logged(world, text);
}

static void watched_folder_reloads_what_changes(void **state)
{
	struct world *world = *state;
	world->watch = true;
	world_script(world, "lib/util.lua", "return 1");
	world_script(world, "other.lua", "log.info('other', require('util'))");
	world_start(world, old_version);
	world_script(world, "machine.lua", "log.info('first edit')");
	wait_for_log(world, "info scripts: machine: reloaded (watch)\n");
	world_script(world, "lib/util.lua", "return 2");
	wait_for_log(world, "other 2\n");
	world_script(world, "new.lua", "log.info('new one')");
	wait_for_log(world, "info scripts: new: new (watch)\n");
	world_script(world, "machine.lua", "broken(");
	wait_for_log(world, "machine.lua:1: unexpected symbol");
	remove_script(world, "new.lua");
	wait_for_log(world, "info scripts: new: removed (watch)\n");
	/* the broken one was not tried again meanwhile */
	const char *first = strstr(buf_str(&world->log), "unexpected symbol");
	assert_null(strstr(first + 1, "unexpected symbol"));
}

/* --- again and again --- */

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char text[100] = "", *end = text;
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	(void)fclose(file);
	(void)strtol(text, &end, 10); /* all of it */
	return strtol(end, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static int count_lines(const char *text)
{
	int count = 0;
	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* NEAP_RELOADS=10000 for the long run. */
static void good_and_broken_in_turn(void **state)
{
	const char *given = getenv("NEAP_RELOADS");
	int times = given ? (int)strtol(given, NULL, 10) : 300, samples = 0;
	struct world *world = *state;
	world_start(world, old_version);
	world_run(world, 0);
	long resident = 0;
	int files = 0;
	clock_t busy = 0;
	for (int i = 0; i < times; i++) {
		char script[200];
		(void)snprintf(script, sizeof script, "-- %d\n%s%s\n", i, old_version, i % 2 ? " = 1" : "");
		world_script(world, "machine.lua", script);
		clock_t before = clock();
		const char *result = reload(world, NULL);
		busy += clock() - before;
		assert_has(result, i % 2 ? "\"refused\"" : "\"reloaded\"");
		world_run(world, 1000);
		samples += count_lines(world_take(world, "default"));
		world->log.len = 0;
		if (i == times / 10) {
			resident = resident_kb();
			files = open_files();
		}
	}
	print_message("# %d reloads, %ld us of CPU each: %ld kB, then %ld kB\n", times,
	    (long)(busy / times * (1000000 / CLOCKS_PER_SEC)), resident, resident_kb());
	assert_int_equal(samples, times + 1); /* one at 0, one each second */
	assert_int_equal(open_files(), files);
	assert_null(world->loop.closing_handles);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
	if (times >= 300 && !*(getenv("NEAP_RUN") ? getenv("NEAP_RUN") : ""))
		assert_true(resident_kb() <= resident + resident / 20);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(good_and_broken_in_turn),
	    WORLD_TEST(new_version_goes_on_where_the_old_one_was),
	    WORLD_TEST(broken_version_leaves_the_old_one),
	    WORLD_TEST(files_come_and_go),
	    WORLD_TEST(modules_are_part_of_a_script),
	    WORLD_TEST(scripts_that_change_together_fit_together),
	    WORLD_TEST(policy_that_another_script_needs_stays),
	    WORLD_TEST(values_quality_and_reports_are_carried),
	    WORLD_TEST(handlers_end_before_the_swap),
	    WORLD_TEST(handlers_that_never_end_are_ended),
	    WORLD_TEST(setting_written_while_the_reload_waits_is_kept),
	    WORLD_TEST(stop_ends_a_reload),
	    WORLD_TEST(trial_that_is_confirmed_stays),
	    WORLD_TEST(trial_that_is_not_confirmed_goes_back),
	    WORLD_TEST(restart_ends_a_trial),
	    WORLD_TEST(damaged_trial_file_is_left_out),
	    WORLD_TEST(errors_in_a_burst_end_a_trial),
	    WORLD_TEST(limit_ends_a_trial),
	    WORLD_TEST(trial_of_a_trial_goes_back_to_what_was_sure),
	    WORLD_TEST(watched_folder_reloads_what_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
