/* Samples come in: into the active segment's memory, and from there to the kernel. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* An eighth of the limit: what goes when the queue is full is a segment. */
uint32_t queue_segment_bytes(const struct queue *queue)
{
	uint64_t limit = queue->policy.limit, all = queue->set->options.limit;

	if (all > 0 && (limit == 0 || limit > all))
		limit = all;
	if (limit == 0 || limit / 8 > SEGMENT_MAX)
		return SEGMENT_MAX;
	return limit / 8 < SEGMENT_MIN ? SEGMENT_MIN : (uint32_t)(limit / 8);
}

/* What is only in memory is dropped by segments: they must be small beside the limit. */
static uint32_t memory_segment_bytes(const struct queue *queue)
{
	uint64_t bytes = queue->set->options.memory / 8;

	return bytes < queue_segment_bytes(queue) ? (uint32_t)bytes : queue_segment_bytes(queue);
}

static bool is_full(const struct queue *queue, const struct segment *segment, size_t need)
{
	if (segment->last_seq < segment->header.first_seq)
		return false;
	if (queue->trouble)
		return segment->written > 0 || segment->size + need > memory_segment_bytes(queue);
	return segment->size + need > queue_segment_bytes(queue);
}

static struct segment *begin_segment(struct queue *queue)
{
	queue->active = queue_make_segment(queue, queue->next_seq, "seg");
	queue_add_segment(queue, queue->active);
	return queue->active;
}

static size_t append_to_active(
    struct queue *queue, const struct sample *sample, size_t path_len, size_t record)
{
	struct segment *segment = queue->active;

	if (segment && is_full(queue, segment, segment_need(record, path_len))) {
		queue_seal(queue);
		segment = NULL;
	}
	if (!segment)
		segment = begin_segment(queue);
	size_t added = segment_append(segment, queue->next_seq, sample, path_len, record);
	if (added == 0) { /* no number for another path */
		queue_seal(queue);
		added = segment_append(begin_segment(queue), queue->next_seq, sample, path_len, record);
	}
	return added;
}

uint64_t queue_next_seq(const struct queue *queue)
{
	return queue->next_seq;
}

int queue_append(struct queue *queue, const struct sample *sample, struct err *err)
{
	struct queue_set *set = queue->set;
	size_t record = record_size(sample), path_len = strlen(sample->path);

	if (record == 0 || path_len == 0 || path_len > PATH_MAX_BYTES)
		return err_set(err, "%.80s: no record can hold this sample: its %s", sample->path,
		    record ? "path is empty or too long" : "value is too long or its time out of range");
	if (!queue_room(queue, segment_need(record, path_len) + SEGMENT_DATA))
		return 0;
	int64_t added = (int64_t)append_to_active(queue, sample, path_len, record);
	queue_account(queue, added, added, added);
	if (queue->active->live++ == 0)
		queue->active->oldest = sample->time;
	queue->next_seq++;
	queue->accepted++;
	set->untimed |= !sample->time.wall_valid;
	if (queue->lanes[LANE_FRESH].waiting++ == 0) {
		int64_t now = clock_mono_ms(set->clock);
		queue->first_mono_ms = now > 0 ? now : 1;
	}
	if (queue->pending > FLUSH_AT || queue->pending > set->options.memory / 4)
		(void)queue_flush(queue);
	return 0;
}

int queue_make_folder(struct queue *queue)
{
	if (queue->folder_made)
		return 0;
	int rc = mkdir(queue->folder, 0700);
	if (rc < 0 && errno == ENOENT) { /* the folder of them all was not there at the start */
		rc = mkdir(queue->set->dir, 0700);
		if (rc == 0 || errno == EEXIST)
			rc = mkdir(queue->folder, 0700);
	}
	if (rc < 0 && errno != EEXIST)
		return -1;
	queue->folder_made = true;
	queue->set->dir_dirty |= rc == 0;
	return 0;
}

static void note_trouble(struct queue *queue, int errnum)
{
	queue->retry_ms = clock_mono_ms(queue->set->clock) + RETRY_MS;
	if (errnum == ENOENT)
		queue->folder_made = false; /* somebody took it away */
	if (errnum == queue->trouble)
		return;
	queue->trouble = errnum;
	(void)snprintf(queue->trouble_text, sizeof queue->trouble_text, "cannot write in %.120s: %s",
	    queue->folder, strerror(errnum));
	log_warn("queue", "%s; samples are kept in memory, %llu bytes at most, until that works again",
	    queue->trouble_text, (unsigned long long)queue->set->options.memory);
}

static void note_recovery(struct queue *queue)
{
	if (queue->trouble)
		log_info("queue", "%s can be written again; all that was in memory is in files now",
		    queue->folder);
	queue->trouble = 0;
}

static int flush_segment(struct queue *queue, struct segment *segment)
{
	uint32_t before = segment->written;
	bool existed = segment->exists;
	int rc = segment_flush(segment);
	int errnum = errno;

	queue->folder_dirty |= segment->exists && !existed;
	queue_account(queue, 0, -(int64_t)(segment->written - before), 0);
	if (rc == 0 && segment != queue->active)
		segment_rest(segment);
	errno = errnum;
	return rc;
}

bool queue_flush(struct queue *queue)
{
	size_t i = queue->count;

	if (queue->pending == 0)
		return true;
	if (queue->trouble && clock_mono_ms(queue->set->clock) < queue->retry_ms)
		return false;
	while (i > 0 && queue->segments[i - 1]->written < queue->segments[i - 1]->size)
		i--;
	int rc = queue_make_folder(queue);
	for (; rc == 0 && i < queue->count; i++)
		rc = flush_segment(queue, queue->segments[i]);
	if (rc < 0)
		note_trouble(queue, errno);
	else
		note_recovery(queue);
	return rc == 0;
}

void queue_commit(struct queue_set *set)
{
	if (set->pending > 0) {
		for (struct queue *queue = set->queues; queue; queue = queue->next)
			(void)queue_flush(queue);
	}
	if (set->unsynced > 0)
		queue_sync_arm(set);
}
