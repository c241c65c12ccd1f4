#include "core/task/ingest.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct way { /* where a policy's samples go */
	char policy[POLICY_NAME_MAX + 1];
	struct queue *queue;
	bool durable;
};

struct ingest {
	struct clock *clock;
	struct queue_set *queues;
	struct policies *policies;
	void (*wake)(void *ctx);
	void *ctx;
	const struct observers *observers;
	struct way *ways;
	size_t count;
	bool pending; /* something was appended since the last commit */
};

struct ingest *ingest_new(struct clock *clock, struct queue_set *queues, struct policies *policies,
    void (*wake)(void *ctx), void *ctx)
{
	struct ingest *ingest = mem_alloc(sizeof *ingest);
	*ingest = (struct ingest){
	    .clock = clock, .queues = queues, .policies = policies, .wake = wake, .ctx = ctx};
	return ingest;
}

void ingest_free(struct ingest *ingest)
{
	if (!ingest)
		return;
	free(ingest->ways);
	free(ingest);
}

void ingest_observed(struct ingest *ingest, const struct observers *observers)
{
	ingest->observers = observers;
}

int ingest_policies_changed(struct ingest *ingest, struct err *err)
{
	int result = 0;
	ingest->count = 0;
	for (const struct policy *policy = NULL; (policy = policies_next(ingest->policies, policy));) {
		/* one that fails does not keep the others from working; the first is told */
		struct queue *queue = queue_declare(ingest->queues, policy, result ? NULL : err);
		if (!queue) {
			result = -1;
			continue;
		}
		ingest->ways = mem_resize(ingest->ways, ingest->count + 1, sizeof *ingest->ways);
		struct way *way = &ingest->ways[ingest->count++];
		*way = (struct way){.queue = queue, .durable = policy->durable};
		memcpy(way->policy, policy->name, sizeof way->policy);
	}
	return result;
}

/* The default's where a policy has no queue: its sample is late then, not lost. */
static const struct way *find_way(const struct ingest *ingest, const char *policy)
{
	const struct way *otherwise = NULL;
	for (size_t i = 0; i < ingest->count; i++) {
		if (!strcmp(ingest->ways[i].policy, policy))
			return &ingest->ways[i];
		if (!strcmp(ingest->ways[i].policy, POLICY_DEFAULT))
			otherwise = &ingest->ways[i];
	}
	return otherwise;
}

/* seq: what the sample has, if the queue took it. */
static void tell(
    const struct ingest *ingest, const struct way *way, const struct sample *sample, uint64_t seq)
{
	const struct sighting sighting = {
	    .what = queue_next_seq(way->queue) > seq ? SIGHT_QUEUED : SIGHT_LOST,
	    .path = sample->path,
	    .value = &sample->value,
	    .time = sample->time,
	    .queue = queue_name(way->queue),
	    .first = seq,
	    .last = seq,
	};
	observe_tell(ingest->observers, &sighting);
}

static int append(struct ingest *ingest, const char *policy, enum value_type type,
    struct sample *sample, struct err *err)
{
	const struct way *way = find_way(ingest, policy);
	if (!way)
		return err_set(err, "%s: there is no queue that could take it", sample->path);
	uint64_t seq = queue_next_seq(way->queue);
	if (value_fit(&sample->value, type, false, err) < 0 ||
	    queue_append(way->queue, sample, err) < 0) {
		err_prefix(err, "%s: ", sample->path);
		return -1;
	}
	ingest->pending = true;
	if (observed(ingest->observers))
		tell(ingest, way, sample, seq);
	return way->durable;
}

int ingest_push(struct ingest *ingest, const struct entry *entry, const struct value *value,
    const struct stamp *time, struct err *err)
{
	struct sample sample = {
	    .path = entry->path, .value = *value, .time = time ? *time : clock_stamp(ingest->clock)};
	return append(ingest, entry->policy, entry->type, &sample, err);
}

int ingest_answer(struct ingest *ingest, const struct sample *sample, struct err *err)
{
	struct sample copy = *sample;
	return append(ingest, POLICY_ANSWERS, sample->value.type, &copy, err);
}

int ingest_ack(struct ingest *ingest, const char *uid, const char *outcome, struct err *err)
{
	struct sample ack = {.path = uid, .time = clock_stamp(ingest->clock)};
	ack.value =
	    (struct value){.type = VALUE_STRING, .text = {.data = outcome, .len = strlen(outcome)}};
	return append(ingest, POLICY_ACKS, VALUE_STRING, &ack, err);
}

void ingest_commit(struct ingest *ingest)
{
	if (!ingest->pending)
		return;
	ingest->pending = false;
	queue_commit(ingest->queues);
	ingest->wake(ingest->ctx);
}

void ingest_sync(struct ingest *ingest, void (*done)(void *ctx, int error), void *ctx)
{
	ingest_commit(ingest);
	queue_sync(ingest->queues, done, ctx);
}
