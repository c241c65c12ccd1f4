/*
 * Which slaves of a bus answer, and when a silent one may be tried again. Pure: the time is passed
 * in, in milliseconds.
 *
 * A slave that was silent SLAVES_STRIKES times in a row is left alone for a second; each further
 * silence doubles that, up to a minute. Any answer, an exception too, forgets it all.
 */
#ifndef NEAP_CORE_SLAVES_H
#define NEAP_CORE_SLAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAVES_STRIKES      3
#define SLAVES_PAUSE_MIN_MS 1000
#define SLAVES_PAUSE_MAX_MS 60000

/* Only those that were silent the last time; zero-initialised is none. */
struct slaves {
	struct slave *list;
	size_t count;
};

int64_t slaves_wait_ms(const struct slaves *slaves, int unit, int64_t now_ms); /* 0: try it */
/* Both return true if that was news: it is left alone from now on, it answers again. */
bool slaves_silent(struct slaves *slaves, int unit, int64_t now_ms);
bool slaves_answered(struct slaves *slaves, int unit);
void slaves_free(struct slaves *slaves);

#endif
