/* Declarations of variables, settings and commands, and the samples that are pushed to them. */
#include "core/base/nearest.h"
#include "lua/bindings.h"
#include "lua/fiber.h"
#include "lua/point.h"
#include "lua/state.h"
#include "lua/trial.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

/* --- fields of the table at `index`, which the library has checked --- */

static const char *text_field(lua_State *L, int index, const char *name)
{
	(void)lua_getfield(L, index, name);
	const char *text = lua_tostring(L, -1); /* stays anchored in the table */
	lua_pop(L, 1);
	return text;
}

static int64_t integer_field(lua_State *L, int index, const char *name)
{
	(void)lua_getfield(L, index, name);
	int64_t integer = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return integer;
}

static double number_field(lua_State *L, int index, const char *name)
{
	(void)lua_getfield(L, index, name);
	double number = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return number;
}

static bool flag_field(lua_State *L, int index, const char *name)
{
	(void)lua_getfield(L, index, name);
	bool flag = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return flag;
}

static bool limit_field(
    lua_State *L, int index, const char *name, enum value_type type, double *limit)
{
	bool given = lua_getfield(L, index, name) == LUA_TNUMBER;
	*limit = lua_tonumber(L, -1) * (type == VALUE_DATE ? 1000 : 1);
	lua_pop(L, 1);
	return given;
}

static enum value_type type_field(lua_State *L, int index)
{
	static const char *const names[] = {
	    "int", "double", "boolean", "string", "date", "binary", NULL};
	const char *name = text_field(L, index, "type");
	enum value_type type = VALUE_DOUBLE;
	if (name && value_type_parse(name, &type) < 0) {
		const char *meant = nearest_name(name, names);
		(void)script_fail(L,
		    "%s: there is no type \"%.60s\"%s%s%s; there are int, double, boolean, "
		    "string, date and binary",
		    text_field(L, index, "path"), name, meant ? " (did you mean \"" : "",
		    meant ? meant : "", meant ? "\"?)" : "");
	}
	return type;
}

/* Type, limits and default: of a setting or a parameter. Text of a default stays anchored. */
static void value_fields(lua_State *L, int index, enum value_type *type, struct limits *limits,
    bool *has_default, struct value *fallback)
{
	struct err err;
	*type = type_field(L, index);
	limits->has_min = limit_field(L, index, "min", *type, &limits->min);
	limits->has_max = limit_field(L, index, "max", *type, &limits->max);
	*has_default = lua_getfield(L, index, "default") != LUA_TNIL;
	if (*has_default && value_from_lua(L, -1, *type, fallback, &err) < 0)
		(void)script_fail(
		    L, "%s: its default does not fit: %s", text_field(L, index, "path"), err.text);
	lua_pop(L, 1);
}

/* The list of parameter tables at `index`, as a chain in a userdata that is left on the stack. */
static struct param *param_fields(lua_State *L, int index)
{
	size_t count = lua_rawlen(L, index);
	struct param *params = lua_newuserdatauv(L, count * sizeof *params + 1, 0); /* params */
	memset(params, 0, count * sizeof *params);
	for (size_t i = 0; i < count; i++) {
		struct param *param = &params[i];
		(void)lua_geti(L, index, (lua_Integer)i + 1); /* params param */
		param->name = text_field(L, -1, "name");
		param->label = text_field(L, -1, "label");
		value_fields(
		    L, lua_gettop(L), &param->type, &param->limits, &param->has_default, &param->fallback);
		param->next = i + 1 < count ? param + 1 : NULL;
		lua_pop(L, 1);
	}
	return count ? params : NULL;
}

/* declare{kind=, path=, type=, label=, unit=, policy=, factor=, min=, max=, default=, params={...},
 * readable=, repeatable=, parallel=, timeout=, ttl=} -> handle */
static int declare(lua_State *L)
{
	static const char *const kinds[] = {"variable", "setting", "command", NULL};
	struct script *script = script_of(L);
	struct err err;
	luaL_checktype(L, 1, LUA_TTABLE);
	(void)lua_getfield(L, 1, "kind");
	enum entry_kind kind = (enum entry_kind)luaL_checkoption(L, -1, NULL, kinds);
	(void)lua_getfield(L, 1, "params");
	script_where(L); /* spec kind params where */
	const char *where = lua_tostring(L, -1);
	if (!script->loading)
		return script_fail(L, "%s must be declared while the script loads, not in a handler",
		    text_field(L, 1, "path"));
	struct entry entry = {
	    .path = text_field(L, 1, "path"),
	    .kind = kind,
	    .label = text_field(L, 1, "label"),
	    .unit = text_field(L, 1, "unit"),
	    .policy = text_field(L, 1, "policy"),
	    .repeatable = flag_field(L, 1, "repeatable"),
	    .readable = flag_field(L, 1, "readable"),
	    .parallel = flag_field(L, 1, "parallel"),
	    .factor = number_field(L, 1, "factor"),
	    .timeout_ms = integer_field(L, 1, "timeout"),
	    .ttl_ms = integer_field(L, 1, "ttl"),
	    .handler = (int)script->points_count + 1,
	};
	if (kind == ENTRY_COMMAND)
		entry.params = param_fields(L, 3);
	else
		value_fields(L, 1, &entry.type, &entry.limits, &entry.has_default, &entry.fallback);
	/* "machine.lua:12: " without the end */
	lua_pushlstring(L, where, strlen(where) < 2 ? 0 : strlen(where) - 2);
	entry.where = lua_tostring(L, -1);
	if (draft_add(script->draft, &entry, &err) < 0)
		return script_fail(L, "%s", err.text);
	(void)point_add(script, &entry);
	lua_pushinteger(L, entry.handler);
	return 1;
}

