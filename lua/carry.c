#include "lua/carry.h"

#include "core/base/log.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/kept.h"
#include "lua/plain.h"
#include "lua/point.h"
#include "lua/timer.h"

#include <lauxlib.h>

#define GIVE "neap.give" /* in the registry: the library's functions */
#define TAKE "neap.take"

/* --- the library's values --- */

static int give(lua_State *L)
{
	struct buf *values = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, GIVE);
	lua_call(L, 0, 1);
	plain_write(L, -1, values);
	return 0;
}

static int take(lua_State *L)
{
	const struct buf *values = lua_touserdata(L, 1);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, TAKE);
	(void)plain_read(L, values, 0);
	lua_call(L, 1, 0);
	return 0;
}

static void carry_values(struct script *from, struct script *to)
{
	struct buf values = {0};
	struct err err;
	if (script_call(from, give, &values, &err) < 0 || script_call(to, take, &values, &err) < 0)
		log_warn(to->topic, "its sensors begin anew after the reload: %s", err.text);
	buf_free(&values);
}

/* carry(give, take): give() -> a plain value; take(value) of the next generation gets it */
static int carry(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	lua_setfield(L, LUA_REGISTRYINDEX, TAKE);
	lua_setfield(L, LUA_REGISTRYINDEX, GIVE);
	return 0;
}

void bind_carry(lua_State *L)
{
	static const luaL_Reg functions[] = {
	    {"carry", carry},
	    {NULL, NULL},
	};
	luaL_setfuncs(L, functions, 0);
}

/* --- all --- */

void carry_over(struct script *from, struct script *to)
{
	point_carry(from, to);
	ticker_carry(from, to);
	carry_values(from, to);
	kept_carry(from, to);
}
