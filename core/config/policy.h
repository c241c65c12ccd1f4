/*
 * A policy: when a batch leaves, what happens when its queue is full. Plain data and pure
 * decisions: the time is passed in.
 */
#ifndef NEAP_CORE_POLICY_H
#define NEAP_CORE_POLICY_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NAME_MAX 32 /* bytes, of a-z A-Z 0-9 _ -; it is a folder's name too */

enum policy_priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW };
enum policy_encoding {
	ENCODING_JSON, /* message.h, on messages/json */
	ENCODING_TS,   /* series.h, on messages/ts */
	ENCODING_TSZ,  /* the same with zlib, on messages/tsz */
};
enum policy_full { FULL_DROP_OLDEST, FULL_DROP_NEWEST, FULL_THIN };

struct policy {
	char name[POLICY_NAME_MAX + 1];
	int64_t flush_ms;     /* from the batch's first sample; 0: now */
	int64_t jitter_ms;    /* up to this much is added to each flush, at random, to spread a fleet */
	uint32_t max_samples; /* a batch of that many leaves at once; and no message holds more */
	enum policy_priority priority;
	bool durable;   /* push returns after the sync */
	uint64_t limit; /* bytes of queue */
	enum policy_full full;
	enum policy_encoding encoding;
};

void policy_init(
    struct policy *policy, const char *name); /* the defaults: 30s, 500, 8MB, drop_oldest, normal */

/*
 * Sets one field from text as a script, neap.yaml or the server gives it: "flush" "60s". -1: the
 * policy is as it was, and the text begins with the field ("flush: takes ..."); for an unknown
 * field it names the nearest. policy_fields: names for completion and messages, NULL-terminated.
 */
int policy_set(struct policy *policy, const char *field, const char *value, struct err *err);
/* The field's value as policy_set takes it; replaces out's content. The field is one of them. */
void policy_get(const struct policy *policy, const char *field, struct buf *out);
const char *const *policy_fields(void);
int policy_name_check(const char *name, struct err *err);
/* The first field in which two policies differ, or NULL; their names do not count. */
const char *policy_difference(const struct policy *a, const struct policy *b);

/* What the decision needs to know of a queue. */
struct policy_state {
	uint64_t waiting;      /* samples not yet sent */
	int64_t first_mono_ms; /* when the oldest of them came into the batch */
	int64_t jitter_ms;     /* drawn for this batch, 0 to policy.jitter_ms */
};
/* When the batch is due, as monotonic ms: <= now means now; INT64_MAX if nothing waits. */
int64_t policy_due(const struct policy *policy, const struct policy_state *state);

#endif
