/* Samples go out: two lanes that read the segments, and what became of what they took. */
#include "core/base/log.h"
#include "core/queue/queue_impl.h"

#include <errno.h>
#include <string.h>

/* --- reading --- */

void lane_leave(struct lane *lane)
{
	scan_end(&lane->scan);
	lane->peeked = false;
}

static void note_lane(struct queue *queue, struct lane *lane)
{
	if (lane->piece.count == 0)
		return;
	ranges_add(&queue->taken, &lane->piece);
	lane->piece.count = 0;
}

void queue_note(struct queue *queue)
{
	note_lane(queue, &queue->lanes[LANE_BACKLOG]);
	note_lane(queue, &queue->lanes[LANE_FRESH]);
}

/* Goes to the segment that holds lane->next. False: none does. */
static bool enter(struct queue *queue, struct lane *lane)
{
	size_t i = queue_index(queue, lane->next);
	struct scan *scan = &lane->scan;

	if (i == queue->count)
		return false;
	struct segment *segment = queue->segments[i];
	lane->seek = false;
	if (scan->segment == segment && lane->next > scan->seq)
		return true;
	if (scan->segment && scan->segment != segment && scan->segment != queue->active &&
	    scan->segment->written == scan->segment->size)
		segment_rest(scan->segment);
	scan_end(scan);
	scan_begin(scan, segment, SCAN_BUFFER);
	return true;
}

static void read_failed(struct queue *queue, struct lane *lane)
{
	struct segment *segment = lane->scan.segment;

	if (++segment->read_errors < READ_RETRIES) {
		log_warn("queue", "%s: cannot be read: %s; trying again", segment->path, strerror(errno));
		lane->read_again_ms = clock_mono_ms(queue->set->clock) + RETRY_MS;
		return;
	}
	log_error("queue", "%s: cannot be read: %s; given up, what is unreadable counts as damaged",
	    segment->path, strerror(errno));
	segment->unreadable = true;
	queue_damage_met(queue, segment);
}

/* The damage was there at the start, and counted then, or it is new: the count of what still can
 * be read tells. */
void queue_damage_met(struct queue *queue, struct segment *segment)
{
	uint64_t waiting[2], taken = 0, lost = 0;

	queue_note(queue);
	if (!queue_tally(queue, segment, waiting))
		waiting[0] = waiting[1] = 0;
	for (size_t i = ranges_at(&queue->taken, segment->header.first_seq);
	     i < queue->taken.count && queue->taken.spans[i].first <= segment->last_seq; i++)
		taken += queue->taken.spans[i].state == SPAN_TAKEN ? queue->taken.spans[i].count : 0;
	uint64_t alive = waiting[0] + waiting[1] + taken;
	if (segment->live <= alive)
		return;
	lost = segment->live - alive;
	log_error("queue", "%s: damaged since the start: %llu samples are lost", segment->path,
	    (unsigned long long)lost);
	queue_count_lost(queue, LOSS_DAMAGED, lost);
	segment->live = (uint32_t)alive;
	segment->touched++;
	/* whose they were is known where the segment belongs to one lane */
	for (int i = segment->header.first_seq >= queue->backlog_end; i < 2 && lost > 0; i++) {
		struct lane *lane = &queue->lanes[i];
		uint64_t theirs = lane->waiting < lost ? lane->waiting : lost;
		lane->waiting -= theirs;
		lost -= theirs;
	}
	if (segment->live == 0)
		queue_remove_segment(queue, queue_index(queue, segment->header.first_seq));
}

/* The scan's next record that the lane may hand out. */
static bool find(struct queue *queue, struct lane *lane, uint64_t end)
{
	struct scan *scan = &lane->scan;

	for (;;) {
		if ((lane->seek || !scan->segment) && !enter(queue, lane))
			return false;
		switch (scan_next(scan)) {
		case SCAN_RECORD:
			if (scan->seq >= end) {
				lane->seek = true;
				return false;
			}
			if (scan->seq >= lane->next && !ranges_has(&queue->taken, scan->seq))
				return true;
			break;
		case SCAN_DAMAGE:
			queue_damage_met(queue, scan->segment);
			break;
		case SCAN_END:
			if (scan->segment == queue->active)
				return false;
			lane->next = scan->segment->last_seq + 1;
			lane->seek = true;
			break;
		case SCAN_ERROR:
			read_failed(queue, lane);
			if (lane->read_again_ms)
				return false;
			break;
		}
	}
}

