/*
 * The console (core/task/host.h): chunks of Lua by hand, one at a time, in a state of its own that is made
 * at the first one. The chunk's side of it is lua/neap/console.lua.
 */
#ifndef NEAP_LUA_CONSOLE_H
#define NEAP_LUA_CONSOLE_H

#include "lua/state.h"

extern const struct console_ops console_ops;

/* In the registry: console.lua's function that runs a chunk, and the one that completes. */
#define CONSOLE_RUN      "neap.console.run"
#define CONSOLE_COMPLETE "neap.console.complete"

/* What the chunk that runs ended with; copies. */
void console_result(struct host *host, const struct buf *json);
/* Ends the chunk that runs, and the state. */
void console_end(struct host *host);

#endif
