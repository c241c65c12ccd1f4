/*
 * Thinning: every second sample of each path goes, in the oldest half of the queue, one segment
 * after the other, so that a long outage loses resolution first and history last.
 *
 * The thinned copy is written beside the segment and synced by the disk thread; only then is it
 * renamed over the old one. If anything of the segment was taken or acknowledged meanwhile, the
 * copy is thrown away. Samples in flight are kept; acknowledged ones are left out.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THIN_LEAST 8 /* a segment below 1/8 of the usual size is not thinned again, it goes */

struct thin_job {
	struct disk_job job;
	struct queue *queue; /* NULL: closed meanwhile */
	struct segment *copy;
	uint64_t first_seq;
	uint32_t touched;
	uint64_t removed[2]; /* by lane */
	int error;
};

static void free_job(struct thin_job *job)
{
	if (job->queue)
		job->queue->thin = NULL;
	segment_unlink(job->copy);
	segment_free(job->copy);
	free(job);
}

/* Copies what stays. -1: the segment cannot be read whole. */
static int copy_thinned(
    struct queue *queue, struct segment *from, struct segment *to, uint64_t removed[2])
{
	uint8_t *odd = mem_alloc(PATHS_MAX / 8 + 1); /* by path: was the last one removed? */
	struct scan scan;
	enum scan_item item;

	scan_begin(&scan, from, SCAN_BUFFER);
	while ((item = scan_next(&scan)) == SCAN_RECORD) {
		struct sample sample = {scan.path, scan.view.value, scan.view.time};
		size_t i = ranges_at(&queue->taken, scan.seq);
		bool waits = i == queue->taken.count || queue->taken.spans[i].first > scan.seq;
		uint8_t *byte = &odd[scan.view.path / 8], bit = (uint8_t)(1 << scan.view.path % 8);
		if (!waits && queue->taken.spans[i].state == SPAN_DONE)
			continue;
		if (waits)
			*byte ^= bit;
		if (waits && !(*byte & bit)) {
			removed[scan.seq >= queue->backlog_end]++;
			continue;
		}
		if (to->live++ == 0)
			to->oldest = sample.time;
		(void)segment_append(to, scan.seq, &sample, strlen(scan.path), scan.view.size);
	}
	scan_end(&scan);
	free(odd);
	paths_free(&to->paths);
	to->last_seq = from->last_seq; /* it still answers for the whole range */
	return item == SCAN_END && removed[0] + removed[1] > 0 ? 0 : -1;
}

static struct segment *make_copy(struct queue *queue, struct segment *from, uint64_t removed[2])
{
	struct segment *copy = queue_make_segment(queue, from->header.first_seq, "tmp");

	memcpy(copy->header.boot, from->header.boot, BOOT_ID_SIZE);
	copy->header.thinned = from->header.thinned < UINT8_MAX ? from->header.thinned + 1 : UINT8_MAX;
	segment_header_encode((uint8_t *)copy->pending.data, &copy->header);
	removed[0] = removed[1] = 0;
	queue_note(queue);
	if (copy_thinned(queue, from, copy, removed) == 0)
		return copy;
	segment_free(copy);
	return NULL;
}

/* The copy takes the old one's place in the list. */
static void put_in_place(
    struct queue *queue, size_t index, struct segment *copy, const uint64_t removed[2])
{
	struct segment *old = queue->segments[index];

	free(copy->path);
	copy->path = mem_strdup(old->path);
	copy->touched = old->touched;
	bool all_backlog =
	    old->last_seq < queue->backlog_end; /* perhaps only since the copy was made */
	queue_swap_segment(queue, index, copy);
	queue_count_lost(queue, LOSS_THINNED, removed[0] + removed[1]);
	queue->lanes[LANE_BACKLOG].waiting -= removed[0] + (all_backlog ? removed[1] : 0);
	queue->lanes[LANE_FRESH].waiting -= all_backlog ? 0 : removed[1];
}

/* --- on disk --- */

static void work(struct disk_job *disk_job)
{
	struct thin_job *job = (struct thin_job *)disk_job;
	int fd = open(job->copy->path, O_RDONLY | O_CLOEXEC);

	job->error = fd < 0 || fdatasync(fd) < 0 ? errno : 0;
	if (fd >= 0)
		(void)close(fd);
}

static void done(struct disk_job *disk_job)
{
	struct thin_job *job = (struct thin_job *)disk_job;
	struct queue *queue = job->queue;
	size_t i = queue ? queue_index(queue, job->first_seq) : 0;

	if (!queue || job->error || i == queue->count ||
	    queue->segments[i]->header.first_seq != job->first_seq ||
	    queue->segments[i]->touched != job->touched ||
	    rename(job->copy->path, queue->segments[i]->path) < 0) {
		if (queue && job->error)
			log_warn("queue", "%s: cannot be thinned: %s", job->copy->path, strerror(job->error));
		free_job(job);
		return;
	}
	segment_rest(job->copy);
	job->copy->synced = job->copy->size;
	put_in_place(queue, i, job->copy, job->removed);
	queue->folder_dirty = true;
	queue->thin = NULL;
	free(job);
}

/* The least thinned of the oldest half, the oldest of those. */
static size_t choose(const struct queue *queue)
{
	uint64_t before = 0;
	size_t found = queue->count;

	for (size_t i = 0; i < queue->count && before < queue->bytes / 2; i++) {
		const struct segment *segment = queue->segments[i];
		before += segment->size;
		if (segment == queue->active || segment->written < segment->size || segment->live < 2 ||
		    segment->size < queue_segment_bytes(queue) / THIN_LEAST || segment->unreadable ||
		    segment->unthinnable)
			continue;
		if (found == queue->count ||
		    segment->header.thinned < queue->segments[found]->header.thinned)
			found = i;
	}
	return found;
}

bool queue_thin(struct queue *queue)
{
	size_t i = choose(queue);

	if (queue->thin)
		return true;
	if (queue->trouble || i == queue->count)
		return false;
	struct segment *segment = queue->segments[i];
	struct thin_job *job = mem_alloc(sizeof *job);
	job->copy = make_copy(queue, segment, job->removed);
	if (!job->copy || segment_flush(job->copy) < 0) {
		if (job->copy)
			segment_unlink(job->copy);
		segment_free(job->copy);
		free(job);
		segment->unthinnable = true;
		return false;
	}
	job->job.work = work;
	job->job.done = done;
	job->queue = queue;
	job->first_seq = segment->header.first_seq;
	job->touched = segment->touched;
	queue->thin = job;
	disk_submit(queue->set->disk, &job->job);
	return true;
}

void queue_thin_abandon(struct queue *queue)
{
	if (queue->thin)
		queue->thin->queue = NULL;
	queue->thin = NULL;
}

/* --- in memory --- */

bool queue_thin_memory(struct queue *queue)
{
	for (size_t i = 0; i < queue->count; i++) {
		struct segment *segment = queue->segments[i];
		uint64_t removed[2];
		if (segment->exists || segment == queue->active || segment->header.thinned > 2 ||
		    segment->unthinnable)
			continue;
		struct segment *copy = make_copy(queue, segment, removed);
		segment->unthinnable = !copy;
		if (!copy)
			continue;
		put_in_place(queue, i, copy, removed);
		return true;
	}
	return false;
}
