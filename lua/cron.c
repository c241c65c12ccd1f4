/* When something is due by the calendar. */
#include "core/base/cron.h"

#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <math.h>

#define META "neap.cron"

struct calendar {
	struct cron cron;
	struct zone *zone; /* NULL: none yet */
};

/* cron(times, zone) -> calendar; or nil, why */
static int new_calendar(lua_State *L)
{
	const char *times = luaL_checkstring(L, 1), *zone = luaL_checkstring(L, 2);
	struct err err;
	struct calendar *calendar = lua_newuserdatauv(L, sizeof *calendar, 0);
	calendar->zone = NULL;
	luaL_setmetatable(L, META);
	int result = cron_parse(&calendar->cron, times, &err);
	if (result == 0) {
		calendar->zone = zone_open(zone, &err);
		result = calendar->zone ? 0 : -1;
	}
	if (result == 0 && cron_next(&calendar->cron, calendar->zone, 0) == CRON_NEVER)
		result = err_set(&err, "there is no such day");
	if (result == 0)
		return 1;
	lua_pushnil(L);
	lua_pushstring(L, err.text);
	return 2;
}

/* cron_next(calendar, after) -> the next time, or nil; both in seconds since 1970 */
static int next(lua_State *L)
{
	const struct calendar *calendar = luaL_checkudata(L, 1, META);
	double after = floor(luaL_checknumber(L, 2));
	luaL_argcheck(L, fabs(after) < 1e11, 2, "no time");
	int64_t time = cron_next(&calendar->cron, calendar->zone, (int64_t)after);
	if (time == CRON_NEVER)
		return 0;
	lua_pushinteger(L, time);
	return 1;
}

static int end(lua_State *L)
{
	struct calendar *calendar = luaL_checkudata(L, 1, META);
	zone_free(calendar->zone);
	calendar->zone = NULL;
	return 0;
}

static const luaL_Reg functions[] = {
    {"cron", new_calendar},
    {"cron_next", next},
    {NULL, NULL},
};

void bind_cron(lua_State *L)
{
	(void)luaL_newmetatable(L, META);
	lua_pushcfunction(L, end);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_setfuncs(L, functions, 0);
}
