/*
 * Which globals a compiled chunk reads and writes, its inner functions too: found in what lua_dump
 * gives, so that scopes are the compiler's own. The form of that is Lua 5.4's (ldump.c, lopcodes.h).
 */
#ifndef NEAP_LUA_GLOBALS_H
#define NEAP_LUA_GLOBALS_H

#include <lua.h>
#include <stdbool.h>

/* Of the Lua function on top of the stack, whose first upvalue is _ENV. `name` is valid during the
 * call. Names that the compiler keeps in another way (over 40 bytes, or in a function with more than
 * 256 constants) are left out. Raises for want of memory. */
void globals_find(
    lua_State *L, void (*found)(void *ctx, const char *name, int line, bool written), void *ctx);

#endif
