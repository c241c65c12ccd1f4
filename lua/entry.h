/*
 * The ways into Lua, each under the limits on time (limits.h). Loop thread.
 */
#ifndef NEAP_LUA_ENTRY_H
#define NEAP_LUA_ENTRY_H

#include "lua/state.h"

/* Calls function(L) with `arg` as light userdata, protected, outside of any coroutine. -1: the text
 * is the error's, and the traceback has been logged for those who debug. */
int script_call(struct script *script, lua_CFunction function, void *arg, struct err *err);
/* lua_resume. `again`: it goes on after it was made to yield (limits.h). */
int script_resume(struct script *script, lua_State *co, int nargs, int *nresults, bool again);
/* Ends a coroutine that failed or shall not go on: runs its close variables. */
void script_reset(struct script *script, lua_State *co);

/* A message handler for pcall: the traceback goes to the debug log, the error stays. */
int script_on_error(lua_State *L);
/* The text, from outside: of the error that a coroutine ended with, with its traceback to the debug
 * log. */
void script_error_of(struct script *script, lua_State *co, struct err *err);

#endif
