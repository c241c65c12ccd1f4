/*
 * Compiles Lua text; bytecode is refused. It is handed over bit by bit, so that the limits on time
 * reach the compiler: there are texts of a megabyte that take it minutes.
 */
#ifndef NEAP_LUA_CHUNK_H
#define NEAP_LUA_CHUNK_H

#include <lua.h>
#include <stddef.h>

/* Pushes the function, or why not, as lua_load does, and returns its status. Raises at a limit. */
int chunk_load(lua_State *L, const char *text, size_t len, const char *name);

#endif
