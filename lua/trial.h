/*
 * A trial: a version that stays only if it is confirmed in time. The one before comes back by itself
 * when errors burst, a limit is hit, the time is over, or the process ends; its texts are kept for
 * that, in memory and in state.dir/trial-NAME, whose form is in trial_file.h. Loop thread.
 */
#ifndef NEAP_LUA_TRIAL_H
#define NEAP_LUA_TRIAL_H

#include "lua/state.h"

/* The script is in force. `before` becomes the trial's. `failed` is called by the scheduler, when no
 * other reload is under way; it takes them. */
void trial_begin(struct script *script, struct source *before, int64_t ms,
    void (*failed)(struct script *script));
bool trial_confirm(struct script *script); /* false: it is on no trial */
/* The texts from before, which are the caller's then; the trial is over. NULL: there is none. */
struct source *trial_take(struct script *script);
void trial_close(struct script *script); /* as the process ends: its file stays */

/* A handler or a sensor failed. */
void trial_error(struct script *script);
void trial_look(struct script *script); /* after each turn: was a limit hit? */

int64_t trial_left_ms(const struct script *script);

#endif
