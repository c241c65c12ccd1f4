/* meta.lua, from which the manual and the help are made, says what the code does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "lua/embed.h"
#include "lua/entry.h"
#include "lua/help.h"
#include "lua/state.h"
#include "tests/unit/host_fixture.h"

#include <lauxlib.h>
#include <lualib.h>

static const struct embedded_file *embedded(const char *name)
{
	const struct embedded_file *file = neap_embedded;
	while (file->name && strcmp(file->name, name) != 0)
		file++;
	assert_non_null(file->name);
	return file;
}

static void push_modules(lua_State *L)
{
	lua_Integer count = 0;
	lua_newtable(L);
	for (const struct embedded_file *file = neap_embedded; file->name; file++) {
		if (strncmp(file->name, "neap.", 5) != 0 || !strcmp(file->name, "neap.console"))
			continue;
		lua_pushstring(L, file->name + 5);
		lua_rawseti(L, -2, ++count);
	}
}

static void push_policy(lua_State *L)
{
	struct policy policy;
	struct buf text = {0};
	policy_init(&policy, "default");
	lua_newtable(L);
	for (const char *const *field = policy_fields(); *field; field++) {
		policy_get(&policy, *field, &text);
		lua_pushstring(L, buf_str(&text));
		lua_setfield(L, -2, *field);
	}
	buf_free(&text);
}

struct comparison {
	const char *meta;
	struct buf found;
};

static int compare(lua_State *L)
{
	struct comparison *comparison = lua_touserdata(L, 1);
	const struct embedded_file *reference = embedded("neap.reference");
	if (luaL_loadfile(L, "tests/unit/reference.lua") != LUA_OK)
		return lua_error(L);
	luaL_requiref(L, LUA_DBLIBNAME, luaopen_debug, 0);
	if (luaL_loadbuffer(L, reference->source, reference->length, "=reference") != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 1);
	(void)lua_pushstring(L, comparison->meta);
	push_modules(L);
	push_policy(L);
	lua_call(L, 5, 1);
	buf_text(&comparison->found, lua_tostring(L, -1));
	return 0;
}

/* In what the script's state has, with one text of meta.lua replaced by another. */
static void assert_differs(
    struct world *world, const char *text, const char *replacement, const char *expected)
{
	const struct embedded_file *meta = embedded("neap.meta");
	const char *at = strstr(meta->source, text);
	struct buf changed = {0};
	struct comparison comparison = {0};
	struct err err;
	assert_non_null(at);
	buf_add(&changed, meta->source, (size_t)(at - meta->source));
	buf_text(&changed, replacement);
	buf_text(&changed, at + strlen(text));
	comparison.meta = buf_str(&changed);
	if (script_call(world->host->scripts, compare, &comparison, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&comparison.found), expected);
	buf_free(&comparison.found);
	buf_free(&changed);
}

static void they_agree(void **state)
{
	struct world *world = *state;
	world->budget = "10m"; /* a sanitizer makes it slow */
	world_start(world, "");
	assert_differs(world, "", "", "");
}

static void each_difference_is_found(void **state)
{
	static const char *const cases[][3] = {
	    {"\nfunction sleep(duration) end", "\nfunction slep(duration) end",
	        "globals: meta.lua does not have sleep\nglobals: the code does not have slep"},
	    {"function file.exists(path)", "function file.exist(path)",
	        "file: meta.lua does not have exists\nfile: the code does not have exist"},
	    {"function file.exists(path)", "function file.exists(path, more)",
	        "file.exists: explained are (path), not (path, more)"},
	    {"---@param duration neap.duration a number of seconds, or text such as \"250ms\" or "
	     "\"5m\"\n"
	     "function sleep(duration)",
	        "function sleep()", "sleep: 1 parameters, in meta.lua 0"},
	    {"function asset_methods:command(name", "function asset_methods:order(name",
	        "neap.asset: meta.lua does not have command\n"
	        "neap.asset: the code does not have order"},
	    {"--- Closes the socket.\n", "", "socket:close: it is not explained"},
	    {"---@field parallel? boolean", "---@field paralel? boolean",
	        "neap.asset_options: meta.lua does not have parallel\n"
	        "neap.asset_options: the code does not have paralel"},
	    {"---@field parallel? boolean", "---@field parallel? string",
	        "neap.asset_options.parallel: it is boolean, in meta.lua string"},
	    {"\"none\"|\"even\"|\"odd\"", "\"none\"|\"even\"",
	        "neap.serial_options.parity: it is none|even|odd, in meta.lua \"none\"|\"even\""},
	    {"# of run: 30s if left out", "# of run: 20s if left out",
	        "neap.command_options.timeout: its default is 30000, in meta.lua 20s"},
	    {"# of run: 30s if left out", "# of run",
	        "neap.command_options.timeout: its default, 30000, is not in meta.lua"},
	    {"# a task that is older is refused; without it none is", "# 1h if left out",
	        "neap.variable_options.ttl: its default is nil, in meta.lua 1h"},
	    {"# a batch of so many leaves at once: 500", "# a batch of so many leaves at once: 400",
	        "neap.policy_fields.max_samples: its default is 500, in meta.lua 400"},
	    {"---| \"full\"", "---| \"fall\"",
	        "events: meta.lua does not have full\nevents: the code does not have fall"},
	    {"---@param options? neap.cron_options", "---@param options? neap.software",
	        "classes: the code has no check.kinds for neap.software"},
	};
	struct world *world = *state;
	world->budget = "10m"; /* a sanitizer makes it slow */
	world_start(world, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_differs(world, cases[i][0], cases[i][1], cases[i][2]);
}

static void assert_help(const char *topic, const char *part)
{
	struct buf text = {0};
	assert_int_equal(help_find(topic, &text), 0);
	assert_has(buf_str(&text), part);
	buf_free(&text);
}

static void help_is_found_by_name(void **state)
{
	(void)state;
	assert_help("sleep", "sleep(duration)\n    Waits.");
	assert_help("asset.variable", "asset:variable(name[, options])\n");
	assert_help(
	    "asset:variable", "        timeout?: duration\n            Of read: 10s if left out.");
	assert_help("variable", "asset:variable(name[, options])\n");
	assert_help("asset.variable.every", "asset:variable.every?: period\n    Reads at the start");
	assert_help("heartbeat", "report.heartbeat?: duration\n");
	assert_help("file", "    file.read(path) -> string\n");
	assert_help("duration", "duration: number|string\n    A time span:");
	assert_help("event", "    \"clock\"\n");
	assert_help("receive", "-> text: string, address: string, port: integer\n");
}

static void the_nearest_name_is_told(void **state)
{
	struct buf text = {0};
	(void)state;
	assert_int_equal(help_find("slepe", &text), -1);
	assert_string_equal(buf_str(&text), "sleep");
	text.len = 0;
	assert_int_equal(help_find("qqqqqqqq", &text), -1);
	assert_string_equal(buf_str(&text), "");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(they_agree),
	    WORLD_TEST(each_difference_is_found),
	    cmocka_unit_test(help_is_found_by_name),
	    cmocka_unit_test(the_nearest_name_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
