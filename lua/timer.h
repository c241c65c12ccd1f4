/* What `every` makes: a function that is started in a fiber of its own each period. */
#ifndef NEAP_LUA_TIMER_H
#define NEAP_LUA_TIMER_H

#include "lua/state.h"

void ticker_start_all(struct script *script);
void ticker_stop_all(struct script *script);  /* none fires any more */
void ticker_close_all(struct script *script); /* after the fibers */

#endif
