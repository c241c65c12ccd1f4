/* scripts.watch: the script folder and lib/ in it; what changed is reloaded when it has been quiet
 * for a second. Loop thread. */
#ifndef NEAP_LUA_WATCH_H
#define NEAP_LUA_WATCH_H

#include "lua/state.h"

struct watch *watch_new(struct host *host);
void watch_free(struct watch *watch); /* NULL is nothing. The loop must run once more. */

#endif
