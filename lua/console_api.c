/*
 * What console.lua is built on: tasks by the way that the broker's take, reads that send nothing,
 * and the chunk's result. Only the console's state has it.
 */
#include "core/base/json.h"
#include "core/base/json_out.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/console.h"
#include "lua/fiber.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 100000

/* --- JSON as values --- */

static void push_json(lua_State *L, const struct json *node)
{
	luaL_checkstack(L, 4, "nested too deep");
	switch (node->kind) {
	case JSON_BOOLEAN:
		lua_pushboolean(L, node->boolean);
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, node->integer);
		break;
	case JSON_DOUBLE:
		lua_pushnumber(L, node->number);
		break;
	case JSON_STRING:
		lua_pushlstring(L, node->string.data, node->string.len);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		lua_newtable(L);
		for (const struct json *child = node->child; child; child = child->next) {
			push_json(L, child);
			if (node->kind == JSON_OBJECT)
				lua_setfield(L, -2, child->key);
			else
				lua_seti(L, -2, luaL_len(L, -2) + 1);
		}
		break;
	case JSON_NULL:
	default:
		lua_pushnil(L);
	}
}

static int push_root(lua_State *L)
{
	struct json_doc *const *doc = lua_touserdata(L, 1);
	push_json(L, json_root(*doc));
	return 1;
}

/* Pushes what the text says; raises, with the document freed, for want of memory. */
static void push_text(lua_State *L, const struct buf *text)
{
	size_t pos = 0;
	struct err err;
	struct json_doc *doc = json_parse(text->data, text->len, &pos, NODES_MAX, &err);
	if (!doc) {
		(void)script_fail(L, "what came of it is not understood: %s", err.text);
		return;
	}
	lua_pushcfunction(L, push_root);
	lua_pushlightuserdata(L, &doc);
	int status = lua_pcall(L, 1, 1, 0);
	json_free(doc);
	if (status != LUA_OK)
		(void)lua_error(L);
}

/* --- requests --- */

struct asked {
	struct fiber *fiber; /* NULL: nobody waits any more */
	int64_t began_us;
	struct buf json;
	bool done;
};

static void free_asked(struct asked *asked)
{
	buf_free(&asked->json);
	free(asked);
}

static void answered(struct asked *asked)
{
	asked->done = true;
	if (asked->fiber)
		fiber_wake(asked->fiber);
	else
		free_asked(asked);
}

static int finish(lua_State *L, void *request)
{
	const struct asked *asked = request;
	if (asked->json.len == 0)
		return script_fail(L, "the agent stops");
	push_text(L, &asked->json);
	int64_t took_us = clock_mono_us(script_of(L)->host->services.clock) - asked->began_us;
	lua_pushnumber(L, (lua_Number)took_us / 1000);
	lua_setfield(L, -2, "took_ms");
	return 1;
}

static void release(void *request)
{
	struct asked *asked = request;
	asked->fiber = NULL;
	if (asked->done)
		free_asked(asked);
}

static const struct wait_ops asked_ops = {finish, release, false};

static struct asked *new_asked(lua_State *L)
{
	struct asked *asked = mem_alloc(sizeof *asked);
	asked->fiber = script_of(L)->current;
	asked->began_us = clock_mono_us(script_of(L)->host->services.clock);
	return asked;
}

static struct inbox *inbox_of(lua_State *L)
{
	struct inbox *inbox = script_of(L)->host->services.inbox;
	if (!inbox)
		(void)script_fail(L, "there are no tasks here");
	return inbox;
}

/* --- tasks --- */

/* preview(payload) -> {refused = {...}, tasks = {{uid =, steps = {{ok =, text =, kind =, path =}}}}} */
static int preview(lua_State *L)
{
	size_t len;
	const char *payload = luaL_checklstring(L, 1, &len);
	struct buf json = {0};
	inbox_preview(inbox_of(L), payload, len, &json);
	/* a coroutine's own protected call frees it, whatever happens */
	struct buf *keep = lua_newuserdatauv(L, json.len + sizeof json, 0);
	*keep = (struct buf){.data = (char *)(keep + 1), .len = json.len};
	memcpy(keep->data, json.data, json.len);
	buf_free(&json);
	push_text(L, keep);
	return 1;
}

static void on_submitted(void *ctx, struct buf *json)
{
	struct asked *asked = ctx;
	if (json)
		buf_add(&asked->json, json->data, json->len);
	answered(asked);
}

