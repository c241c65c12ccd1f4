/*
 * Plain values between two Lua states: nil, booleans, numbers, strings, and tables of them, without
 * metatables and cycles. Tagged bytes, of this process only.
 */
#ifndef NEAP_LUA_PLAIN_H
#define NEAP_LUA_PLAIN_H

#include "core/base/buf.h"

#include <lua.h>

/* Appends the value at `index`. Raises for what is not plain. */
void plain_write(lua_State *L, int index, struct buf *out);
/* Pushes the value that begins at `at`, and gives where the next one does. Raises for want of
 * memory. */
size_t plain_read(lua_State *L, const struct buf *in, size_t at);

#endif
