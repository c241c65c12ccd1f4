/* The scripts of a folder: loaded, checked against each other, and put in force. */
#ifndef NEAP_LUA_INSTALL_H
#define NEAP_LUA_INSTALL_H

#include "lua/state.h"

/* Loads every *.lua at the top of scripts.dir but *_test.lua. What fails is a problem and stays in
 * the list with its trouble; the others are installed. */
void install_all(struct host *host, struct problems *problems);
/* Ends all that belongs to the script, and its Lua state. */
void install_end(struct script *script);

/* The name of the file of culprits (limits.h), which host->culprits then is; NULL without a state
 * folder. */
const char *install_culprits(struct host *host);

#endif
