/*
 * The bodies of the protocol: samples in, one JSON text out.
 *
 *   form C   [{"machine.temperature":[{"timestamp":1349907137,"value":"23.2"}, ...]}, ...]    one
 * object for each path form A   {"1349907137000":{"machine.temperature":23.2}, ...} a timestamp
 * appears once form B   {"machine.temperature":23.2} no time: the server stamps it
 *
 * A builder is used again and again; it owns its memory. Adding is O(1) a sample and copies what it
 * needs.
 */
#ifndef NEAP_CORE_MESSAGE_H
#define NEAP_CORE_MESSAGE_H

#include "core/buf.h"
#include "core/sample.h"

struct message_format {
	bool form_a;        /* else form C; samples without a time always go in form B */
	bool native_values; /* 23.2, else "23.2" */
	bool milliseconds;
	size_t max_bytes; /* of the body */
};

enum message_fit {
	MESSAGE_ADDED,
	MESSAGE_FULL,    /* not added: finish this body, then add it to the next */
	MESSAGE_TOO_BIG, /* alone in a body it is above max_bytes: it can never leave */
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
