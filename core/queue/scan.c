#include "core/queue/scan.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

void scan_begin(struct scan *scan, struct segment *segment, uint32_t buffer)
{
	must(buffer >= SCAN_BUFFER);
	*scan = (struct scan){
	    .segment = segment,
	    .seq = segment->header.first_seq - 1,
	    .pos = SEGMENT_DATA,
	    .room = buffer,
	};
}

void scan_rest(struct scan *scan)
{
	free(scan->buffer);
	scan->buffer = NULL;
	scan->start = scan->len = 0;
}

void scan_end(struct scan *scan)
{
	free(scan->buffer);
	paths_free(&scan->paths);
	*scan = (struct scan){0};
}

/* Has `want` bytes from pos on in the buffer, or as many as there are. False: read error. */
static bool fill(struct scan *scan, uint32_t want)
{
	uint32_t end = scan->start + scan->len;

	if ((scan->pos >= scan->start && scan->pos + want <= end) || end >= scan->segment->size)
		return true;
	if (!scan->buffer)
		scan->buffer = mem_resize(NULL, scan->room, 1);
	scan->start = scan->pos;
	scan->len = 0;
	ssize_t n = segment_read(scan->segment, scan->pos, scan->buffer, scan->room);
	if (n < 0)
		return false;
	scan->len = (uint32_t)n;
	return true;
}

static uint32_t available(const struct scan *scan)
{
	uint32_t end = scan->start + scan->len;

	return scan->pos < end ? end - scan->pos : 0;
}

/* A valid record where it belongs: a sample's sequence grows, and its path is known. */
static bool accept(struct scan *scan)
{
	const struct record_view *view = &scan->view;

	if (view->kind == RECORD_PATH) {
		paths_set(&scan->paths, view->path, view->value.text.data, view->value.text.len);
		return true;
	}
	uint64_t seq = scan->segment->header.first_seq + view->offset;
	scan->path = paths_get(&scan->paths, view->path);
	if (!scan->path || seq < scan->seq + 1)
		return false;
	scan->seq = seq;
	return true;
}

/* The damage reaches to pos. */
static enum scan_item damaged(struct scan *scan)
{
	scan->at = scan->damage_from;
	scan->bytes = scan->pos - scan->damage_from;
	scan->damage_from = 0;
	return SCAN_DAMAGE;
}

/* Bytes that a look at pos needs: while searching it may be any record. False: read error. */
static bool fill_record(struct scan *scan)
{
	if (scan->damage_from)
		return fill(scan, RECORD_MAX);
	if (!fill(scan, RECORD_PATH_HEAD))
		return false;
	size_t size = record_plausible(scan->buffer + (scan->pos - scan->start), available(scan));
	return size == 0 || fill(scan, (uint32_t)size);
}

enum scan_item scan_next(struct scan *scan)
{
	for (;;) {
		if (!fill_record(scan))
			return SCAN_ERROR;
		uint32_t left = available(scan);
		if (left == 0)
			return scan->damage_from ? damaged(scan) : SCAN_END;
		const uint8_t *at = scan->buffer + (scan->pos - scan->start);
		bool whole = record_decode(at, left, scan->segment->header.salt, &scan->view);
		uint64_t before = scan->seq;
		bool good = whole && accept(scan);
		if (good && scan->damage_from) {
			scan->seq = before; /* the next call meets this record again */
			return damaged(scan);
		}
		if (!good && !scan->damage_from)
			scan->damage_from = scan->pos;
		scan->at = scan->pos;
		scan->bytes = whole ? scan->view.size : 1;
		scan->pos += scan->bytes;
		if (good && scan->view.kind != RECORD_PATH)
			return SCAN_RECORD;
	}
}

uint32_t scan_guess(struct segment *segment, uint32_t at)
{
	uint32_t count = 0;
	uint8_t head[RECORD_PATH_HEAD];

	while (at < segment->size) {
		ssize_t len = segment_read(segment, at, head, sizeof head);
		size_t size = len > 0 ? record_plausible(head, (size_t)len) : 0;
		if (size == 0)
			return count + 1;
		count += head[6] != RECORD_PATH;
		at += (uint32_t)size;
	}
	return count;
}
