/*
 * Finds the body that makes the broker hang up again and again. Pure: told what happens, it answers
 * what to do.
 *
 * A connection that the broker ends before a single PUBACK, while messages are in flight, is a
 * strike. Three in a row and what is in flight is suspect: the session is dropped (or paho would
 * send it all again for ever) and from then on one message at a time is sent. Whichever is lost
 * twice is halved, until a single sample is the culprit. If all the suspects pass in smaller
 * bodies, it was their size: the largest that passed is the limit from then on. An unlucky link
 * resets the strikes with its first PUBACK; to set a sample aside by mistake takes some twenty
 * connections in a row without one.
 */
#ifndef NEAP_CORE_POISON_H
#define NEAP_CORE_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct poison {
	bool probing;
	bool acked; /* since the last loss */
	uint32_t strikes;
	uint32_t max_samples;  /* while probing: of one message */
	uint64_t suspects;     /* samples that have still to pass */
	size_t largest_passed; /* bytes, while probing */
	bool halved;           /* some body was lost whole: if all passes, the size was at fault */
};

/* What is in flight when the connection goes. */
struct poison_flight {
	uint32_t messages;
	uint64_t samples;
};

enum poison_advice {
	POISON_NOTHING,
	POISON_DROP_SESSION, /* give the session up, send again under poison_window and max_samples */
	POISON_SET_ASIDE,    /* the same, and the one sample in flight is never to be sent again */
};

enum poison_advice poison_lost(struct poison *poison, const struct poison_flight *flight);
/* True when the last suspect has passed and it was the bodies' size: the caller limits them to
 * largest_passed. */
bool poison_acked(struct poison *poison, uint32_t samples, size_t bytes);
uint32_t poison_window(const struct poison *poison, uint32_t messages);
uint32_t poison_samples(const struct poison *poison, uint32_t max_samples);

#endif
