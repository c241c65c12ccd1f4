/*
 * The journal of events: what happened to the agent, for whoever comes to look days later. It
 * survives a power cut.
 *
 * Two files in state.dir, events.log and events.old, of EVENTS_FILE_BYTES each: when the first is
 * full it takes the second's place. An event is a line,
 *
 *   CRC BOOT MONO WALL KIND TEXT
 *
 * with the CRC-32C of what follows it and the first 4 bytes of the boot's id in hex, milliseconds
 * since the boot, milliseconds since 1970 or "-" while the clock was not set. A line that a power
 * cut tore, or that is damaged otherwise, is left out and costs no other.
 *
 * Wear: a line is handed to the kernel at once, so a kill loses none; it is synced at once for
 * starts, stops and losses, else within EVENTS_SYNC_MS, with all that came meanwhile: a power cut
 * takes no more than that. More than EVENTS_BURST events, and then one in EVENTS_REFILL_MS, are not
 * written but counted, so that a link that flaps for a month wears nothing out: 720 lines a day, about
 * 100 KB. Starts, stops and losses are always written. Loop thread; reading is anybody's.
 */
#ifndef NEAP_CORE_EVENTS_H
#define NEAP_CORE_EVENTS_H

#include "core/base/clock.h"
#include "core/base/err.h"

#include <uv.h>

#define EVENTS_FILE_BYTES (32 * 1024)
#define EVENTS_TEXT_MAX   300 /* bytes; what is longer is cut */
#define EVENTS_SYNC_MS    60000
#define EVENTS_BURST      60
#define EVENTS_REFILL_MS  120000

/* The names stand in the files: "start" ... */
enum event_kind {
	EVENT_START, /* with what became of the process before */
	EVENT_STOP,
	EVENT_LINK,   /* came up, or went down and why */
	EVENT_CLOCK,  /* was set, or jumped */
	EVENT_SCRIPT, /* did not load, or was reloaded */
	EVENT_LIMIT,  /* a handler was ended by it */
	EVENT_LOSS,   /* samples were lost */
	EVENT_DISK,   /* the queue's disk refuses, or works again */
	EVENT_KINDS
};
const char *event_kind_name(enum event_kind kind);

struct events;

/* loop NULL: syncs are done in place. A folder that cannot be written is said in the log, and what
 * is noted is then lost. Notes the start, and what the journal tells of the end before it. */
struct events *events_open(const char *dir, uv_loop_t *loop, const struct clock *clock);
/* After the loop's last turn; syncs. NULL is fine here and below. */
void events_close(struct events *events);
void events_note(struct events *events, enum event_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void events_tick(struct events *events); /* about once a second: syncs what is due */

struct event {
	int64_t mono_ms;
	int64_t wall_ms; /* -1: it is not known */
	char boot[9];    /* of which boot; the beginning of its id */
	char kind[12];
	char text[EVENTS_TEXT_MAX + 1];
};

/* All events, the oldest first; those from before the clock was set get their time from later ones
 * of the same boot. How many lines were damaged is added to *damaged. -1: there are files that cannot be
 * read. */
int events_read(const char *dir, void (*each)(void *ctx, const struct event *event), void *ctx,
    unsigned *damaged, struct err *err);

#endif
