/* One script from its file to a state that has declared everything, and the problems on the way. */
#ifndef NEAP_LUA_LOAD_H
#define NEAP_LUA_LOAD_H

#include "core/base/problems.h"
#include "lua/state.h"

/* The names of the scripts in scripts.dir, sorted: every *.lua at its top but *_test.lua. NULL ends
 * the list, which load_free_names frees. -1: the folder cannot be read, which is a problem. */
int load_names(const struct host *host, char ***names, struct problems *problems);
void load_free_names(char **names);

/* Loads DIR/NAME.lua; `given`, if not NULL, are texts to take instead of files, and become the
 * script's. If it fails that is a problem and the script's trouble, and it has no Lua state. */
struct script *load_script(
    struct host *host, const char *name, struct source *given, struct problems *problems);
/* Adds what was found wrong, with the folder in front of its place. The first error becomes
 * *trouble, if there is none yet. Empties `found`. */
void load_tell(
    const struct host *host, struct problems *problems, struct problems *found, char **trouble);
/* The name of the file of culprits (limits.h), which host->culprits then is; NULL without a state
 * folder. */
const char *load_culprits(struct host *host);
/* Ends all that belongs to the script, and its Lua state. */
void load_end(struct script *script);

#endif
