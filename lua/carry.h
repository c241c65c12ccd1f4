/*
 * What outlives a reload beside settings and the queue: the script's last values, the phases of its
 * timers, plain values that the library keeps for its sensors and reports (lua/neap/carry.lua), and
 * what is kept on disk (kept.h).
 * Loop thread, no Lua on the stack.
 */
#ifndef NEAP_LUA_CARRY_H
#define NEAP_LUA_CARRY_H

#include "lua/state.h"

/* From a script that ends to its successor, which is installed and has not begun. */
void carry_over(struct script *from, struct script *to);

#endif
