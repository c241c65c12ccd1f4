/*
 * Reload: new versions are loaded beside the old ones, checked, and swapped for them when their
 * handlers are idle, or are ended after a limit. One at a time. Loop thread, no Lua on the stack.
 */
#ifndef NEAP_LUA_RELOAD_H
#define NEAP_LUA_RELOAD_H

#include "lua/state.h"

void reload_start(struct host *host, const struct reload_request *request); /* host_ops.reload */
/* What changed on disk since the last attempt, good or bad. */
void reload_changed(struct host *host);
/* The script's version from before its trial. */
void reload_back(struct script *script);
/* After each turn of the scheduler: swaps if all is idle. */
void reload_look(struct host *host);
void reload_cancel(struct host *host); /* what was loaded and is not in force is gone */

#endif
