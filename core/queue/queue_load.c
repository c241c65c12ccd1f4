/*
 * Recovery: reads every segment once, in a bounded buffer, and never stops the start.
 *
 * A torn tail is cut. Damage in the middle costs the damaged records: the gap in the sequence tells
 * how many, and counts as done from then on, so that it is counted once. What cannot be a segment
 * of this queue is set aside as NAME.damaged; a folder that a newer neap wrote as NAME.vN.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/queue/queue_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_BUFFER   (64 * 1024)
#define DAMAGES_TOLD  10 /* lines in the log for each segment */
#define RECORD_LEAST  27 /* the smallest record of a sample */
#define TYPICAL_BYTES 34 /* where nothing tells how many samples there were */
#define DAMAGED_KEPT  3  /* files that were set aside; older ones go, or they would fill the disk */

struct names {
	uint64_t *first;
	size_t count, room;
};

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool parse_name(const char *name, const char *suffix, uint64_t *first)
{
	if (strspn(name, "0123456789abcdef") != 16 || strcmp(name + 16, suffix) != 0)
		return false;
	*first = strtoull(name, NULL, 16);
	return true;
}

static void add_name(struct names *names, uint64_t first)
{
	if (names->count == names->room) {
		names->room = names->room ? 2 * names->room : 64;
		names->first = mem_resize(names->first, names->room, sizeof *names->first);
	}
	names->first[names->count++] = first;
}

static void sort_names(struct names *names)
{
	if (names->count > 0)
		qsort(names->first, names->count, sizeof *names->first, by_number);
}

static void remove_old_damaged(const struct queue *queue, struct names *damaged)
{
	sort_names(damaged);
	for (size_t i = 0; i + DAMAGED_KEPT < damaged->count; i++) {
		char *path = queue_segment_path(queue, damaged->first[i], "seg.damaged");
		(void)unlink(path);
		free(path);
	}
	free(damaged->first);
}

