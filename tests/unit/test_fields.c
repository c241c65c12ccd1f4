/* Every function that takes named fields refuses one that it does not know: with the nearest name that
 * it knows, and the line of the script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "core/base/fileio.h"
#include "lua/script.h"

#include <glob.h>

static const struct {
	const char *class; /* in lua/neap/meta.lua */
	const char *call;  /* in a handler if it begins with "@" */
	const char *field, *meant;
} calls[] = {
    {"asset_options", "asset('x', { lable = 'X' })", "lable", "label"},
    {"variable_options", "m:variable('x', { evry = 1, read = now })", "evry", "every"},
    {"report", "m:variable('x', { every = 1, read = now, report = { hartbeat = 1 } })", "hartbeat",
        "heartbeat"},
    {"window_report",
        "m:variable('x', { every = 1, read = now, report = { window = 1, vlaues = { 'mean' } } })",
        "vlaues", "values"},
    {"group_options", "m:group({ varables = {}, read = now })", "varables", "variables"},
    {"group_variable", "m:group({ variables = { x = { unti = 'V' } }, read = now })", "unti",
        "unit"},
    {"push_options", "@m:push('v', 1, { tiem = now() })", "tiem", "time"},
    {"push_options", "@m:push({ { 'v', 1, tiem = now() } })", "tiem", "time"},
    {"setting_options", "m:setting('x', { defualt = 1 })", "defualt", "default"},
    {"command_options", "m:command('x', { rnu = print })", "rnu", "run"},
    {"param", "m:command('x', { params = { p = { mni = 1 } }, run = print })", "mni", "min"},
    {"counter_options", "m:counter('x', { sclae = 0.1 })", "sclae", "scale"},
    {"modbus_options", "m:modbus({ bsu = 1, variables = {} })", "bsu", "bus"},
    {"register_variable",
        "m:modbus({ bus = modbus.tcp({ host = 'h' }), unit = 1, variables = { x = { rge = 1 } } })",
        "rge", "reg"},
    {"register_format", "modbus.decode({ 1 }, { scael = 2 })", "scael", "scale"},
    {"register_format", "modbus.encode(1, { scael = 2 })", "scael", "scale"},
    {"policy_fields", "policy('x', { flsuh = '1s' })", "flsuh", "flush"},
    {"rule_options", "rule({ variable = 'm.v', abvoe = 1 })", "abvoe", "above"},
    {"cron_options", "cron('* * * * *', print, { zoen = 'UTC' })", "zoen", "zone"},
    {"install_options", "on('install', print, { timeuot = 1 })", "timeuot", "timeout"},
    {"state_options", "state({ x = 1 }, { svae = '1m' })", "svae", "save"},
    {"watch_options", "file.watch('/tmp/x', print, { queit = 1 })", "queit", "quiet"},
    {"input_options", "gpio.input('DI1', { egde = 'both', run = print })", "egde", "edge"},
    {"output_options", "gpio.output('DO1', { active_lwo = true })", "active_lwo", "active_low"},
    {"serial_options", "serial.open({ prot = '/dev/ttyS0' })", "prot", "port"},
    {"serial_options", "modbus.rtu({ prot = '/dev/ttyS0' })", "prot", "port"},
    {"read_options", "@serial.open({ port = '/dev/ttyS0' }):read({ edns = 'x' })", "edns", "ends"},
    {"read_options", "@serial.open({ port = '/dev/ttyS0' }):transact('x', { edns = 'x' })", "edns",
        "ends"},
    {"modbus_tcp_options", "modbus.tcp({ hots = 'h' })", "hots", "host"},
    {"tcp_options", "@tcp.connect({ hots = 'h', port = 1 })", "hots", "host"},
    {"tcp_read_options", NULL, NULL, NULL}, /* needs a connection: test_host_net.c */
    {"udp_options", "@udp.open({ hots = 'h', port = 1 })", "hots", "host"},
    {"receive_options", "@udp.open({ listen = 0 }):receive({ timeuot = 1 })", "timeuot", "timeout"},
    {"exec_options", "@exec({ 'true', timeuot = 1 })", "timeuot", "timeout"},
    {"exec_options", "@exec('true', { timeuot = 1 })", "timeuot", "timeout"},
    {"http_options", "@http.get('http://h/', { timeuot = 1 })", "timeuot", "timeout"},
    {"http_options", "@http.post('http://h/', 'x', { timeuot = 1 })", "timeuot", "timeout"},
    {"http_request", "@http.request({ ulr = 'http://h/' })", "ulr", "url"},
};

