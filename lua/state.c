#include "lua/state.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/source.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS_MAX 64

/* The limit is on what Lua holds. What a request in flight holds outside is bounded by its kind. */
static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
	struct script *script = ctx;
#ifdef NEAP_GC_STRESS
	bool is_object = !old && old_size;
#endif
	if (!old)
		old_size = 0; /* it is a kind of object then */
	if (size == 0) {
		script->memory -= old_size;
		free(old);
		return NULL;
	}
#ifdef NEAP_GC_STRESS
	/* refused once, Lua collects all it can and asks again: a full collection at each allocation;
	 * but not for the larger pieces of luaL_Buffer, which does not ask again */
	script->refused =
	    script->L && size > old_size && !script->refused && (is_object || size <= LUAL_BUFFERSIZE);
	if (script->refused)
		return NULL;
#endif
	if (size > old_size && script->memory - old_size + size > script->memory_max)
		return NULL;
	void *block = realloc(old, size);
	if (block)
		script->memory += size - old_size;
	return block;
}

static int on_panic(lua_State *L)
{
	log_error(script_of(L)->topic, "an error outside of a protected call: %s",
	    lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?");
	must(!"every way into Lua is protected");
	return 0;
}

void script_error(struct script *script, const char *what, const char *text)
{
	char line[512];

	(void)snprintf(line, sizeof line, "%s%s", what, text);
	log_error(script->topic, "%s%s", what, text);
	script->errors++;
	free(script->last_error);
	script->last_error = mem_strdup(line);
	script->last_error_ms = clock_mono_ms(script->host->services.clock);
}

static char *join(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 1;
	char *text = mem_alloc(size);
	(void)snprintf(text, size, "%s%s", a, b);
	return text;
}

struct script *script_new(struct host *host, const char *name)
{
	struct script *script = mem_alloc(sizeof *script);
	script->host = host;
	script->name = mem_strdup(name);
	script->owner.name = script->name;
	script->topic = join("script.", name);
	script->memory_max = host->services.config->scripts.memory;
	script->loading = true;
	script->L = lua_newstate(allocate, script);
	if (script->L) {
		*(struct script **)lua_getextraspace(script->L) = script;
		lua_atpanic(script->L, on_panic);
	}
	return script;
}

void script_drop_state(struct script *script)
{
	script->closing = true;
	if (script->L)
		lua_close(script->L);
	script->L = NULL;
	script->idle_count = 0;
	draft_free(script->draft);
	script->draft = NULL;
	free(script->policies);
	script->policies = NULL;
	script->policies_count = 0;
}

void script_free(struct script *script)
{
	if (!script)
		return;
	source_free(script->sources);
	source_free(script->tried);
	free(script->trouble);
	free(script->newer);
	free(script->back);
	free(script->last_error);
	free(script->topic);
	free(script->name);
	free(script);
}

const struct source *script_source(struct script *script, const char *name, struct err *err)
{
	return source_get(&script->sources, script->host->services.config->scripts.dir, name, err);
}

/* --- errors --- */

void script_where(lua_State *L)
{
	lua_Debug at;
	for (int level = 0; lua_getstack(L, level, &at); level++) {
		(void)lua_getinfo(L, "Sl", &at);
		if (at.source[0] == '@' && at.currentline > 0) {
			(void)lua_pushfstring(L, "%s:%d: ", at.source + 1, at.currentline);
			return;
		}
	}
	lua_pushliteral(L, "");
}

int script_fail(lua_State *L, const char *fmt, ...)
{
	char text[500];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	script_where(L);         /* where */
	lua_pushstring(L, text); /* where text */
	lua_concat(L, 2);        /* message */
	return lua_error(L);
}

int script_raise_code(lua_State *L, const struct err *err, const char *code)
{
	lua_createtable(L, 0, 3); /* error */
	lua_pushstring(L, err->text);
	lua_setfield(L, -2, "message");
	lua_pushstring(L, code);
	lua_setfield(L, -2, "code");
	script_where(L);
	lua_setfield(L, -2, "where");
	luaL_setmetatable(L, "neap.error");
	return lua_error(L);
}

int script_raise(lua_State *L, const struct err *err)
{
	return script_raise_code(L, err, err->code ? err_code(err) : "ERROR");
}

void script_take_socket(lua_State *L)
{
	struct script *script = script_of(L);
	struct err err;
	if (script->sockets >= SOCKETS_MAX)
		(void)lua_gc(L, LUA_GCCOLLECT); /* closes those that nobody refers to any more */
	if (script->sockets >= SOCKETS_MAX) {
		(void)err_set(
		    &err, "this script has %d sockets open already: close what is not used", SOCKETS_MAX);
		err.code = -EMFILE;
		(void)script_raise(L, &err);
	}
	script->sockets++;
}

void host_commit(struct host *host)
{
	if (host->pushed)
		ingest_commit(host->services.ingest);
	host->pushed = 0;
}

bool host_armed(const struct host *host)
{
	return clock_mono_ms(host->services.clock) < host->armed_until_ms;
}
