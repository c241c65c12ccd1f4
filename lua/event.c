#include "lua/event.h"

#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define HANDLERS "neap.handlers" /* in the registry: event -> list of functions */

struct event {
	const char *name, *what, *reason;
	bool holds;
};

static const struct {
	const char *name, *what;
} events[] = {
    {"start", "on \"start\": "},
    {"stop", "on \"stop\": "},
    {"connected", "on \"connected\": "},
    {"disconnected", "on \"disconnected\": "},
    {"clock", "on \"clock\": "},
    {"reload", "on \"reload\": "},
    {"full", "on \"full\": "},
    {EVENT_AT_START, "write at the start: "},
};

static const char *find_what(const char *name)
{
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (strcmp(events[i].name, name) == 0)
			return events[i].what;
	return NULL;
}

static int fire(lua_State *L)
{
	const struct event *event = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, HANDLERS);
	if (lua_getfield(L, -1, event->name) != LUA_TTABLE) /* handlers list */
		return 0;
	for (lua_Integer i = 1; lua_geti(L, 3, i) == LUA_TFUNCTION; i++) { /* ... function */
		lua_pushstring(L, event->reason);
		fiber_wake(
		    fiber_new(L, 1, &(struct fiber_options){.what = event->what, .holds = event->holds}));
	}
	return 0;
}

void event_fire(struct script *script, const char *name, const char *reason, bool is_held)
{
	struct event event = {name, find_what(name), reason && *reason ? reason : NULL, is_held};
	struct err err;
	if (!holds(event.what))
		return;
	char what[40];
	if (script->L && script_call(script, fire, &event, &err) < 0) {
		(void)snprintf(what, sizeof what, "on \"%s\": ", name);
		script_error(script, what, err.text);
	}
}

/* on(event, function); the event is one of core.events, or EVENT_AT_START */
static int on(lua_State *L)
{
	luaL_argcheck(L, find_what(luaL_checkstring(L, 1)), 1, "no such event");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, HANDLERS); /* event function handlers */
	lua_pushvalue(L, 1);
	if (lua_rawget(L, 3) != LUA_TTABLE) { /* event function handlers list */
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, 1);
		lua_pushvalue(L, 4);
		lua_rawset(L, 3);
	}
	lua_pushvalue(L, 2);
	lua_seti(L, 4, (lua_Integer)lua_rawlen(L, 4) + 1);
	return 0;
}

/* loading() -> is the script being loaded? The start comes later then. */
static int loading(lua_State *L)
{
	lua_pushboolean(L, script_of(L)->loading);
	return 1;
}

static const luaL_Reg functions[] = {
    {"on", on},
    {"loading", loading},
    {NULL, NULL},
};

void bind_event(lua_State *L)
{
	lua_newtable(L);
	lua_setfield(L, LUA_REGISTRYINDEX, HANDLERS);
	luaL_setfuncs(L, functions, 0);
	lua_newtable(L); /* core events */
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		if (strcmp(events[i].name, EVENT_AT_START) == 0)
			continue; /* not for scripts */
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, events[i].name);
	}
	lua_setfield(L, -2, "events");
}