static void list_segments(struct queue *queue, struct names *names)
{
	DIR *dir = opendir(queue->folder);
	struct names damaged = {0};
	struct dirent *entry;
	uint64_t first;

	if (!dir) {
		if (errno != ENOENT)
			log_error("queue", "cannot read %s: %s", queue->folder, strerror(errno));
		return;
	}
	queue->folder_made = true;
	while ((entry = readdir(dir)) != NULL) {
		if (parse_name(entry->d_name, ".seg", &first))
			add_name(names, first);
		else if (parse_name(entry->d_name, ".seg.damaged", &first))
			add_name(&damaged, first);
		else if (parse_name(entry->d_name, ".tmp", &first)) /* of a thinning that was cut short */
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
	sort_names(names);
	remove_old_damaged(queue, &damaged);
}

/* --- one segment --- */

static bool is_done(const struct queue *queue, uint64_t seq)
{
	return ranges_has(&queue->taken, seq);
}

/* Samples lost between two sequences, both exclusive; `bytes` is what they took. They are done. */
static uint64_t lose_gap(struct queue *queue, const struct segment *segment, uint64_t after,
    uint64_t before, uint32_t bytes)
{
	if (before <= after + 1)
		return 0;
	uint64_t lost = ranges_fill(&queue->taken, after + 1, before - 1);
	/* a thinned segment has gaps of its own */
	uint64_t most = bytes / RECORD_LEAST > 0 ? bytes / RECORD_LEAST : 1;
	return segment->header.thinned && lost > most ? most : lost;
}

static void tell_damage(
    const struct segment *segment, unsigned *told, uint32_t at, uint32_t bytes, uint64_t lost)
{
	if (++*told <= DAMAGES_TOLD)
		log_warn("queue", "%s: damaged at byte %u, %u bytes: %llu samples lost", segment->path, at,
		    bytes, (unsigned long long)lost);
	else if (*told == DAMAGES_TOLD + 1)
		log_warn("queue", "%s: damaged in more places", segment->path);
}

/* The end of the file is no record: cut, so that it is met once only. */
static uint64_t lose_tail(struct queue *queue, struct segment *segment, const struct scan *scan,
    uint64_t next_first, unsigned *told)
{
	uint32_t at = scan->at, bytes = segment->size - at;
	uint64_t before = next_first ? next_first : scan->seq + scan_guess(segment, at) + 1;
	uint64_t most = bytes / RECORD_LEAST + 1;

	if (before - scan->seq > most)
		before = scan->seq + 1 + most;
	uint64_t lost = lose_gap(queue, segment, scan->seq, before, bytes);
	tell_damage(segment, told, at, bytes, lost);
	if (!segment->unreadable && segment->fd >= 0 && ftruncate(segment->fd, at) == 0)
		segment->size = segment->written = at;
	return lost;
}

static void note_record(struct queue *queue, struct segment *segment, const struct scan *scan)
{
	segment->last_seq = scan->seq;
	if (is_done(queue, scan->seq))
		return;
	if (segment->live++ == 0)
		segment->oldest = scan->view.time;
	if (!scan->view.time.wall_valid &&
	    memcmp(segment->header.boot, clock_boot_id(queue->set->clock), BOOT_ID_SIZE) == 0)
		queue->set->untimed = true;
}

static void read_segment(struct queue *queue, struct segment *segment, uint64_t next_first)
{
	struct scan scan;
	enum scan_item item;
	uint64_t lost = 0, before = 0;
	uint32_t at = 0, bytes = 0; /* of the damage met last */
	unsigned told = 0;

	scan_begin(&scan, segment, LOAD_BUFFER);
	while ((item = scan_next(&scan)) != SCAN_END) {
		if (item == SCAN_ERROR) {
			log_warn("queue", "%s: cannot be read: %s; what is unreadable counts as damaged",
			    segment->path, strerror(errno));
			segment->unreadable = true;
		} else if (item == SCAN_DAMAGE) {
			if (bytes == 0) {
				at = scan.at;
				before = scan.seq;
			}
			bytes = scan.at + scan.bytes - at;
		} else {
			if (bytes > 0) {
				uint64_t gap = lose_gap(queue, segment, before, scan.seq, bytes);
				tell_damage(segment, &told, at, bytes, gap);
				lost += gap;
				bytes = 0;
			}
			note_record(queue, segment, &scan);
		}
	}
	if (bytes > 0) {
		scan.at = at;
		lost += lose_tail(queue, segment, &scan, next_first, &told);
	}
	scan_end(&scan);
	segment_rest(segment);
	queue_count_lost(queue, LOSS_DAMAGED, lost);
}

/* It is kept for whoever wants to look, and never read again. */
static void set_aside(const char *path, const char *why, uint64_t lost)
{
	char aside[4096 + 16];

	(void)snprintf(aside, sizeof aside, "%s.damaged", path);
	if (rename(path, aside) < 0)
		log_error("queue", "%s: %s, and cannot be renamed: %s", path, why, strerror(errno));
	else
		log_warn("queue", "%s: %s; set aside as %s.damaged; about %llu samples lost", path, why,
		    path, (unsigned long long)lost);
}

/* Samples of a file that nobody can read any more: by its size, or by what follows it. */
static uint64_t lose_file(struct queue *queue, uint32_t size, uint64_t first, uint64_t next_first)
{
	uint64_t guess = size > SEGMENT_DATA ? (size - SEGMENT_DATA) / TYPICAL_BYTES : 0;
	uint64_t last = first + (guess ? guess : 1) - 1;

	if (next_first && next_first <= last)
		last = next_first - 1;
	if (first == 0 || first > INT64_MAX || last < first)
		return 0;
	uint64_t lost = ranges_fill(&queue->taken, first, last);
	queue_count_lost(queue, LOSS_DAMAGED, lost);
	return lost;
}

/* Adds it to the queue. Returns the version if a newer neap wrote it, else 0. */
static uint16_t load_segment(struct queue *queue, uint64_t first, uint64_t next_first)
{
	char *path = queue_segment_path(queue, first, "seg");
	uint64_t floor = queue->count ? queue->segments[queue->count - 1]->last_seq + 1 : 0;
	enum header_state state = HEADER_BAD;
	uint16_t version = 0;
	struct segment *segment = segment_open(path, &state, &version);

	if (!segment) {
		set_aside(
		    path, strerror(errno), lose_file(queue, 0, first < floor ? floor : first, next_first));
	} else if (state == HEADER_BAD && segment->size < SEGMENT_DATA) {
		log_info("queue", "%s: was begun and never written; removed", path);
		segment_unlink(segment);
	} else if (state == HEADER_BAD) {
		set_aside(path, "damaged at byte 0, the header cannot be read",
		    lose_file(queue, segment->size, first < floor ? floor : first, next_first));
	} else if (state == HEADER_GOOD && (segment->header.first_seq != first || first < floor)) {
		set_aside(path, "does not belong here (a copy?)", 0);
	} else if (state == HEADER_GOOD) {
		version = 0;
		read_segment(queue, segment, next_first);
		/* of this boot: perhaps only the kernel has it */
		if (memcmp(segment->header.boot, clock_boot_id(queue->set->clock), BOOT_ID_SIZE) != 0)
			segment->synced = segment->size;
		queue_add_segment(queue, segment);
		if (segment->live == 0)
			queue_remove_segment(queue, queue->count - 1);
		segment = NULL;
	}
	segment_free(segment);
	free(path);
	return state == HEADER_NEWER ? version : 0;
}

/* --- the whole queue --- */

/* What a newer neap wrote is left whole for it: under its new name it is a queue that drains then.
 */
static void start_aside(struct queue *queue, unsigned version)
{
	char path[4096];
	int n = 0;

	while (queue->count > 0) {
		struct segment *segment = queue->segments[--queue->count];
		queue_account(
		    queue, -(int64_t)segment->size, 0, -(int64_t)(segment->size - segment->synced));
		segment_free(segment);
	}
	ranges_free(&queue->taken);
	memset(queue->lost, 0, sizeof queue->lost);
	queue->cursor = (struct cursor){0};
	do {
		(void)snprintf(path, sizeof path, n ? "%s.v%u-%d" : "%s.v%u", queue->folder, version, n);
	} while (access(path, F_OK) == 0 && ++n < 1000);
	if (rename(queue->folder, path) < 0)
		log_error("queue", "%s: written by a newer neap (format %u), and cannot be renamed: %s",
		    queue->folder, version, strerror(errno));
	else
		log_error("queue",
		    "%s: written by a newer neap (format %u), which this one cannot read; kept as %s for a "
		    "newer one, and a new queue is begun",
		    queue->folder, version, path);
	queue->folder_made = false;
	queue->set->dir_dirty = true;
}

static enum cursor_state load_cursor(struct queue *queue)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/cursor", queue->folder);
	enum cursor_state state = cursor_load(path, &queue->cursor);
	const struct cursor *cursor = &queue->cursor;
	if (state == CURSOR_BAD)
		log_warn("queue", "%s: damaged; what it said is sent again, and losses count from 0", path);
	for (int i = 0; i < LOSS_REASONS; i++)
		queue->lost[i] = cursor->lost[i];
	if (cursor->base > 1)
		(void)ranges_fill(&queue->taken, 1, cursor->base - 1);
	for (uint32_t i = 0; i < cursor->count; i++)
		(void)ranges_fill(&queue->taken, cursor->done[i].first, cursor->done[i].last);
	return state;
}

