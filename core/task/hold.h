/*
 * Tasks are held back for a time: hands are inside a machine. It outlives a restart, in a small
 * file.
 *
 * The end is kept as monotonic and as wall time. After a reboot the wall time counts, once the
 * clock is set; until then the hold lasts as long as it was asked for, counted from the start:
 * rather too long than too short.
 */
#ifndef NEAP_CORE_HOLD_H
#define NEAP_CORE_HOLD_H

#include "core/base/clock.h"
#include "core/base/err.h"

#define HOLD_MAX_MS (30LL * 24 * 3600 * 1000)

struct hold;

/* A file that cannot be read is said in the log, and nothing is held. */
struct hold *hold_open(const char *path, const struct clock *clock);
void hold_close(struct hold *hold); /* NULL is fine; a hold goes on after the next start */

/* 0: no more. -1: it holds all the same, but would not outlive a restart. */
int hold_set(struct hold *hold, int64_t duration_ms, struct err *err);
int64_t hold_left_ms(struct hold *hold); /* 0: nothing is held */

#endif