/* installer() -> handle: the script installs software */
static int installer(lua_State *L)
{
	struct script *script = script_of(L);
	struct entry entry = {
	    .path = "on(\"install\")", .kind = ENTRY_COMMAND, .handler = (int)script->points_count + 1};
	struct err err;
	script_where(L); /* where */
	const char *where = lua_tostring(L, -1);
	if (!script->loading)
		return script_fail(L, "on: \"install\" must be declared while the script loads");
	lua_pushlstring(L, where, strlen(where) < 2 ? 0 : strlen(where) - 2);
	entry.where = lua_tostring(L, -1);
	if (draft_installer(script->draft, &entry, &err) < 0)
		return script_fail(L, "%s", err.text);
	(void)point_add(script, &entry);
	lua_pushinteger(L, entry.handler);
	return 1;
}

/* label(asset, label) */
static int label(lua_State *L)
{
	struct script *script = script_of(L);
	if (script->loading)
		draft_asset(script->draft, luaL_checkstring(L, 1), luaL_checkstring(L, 2));
	return 0;
}

/* --- samples --- */

/*
 * A time that the script gives is believed, but for one that the script's own now() could have
 * given while the clock was not set: that counts from now backwards.
 */
static struct stamp stamp_of(const struct clock *clock, double seconds)
{
	struct stamp now = clock_stamp(clock);
	double ms = rint(seconds * 1000);
	struct stamp stamp = {.wall_ms = (int64_t)ms, .wall_valid = true};
	int64_t ago = now.wall_ms - stamp.wall_ms;
	bool this_boot = ago >= -1000 && ago <= now.mono_ms;
	if (!now.wall_valid && this_boot)
		stamp.wall_valid = false;
	stamp.mono_ms = this_boot ? now.mono_ms - ago : now.mono_ms;
	return stamp;
}

/* push(handle, value[, time]) -> why not, or nil; must the caller sync? */
static int push(lua_State *L)
{
	struct script *script = script_of(L);
	struct host *host = script->host;
	struct point *point = point_of(L, 1);
	struct value value;
	struct err err;
	if (script->loading)
		return script_fail(L, "%s: nothing can be pushed while the script loads", point->path);
	struct stamp stamp;
	if (lua_isnoneornil(L, 3)) {
		stamp = clock_stamp(host->services.clock);
	} else {
		double seconds = luaL_checknumber(L, 3);
		if (!(seconds >= 0 && seconds < 1e11))
			return script_fail(
			    L, "%s: the time %f is not in seconds since 1970", point->path, seconds);
		stamp = stamp_of(host->services.clock, seconds);
	}
	int pushed = -1;
	if (!point->entry) {
		(void)err_set(&err, "%s: the script is being closed", point->path);
	} else if (value_from_lua(L, 2, point->type, &value, &err) < 0) {
		err_prefix(&err, "%s: ", point->path);
	} else {
		pushed = ingest_push(host->services.ingest, point->entry, &value, &stamp, &err);
	}
	if (pushed < 0) {
		lua_pushstring(L, err.text);
		return 1;
	}
	point_remember(point, &value, &stamp);
	if (++host->pushed >= 1000) /* a tight loop shall not pile them up */
		host_commit(host);
	lua_pushnil(L);
	lua_pushboolean(L, pushed == 1);
	return 2;
}

/* check(handle, value) -> fitted value, or nil, why */
static int check(lua_State *L)
{
	const struct point *point = point_of(L, 1);
	struct value value;
	struct err err;
	if (value_from_lua(L, 2, point->type, &value, &err) < 0 ||
	    limits_check(&value, point->type, &point->limits, false, &err) < 0) {
		lua_pushnil(L);
		lua_pushfstring(L, "%s: %s", point->path, err.text);
		return 2;
	}
	value_to_lua(L, &value);
	return 1;
}

/* failed(): a read of it did */
static int failed(lua_State *L)
{
	trial_error(script_of(L));
	return 0;
}

static const luaL_Reg functions[] = {
    {"declare", declare},
    {"installer", installer},
    {"label", label},
    {"push", push},
    {"check", check},
    {"failed", failed},
    {"sync", fiber_sync},
    {NULL, NULL},
};

void bind_asset(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
