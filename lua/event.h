/* on(event, function): start stop connected disconnected clock reload full. */
#ifndef NEAP_LUA_EVENT_H
#define NEAP_LUA_EVENT_H

#include "lua/state.h"

#define EVENT_AT_START "at_start" /* the library's own, before start: settings are written */

/* Starts the script's handlers of the event, each in a fiber. `reason` may be NULL or ""; it is nil then. `is_held`: a
 * stop waits for them. */
void event_fire(struct script *script, const char *name, const char *reason, bool is_held);

#endif
