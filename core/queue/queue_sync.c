/*
 * Syncs: one at a time on the disk thread, shared by all who wait when it begins.
 *
 * The disk thread gets paths, no descriptors: what is unlinked meanwhile needs no sync, and nobody
 * has to wait before closing. A segment of which all is acknowledged goes instead of being synced,
 * so a device that is online hardly writes its flash.
 */
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096

struct item {
	char *path;
	struct queue *queue; /* NULL: the folder of them all */
	uint64_t first_seq;  /* 0: no segment */
	uint32_t upto;
	bool folder;
	int error;
};

struct sync_job {
	struct disk_job job;
	struct queue_set *set;
	struct sync_waiter *waiters;
	int error; /* something could not even be written */
	struct item *items;
	size_t count, room;
};

static struct item *add_item(struct sync_job *job, struct queue *queue, const char *path)
{
	if (job->count == job->room) {
		job->room = job->room ? 2 * job->room : 8;
		job->items = mem_resize(job->items, job->room, sizeof *job->items);
	}
	job->items[job->count] = (struct item){.queue = queue, .path = mem_strdup(path)};
	return &job->items[job->count++];
}

static void add_folder(struct sync_job *job, struct queue *queue, const char *path, bool *dirty)
{
	if (*dirty)
		add_item(job, queue, path)->folder = true;
	*dirty = false;
}

/* Whole pages, from `from` to `upto` bytes of a file. */
static void count_flash(struct queue *queue, uint64_t from, uint64_t upto)
{
	queue->flash_bytes += (upto + PAGE - 1) / PAGE * PAGE - from / PAGE * PAGE;
	queue->flash_writes++;
}

/* --- on the disk thread --- */

static int sync_path(const struct item *item)
{
	int fd = open(item->path, O_RDONLY | O_CLOEXEC | (item->folder ? O_DIRECTORY : 0));

	if (fd < 0)
		return errno == ENOENT ? 0 : errno; /* unlinked meanwhile: nothing to keep */
	int rc = item->folder ? fsync(fd) : fdatasync(fd);
	int error = rc < 0 ? errno : 0;
	(void)close(fd);
	return item->folder && error == EINVAL ? 0 : error; /* some file systems sync no folders */
}

static void work(struct disk_job *disk_job)
{
	struct sync_job *job = (struct sync_job *)disk_job;

	for (size_t i = 0; i < job->count; i++)
		job->items[i].error = sync_path(&job->items[i]);
}

/* --- on the loop thread --- */

static void fill_cursor(struct queue *queue)
{
	struct cursor *cursor = &queue->cursor;
	const struct ranges *taken = &queue->taken;

	cursor->base = queue_floor(queue);
	cursor->count = 0;
	for (int i = 0; i < LOSS_REASONS; i++)
		cursor->lost[i] = queue->lost[i];
	for (size_t i = 0; i < taken->count && cursor->count < CURSOR_SPANS; i++) {
		const struct span *span = &taken->spans[i];
		if (span->state != SPAN_DONE || span->last < cursor->base)
			continue;
		if (span->first <= cursor->base && cursor->count == 0) {
			cursor->base = span->last + 1;
			continue;
		}
		cursor->done[cursor->count].first = span->first;
		cursor->done[cursor->count++].last = span->last;
	}
}

static void store_cursor(struct sync_job *job, struct queue *queue)
{
	char path[4096];

	if (!queue->lost_changed &&
	    (!queue->done_changed || (queue->count == 0 && !queue->set->closing)))
		return;
	if (!queue->folder_made && (!queue->lost_changed || queue_make_folder(queue) < 0))
		return; /* nothing was ever written */
	fill_cursor(queue);
	bool first = queue->cursor.generation == 0;
	(void)snprintf(path, sizeof path, "%s/cursor", queue->folder);
	if (cursor_store(path, &queue->cursor) < 0) {
		log_warn("queue", "cannot write %s: %s; after a restart more is sent twice", path,
		    strerror(errno));
		return;
	}
	queue->folder_dirty |= first;
	queue->lost_changed = queue->done_changed = false;
	(void)add_item(job, queue, path);
	count_flash(queue, 0, 1);
}

static void gather_segments(struct sync_job *job, struct queue *queue)
{
	for (size_t i = 0; i < queue->count; i++) {
		struct segment *segment = queue->segments[i];
		if (segment->synced >= segment->written)
			continue;
		if (segment->doubtful && segment_rewrite(segment) < 0) {
			job->error = errno;
			continue;
		}
		struct item *item = add_item(job, queue, segment->path);
		item->first_seq = segment->header.first_seq;
		item->upto = segment->written;
		count_flash(queue, segment->synced, segment->written);
	}
}

static void gather(struct sync_job *job, struct queue *queue)
{
	if (queue->active && queue->active->live == 0)
		queue_remove_segment(queue, queue->count - 1);
	gather_segments(job, queue);
	store_cursor(job, queue);
	if (job->count > 0)
		add_folder(job, queue, queue->folder, &queue->folder_dirty);
	if (queue->pending > 0)
		job->error = queue->trouble ? queue->trouble : EIO;
}

