/* All queues: the folder, which of them there are, what they tell about themselves. */
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOTS_FILE_MAX 4096

static struct queue *find(const struct queue_set *set, const char *name)
{
	struct queue *queue = set->queues;

	while (queue && strcmp(queue->name, name) != 0)
		queue = queue->next;
	return queue;
}

/* Behind the others: queue_next goes in the order of their making. */
static struct queue *add(struct queue_set *set, const char *name)
{
	struct queue *queue = mem_alloc(sizeof *queue), **last = &set->queues;
	size_t size = strlen(set->dir) + strlen(name) + 2;

	queue->set = set;
	queue->name = mem_strdup(name);
	queue->folder = mem_alloc(size);
	(void)snprintf(queue->folder, size, "%s/%s", set->dir, name);
	while (*last)
		last = &(*last)->next;
	*last = queue;
	return queue;
}

static void free_queue(struct queue *queue)
{
	queue_thin_abandon(queue);
	for (int i = 0; i < 2; i++)
		lane_leave(&queue->lanes[i]);
	for (size_t i = 0; i < queue->count; i++)
		segment_free(queue->segments[i]);
	free(queue->segments);
	ranges_free(&queue->taken);
	free(queue->name);
	free(queue->folder);
	free(queue);
}

bool queue_is_over(const struct queue *queue)
{
	return !queue->declared && queue->count == 0 && queue->in_flight == 0;
}

void queue_remove_folder(struct queue *queue)
{
	char path[4096];

	if (!queue->folder_made || !queue_is_over(queue))
		return;
	(void)snprintf(path, sizeof path, "%s/cursor", queue->folder);
	(void)unlink(path);
	if (rmdir(queue->folder) == 0)
		log_info(
		    "queue", "%s: empty, and no policy of that name is declared; removed", queue->folder);
	queue->folder_made = false;
}

/* --- open and close --- */

/* A disk that refuses does not stop the start; a folder that cannot be is an error of the
 * configuration. */
static int make_dir(const struct queue_set *set, struct err *err)
{
	struct err why = {0};

	if (fileio_mkdirs(set->dir, 0700, &why) == 0)
		return 0;
	if (why.code != -EROFS && why.code != -ENOSPC && why.code != -EIO && why.code != -EDQUOT) {
		if (err)
			*err = why;
		return -1;
	}
	log_warn("queue", "%s; samples are kept in memory until that works", why.text);
	return 0;
}

static void load_boots(struct queue_set *set)
{
	char path[4096];
	struct buf text = {0};

	(void)snprintf(path, sizeof path, "%s/boots", set->dir);
	if (fileio_read(path, BOOTS_FILE_MAX, &text, NULL) == 0)
		boots_parse(&set->boots, text.data, text.len);
	int64_t ahead_ms;
	set->boots_noted = boots_find(&set->boots, clock_boot_id(set->clock), &ahead_ms);
	buf_free(&text);
}

