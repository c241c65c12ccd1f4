/* What sensors tell of themselves: for the status, the console, and who looks on live. */
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/point.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 200 /* bytes of an error that are kept */

static void keep(struct point *point, const char *why)
{
	free(point->why);
	point->why = mem_strndup(why, strnlen(why, WHY_MAX));
}

/* quality(handle, why): it is bad; nil: good */
static int quality(lua_State *L)
{
	struct point *point = point_of(L, 1);
	const char *why = lua_tostring(L, 2);
	point->bad = lua_toboolean(L, 2);
	if (why)
		keep(point, why);
	return 0;
}

/* refused(handle, why): a read failed */
static int refused(lua_State *L)
{
	struct point *point = point_of(L, 1);
	const struct observers *observers = point->script->host->services.observers;
	const char *why = luaL_checkstring(L, 2);
	point->failures++;
	keep(point, why);
	observe_tell(observers,
	    &(struct sighting){.what = SIGHT_FAILED, .path = point->path, .text = point->why});
	return 0;
}

/* saw(handle, value, reported, verdict): a read gave it; reported nil: it is one of many
 * that make a datapoint */
static int saw(lua_State *L)
{
	const struct observers *observers = script_of(L)->host->services.observers;
	struct value value;
	struct err err;
	if (!observed(observers))
		return 0;
	const struct point *point = point_of(L, 1);
	if (value_from_lua(L, 2, point->type, &value, &err) < 0)
		return 0; /* that is an error soon */
	observe_tell(observers, &(struct sighting){
	                            .what = lua_isnil(L, 3) ? SIGHT_COLLECTED : SIGHT_READ,
	                            .path = point->path,
	                            .value = &value,
	                            .reported = lua_toboolean(L, 3),
	                            .text = luaL_checkstring(L, 4),
	                        });
	return 0;
}

/* plan(handle, ticker, skips): what reads it, and how many of its times are left out */
static int plan(lua_State *L)
{
	struct point *point = point_of(L, 1);
	point->ticker = lua_touserdata(L, 2);
	point->skips = luaL_checkinteger(L, 3);
	return 0;
}

static const luaL_Reg functions[] = {
    {"plan", plan},
    {"quality", quality},
    {"refused", refused},
    {"saw", saw},
    {NULL, NULL},
};

void bind_sight(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