static void item_done(struct queue_set *set, const struct item *item)
{
	struct queue *queue = item->queue;

	if (item->error)
		log_warn(
		    "queue", "cannot sync %s: %s; it is tried again", item->path, strerror(item->error));
	if (item->folder && item->error)
		*(queue ? &queue->folder_dirty : &set->dir_dirty) = true;
	if (item->first_seq == 0)
		return;
	struct segment *segment = queue_find(queue, item->first_seq);
	if (!segment || segment->header.first_seq != item->first_seq || segment->synced >= item->upto ||
	    segment->written < item->upto)
		return; /* gone, or thinned */
	segment->doubtful = item->error != 0;
	if (item->error)
		return;
	queue_account(queue, 0, 0, -(int64_t)(item->upto - segment->synced));
	segment->synced = item->upto;
}

static void call_waiters(struct sync_waiter *waiter, int error)
{
	while (waiter) {
		struct sync_waiter *next = waiter->next;
		waiter->done(waiter->ctx, error);
		free(waiter);
		waiter = next;
	}
}

static void finish(struct sync_job *job)
{
	int error = job->error;

	for (size_t i = 0; i < job->count; i++) {
		item_done(job->set, &job->items[i]);
		if (!error)
			error = job->items[i].error;
		free(job->items[i].path);
	}
	free(job->items);
	job->set->syncing = false;
	call_waiters(job->waiters, error);
}

static void done(struct disk_job *disk_job)
{
	struct sync_job *job = (struct sync_job *)disk_job;
	struct queue_set *set = job->set;

	finish(job);
	free(job);
	if (set->closing)
		return;
	for (struct queue *queue = set->queues; queue; queue = queue->next)
		queue_remove_folder(queue);
	if (set->waiters)
		queue_sync_start(set);
	else
		queue_sync_arm(set);
}

static void prepare(struct queue_set *set, struct sync_job *job)
{
	job->job.work = work;
	job->job.done = done;
	job->set = set;
	queue_commit(set);
	for (struct queue *queue = set->queues; queue; queue = queue->next)
		gather(job, queue);
	if (job->count > 0)
		add_folder(job, NULL, set->dir, &set->dir_dirty);
	job->waiters = set->waiters;
	set->waiters = NULL;
	set->syncing = true;
}

void queue_sync_start(struct queue_set *set)
{
	struct sync_job *job = mem_alloc(sizeof *job);

	prepare(set, job);
	disk_submit(set->disk, &job->job);
}

void queue_sync_last(struct queue_set *set)
{
	struct sync_job job = {0};

	prepare(set, &job);
	work(&job.job);
	finish(&job);
}

void queue_sync(struct queue_set *set, void (*done_fn)(void *ctx, int error), void *ctx)
{
	struct sync_waiter **last = &set->waiters;
	struct sync_waiter *waiter = mem_alloc(sizeof *waiter);

	waiter->done = done_fn;
	waiter->ctx = ctx;
	while (*last)
		last = &(*last)->next;
	*last = waiter;
	if (!set->syncing && !set->closing)
		queue_sync_start(set);
}

/* --- the boots file --- */

struct boots_job {
	struct disk_job job;
	struct queue_set *set;
	char *path;
	struct buf text;
	struct err err;
	int rc;
};

static void write_boots(struct disk_job *disk_job)
{
	struct boots_job *job = (struct boots_job *)disk_job;

	job->rc = fileio_replace(job->path, job->text.data, job->text.len, 0600, &job->err);
}

static void boots_written(struct disk_job *disk_job)
{
	struct boots_job *job = (struct boots_job *)disk_job;

	if (job->rc < 0)
		log_warn("queue", "%s", job->err.text);
	job->set->boots_under_way = false;
	job->set->boots_noted = job->rc == 0;
	buf_free(&job->text);
	free(job->path);
	free(job);
}

void queue_note_boot(struct queue_set *set)
{
	if (!set->untimed || set->boots_noted || set->boots_under_way || !clock_is_set(set->clock))
		return;
	struct boots_job *job = mem_alloc(sizeof *job);
	size_t size = strlen(set->dir) + 8;

	boots_note(&set->boots, clock_boot_id(set->clock),
	    clock_wall_ms(set->clock) - clock_mono_ms(set->clock));
	boots_format(&set->boots, &job->text);
	job->path = mem_alloc(size);
	(void)snprintf(job->path, size, "%s/boots", set->dir);
	job->set = set;
	job->job.work = write_boots;
	job->job.done = boots_written;
	set->boots_under_way = true;
	disk_submit(set->disk, &job->job);
}

/* --- the timer --- */

static bool has_work(const struct queue_set *set)
{
	if (set->unsynced > 0 || (set->untimed && !set->boots_noted))
		return true;
	for (const struct queue *queue = set->queues; queue; queue = queue->next) {
		if (queue_is_over(queue) ? queue->folder_made
		                         : queue->lost_changed || (queue->done_changed && queue->count > 0))
			return true;
	}
	return false;
}

static void on_timer(uv_timer_t *timer)
{
	struct queue_set *set = timer->data;

	queue_note_boot(set);
	if (!set->syncing && has_work(set))
		queue_sync_start(set);
}

void queue_sync_arm(struct queue_set *set)
{
	uint64_t delay = set->options.sync_ms > 0 ? (uint64_t)set->options.sync_ms : 1;

	if (set->closing || uv_is_active((uv_handle_t *)set->timer) || !has_work(set))
		return;
	if (set->pending > 0 && delay > RETRY_MS)
		delay = RETRY_MS; /* it is there because the disk refused */
	(void)uv_timer_start(set->timer, on_timer, delay, 0);
}