/* submit(payload) -> what came of it (core/task/outcome.h) */
static int submit(lua_State *L)
{
	size_t len;
	const char *payload = luaL_checklstring(L, 1, &len);
	struct inbox *inbox = inbox_of(L);
	fiber_check_io(L, "task");
	struct asked *asked = new_asked(L);
	inbox_submit(inbox, payload, len, on_submitted, asked);
	return fiber_wait(L, &asked_ops, asked);
}

/* try(payload) -> what came of its reads; nothing is sent */
static int try_reads(lua_State *L)
{
	size_t len;
	const char *payload = luaL_checklstring(L, 1, &len);
	struct inbox *inbox = inbox_of(L);
	fiber_check_io(L, "read");
	struct asked *asked = new_asked(L);
	inbox_try(inbox, payload, len, on_submitted, asked);
	return fiber_wait(L, &asked_ops, asked);
}

/* --- what is there --- */

/* paths() -> {["machine.threshold"] = "setting", ...} */
static int paths(lua_State *L)
{
	static const char *const kinds[] = {
	    [ENTRY_VARIABLE] = "variable", [ENTRY_SETTING] = "setting", [ENTRY_COMMAND] = "command"};
	const struct catalog *catalog = script_of(L)->host->services.catalog;
	lua_newtable(L);
	for (const struct entry *entry = NULL; (entry = catalog_next(catalog, entry));) {
		lua_pushstring(L, kinds[entry->kind]);
		lua_setfield(L, -2, entry->path);
	}
	return 1;
}

static int armed(lua_State *L)
{
	lua_pushboolean(L, host_armed(script_of(L)->host));
	return 1;
}

/* --- the chunk --- */

/* stack(error) -> {text, traceback}: a message handler; the script's own levels only */
static int stack(lua_State *L)
{
	lua_Debug at;
	luaL_Buffer trace;
	lua_settop(L, 1);
	lua_createtable(L, 2, 0);
	(void)luaL_tolstring(L, 1, NULL);
	lua_seti(L, 2, 1);
	luaL_buffinit(L, &trace);
	for (int level = 0; lua_getstack(L, level, &at); level++) {
		char line[200];
		(void)lua_getinfo(L, "Sln", &at);
		if (at.source[0] != '@' || at.currentline <= 0)
			continue;
		(void)snprintf(line, sizeof line, "%s%s:%d: in %s%.60s", luaL_bufflen(&trace) ? "\n" : "",
		    at.short_src, at.currentline, at.name ? "function " : "the chunk",
		    at.name ? at.name : "");
		luaL_addstring(&trace, line);
	}
	luaL_pushresult(&trace);
	lua_seti(L, 2, 2);
	return 1;
}

static void add_field(lua_State *L, struct json_out *out, const char *name)
{
	if (lua_getfield(L, 1, name) == LUA_TSTRING)
		json_out_text(out, name, lua_tostring(L, -1));
	else if (lua_isboolean(L, -1))
		json_out_bool(out, name, lua_toboolean(L, -1));
	lua_pop(L, 1);
}

/* finish{ok =, steps =, output =, results = {texts}, json = {texts}, error =, traceback =, incomplete =} */
static int finish_chunk(lua_State *L)
{
	static const char *const fields[] = {
	    "ok", "steps", "output", "error", "traceback", "incomplete", NULL};
	struct buf json = {0};
	struct json_out out = {.buf = &json};
	luaL_checktype(L, 1, LUA_TTABLE);
	json_out_open(&out, NULL, '{');
	for (size_t i = 0; fields[i]; i++)
		add_field(L, &out, fields[i]);
	json_out_open(&out, "results", '[');
	if (lua_getfield(L, 1, "results") == LUA_TTABLE) {
		for (lua_Integer i = 1; lua_geti(L, -1, i) == LUA_TSTRING; i++, lua_pop(L, 1))
			json_out_text(&out, NULL, lua_tostring(L, -1));
	}
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	console_result(script_of(L)->host, &json);
	buf_free(&json);
	return 0;
}

/* entries(run, complete) */
static int entries(lua_State *L)
{
	lua_settop(L, 2);
	lua_setfield(L, LUA_REGISTRYINDEX, CONSOLE_COMPLETE);
	lua_setfield(L, LUA_REGISTRYINDEX, CONSOLE_RUN);
	return 0;
}

static const luaL_Reg functions[] = {
    {"armed", armed},
    {"entries", entries},
    {"finish", finish_chunk},
    {"paths", paths},
    {"preview", preview},
    {"stack", stack},
    {"submit", submit},
    {"try", try_reads},
    {NULL, NULL},
};

void bind_console(lua_State *L)
{
	const struct script *script = script_of(L);
	if (script != script->host->console)
		return;
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_setfield(L, -2, "console");
}