static bool is_folder_name(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-"
	                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* NAME, or NAME.vN: what an older neap set aside because this one's format was too new for it. */
static bool is_queue_folder(const char *name)
{
	const char *mark = strstr(name, ".v");
	char start[256];

	(void)snprintf(start, sizeof start, "%.*s", mark ? (int)(mark - name) : 255, name);
	return is_folder_name(start) && (!mark || strtoul(mark + 2, NULL, 10) <= SEGMENT_VERSION);
}

static void load_queues(struct queue_set *set)
{
	DIR *dir = opendir(set->dir);
	struct dirent *entry;

	if (!dir) {
		if (errno != ENOENT) /* that could not be made: said already */
			log_error("queue", "cannot read %s: %s", set->dir, strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		bool folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
		if (!folder || !is_queue_folder(entry->d_name))
			continue;
		struct queue *queue = add(set, entry->d_name);
		policy_init(&queue->policy, "default");
		queue_load(queue);
	}
	(void)closedir(dir);
}

struct queue_set *queue_set_open(
    uv_loop_t *loop, struct clock *clock, const struct queue_options *options, struct err *err)
{
	struct queue_set *set = mem_alloc(sizeof *set);

	set->clock = clock;
	set->options = *options;
	set->dir = mem_strdup(options->dir);
	set->options.dir = set->dir;
	if (make_dir(set, err) < 0 || (set->disk = disk_new(loop, err)) == NULL) {
		free(set->dir);
		free(set);
		return NULL;
	}
	set->timer = mem_alloc(sizeof *set->timer); /* lives until its close callback */
	set->timer->data = set;
	must(uv_timer_init(loop, set->timer) == 0);
	uv_unref((uv_handle_t *)set->timer);
	load_boots(set);
	load_queues(set);
	queue_sync_arm(set);
	return set;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

void queue_set_close(struct queue_set *set)
{
	if (!set)
		return;
	set->closing = true;
	(void)uv_timer_stop(set->timer);
	uv_close((uv_handle_t *)set->timer, free_handle);
	queue_note_boot(set);
	disk_close(set->disk);
	for (struct queue *queue = set->queues; queue; queue = queue->next)
		queue->retry_ms = 0;
	queue_sync_last(set);
	for (struct queue *queue = set->queues, *next; queue; queue = next) {
		next = queue->next;
		if (queue->pending > 0)
			log_error("queue", "%s: %llu bytes of samples could not be written and are lost now",
			    queue->folder, (unsigned long long)queue->pending);
		queue_remove_folder(queue);
		free_queue(queue);
	}
	free(set->dir);
	free(set);
}

/* --- which there are --- */

struct queue *queue_declare(struct queue_set *set, const struct policy *policy, struct err *err)
{
	struct queue *queue = find(set, policy->name);

	if (!queue) {
		if (policy_name_check(policy->name, err) < 0)
			return NULL;
		queue = add(set, policy->name);
		queue->next_seq = queue->backlog_end = 1;
		queue->lanes[LANE_BACKLOG].next = queue->lanes[LANE_FRESH].next = 1;
	}
	queue->policy = *policy;
	queue->declared = true;
	return queue;
}

struct queue *queue_next(struct queue_set *set, const struct queue *after)
{
	struct queue *queue = after ? after->next : set->queues;

	while (queue && queue_is_over(queue))
		queue = queue->next;
	return queue;
}

const char *queue_name(const struct queue *queue)
{
	return queue->name;
}

/* --- figures --- */

const char *loss_name(enum loss reason)
{
	static const char *const names[LOSS_REASONS] = {
	    [LOSS_OLDEST] = "drop_oldest",
	    [LOSS_NEWEST] = "drop_newest",
	    [LOSS_THINNED] = "thin",
	    [LOSS_DAMAGED] = "damaged",
	    [LOSS_MEMORY] = "memory",
	    [LOSS_REFUSED] = "refused",
	    [LOSS_DROPPED] = "dropped",
	};

	return names[reason];
}

static uint64_t readable(const struct queue *queue, const struct lane *lane, int64_t now)
{
	uint64_t waiting = lane->waiting - lane->advanced;

	(void)queue;
	return lane->read_again_ms > now ? 0 : waiting;
}

/* Of the segment with the oldest waiting sample; the sample itself where a lane stands at it. */
static int64_t oldest_wall_ms(const struct queue *queue)
{
	const struct lane *lane = &queue->lanes[queue->lanes[LANE_BACKLOG].waiting == 0];
	enum record_time time;

	for (size_t i = queue_index(queue, lane->next); i < queue->count; i++) {
		const struct segment *segment = queue->segments[i];
		const struct stamp *stamp = &segment->oldest;
		if (segment->live == 0)
			continue;
		if (lane->peeked && lane->scan.segment == segment)
			stamp = &lane->scan.view.time;
		int64_t wall_ms = queue_wall(queue->set, segment, stamp, &time);
		return time == TIME_KNOWN ? wall_ms : 0;
	}
	return 0;
}

struct queue_figures queue_figures(const struct queue *queue)
{
	const struct lane *backlog = &queue->lanes[LANE_BACKLOG], *fresh = &queue->lanes[LANE_FRESH];
	int64_t now =
	    backlog->read_again_ms || fresh->read_again_ms ? clock_mono_ms(queue->set->clock) : 0;
	struct queue_figures figures = {
	    .waiting = readable(queue, backlog, now) + readable(queue, fresh, now),
	    .in_flight = queue->in_flight + backlog->advanced + fresh->advanced,
	    .backlog = readable(queue, backlog, now),
	    .bytes = queue->bytes,
	    .memory_bytes = queue->trouble ? queue->pending : 0,
	    .unsynced = queue->unsynced,
	    .accepted = queue->accepted,
	    .delivered = queue->delivered,
	    .first_mono_ms = fresh->waiting > 0 ? queue->first_mono_ms : 0,
	    .oldest_wall_ms = backlog->waiting + fresh->waiting > 0 ? oldest_wall_ms(queue) : 0,
	    .segments = (uint32_t)queue->count,
	    .flash_bytes = queue->flash_bytes,
	    .flash_writes = queue->flash_writes,
	    .trouble = queue->trouble ? queue->trouble_text : NULL,
	};

	memcpy(figures.lost, queue->lost, sizeof figures.lost);
	return figures;
}
