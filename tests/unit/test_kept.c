/* state{}: what a script keeps, and when that is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "core/base/fileio.h"
#include "lua/script.h"

static void fill_path(const struct world *world, char path[200])
{
	(void)snprintf(path, 200, "%s/state-machine.json", world->dir);
}

/* What is on disk; "" if nothing is. */
static const char *on_disk(struct world *world)
{
	static struct buf text;
	char path[200];
	fill_path(world, path);
	(void)fileio_read(path, 1 << 20, &text, NULL);
	return buf_str(&text);
}

static void reload(struct world *world, const char *script)
{
	world_script(world, "machine.lua", script);
	script_host()->reload(world->host, &(struct reload_request){.reason = "command"});
}

static void restart(struct world *world, const char *script)
{
	world_close(world);
	world_start(world, script);
}

#define COUNTS                                                                         \
	"local kept = state { total = 0, name = 'a', list = {}, last = false }\n"          \
	"local list = kept.list\n"                                                         \
	"every(60, function() kept.total = kept.total + 1\n"                               \
	"  list[#list + 1] = kept.total / 2 kept.last = { at = { x = true } } end)\n"      \
	"on('connected', function() log.info('kept', kept.total, kept.name, #kept.list,\n" \
	"  kept.list[2], kept.last and kept.last.at.x) end)\n"

static void show(struct world *world)
{
	world->log.len = 0;
	script_host()->event(world->host, "connected", NULL);
	world_run(world, 0);
}

static void survives_a_restart(void **state)
{
	struct world *world = *state;
	world_start(world, COUNTS);
	world_run(world, 200000);
	restart(world, COUNTS);
	show(world);
	assert_logged(world, "kept 3 a 3 1.0 true\n");
	assert_string_equal(on_disk(world),
	    "{\"state\":{\n\"last\":{\"at\":{\"x\":true}},\n"
	    "\"list\":[0.5,1.0,1.5],\n\"name\":\"a\",\n\"total\":3}}\n");
}

static void survives_a_reload(void **state)
{
	struct world *world = *state;
	world_start(world, COUNTS);
	world_run(world, 130000);
	/* the new version sees them while it loads */
	reload(world, "local kept = state { total = 0, list = {}, new = 'n' }\n"
	              "local list = kept.list\n"
	              "log.info('loads with', kept.total, #list, kept.new)\n"
	              "every(60, function() list[#list + 1] = 'x' end)\n"
	              "on('connected', function() log.info('kept', kept.total, #kept.list) end)\n");
	assert_logged(world, "loads with 2 2 n\n");
	assert_string_equal(on_disk(world), "");
	world_run(world, 60000);
	show(world);
	assert_logged(world, "kept 2 3\n");
	/* what the version in between did not name is not lost */
	reload(world, "local kept = state { name = 'b', total = 7 }\n"
	              "on('connected', function() log.info('kept', kept.total, kept.name) end)\n");
	show(world);
	assert_logged(world, "kept 2 a\n");
}

static void changes_while_a_reload_waits_are_kept(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state { total = 1, list = { 1 } }\n"
	                   "on('start', function() sleep(5) kept.total = 2 kept.list[2] = 2 end)\n");
	world_run(world, 1000);
	reload(world, "local kept = state { total = 0, list = {} }\n"
	              "local list = kept.list\n"
	              "log.info('loads with', kept.total, #list)\n"
	              "on('start', function() log.info('starts with', kept.total, #list) end)\n");
	assert_logged(world, "loads with 1 1\n");
	world_run(world, 10000);
	assert_logged(world, "starts with 2 2\n");
}

static void is_written_seldom(void **state)
{
	struct world *world = *state;
	world_start(world, COUNTS);
	world_run(world, 599000);
	assert_string_equal(on_disk(world), "");
	world_run(world, 2000);
	assert_has(on_disk(world), "\"total\":9}"); /* it is saved first, then counted */
	world_run(world, 590000);
	assert_has(on_disk(world), "\"total\":9}");
	world_run(world, 10000);
	assert_has(on_disk(world), "\"total\":19}");
}

