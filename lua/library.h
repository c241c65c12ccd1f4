/*
 * What a script finds: Lua's own libraries as far as they are harmless, and the embedded library
 * (lua/neap/) over the functions in C.
 */
#ifndef NEAP_LUA_LIBRARY_H
#define NEAP_LUA_LIBRARY_H

#include "core/base/err.h"
#include "lua/state.h"

/* Fills the script's new state. */
int library_open(struct script *script, struct err *err);
/* Runs the file DIR/NAME.lua. The text of an error begins with "NAME.lua:LINE:". */
int library_run(struct script *script, const char *name, struct err *err);

#endif