static uint16_t load_segments(struct queue *queue, const struct names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		uint64_t next_first = i + 1 < names->count ? names->first[i + 1] : 0;
		uint16_t version = load_segment(queue, names->first[i], next_first);
		if (version)
			return version;
	}
	return 0;
}

void queue_load(struct queue *queue)
{
	struct names names = {0};
	unsigned version = CURSOR_VERSION + 1;
	struct lane *backlog = &queue->lanes[LANE_BACKLOG];

	list_segments(queue, &names);
	enum cursor_state state = load_cursor(queue);
	if (state != CURSOR_NEWER)
		version = load_segments(queue, &names);
	if (version)
		start_aside(queue, version);
	free(names.first);

	/* never again a sequence that the cursor calls done */
	queue->next_seq = queue->cursor.base > 1 ? queue->cursor.base : 1;
	if (queue->taken.count > 0 &&
	    queue->taken.spans[queue->taken.count - 1].last >= queue->next_seq)
		queue->next_seq = queue->taken.spans[queue->taken.count - 1].last + 1;
	if (queue->count > 0 && queue->segments[queue->count - 1]->last_seq >= queue->next_seq)
		queue->next_seq = queue->segments[queue->count - 1]->last_seq + 1;
	for (size_t i = 0; i < queue->count; i++)
		backlog->waiting += queue->segments[i]->live;
	backlog->next = 1;
	queue->backlog_end = queue->lanes[LANE_FRESH].next = queue->next_seq;
	ranges_tidy(&queue->taken, queue_floor(queue));
}

bool queue_tally(struct queue *queue, struct segment *segment, uint64_t waiting[2])
{
	struct scan scan;
	enum scan_item item;

	waiting[0] = waiting[1] = 0;
	scan_begin(&scan, segment, SCAN_BUFFER);
	while ((item = scan_next(&scan)) == SCAN_RECORD || item == SCAN_DAMAGE) {
		if (item == SCAN_RECORD && !is_done(queue, scan.seq))
			waiting[scan.seq >= queue->backlog_end]++;
	}
	scan_end(&scan);
	return item == SCAN_END;
}
