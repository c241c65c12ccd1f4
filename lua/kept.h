/*
 * What a script keeps beside its settings (state{}, counters): one JSON file for each, state-NAME.json
 * in the state folder, replaced atomically by a thread of the pool, one write at a time. The library
 * makes the text and says when (lua/neap/kept.lua); a text that is on disk already is not written
 * again. A version that is loaded beside the old one reads what that one keeps now. Loop thread.
 */
#ifndef NEAP_LUA_KEPT_H
#define NEAP_LUA_KEPT_H

#include "lua/state.h"

/* What `from` keeps becomes what `to` keeps; no file is written. No Lua on the stack. */
void kept_carry(struct script *from, struct script *to);
/* The script ends: what it keeps is written by the loop's next turns. No Lua on the stack. */
void kept_end(struct script *script);
/* The host closes. Writes under way go on, in the loop, and free what is theirs. */
void kept_close(struct host *host);

#endif
