/* The time, as core/base/clock.h gives it: also virtual. */
#include "core/base/number.h"
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <math.h>

static const struct clock *clock_of(lua_State *L)
{
	return script_of(L)->host->services.clock;
}

/* now() -> seconds since 1970, with milliseconds */
static int now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_wall_ms(clock_of(L)) / 1000);
	return 1;
}

/* uptime() -> seconds since the device started, with milliseconds */
static int uptime(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_mono_ms(clock_of(L)) / 1000);
	return 1;
}

/* mono() -> milliseconds of the monotonic clock */
static int mono(lua_State *L)
{
	lua_pushinteger(L, clock_mono_ms(clock_of(L)));
	return 1;
}

/* clock_set(): can the time of day be believed? */
static int clock_set(lua_State *L)
{
	lua_pushboolean(L, clock_is_set(clock_of(L)));
	return 1;
}

/* duration(number of seconds or text) -> milliseconds, or nil */
static int duration(lua_State *L)
{
	int64_t ms;
	if (lua_type(L, 1) == LUA_TNUMBER) {
		double number = rint(lua_tonumber(L, 1) * 1000);
		if (!(number >= 0 && number < 1e15))
			return 0;
		lua_pushinteger(L, (lua_Integer)number);
		return 1;
	}
	if (lua_type(L, 1) != LUA_TSTRING || duration_parse(lua_tostring(L, 1), &ms) < 0)
		return 0;
	lua_pushinteger(L, ms);
	return 1;
}

/* duration_text(milliseconds) -> "1m30s" */
static int duration_text(lua_State *L)
{
	char text[NUMBER_TEXT];
	size_t len = duration_format(text, luaL_checkinteger(L, 1));
	lua_pushlstring(L, text, len);
	return 1;
}

static const luaL_Reg functions[] = {
    {"now", now},
    {"uptime", uptime},
    {"mono", mono},
    {"clock_set", clock_set},
    {"duration", duration},
    {"duration_text", duration_text},
    {NULL, NULL},
};

void bind_clock(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	/* samples are sent with whole seconds */
	lua_pushboolean(L, !script_of(L)->host->services.config->payload.milliseconds);
	lua_setfield(L, -2, "whole_seconds");
}
