/*
 * What happens to datapoints, told to whoever looks on live: `neap tail`, `neap trace`.
 *
 * The parts that data passes through tell; who looks on keeps nothing up and changes nothing. While
 * nobody does, a telling costs one comparison. Loop thread.
 */
#ifndef NEAP_CORE_OBSERVE_H
#define NEAP_CORE_OBSERVE_H

#include "core/base/sample.h"

enum sight {
	SIGHT_READ,      /* by a sensor: value, reported, text: the verdict of the report rule */
	SIGHT_COLLECTED, /* the same, where many reads make one datapoint */
	SIGHT_FAILED,    /* the read of a sensor: text: why */
	SIGHT_QUEUED,    /* accepted: value, time, queue, first: its sequence */
	SIGHT_LOST,      /* not accepted, the queue is full: value, time, queue */
	SIGHT_SENT,      /* a message with `count` samples of queue, from first to last */
	SIGHT_ACKED,     /* that message */
	SIGHT_RETURNED,  /* it was not delivered: its samples wait again */
	SIGHT_SECOND,    /* about once a second */
};

struct sighting { /* valid during the call */
	enum sight what;
	const char *path;
	const struct value *value;
	struct stamp time;
	const char *text;
	bool reported;
	const char *queue;
	uint64_t first, last;
};

struct observer { /* the looker-on's, until it leaves */
	void (*see)(struct observer *observer, const struct sighting *sighting);
	struct observer *next;
};

struct observers { /* zeroed: nobody */
	struct observer *first;
};

static inline bool observed(const struct observers *observers)
{
	return observers && observers->first;
}

void observe_begin(struct observers *observers, struct observer *observer);
void observe_end(
    struct observers *observers, struct observer *observer); /* from within `see` only its own */
void observe_tell(const struct observers *observers, const struct sighting *sighting);

#endif
