#include "core/command/queue_files.h"

#include "core/config/policy.h"
#include "core/queue/cursor.h"
#include "core/queue/scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	queue_file_cb *cb;
	void *ctx;
	struct cursor cursor;
	struct queue_file_item item;
};

static bool is_done(const struct cursor *cursor, uint64_t seq)
{
	if (seq < cursor->base)
		return true;
	for (uint32_t i = 0; i < cursor->count; i++) {
		if (seq >= cursor->done[i].first && seq <= cursor->done[i].last)
			return true;
	}
	return false;
}

static void tell(struct walk *walk, enum queue_file_what what, uint64_t at, uint64_t bytes)
{
	walk->item.what = what;
	walk->item.at = at;
	walk->item.bytes = bytes;
	walk->cb(walk->ctx, &walk->item);
}

static void tell_unreadable(struct walk *walk, const char *why)
{
	walk->item.text = why;
	tell(walk, QUEUE_FILE_UNREADABLE, 0, 0);
}

static void walk_records(struct walk *walk, struct segment *segment)
{
	struct scan scan = {0};

	tell(walk, QUEUE_FILE_BEGINS, 0, segment->size);
	scan_begin(&scan, segment, SCAN_BUFFER);
	for (;;) {
		enum scan_item found = scan_next(&scan);

		if (found == SCAN_DAMAGE) {
			tell(walk, QUEUE_FILE_DAMAGE, scan.at, scan.bytes);
		} else if (found == SCAN_RECORD && !is_done(&walk->cursor, scan.seq)) {
			const struct sample sample = {scan.path, scan.view.value, scan.view.time};

			walk->item.seq = scan.seq;
			walk->item.sample = &sample;
			tell(walk, QUEUE_FILE_SAMPLE, 0, scan.view.size);
		} else if (found == SCAN_ERROR) {
			tell_unreadable(walk, strerror(errno));
		}
		if (found == SCAN_END || found == SCAN_ERROR)
			break;
	}
	scan_end(&scan);
}

static void walk_segment(struct walk *walk, const char *path)
{
	enum header_state state;
	uint16_t version = 0;
	char newer[80];
	struct segment *segment = segment_open(path, &state, &version);

	walk->item.file = path;
	if (!segment) {
		/* delivered and unlinked meanwhile is no fault */
		if (errno != ENOENT)
			tell_unreadable(walk, strerror(errno));
		return;
	}
	if (state == HEADER_GOOD) {
		walk_records(walk, segment);
	} else if (state == HEADER_NEWER) {
		(void)snprintf(newer, sizeof newer, "written by a newer neap: format %u, this one reads %d",
		    version, SEGMENT_VERSION);
		tell_unreadable(walk, newer);
	} else {
		tell(walk, QUEUE_FILE_DAMAGE, 0, segment->size);
	}
	segment_free(segment);
}

static int is_segment(const struct dirent *entry)
{
	return strspn(entry->d_name, "0123456789abcdef") == 16 &&
	       strcmp(entry->d_name + 16, ".seg") == 0;
}

static int is_policy(const struct dirent *entry)
{
	return entry->d_type != DT_REG && policy_name_check(entry->d_name, NULL) == 0;
}

static void free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void walk_policy(struct walk *walk, const char *dir, const char *policy)
{
	struct buf path = {0};
	struct dirent **names = NULL;

	buf_printf(&path, "%s/%s", dir, policy);
	int count = scandir(buf_str(&path), &names, is_segment, alphasort);
	buf_text(&path, "/cursor");
	(void)cursor_load(buf_str(&path), &walk->cursor);
	walk->item.policy = policy;
	for (int i = 0; i < count; i++) {
		path.len = 0;
		buf_printf(&path, "%s/%s/%s", dir, policy, names[i]->d_name);
		walk_segment(walk, buf_str(&path));
	}
	free_names(names, count);
	buf_free(&path);
}

int queue_files_walk(
    const char *dir, const char *policy, queue_file_cb *cb, void *ctx, struct err *err)
{
	struct walk walk = {.cb = cb, .ctx = ctx};
	struct dirent **names = NULL;
	int count = scandir(dir, &names, is_policy, alphasort);
	int walked = 0;

	if (count < 0)
		return err_sys(err, errno, "cannot read queue.dir %s", dir);
	for (int i = 0; i < count; i++) {
		if (policy && strcmp(names[i]->d_name, policy) != 0)
			continue;
		walk_policy(&walk, dir, names[i]->d_name);
		walked++;
	}
	free_names(names, count);
	if (policy && walked == 0)
		return err_set(err, "there is no queue of a policy \"%s\" in %s", policy, dir);
	return 0;
}
