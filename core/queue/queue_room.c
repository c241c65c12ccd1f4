/*
 * Limits: who gives way when there is no room, and what becomes of it.
 *
 * Each step of a loop here removes a segment, or ends it.
 */
#include "core/base/log.h"
#include "core/queue/queue_impl.h"

/* Each restart begins a file: so many small ones are as good as full. */
static bool too_many_files(const struct queue *queue)
{
	uint64_t limit = queue->policy.limit;

	return limit > 0 && queue->count > limit / SEGMENT_MIN + 16;
}

static bool fits(const struct queue *queue, uint64_t need)
{
	uint64_t limit = queue->policy.limit;

	return (limit == 0 || queue->bytes + need <= limit) && !too_many_files(queue);
}

static bool all_fit(const struct queue_set *set, uint64_t need)
{
	return set->options.limit == 0 || set->bytes + need <= set->options.limit;
}

/* The waiting samples of a segment, by lane, without those that were taken (`kept`). */
static void split_by_lane(
    struct queue *queue, struct segment *segment, uint32_t kept, uint64_t waiting[2])
{
	uint64_t total = segment->live > kept ? segment->live - kept : 0;

	waiting[LANE_BACKLOG] = segment->last_seq < queue->backlog_end ? total : 0;
	waiting[LANE_FRESH] = total - waiting[LANE_BACKLOG];
	if (segment->last_seq < queue->backlog_end || segment->header.first_seq >= queue->backlog_end)
		return;
	uint64_t found[2];
	if (queue_tally(queue, segment, found) && found[0] <= total)
		waiting[LANE_BACKLOG] = found[0];
	waiting[LANE_FRESH] = total - waiting[LANE_BACKLOG];
}

/* What is in flight may still be delivered; it is lost when it comes back. */
uint64_t queue_drop_segment(struct queue *queue, size_t index, enum loss reason)
{
	struct segment *segment = queue->segments[index];
	uint64_t waiting[2];
	uint32_t kept = 0;

	queue_note(queue);
	for (size_t i = ranges_at(&queue->taken, segment->header.first_seq);
	     i < queue->taken.count && queue->taken.spans[i].first <= segment->last_seq; i++) {
		struct span *span = &queue->taken.spans[i];
		if (span->state != SPAN_TAKEN)
			continue;
		span->lost = (uint8_t)(reason + 1);
		kept += span->count;
	}
	split_by_lane(queue, segment, kept, waiting);
	uint64_t lost = waiting[0] + waiting[1];
	for (int i = 0; i < 2; i++) {
		uint64_t most = queue->lanes[i].waiting;
		queue->lanes[i].waiting -= waiting[i] < most ? waiting[i] : most;
	}
	queue_count_lost(queue, reason, lost);
	queue_remove_segment(queue, index);
	return lost;
}

uint64_t queue_drop_all(struct queue *queue)
{
	uint64_t dropped = 0;

	while (queue->count > 0)
		dropped += queue_drop_segment(queue, 0, LOSS_DROPPED);
	return dropped;
}

/* Of the lowest priority; of those the one with the most bytes. */
static struct queue *who_gives_way(struct queue *asking)
{
	struct queue *found = asking;

	for (struct queue *queue = asking->set->queues; queue; queue = queue->next) {
		if (queue->bytes == 0 || queue->policy.priority < found->policy.priority)
			continue;
		if (queue->policy.priority > found->policy.priority || queue->bytes > found->bytes)
			found = queue;
	}
	return found;
}

static bool room_on_disk(struct queue *queue, size_t need)
{
	for (;;) {
		bool own = !fits(queue, need);
		if (!own && all_fit(queue->set, need))
			return true;
		struct queue *victim = own ? queue : who_gives_way(queue);
		if (victim == queue && queue->policy.full == FULL_DROP_NEWEST) {
			queue_count_lost(queue, LOSS_NEWEST, 1);
			return false;
		}
		if (victim->count == 0) { /* one sample above the limit, or only others' of more weight */
			queue_count_lost(queue, LOSS_OLDEST, 1);
			return false;
		}
		(void)queue_drop_segment(victim, 0, LOSS_OLDEST);
	}
}

/* --- memory --- */

/* The oldest segment of which nothing is in a file. */
static size_t first_in_memory(const struct queue *queue)
{
	size_t i = queue->count;

	while (i > 0 && !queue->segments[i - 1]->exists)
		i--;
	return i;
}

static struct queue *who_gives_memory(struct queue *asking)
{
	struct queue *found = NULL;

	for (struct queue *queue = asking->set->queues; queue; queue = queue->next) {
		if (first_in_memory(queue) == queue->count ||
		    queue->policy.priority < asking->policy.priority)
			continue;
		if (!found || queue->policy.priority > found->policy.priority ||
		    (queue->policy.priority == found->policy.priority && queue->pending > found->pending))
			found = queue;
	}
	return found;
}

/* Only while the disk refuses. */
static bool room_in_memory(struct queue *queue, size_t need)
{
	struct queue_set *set = queue->set;

	while (set->pending + need > set->options.memory && !queue_flush(queue)) {
		struct queue *victim = who_gives_memory(queue);
		if (!victim || (victim == queue && queue->policy.full == FULL_DROP_NEWEST)) {
			queue_count_lost(queue, LOSS_MEMORY, 1);
			return false;
		}
		if (victim->policy.full != FULL_THIN || !queue_thin_memory(victim))
			(void)queue_drop_segment(victim, first_in_memory(victim), LOSS_MEMORY);
	}
	return true;
}

/* Thinning takes its time: it begins before the limit is reached. */
static void thin_early(struct queue *queue, size_t need)
{
	uint64_t early = need + 2 * (uint64_t)queue_segment_bytes(queue);

	if (queue->policy.full == FULL_THIN && !queue->thin &&
	    (!fits(queue, early) || (!all_fit(queue->set, early) && who_gives_way(queue) == queue)))
		(void)queue_thin(queue);
}

bool queue_room(struct queue *queue, size_t need)
{
	thin_early(queue, need);
	if (!fits(queue, need) || !all_fit(queue->set, need)) {
		if (!room_on_disk(queue, need))
			return false;
	}
	return queue->set->pending + need <= queue->set->options.memory || room_in_memory(queue, need);
}
