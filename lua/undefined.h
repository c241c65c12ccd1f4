/* Globals that a script reads and nobody defines: what would raise only when a handler comes to it. */
#ifndef NEAP_LUA_UNDEFINED_H
#define NEAP_LUA_UNDEFINED_H

#include "core/base/problems.h"
#include "lua/state.h"

/* Looks through the texts that the script was loaded from, after it has run, well or not. Adds
 * "machine.lua:12: nothing is called x". */
void undefined_find(struct script *script, bool warning, struct problems *problems);

#endif