static bool pausing(const struct queue *queue, const struct lane *lane)
{
	return lane->read_again_ms && clock_mono_ms(queue->set->clock) < lane->read_again_ms;
}

int64_t queue_wall(const struct queue_set *set, const struct segment *segment,
    const struct stamp *stamp, enum record_time *time)
{
	const uint8_t *boot = segment->header.boot;
	int64_t ahead_ms;

	*time = TIME_KNOWN;
	if (stamp->wall_valid)
		return stamp->wall_ms;
	if (memcmp(boot, clock_boot_id(set->clock), BOOT_ID_SIZE) == 0) {
		if (clock_is_set(set->clock))
			return stamp->mono_ms + clock_wall_ms(set->clock) - clock_mono_ms(set->clock);
		*time = TIME_WAITS;
	} else if (boots_find(&set->boots, boot, &ahead_ms)) {
		return stamp->mono_ms + ahead_ms;
	} else {
		*time = TIME_UNKNOWN;
	}
	return stamp->wall_ms;
}

bool queue_peek(struct queue *queue, enum queue_lane which, struct record *out)
{
	struct lane *lane = &queue->lanes[which];
	const struct scan *scan = &lane->scan;

	if (!lane->peeked) {
		if (lane->waiting <= lane->advanced) {
			scan_rest(&lane->scan);
			return false;
		}
		if (pausing(queue, lane))
			return false;
		lane->read_again_ms = 0;
		lane->peeked = find(queue, lane, which == LANE_BACKLOG ? queue->backlog_end : UINT64_MAX);
		if (!lane->peeked) {
			if (!lane->read_again_ms && !holds(lane->waiting <= lane->advanced))
				lane->waiting = lane->advanced; /* or whoever asks would ask for ever */
			return false;
		}
	}
	out->seq = scan->seq;
	out->sample.path = scan->path;
	out->sample.value = scan->view.value;
	out->sample.time = scan->view.time;
	out->sample.time.wall_ms = queue_wall(queue->set, scan->segment, &scan->view.time, &out->time);
	out->sample.time.wall_valid = out->time == TIME_KNOWN;
	return true;
}

void queue_advance(struct queue *queue, enum queue_lane which)
{
	struct lane *lane = &queue->lanes[which];
	struct span *piece = &lane->piece;
	uint64_t seq = lane->scan.seq;

	if (!holds(lane->peeked))
		return;
	/* a piece ends at a border of segments and where others' samples lie in between */
	if (piece->count > 0) {
		size_t i = ranges_at(&queue->taken, piece->last + 1);
		if (piece->first < lane->scan.segment->header.first_seq ||
		    (i < queue->taken.count && queue->taken.spans[i].first < seq))
			note_lane(queue, lane);
	}
	if (piece->count == 0)
		*piece = (struct span){.first = seq, .owner = LANE_OWNER(which), .state = SPAN_TAKEN};
	piece->last = seq;
	piece->count++;
	lane->advanced++;
	lane->scan.segment->touched++;
	lane->next = seq + 1;
	lane->peeked = false;
}

/* --- what becomes of it --- */

struct range queue_take(struct queue *queue, enum queue_lane which)
{
	struct lane *lane = &queue->lanes[which];
	struct range range = {.first = UINT64_MAX};

	queue_note(queue);
	if (lane->advanced == 0)
		return (struct range){0};
	for (size_t i = 0; i < queue->taken.count; i++) {
		struct span *span = &queue->taken.spans[i];
		if (span->state != SPAN_TAKEN || span->owner != LANE_OWNER(which))
			continue;
		if (range.first > span->first)
			range.first = span->first;
		span->owner = range.first; /* they are sorted: the first one's for all */
		range.last = span->last;
		range.count += span->count;
	}
	lane->advanced = 0;
	lane->waiting -= range.count;
	queue->in_flight += range.count;
	if (queue->lanes[LANE_FRESH].waiting == 0)
		queue->first_mono_ms = 0;
	return range;
}

