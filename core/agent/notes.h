/* What of the agent's life goes into the journal of events (events.h): each change once, however
 * often it is tried. Loop thread. */
#ifndef NEAP_CORE_NOTES_H
#define NEAP_CORE_NOTES_H

#include "core/base/events.h"
#include "core/link/mqtt.h"
#include "core/queue/queue.h"

struct notes; /* owns nothing but itself */

struct notes *notes_new(struct events *events);
void notes_free(struct notes *notes);
/* At each change of the link's state: the way up, the way down and why, and a try that fails in
 * another way than the last. */
void notes_link(struct notes *notes, const struct link_status *status);
void notes_clock(struct notes *notes, const struct clock_change *change);
/* About once a second: a disk that refuses, or works again. */
void notes_disk(struct notes *notes, struct queue_set *queues);

#endif
