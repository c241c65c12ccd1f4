#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

size_t queue_index(const struct queue *queue, uint64_t seq)
{
	size_t low = 0, high = queue->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (queue->segments[middle]->last_seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct segment *queue_find(const struct queue *queue, uint64_t seq)
{
	size_t i = queue_index(queue, seq);

	if (i == queue->count || queue->segments[i]->header.first_seq > seq)
		return NULL;
	return queue->segments[i];
}

uint64_t queue_floor(const struct queue *queue)
{
	return queue->count > 0 ? queue->segments[0]->header.first_seq : queue->next_seq;
}

void queue_account(struct queue *queue, int64_t bytes, int64_t pending, int64_t unsynced)
{
	queue->bytes += (uint64_t)bytes;
	queue->pending += (uint64_t)pending;
	queue->unsynced += (uint64_t)unsynced;
	queue->set->bytes += (uint64_t)bytes;
	queue->set->pending += (uint64_t)pending;
	queue->set->unsynced += (uint64_t)unsynced;
}

static void account_segment(struct queue *queue, const struct segment *segment, bool comes)
{
	int64_t bytes = segment->size, pending = bytes - segment->written,
	        unsynced = bytes - segment->synced;

	if (comes)
		queue_account(queue, bytes, pending, unsynced);
	else
		queue_account(queue, -bytes, -pending, -unsynced);
}

void queue_count_lost(struct queue *queue, enum loss reason, uint64_t count)
{
	if (count == 0)
		return;
	queue->lost[reason] += count;
	queue->lost_changed = true;
	queue_sync_arm(queue->set); /* the cursor keeps it over a restart */
}

char *queue_segment_path(const struct queue *queue, uint64_t first_seq, const char *suffix)
{
	size_t size = strlen(queue->folder) + strlen(suffix) + 32;
	char *path = mem_alloc(size);

	(void)snprintf(path, size, "%s/%016" PRIx64 ".%s", queue->folder, first_seq, suffix);
	return path;
}

/* Early in a boot the kernel may have no random numbers yet; nobody waits for them here. */
static uint32_t make_salt(const struct queue *queue, uint64_t first_seq)
{
	uint32_t salt;

	if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) == (ssize_t)sizeof salt)
		return salt;
	uint64_t mix = (uint64_t)clock_mono_us(queue->set->clock) ^ first_seq << 20 ^
	               (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)queue;
	return (uint32_t)(mix * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

struct segment *queue_make_segment(struct queue *queue, uint64_t first_seq, const char *suffix)
{
	struct segment_header header = {
	    .salt = make_salt(queue, first_seq),
	    .first_seq = first_seq,
	};
	char *path = queue_segment_path(queue, first_seq, suffix);

	memcpy(header.boot, clock_boot_id(queue->set->clock), BOOT_ID_SIZE);
	struct segment *segment = segment_new(path, &header);
	free(path);
	return segment;
}

void queue_add_segment(struct queue *queue, struct segment *segment)
{
	if (queue->count == queue->room) {
		queue->room = queue->room ? 2 * queue->room : 4;
		queue->segments = mem_resize(queue->segments, queue->room, sizeof(struct segment *));
	}
	queue->segments[queue->count++] = segment;
	account_segment(queue, segment, true);
}

static void leave_segment(struct queue *queue, const struct segment *segment)
{
	for (int i = 0; i < 2; i++) {
		if (queue->lanes[i].scan.segment == segment)
			lane_leave(&queue->lanes[i]);
	}
}

void queue_remove_segment(struct queue *queue, size_t index)
{
	struct segment *segment = queue->segments[index];

	queue_note(queue);
	leave_segment(queue, segment);
	account_segment(queue, segment, false);
	if (queue->active == segment)
		queue->active = NULL;
	queue->count--;
	memmove(queue->segments + index, queue->segments + index + 1,
	    (queue->count - index) * sizeof(struct segment *));
	segment_unlink(segment);
	segment_free(segment);
	queue->done_changed = true;
	ranges_tidy(&queue->taken, queue_floor(queue));
}

void queue_swap_segment(struct queue *queue, size_t index, struct segment *segment)
{
	struct segment *old = queue->segments[index];

	queue_note(queue);
	leave_segment(queue, old);
	account_segment(queue, old, false);
	queue->segments[index] = segment;
	account_segment(queue, segment, true);
	segment_free(old);
}

void queue_seal(struct queue *queue)
{
	struct segment *segment = queue->active;

	if (!segment)
		return;
	queue->active = NULL;
	paths_free(&segment->paths);
	if (segment->written == segment->size)
		segment_rest(segment);
	if (segment->live == 0)
		queue_remove_segment(queue, queue_index(queue, segment->header.first_seq));
}

void queue_sweep(struct queue *queue, uint64_t first, uint64_t last)
{
	size_t i = queue_index(queue, first);

	while (i < queue->count && queue->segments[i]->header.first_seq <= last) {
		const struct segment *segment = queue->segments[i];
		if (segment->live > 0 || (segment == queue->active && segment->size < ACTIVE_KEEP))
			i++;
		else
			queue_remove_segment(queue, i);
	}
}