/* It waits again in its old place; or, if that is gone, it is lost now. */
static void put_back(struct queue *queue, struct span *span)
{
	struct lane *lane = &queue->lanes[span->first >= queue->backlog_end];

	span->state = SPAN_FREE;
	if (span->lost) {
		queue_count_lost(queue, (enum loss)(span->lost - 1), span->count);
		return;
	}
	lane->waiting += span->count;
	lane->peeked = false;
	lane->seek = true;
	if (lane->next > span->first)
		lane->next = span->first;
	if (lane == &queue->lanes[LANE_FRESH] && queue->first_mono_ms == 0)
		queue->first_mono_ms = 1; /* it was due before */
}

/* Ends the flight of what `range` took. Returns the samples. */
static uint32_t land(struct queue *queue, const struct range *range, bool done)
{
	uint32_t count = 0;

	queue_note(queue);
	for (size_t i = ranges_at(&queue->taken, range->first);
	     i < queue->taken.count && queue->taken.spans[i].first <= range->last; i++) {
		struct span *span = &queue->taken.spans[i];
		if (span->state != SPAN_TAKEN || span->owner != range->first)
			continue;
		struct segment *segment = span->lost ? NULL : queue_find(queue, span->first);
		count += span->count;
		if (segment)
			segment->touched++;
		if (done) {
			span->state = SPAN_DONE;
			if (segment)
				segment->live -= span->count;
		} else {
			put_back(queue, span);
		}
	}
	queue->in_flight -= count;
	if (done) {
		queue->done_changed = true;
		queue_sweep(queue, range->first, range->last);
		queue_sync_arm(queue->set);
	}
	ranges_tidy(&queue->taken, queue_floor(queue));
	return count;
}

void queue_ack(struct queue *queue, const struct range *range)
{
	queue->delivered += land(queue, range, true);
}

void queue_release(struct queue *queue, const struct range *range)
{
	(void)land(queue, range, false);
}

void queue_lose(struct queue *queue, const struct range *range, enum loss reason)
{
	queue_count_lost(queue, reason, land(queue, range, true));
}

enum queue_place queue_where(struct queue *queue, uint64_t seq)
{
	queue_note(queue);
	size_t i = ranges_at(&queue->taken, seq);
	const struct span *span = i < queue->taken.count ? &queue->taken.spans[i] : NULL;

	if (span && span->first <= seq && span->state == SPAN_TAKEN && !span->lost)
		return PLACE_IN_FLIGHT;
	if (seq < queue_floor(queue) || !queue_find(queue, seq) ||
	    (span && span->first <= seq && span->state != SPAN_FREE))
		return PLACE_GONE;
	return PLACE_WAITS;
}

void queue_mark_backlog(struct queue *queue)
{
	struct lane *backlog = &queue->lanes[LANE_BACKLOG], *fresh = &queue->lanes[LANE_FRESH];

	queue_note(queue);
	for (size_t i = 0; i < queue->taken.count; i++) { /* passed, and never taken */
		struct span *span = &queue->taken.spans[i];
		if (span->state == SPAN_TAKEN && span->owner >= LANE_OWNER(LANE_FRESH)) {
			queue->lanes[LANE_OWNER(LANE_BACKLOG) - span->owner].waiting -= span->count;
			put_back(queue, span);
		}
	}
	ranges_tidy(&queue->taken, queue_floor(queue));
	backlog->advanced = fresh->advanced = 0;
	if (backlog->waiting == 0 || backlog->next > fresh->next)
		backlog->next = fresh->next;
	backlog->waiting += fresh->waiting;
	backlog->seek = true;
	backlog->peeked = false;
	lane_leave(fresh);
	fresh->waiting = 0;
	fresh->next = queue->next_seq;
	queue->backlog_end = queue->next_seq;
	queue->first_mono_ms = 0;
}
