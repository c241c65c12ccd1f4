/*
 * The bodies of the protocol: samples in, one JSON text out.
 *
 *   form C  [{"machine.temperature":[{"timestamp":1349907137,"value":"23.2"}, ...]}, ...]
 *   form A  {"1349907137000":{"machine.temperature":23.2, ...}, ...}
 *   form B  {"machine.temperature":23.2, ...}
 *
 * C has an object for each path, A one for each timestamp, both in the order of first appearance. B
 * has no time: the server stamps it on arrival; samples whose time is not known go that way, and
 * never in one body with others. In A and B a path has one value at a time only.
 *
 * A builder is used again and again; it owns its memory. Adding is O(1) a sample and copies what it
 * needs. Paths are valid ones (path_check), values fit their types (value_fit).
 */
#ifndef NEAP_CORE_MESSAGE_H
#define NEAP_CORE_MESSAGE_H

#include "core/base/buf.h"
#include "core/base/sample.h"

struct message_format {
	bool form_a;        /* else form C */
	bool native_values; /* 23.2, else "23.2"; texts are the same in both */
	bool milliseconds;  /* else whole seconds, rounded down */
	size_t max_bytes;   /* of the body, exactly */
};

enum message_fit {
	MESSAGE_ADDED,
	MESSAGE_FULL,    /* not added: finish this body, then add it to the next */
	MESSAGE_TOO_BIG, /* not added: alone in a body it is above max_bytes, it can never leave */
};

struct message;

struct message *message_new(const struct message_format *format);
void message_free(struct message *message);
enum message_fit message_add(struct message *message, const struct sample *sample);
size_t message_count(const struct message *message);
void message_finish(struct message *message,
    struct buf *out); /* replaces out's content; the builder is empty again */
void message_clear(struct message *message);

#endif