static void is_written_when_the_script_says_so(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state({ total = 0 }, { save = '1m' })\n"
	                   "on('start', function() kept.total = 1 kept:save() log.info('saved')\n"
	                   "  sleep(90) kept.total = 2 sleep(20) kept.total = 3 end)\n");
	world_run(world, 1000);
	assert_logged(world, "saved\n");
	assert_has(on_disk(world), "\"total\":1");
	world_run(world, 100000);
	assert_has(on_disk(world), "\"total\":1");
	world_run(world, 20000);
	assert_has(on_disk(world), "\"total\":3");
}

static void is_not_written_without_a_change(void **state)
{
	char path[200];
	struct world *world = *state;
	world_start(world, "local kept = state({ total = 0 }, { save = '1m' })\n"
	                   "on('start', function() kept:save() end)\n");
	world_run(world, 1000);
	fill_path(world, path);
	assert_int_equal(unlink(path), 0);
	world_run(world, 300000);
	assert_string_equal(on_disk(world), "");
}

/* What a script writes as it stops is kept as well. */
static void stop_handlers_come_first(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state { total = 0 }\n"
	                   "on('stop', function() sleep(1) kept.total = 9 end)\n");
	world_run(world, 0);
	world_stop(world, 5000);
	world_run(world, 100);
	assert_has(on_disk(world), "\"total\":9");
}

static void removed_script_leaves_what_it_kept(void **state)
{
	char path[200];
	struct world *world = *state;
	world_start(world, COUNTS);
	world_run(world, 61000);
	(void)snprintf(path, sizeof path, "%s/scripts/machine.lua", world->dir);
	assert_int_equal(unlink(path), 0);
	script_host()->reload(world->host, &(struct reload_request){.reason = "command"});
	world_run(world, 1000);
	assert_has(on_disk(world), "\"total\":1");
	reload(world, COUNTS);
	show(world);
	assert_logged(world, "kept 1 a 1");
}

static void version_without_state_loses_nothing(void **state)
{
	struct world *world = *state;
	world_start(world, COUNTS);
	world_run(world, 61000);
	reload(world, "log.info('nothing')");
	world_run(world, 1000);
	assert_has(on_disk(world), "\"total\":1");
}

static void wrong_use_names_the_field_and_the_line(void **state)
{
	static const struct {
		const char *script, *error;
	} cases[] = {
	    {"state { f = print }", "machine.lua:1: state.f is a function: only numbers, texts, true, "
	                            "false and tables of them can be kept"},
	    {"state { a = { b = { 1, 0/0 } } }", "machine.lua:1: state.a.b[2] is NaN: only"},
	    {"state { a = { b = -1/0 } }", "state.a.b is infinite"},
	    {"local t = {} t.t = { t } state { t = t }",
	        "state.t.t[1] is a table that contains itself"},
	    {"state { a = { [5] = 1 } }", "state.a has the key 5: keys must be texts, or 1 to n"},
	    {"state { a = { 1, 2, x = 3 } }", "state.a has the key x: keys"},
	    {"state { a = '\\xff' }", "state.a is not text in UTF-8"},
	    {"state { a = { asset('m') } }", "state.a[1] is an object"},
	    {"state { 1 }", "machine.lua:1: state: the names of its values must be texts, not 1"},
	    {"state { save = 1 }", "\"save\" is what writes it"},
	    {"state()", "machine.lua:1: state: argument 1 is missing: it must be a table"},
	    {"state({}, { sav = 1 })",
	        "machine.lua:1: state: there is no field \"sav\" (did you mean \"save\"?)"},
	    {"state { a = 1 } state { a = 2 }",
	        "machine.lua:1: state.a is kept already: machine.lua:1"},
	    {"local s = state { total = 1 }\nlog.info(s.totl)",
	        "machine.lua:2: the state has no \"totl\" (did you mean \"total\"?)"},
	    {"local s = state { total = 1 }\ns.totl = 2",
	        "machine.lua:2: the state has no \"totl\" (did you mean \"total\"?): give it a "
	        "default"},
	    {"local s = state { total = 1 }\ns.total = nil",
	        "machine.lua:2: state.total cannot be nil: use false"},
	    {"local s = state { total = 1 }\ns.total = { x = print }",
	        "machine.lua:2: state.total.x is a function"},
	    {"local s = state { total = 1 }\ns:save()",
	        "machine.lua:2: save is not there while the script loads"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world_script(world, "machine.lua", cases[i].script);
		world_open(world);
		assert_has(world_problems(world), cases[i].error);
		world_close(world);
	}
}

/* What went wrong inside of a table is found when it is saved; the rest is saved. */
static void what_is_not_plain_is_told_and_left_out(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state { a = { 1 }, b = 2 }\n"
	                   "on('start', function() kept:save() kept.b = 3\n"
	                   "  kept.a[1] = print kept:save() end)\n");
	world_run(world, 0);
	assert_logged(world, "error script.machine: state.a is not saved: state.a[1] is a function\n");
	assert_string_equal(on_disk(world), "{\"state\":{\n\"a\":[1],\n\"b\":3}}\n");
}

