#include "core/task/refused.h"

#include "core/base/base64.h"
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MS   60000
#define REASON_MAX 400

struct refused {
	char *path;
	const struct clock *clock;
	char *entries[REFUSED_MAX]; /* each an object as JSON; the oldest first */
	size_t count;
	bool changed;
	int64_t written_ms; /* monotonic; meaningful once `written` */
	bool written;
};

static void add_entry(struct refused *refused, const char *json, size_t len)
{
	if (refused->count == REFUSED_MAX) {
		free(refused->entries[0]);
		memmove(
		    refused->entries, refused->entries + 1, (REFUSED_MAX - 1) * sizeof(*refused->entries));
		refused->count--;
	}
	refused->entries[refused->count++] = mem_strndup(json, len);
}

/* --- the file --- */

/* Where the JSON text of the value ends that begins at `from`. */
static size_t end_of(const char *text, size_t len, size_t from)
{
	struct json_doc *doc = json_parse(text, len, &from, 100, NULL);

	json_free(doc);
	return from;
}

static int take_all(struct refused *refused, const struct buf *text, struct err *err)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(text->data, text->len, &pos, 1000, err);
	const struct json *root = doc ? json_root(doc) : NULL;

	for (const struct json *entry = root ? root->child : NULL; entry; entry = entry->next)
		add_entry(refused, text->data + entry->offset,
		    end_of(text->data, text->len, entry->offset) - entry->offset);
	json_free(doc);
	return doc ? 0 : -1;
}

static void load(struct refused *refused)
{
	struct buf text = {0};
	struct err err = {0};
	int rc = fileio_read(refused->path, REFUSED_FILE, &text, &err);

	if (rc == 0)
		rc = take_all(refused, &text, &err);
	if (rc < 0 && err.code != -ENOENT)
		log_warn(
		    "task", "%s: the payloads refused earlier are left out: %s", refused->path, err.text);
	buf_free(&text);
}

static void save(struct refused *refused)
{
	struct buf text = {0};
	struct err err;

	refused_write(refused, &text);
	if (fileio_replace(refused->path, text.data, text.len, 0600, &err) < 0)
		log_warn("task", "refused payloads are not kept over a restart: %s", err.text);
	refused->changed = false;
	refused->written = true;
	refused->written_ms = clock_mono_ms(refused->clock);
	buf_free(&text);
}

/* --- outside --- */

struct refused *refused_open(const char *path, const struct clock *clock)
{
	struct refused *refused = mem_alloc(sizeof(*refused));

	refused->path = mem_strdup(path);
	refused->clock = clock;
	load(refused);
	return refused;
}

void refused_close(struct refused *refused)
{
	if (!refused)
		return;
	if (refused->changed)
		save(refused);
	for (size_t i = 0; i < refused->count; i++)
		free(refused->entries[i]);
	free(refused->path);
	free(refused);
}

/* The part around the first fault, if not all of it. */
static size_t begin_of_excerpt(size_t len, size_t offset)
{
	if (len <= REFUSED_BYTES || offset < REFUSED_BYTES / 2)
		return 0;
	size_t begin = offset - REFUSED_BYTES / 2;
	return begin + REFUSED_BYTES > len ? len - REFUSED_BYTES : begin;
}

void refused_add(
    struct refused *refused, const void *payload, size_t len, const struct task_list *list)
{
	const struct task_refusal *first = &list->refusals[0];
	size_t at = begin_of_excerpt(len, first->offset);
	size_t bytes = len - at < REFUSED_BYTES ? len - at : REFUSED_BYTES;
	struct buf json = {0};
	struct json_out out = {.buf = &json};
	char reason[REASON_MAX];

	strncpy(reason, first->text, sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "time_ms", clock_is_set(refused->clock) ? clock_wall_ms(refused->clock) : 0);
	json_out_int(&out, "bytes", (int64_t)len);
	json_out_int(&out, "offset", (int64_t)first->offset);
	json_out_text(&out, "reason", reason);
	json_out_int(&out, "more", (int64_t)list->refused - 1);
	json_out_int(&out, "at", (int64_t)at);
	json_out_raw(&out, "payload");
	buf_char(&json, '"');
	base64_encode(&json, (const char *)payload + at, bytes);
	buf_char(&json, '"');
	json_out_close(&out, '}');
	add_entry(refused, json.data, json.len);
	refused->changed = true;
	buf_free(&json);
}

void refused_write(const struct refused *refused, struct buf *json)
{
	struct json_out out = {.buf = json};

	json_out_open(&out, NULL, '[');
	for (size_t i = 0; i < refused->count; i++) {
		json_out_raw(&out, NULL);
		buf_text(json, refused->entries[i]);
	}
	json_out_close(&out, ']');
}

void refused_tick(struct refused *refused)
{
	int64_t now = clock_mono_ms(refused->clock);

	if (refused->changed && (!refused->written || now - refused->written_ms >= WRITE_MS))
		save(refused);
}
