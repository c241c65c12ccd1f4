/* The values of settings in the store: they survive a restart, under their path. */
#include "lua/bindings.h"
#include "lua/point.h"
#include "lua/state.h"
#include "lua/value.h"

#include <lauxlib.h>

/* stored(handle) -> the value of an earlier run; nil, why it cannot be used; or nil */
static int stored(lua_State *L)
{
	struct point *point = point_of(L, 1);
	const struct store *store = point->script->host->services.settings;
	struct value value;
	struct err err;
	if (!store || !store_get(store, point->path, &value))
		return 0;
	/* a date is kept as a whole number, binary as text */
	if (point->type == VALUE_DATE && value.type == VALUE_INT)
		value.type = VALUE_DATE;
	if (point->type == VALUE_BINARY && value.type == VALUE_STRING)
		value.type = VALUE_BINARY;
	if (limits_check(&value, point->type, &point->limits, false, &err) < 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	struct stamp now = clock_stamp(script_of(L)->host->services.clock);
	point_remember(point, &value, &now);
	value_to_lua(L, &value);
	return 1;
}

/* What cannot be saved is not kept in memory either. */
static void take_back(struct store *store, const struct point *point)
{
	if (point->has_last)
		store_set(store, point->path, &point->last);
	else
		store_remove(store, point->path);
}

/* store(handle, value) -> why not, or nil: it is on disk */
static int store(lua_State *L)
{
	struct point *point = point_of(L, 1);
	const struct services *services = &point->script->host->services;
	struct value value;
	struct err err;
	int stored_well = value_from_lua(L, 2, point->type, &value, &err);
	if (stored_well == 0) {
		store_set(services->settings, point->path, &value);
		stored_well = store_save(services->settings, &err);
		if (stored_well < 0)
			take_back(services->settings, point);
	}
	if (stored_well < 0) {
		lua_pushstring(L, err.text);
		return 1;
	}
	struct stamp now = clock_stamp(services->clock);
	point_remember(point, &value, &now);
	return 0;
}

static const luaL_Reg functions[] = {
    {"stored", stored},
    {"store", store},
    {NULL, NULL},
};

void bind_setting(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