static void size_is_bounded(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state { text = '', n = 1 }\n"
	                   "on('start', function() kept.text = ('x'):rep(66000)\n"
	                   "  log.info(try(kept.save)) end)\n");
	world_run(world, 0);
	assert_logged(world, "nil what the script keeps would be 660");
	assert_logged(world, "and it can be 65536: state.text is the largest with 66002 ERROR\n");
	world_run(world, 600000);
	assert_logged(world, "error script.machine: it is not saved, and tried again in 10m: what the");
	assert_string_equal(on_disk(world), "");
}

static void damaged_file_is_put_aside(void **state)
{
	static const char *const damaged[] = {
	    "", "{\"state\":{\"total\":", "[1]x", "{\"state\":3}", "7"};
	char path[200];
	struct world *world = *state;
	for (size_t i = 1; i < sizeof damaged / sizeof *damaged; i++) {
		world_file(world, "state-machine.json", damaged[i]);
		world_start(world, COUNTS);
		show(world);
		assert_logged(world, "kept 0 a 0");
		world_close(world);
		(void)snprintf(path, sizeof path, "%s/state-machine.json.damaged", world->dir);
		assert_int_equal(access(path, R_OK), 0);
		assert_int_equal(unlink(path), 0);
	}
}

static void other_type_falls_back_to_the_default(void **state)
{
	struct world *world = *state;
	world_start(world, "local kept = state { a = 1, b = false, c = {} }\n"
	                   "on('start', function() kept.b = 5 kept.c.x = 1 end)");
	world_run(world, 0);
	restart(world,
	    "local kept = state { a = 'text', b = false, c = { y = 2 } }\n"
	    "on('start', function() log.info('now', kept.a, kept.b, kept.c.x, kept.c.y) end)");
	world_run(world, 0);
	assert_logged(world,
	    "warn script.machine: state.a was a number and is a string now: its default holds\n");
	assert_logged(world, "now text 5 1 nil\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(survives_a_restart),
	    WORLD_TEST(survives_a_reload),
	    WORLD_TEST(changes_while_a_reload_waits_are_kept),
	    WORLD_TEST(is_written_seldom),
	    WORLD_TEST(is_written_when_the_script_says_so),
	    WORLD_TEST(is_not_written_without_a_change),
	    WORLD_TEST(stop_handlers_come_first),
	    WORLD_TEST(removed_script_leaves_what_it_kept),
	    WORLD_TEST(version_without_state_loses_nothing),
	    WORLD_TEST(wrong_use_names_the_field_and_the_line),
	    WORLD_TEST(what_is_not_plain_is_told_and_left_out),
	    WORLD_TEST(size_is_bounded),
	    WORLD_TEST(damaged_file_is_put_aside),
	    WORLD_TEST(other_type_falls_back_to_the_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
