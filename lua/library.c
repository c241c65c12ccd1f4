#include "lua/library.h"

#include "lua/bindings.h"
#include "lua/chunk.h"
#include "lua/embed.h"
#include "lua/entry.h"
#include "lua/source.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

/* --- files of the script folder --- */

/* Pushes the function. Raises what the compiler says, without a position of its own. */
static void compile(lua_State *L, const struct source *source)
{
	char name[300];
	(void)snprintf(name, sizeof name, "@%s", source->name);
	if (chunk_load(L, source->text.data ? source->text.data : "", source->text.len, name) != LUA_OK)
		(void)lua_error(L);
}

/* module("lib/util.lua") -> function; or nil, why it cannot be read */
static int module(lua_State *L)
{
	struct err err;
	const struct source *source = script_source(script_of(L), luaL_checkstring(L, 1), &err);
	if (source) {
		compile(L, source);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err.text);
	lua_pushboolean(L, err.code == -ENOENT);
	return 3;
}

/* --- the embedded library --- */

/*
 * import("asset") -> what neap.asset returns; each is run once. Upvalues: core, loaded. The library
 * has globals of its own, so that a script which names a variable "type" does not break it.
 */
static int import(lua_State *L)
{
	char name[80];
	const char *module = luaL_checkstring(L, 1);
	(void)snprintf(name, sizeof name, "%s%s", *module ? "neap." : "neap", module);
	if (lua_getfield(L, lua_upvalueindex(2), name) != LUA_TNIL)
		return 1;
	const struct embedded_file *file = neap_embedded;
	while (file->name && strcmp(file->name, name) != 0)
		file++;
	if (!file->name)
		return luaL_error(L, "%s is not embedded", name);
	(void)lua_pushfstring(L, "=%s", name);
	if (luaL_loadbufferx(L, file->source, file->length, lua_tostring(L, -1), "t") != LUA_OK)
		return lua_error(L);
	(void)lua_getfield(L, lua_upvalueindex(2), "globals");
	(void)lua_setupvalue(L, -2, 1); /* chunk */
	lua_pushvalue(L, lua_upvalueindex(1));
	(void)lua_getfield(L, lua_upvalueindex(2), "import");
	lua_call(L, 2, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(2), name);
	return 1;
}

static void open_standard(lua_State *L)
{
	static const luaL_Reg libraries[] = {
	    {LUA_GNAME, luaopen_base},
	    {LUA_STRLIBNAME, luaopen_string},
	    {LUA_TABLIBNAME, luaopen_table},
	    {LUA_MATHLIBNAME, luaopen_math},
	    {LUA_UTF8LIBNAME, luaopen_utf8},
	    {LUA_COLIBNAME, luaopen_coroutine},
	    {LUA_OSLIBNAME, luaopen_os},
	};
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
	lua_pushliteral(L, "");
	(void)lua_getmetatable(L, -1);
	lua_pushliteral(L, "string"); /* what getmetatable("") gives: the real one is not theirs */
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
	coroutine_replace(L);
	string_replace(L);
	table_replace(L);
}

/* Pushes a copy of the globals. */
static void copy_globals(lua_State *L)
{
	lua_newtable(L);
	lua_pushglobaltable(L); /* copy globals */
	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2); /* copy globals name name value */
		lua_rawset(L, -5);
	}
	lua_pop(L, 1);
}

static int open_all(lua_State *L)
{
	static void (*const binds[])(lua_State *) = {
	    bind_agent,
	    bind_asset,
	    bind_bus,
	    bind_carry,
	    bind_chunk,
	    bind_clock,
	    bind_console,
	    bind_cron,
	    bind_error,
	    bind_event,
	    bind_exec,
	    bind_fake,
	    bind_fiber,
	    bind_file,
	    bind_gpio,
	    bind_job,
	    bind_json,
	    bind_kept,
	    bind_log,
	    bind_params,
	    bind_policy,
	    bind_registers,
	    bind_setting,
	    bind_sight,
	    bind_tcp,
	    bind_test,
	    bind_timer,
	    bind_udp,
	    bind_watch,
	};
	open_standard(L);
	lua_newtable(L); /* core */
	for (size_t i = 0; i < sizeof binds / sizeof *binds; i++)
		binds[i](L);
	lua_pushcfunction(L, module);
	lua_setfield(L, -2, "module");
	lua_newtable(L); /* core loaded */
	copy_globals(L);
	lua_setfield(L, -2, "globals");
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -2);
	lua_pushcclosure(L, import, 2); /* core loaded import */
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "import");
	lua_pushliteral(L, "");
	lua_call(L, 1, 0);
	return 0;
}

int library_open(struct script *script, struct err *err)
{
	return script_call(script, open_all, NULL, err);
}

static int run(lua_State *L)
{
	const struct source **source = lua_touserdata(L, 1);
	compile(L, *source);
	lua_call(L, 0, 0);
	return 0;
}

int library_run(struct script *script, const char *name, struct err *err)
{
	char file[300];
	(void)snprintf(file, sizeof file, "%s.lua", name);
	const struct source *source = script_source(script, file, err);
	if (!source) {
		err_prefix(err, "%s: ", file);
		return -1;
	}
	return script_call(script, run, &source, err);
}
