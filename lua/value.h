/*
 * Values between Lua and the core. A date is a number of seconds since 1970 in Lua, as now() gives
 * it, and milliseconds in the core.
 */
#ifndef NEAP_LUA_VALUE_H
#define NEAP_LUA_VALUE_H

#include "core/base/sample.h"

#include <lua.h>

/* Reads the value at `index` as one of `type`, fitted. Text stays Lua's: the value at `index` must
 * stay on the stack. -1: why it does not fit, without a path. */
int value_from_lua(
    lua_State *L, int index, enum value_type type, struct value *out, struct err *err);
void value_to_lua(lua_State *L, const struct value *value);

#endif