#define COUNT (sizeof calls / sizeof *calls)

static void unknown_fields_are_told(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < COUNT; i++) {
		const char *call = calls[i].call;
		struct buf script = {0}, error = {0};
		if (!call)
			continue;
		bool later = call[0] == '@';
		buf_printf(&script, "local m = asset('m') m:variable('v')\n%s\n%s\n%s\n",
		    later ? "on('start', function()" : "", call + later, later ? "end)" : "");
		world->log.len = 0;
		world_script(world, "machine.lua", buf_str(&script));
		world_open(world);
		script_host()->start(world->host);
		world_run(world, 0);
		/* neap.yaml has policies too, and its words for it */
		buf_printf(&error,
		    strcmp(calls[i].class, "policy_fields") == 0
		        ? "%s: a policy has no such field (did you mean %s?)"
		        : "there is no field \"%s\" (did you mean \"%s\"?)",
		    calls[i].field, calls[i].meant);
		const char *said = later ? buf_str(&world->log) : world_problems(world);
		if (!strstr(said, buf_str(&error)) || !strstr(said, "machine.lua:3: "))
			fail_msg("%s\n  said: %s", call, said);
		world_close(world);
		buf_free(&script);
		buf_free(&error);
	}
}

static bool is_in_table(const char *class, size_t len)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(calls[i].class) == len && memcmp(calls[i].class, class, len) == 0)
			return true;
	return false;
}

/* The library names all that it checks: check.kinds("neap.NAME", ...). */
static void none_is_forgotten(void **state)
{
	static const char mark[] = "check.kinds(\"neap.";
	glob_t files;
	size_t found = 0;
	(void)state;
	assert_int_equal(glob("lua/neap/*.lua", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct buf text = {0};
		assert_int_equal(fileio_read(files.gl_pathv[i], 1 << 20, &text, NULL), 0);
		for (const char *at = buf_str(&text); (at = strstr(at, mark)); found++) {
			at += sizeof mark - 1;
			if (!is_in_table(at, strcspn(at, "\"")))
				fail_msg("neap.%.*s is not in the table", (int)strcspn(at, "\""), at);
		}
		buf_free(&text);
	}
	globfree(&files);
	assert_in_range(found, 25, 100);
}

/* Where names are looked up instead. */
static void unknown_names_are_told(void **state)
{
	static const char *const cases[][2] = {
	    {"m:vraiable('x')", "the asset m has no \"vraiable\" (did you mean \"variable\"?)"},
	    {"m.x = 1", "the asset m cannot be changed: \"x\""},
	    {"m:setting('x'):gte()", "the setting m.x has no \"gte\" (did you mean \"get\"?)"},
	    {"m:counter('x'):addd()", "the counter m.x has no \"addd\" (did you mean \"add\"?)"},
	    {"log.wran('x')", "log has no \"wran\" (did you mean \"warn\"?)"},
	    {"file.raed('x')", "file has no \"raed\" (did you mean \"read\"?)"},
	    {"modbus.tpc('x')", "modbus has no \"tpc\" (did you mean \"tcp\"?)"},
	    {"gpio.inptu('x')", "gpio has no \"inptu\" (did you mean \"input\"?)"},
	    {"on('conected', print)", "there is no event \"conected\" (did you mean \"connected\"?)"},
	    {"evry(1, print)", "nothing is called evry (did you mean \"every\"?)"},
	    {"log.info(m.v)", "the asset m has no \"v\""},
	    {"m:variable('x', { type = 'duoble' })", "no type \"duoble\" (did you mean \"double\"?)"},
	    {"m:variable('x', 5)", "variable m.x: expects named fields in a table {...}, not 5"},
	    {"m:variable({ 'x' })", "asset:variable: argument 1 must be text, not a table"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf script = {0};
		buf_printf(&script, "local m = asset('m') m:variable('v')\n\n%s\n", cases[i][0]);
		world_script(world, "machine.lua", buf_str(&script));
		world_open(world);
		assert_has(world_problems(world), cases[i][1]);
		assert_has(world_problems(world), "machine.lua:3: ");
		world_close(world);
		buf_free(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(unknown_fields_are_told),
	    WORLD_TEST(unknown_names_are_told),
	    cmocka_unit_test(none_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
