/*
 * JSON for scripts (RFC 8259), under the name and with the conventions of lua-cjson: `cjson.null`, an
 * empty table is {}, a table whose keys are 1 to n is an array. What differs: whole numbers stay
 * whole and exact, the same table always gives the same text, all memory is the script's own and
 * counts for its limit, and the limits on time reach it.
 */
#ifndef NEAP_LUA_JSON_H
#define NEAP_LUA_JSON_H

#include <lua.h>

int json_encode(lua_State *L); /* encode(value) -> text */
int json_decode(lua_State *L); /* decode(text) -> value */

#endif
