/*
 * What turns samples into bodies, whatever their form: the uplink fills, finishes and sends without
 * knowing which.
 *
 * An encoder is used again and again. The rules of the calls are those of message.h, whose forms
 * are one kind; acknowledgements (acks.h) and time series (series.h) are others.
 */
#ifndef NEAP_CORE_ENCODER_H
#define NEAP_CORE_ENCODER_H

#include "core/base/buf.h"
#include "core/base/sample.h"
#include "core/catalog/catalog.h"
#include "core/message/message.h"

struct encoder {
	void *self;
	enum message_fit (*add)(void *self, const struct sample *sample);
	size_t (*count)(const void *self);
	void (*finish)(void *self, struct buf *out);
	void (*clear)(void *self);
	void (*free)(void *self);
};

struct encoder encoder_of_messages(const struct message_format *format);
/* error_word: what a failed task's status is, "ERROR" or "KO". */
struct encoder encoder_of_acks(const char *error_word, size_t max_bytes);

/* zlib: messages/tsz. The catalog says which factors are declared. */
struct encoder encoder_of_series(bool zlib, size_t max_bytes, struct catalog *catalog);

#endif
