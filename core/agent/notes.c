#include "core/agent/notes.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct notes {
	struct events *events;
	bool up;
	bool disk_refuses;
	char reason[sizeof(((struct link_status *)0)->reason)]; /* noted last; "" once it is up */
};

struct notes *notes_new(struct events *events)
{
	struct notes *notes = mem_alloc(sizeof(*notes));

	notes->events = events;
	return notes;
}

void notes_free(struct notes *notes)
{
	free(notes);
}

void notes_link(struct notes *notes, const struct link_status *status)
{
	if (status->state == LINK_CONNECTED) {
		events_note(notes->events, EVENT_LINK, "connected to %s", status->url);
		notes->reason[0] = '\0';
		notes->up = true;
		return;
	}
	if (status->state != LINK_WAITING && status->state != LINK_REFUSED)
		return;
	if (notes->up || strcmp(notes->reason, status->reason) != 0)
		events_note(notes->events, EVENT_LINK, "%s: %s",
		    notes->up                       ? "lost"
		    : status->state == LINK_REFUSED ? "refused"
		                                    : "failed",
		    status->reason);
	(void)snprintf(notes->reason, sizeof(notes->reason), "%s", status->reason);
	notes->up = false;
}

void notes_clock(struct notes *notes, const struct clock_change *change)
{
	if (change->became_set)
		events_note(notes->events, EVENT_CLOCK, "set");
	if (change->step_ms != 0)
		events_note(
		    notes->events, EVENT_CLOCK, "jumped by %+.3f s", (double)change->step_ms / 1000);
}

void notes_disk(struct notes *notes, struct queue_set *queues)
{
	const char *trouble = NULL;

	for (const struct queue *queue = queue_next(queues, NULL); queue && !trouble;
	     queue = queue_next(queues, queue))
		trouble = queue_figures(queue).trouble;
	if ((trouble != NULL) == notes->disk_refuses)
		return;
	notes->disk_refuses = trouble != NULL;
	events_note(notes->events, EVENT_DISK, "%s", trouble ? trouble : "the queue is written again");
}
