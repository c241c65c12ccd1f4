/*
 * Where a sample comes in: checked against its declaration, stamped, put into its policy's queue.
 *
 * What was pushed is accepted at once and handed to the kernel by ingest_commit, which the script
 * host calls before a script yields or its handler ends. Loop thread.
 */
#ifndef NEAP_CORE_INGEST_H
#define NEAP_CORE_INGEST_H

#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/catalog/observe.h"
#include "core/catalog/policies.h"
#include "core/queue/queue.h"

struct ingest;

/* `wake` is called (once for many) when something was committed: the uplink looks what is due. */
struct ingest *ingest_new(struct clock *clock, struct queue_set *queues, struct policies *policies,
    void (*wake)(void *ctx), void *ctx);
void ingest_free(struct ingest *ingest);
void ingest_observed(struct ingest *ingest, const struct observers *observers); /* outlive it */

/* Once before the first push, and after each change of the policies: the queues follow. -1: why one
 * does not; the others do, and its samples go to the default's. */
int ingest_policies_changed(struct ingest *ingest, struct err *err);

/*
 * Accepts one sample of a declared variable or setting. time NULL: now. The value is fitted to the
 * declared type. -1: why (wrong type, NaN, out of 32 bit, ...), beginning with the path. 1:
 * accepted, and its policy is durable: the caller yields until ingest_sync calls back. 0: accepted.
 */
int ingest_push(struct ingest *ingest, const struct entry *entry, const struct value *value,
    const struct stamp *time, struct err *err);
/* The same into the policy "answers", which leaves at once; the value has its type already. */
int ingest_answer(struct ingest *ingest, const struct sample *sample, struct err *err);
/* The acknowledgement of a task into the policy "acks", which is durable. outcome: "" if all went
 * well, or why not, in UTF-8. */
int ingest_ack(struct ingest *ingest, const char *uid, const char *outcome, struct err *err);
void ingest_commit(struct ingest *ingest);
/* Commits, and syncs now; `done` comes later, from the loop (queue.h: queue_sync). */
void ingest_sync(struct ingest *ingest, void (*done)(void *ctx, int error), void *ctx);

#endif
