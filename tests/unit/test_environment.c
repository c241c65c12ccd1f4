/* What a script finds around it: its own globals, what no script can spoil for another one, no bytecode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "lua/script.h"
#include "tests/unit/host_fixture.h"

/* All that it can reach is set to something else, or it raises. */
static const char vandal[] =
    "local function spoil(t)\n"
    "  for name in pairs(t) do pcall(function() t[name] = function() error('spoilt') end end) end\n"
    "  pcall(function() t.new = 1 end)\n"
    "  pcall(rawset, t, 'read', error)\n"
    "end\n"
    "local pairs, pcall, rawset, error = pairs, pcall, rawset, error\n"
    "local m = asset('v')\n"
    "for _, t in pairs({ string, table, math, utf8, os, coroutine, cjson, log, file, m, http, exec "
    "})\n"
    "do\n"
    "  if type(t) == 'table' then spoil(t) end\n"
    "end\n"
    "pcall(function() getmetatable('').__index = {} end)\n"
    "pcall(function() setmetatable(_G, nil) end)\n"
    "spoil(_G)\n"
    "(function() error('all is spoilt', 0) end)()\n";

static const char other[] =
    "local m = asset('m')\n"
    "m:variable('v', { type = 'string', every = 1, read = function()\n"
    "  return ('%d %s'):format(#('abc'):rep(2), table.concat({ 'x', 'y' }, math.max(1, 2)))\n"
    "    .. cjson.encode({ a = 1 }) .. type(now()) .. tostring(file.exists('/')) end })\n";

static void nothing_is_spoilt_for_another_script(void **state)
{
	struct world *world = *state;
	world_script(world, "a.lua", vandal);
	world_script(world, "z.lua", other);
	world_open(world);
	assert_int_equal(world->problems.errors, 1); /* its own, if anybody's */
	script_host()->start(world->host);
	for (int i = 0; i < 100; i++)
		world_run(world, 10);
	assert_has(world_take(world, "default"), "m.v=6 x2y{\"a\":1}numbertrue@");
}

static void globals_are_the_scripts_own(void **state)
{
	struct world *world = *state;
	world_script(world, "a.lua", "shared = 1\nlog.info('a has', shared)");
	world_script(world, "b.lua", "log.info(pcall(function() return shared end))");
	world_open(world);
	assert_has(buf_str(&world->log), "a has 1");
	assert_has(buf_str(&world->log), "false b.lua:1: nothing is called shared");
}

static void make_folder(const struct world *world, const char *name)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/scripts/%s", world->dir, name);
	assert_int_equal(fileio_mkdirs(path, 0700, NULL), 0);
}

static void bytecode_is_refused(void **state)
{
	static const char *const ways[] = {
	    "load('\\27Lua', 'x', 'b')",
	    "load(function() return nil end and '\\27Lua', 'x', 'bt')",
	    "load((function() local first = true return function()\n"
	    "if first then first = false return '\\27Lua' end end end)(), 'x', 'b')",
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char script[300];
		(void)snprintf(script, sizeof script, "log.info(select(2, %s))", ways[i]);
		world_script(world, "machine.lua", script);
		world_open(world);
		assert_logged(world, "attempt to load a binary chunk");
		world->log.len = 0;
		world_close(world);
	}
	world_script(world, "machine.lua", "\x1bLua\x54");
	world_open(world);
	assert_has(world_problems(world), "machine.lua: attempt to load a binary chunk");
	world_close(world);
	make_folder(world, "lib");
	world_script(world, "lib/code.lua", "\x1bLua\x54");
	world_script(world, "machine.lua", "require('code')");
	world_open(world);
	assert_has(world_problems(world), "attempt to load a binary chunk");
}

static void require_finds_lib_and_what_is_built_in_only(void **state)
{
	struct world *world = *state;
	make_folder(world, "lib/vendor");
	world_script(world, "lib/util.lua", "return { name = ... }");
	world_script(world, "lib/vendor/meter.lua", "return { name = ... }");
	world_script(world, "beside.lua", "return 1");
	world_script(world, "machine.lua",
	    "log.info(require('util').name, require('vendor.meter').name, require('util') == "
	    "require('util'))\n"
	    "log.info(require('cjson') == cjson)\n"
	    "for _, name in ipairs({ 'beside', 'neap.asset', 'asset', 'check', 'string', 'socket', "
	    "'ffi' }) do\n"
	    "  log.info(name, pcall(require, name)) end\n");
	world_open(world);
	assert_string_equal(world_problems(world), "");
	assert_logged(world, "util vendor.meter true\n");
	assert_logged(world, "script.machine: true\n");
	assert_logged(
	    world, "beside false machine.lua:4: require: there is no module \"beside\" in lib/");
	assert_logged(world, "neap.asset false");
	assert_logged(world, "check false");
	assert_logged(world, "socket false");
	assert_logged(world, "ffi false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(nothing_is_spoilt_for_another_script),
	    WORLD_TEST(globals_are_the_scripts_own),
	    WORLD_TEST(bytecode_is_refused),
	    WORLD_TEST(require_finds_lib_and_what_is_built_in_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
