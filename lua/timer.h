/* What `every` makes: a function that is started in a fiber of its own each period. */
#ifndef NEAP_LUA_TIMER_H
#define NEAP_LUA_TIMER_H

#include "lua/state.h"

void ticker_start_all(struct script *script); /* that are not started yet */
void ticker_stop_all(struct script *script);  /* none fires any more */
/* Starts those that have a stopped one of their name and period in `from`, in its phase: what was
 * due meanwhile is due now. */
void ticker_carry(const struct script *from, struct script *to);
void ticker_close_all(struct script *script); /* after the fibers */
/* When it fires next, if so many of its times are left out; INT64_MAX: it is not armed. */
int64_t ticker_next_ms(const struct ticker *ticker, int64_t skips);

#endif
