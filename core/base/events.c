#include "core/base/events.h"

#include "core/base/buf.h"
#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CRC_TEXT 9 /* eight digits and a space */

struct events {
	const struct clock *clock;
	uv_loop_t *loop;
	char *dir;
	char *path, *old_path;
	char boot[9];
	int fd;            /* -1: there is none */
	uint64_t bytes;    /* of the file */
	bool dirty;        /* written, not synced */
	bool renamed;      /* the folder is to be synced too */
	bool told;         /* that it cannot be written */
	bool hurry;        /* `dirty` is not to wait */
	struct sync *sync; /* under way, or NULL */
	int64_t dirty_since_ms;
	int64_t filled_ms; /* when `tokens` were counted last */
	int tokens;
	unsigned unnoted;
};

/* A sync on the pool: the loop's thread touches it again only when it is done. */
struct sync {
	uv_work_t work;
	struct events *events; /* NULL: closed meanwhile */
	int fd;
	char *dir; /* NULL: the folder is not to be synced */
};

const char *event_kind_name(enum event_kind kind)
{
	static const char *const names[] = {
	    "start", "stop", "link", "clock", "script", "limit", "loss", "disk"};
	_Static_assert(sizeof names / sizeof *names == EVENT_KINDS, "a name for each");

	return names[kind];
}

static bool is_urgent(enum event_kind kind)
{
	return kind == EVENT_START || kind == EVENT_STOP || kind == EVENT_LOSS;
}

/* --- syncs --- */

static void sync_here(int fd, const char *dir)
{
	/* what a sync cannot do, the next one tries again; a write that fails is told of */
	(void)fdatasync(fd);
	if (dir)
		(void)fileio_sync_dir(dir);
}

static void on_work(uv_work_t *work)
{
	const struct sync *sync = work->data;

	sync_here(sync->fd, sync->dir);
}

static void start_sync(struct events *events);

static void on_worked(uv_work_t *work, int status)
{
	struct sync *sync = work->data;

	(void)status;
	if (sync->events) {
		sync->events->sync = NULL;
		if (sync->events->hurry)
			start_sync(sync->events);
	}
	(void)close(sync->fd);
	free(sync->dir);
	free(sync);
}

static void start_sync(struct events *events)
{
	struct sync *sync;
	int fd;

	if (!events->dirty || events->sync || events->fd < 0)
		return;
	fd = events->loop ? fcntl(events->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd >= 0) {
		sync = mem_alloc(sizeof(*sync));
		*sync = (struct sync){
		    .events = events, .fd = fd, .dir = events->renamed ? mem_strdup(events->dir) : NULL};
		sync->work.data = sync;
		must(uv_queue_work(events->loop, &sync->work, on_work, on_worked) == 0);
		events->sync = sync;
	} else {
		sync_here(events->fd, events->renamed ? events->dir : NULL);
	}
	events->dirty = events->renamed = events->hurry = false;
}

/* --- writing --- */

static void cannot_write(struct events *events, int errnum)
{
	if (!events->told)
		log_error("events", "%s cannot be written: %s; the journal of events has a gap from now on",
		    events->path, strerror(errnum));
	events->told = true;
}

static void open_file(struct events *events)
{
	struct stat info;
	char last = '\n';

	events->fd = open(events->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (events->fd < 0 || fstat(events->fd, &info) < 0) {
		cannot_write(events, errno);
		return;
	}
	events->bytes = (uint64_t)info.st_size;
	events->renamed |= info.st_size == 0;
	/* the torn line of a power cut must not spoil ours */
	if (info.st_size > 0 && (pread(events->fd, &last, 1, info.st_size - 1) != 1 || last != '\n'))
		events->bytes += write(events->fd, "\n", 1) == 1;
}

static void turn_over(struct events *events)
{
	(void)close(events->fd);
	if (rename(events->path, events->old_path) < 0)
		(void)unlink(events->path); /* the bound holds in any case */
	events->renamed = true;
	open_file(events);
}

static void add_line(struct events *events, enum event_kind kind, const char *text)
{
	struct buf line = {0};
	struct stamp now = clock_stamp(events->clock);
	char crc[CRC_TEXT + 1];

	if (events->fd >= 0 && events->bytes >= EVENTS_FILE_BYTES)
		turn_over(events);
	if (events->fd < 0)
		open_file(events);
	if (events->fd < 0)
		return;
	buf_printf(&line, "%08x %s %" PRId64 " ", 0U, events->boot, now.mono_ms);
	if (now.wall_valid)
		buf_printf(&line, "%" PRId64, now.wall_ms);
	else
		buf_char(&line, '-');
	buf_printf(&line, " %s %s\n", event_kind_name(kind), text);
	(void)snprintf(crc, sizeof(crc), "%08" PRIx32 " ",
	    crc32c(0, line.data + CRC_TEXT, line.len - CRC_TEXT - 1));
	memcpy(line.data, crc, CRC_TEXT);
	if (fileio_write_all(events->fd, line.data, line.len) < 0)
		cannot_write(events, errno);
	else
		events->told = false;
	events->bytes += line.len;
	if (!events->dirty)
		events->dirty_since_ms = now.mono_ms;
	events->dirty = true;
	buf_free(&line);
}

/* One line, whole characters: control characters become spaces. */
static void tidy(char *text, bool cut)
{
	size_t len = strlen(text);

	while (cut && len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
		len--;
	if (cut && len > 0 && (unsigned char)text[len - 1] >= 0xc0)
		len--;
	text[len] = '\0';
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
}

/* False: too many in a short time. */
static bool take_token(struct events *events)
{
	int64_t now = clock_mono_ms(events->clock);
	int64_t more = (now - events->filled_ms) / EVENTS_REFILL_MS;

	if (more > 0) {
		events->tokens =
		    more < EVENTS_BURST - events->tokens ? events->tokens + (int)more : EVENTS_BURST;
		events->filled_ms += more * EVENTS_REFILL_MS;
	}
	if (events->tokens == 0)
		return false;
	events->tokens--;
	return true;
}

void events_note(struct events *events, enum event_kind kind, const char *fmt, ...)
{
	char text[EVENTS_TEXT_MAX + 1], gap[60];
	va_list args;
	int len;

	if (!events)
		return;
	if (!is_urgent(kind) && !take_token(events)) {
		events->unnoted++;
		return;
	}
	if (events->unnoted > 0) {
		(void)snprintf(
		    gap, sizeof(gap), "%u events before this were not noted: too many", events->unnoted);
		events->unnoted = 0;
		add_line(events, kind, gap);
	}
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tidy(text, len >= (int)sizeof(text));
	add_line(events, kind, text);
	if (is_urgent(kind)) {
		events->hurry = true;
		start_sync(events);
	}
}

void events_tick(struct events *events)
{
	if (events && events->dirty &&
	    clock_mono_ms(events->clock) - events->dirty_since_ms >= EVENTS_SYNC_MS)
		start_sync(events);
}

/* --- reading --- */

/* The next word and the space behind it; longer ones are cut. */
static const char *take_word(const char *at, char *out, size_t size)
{
	size_t len = strcspn(at, " ");

	(void)snprintf(out, size, "%.*s", (int)len, at);
	return at[len] ? at + len + 1 : at + len;
}

/* One line without its end. -1: it is damaged. */
static int parse(const char *line, struct event *event)
{
	char crc[CRC_TEXT], mono[24], wall[24];
	size_t len = strlen(line);
	const char *at = take_word(line, crc, sizeof(crc));

	if (len <= CRC_TEXT || at != line + CRC_TEXT ||
	    strtoul(crc, NULL, 16) != crc32c(0, at, len - CRC_TEXT))
		return -1;
	at = take_word(at, event->boot, sizeof(event->boot));
	at = take_word(at, mono, sizeof(mono));
	at = take_word(at, wall, sizeof(wall));
	at = take_word(at, event->kind, sizeof(event->kind));
	event->mono_ms = strtoll(mono, NULL, 10);
	event->wall_ms = strcmp(wall, "-") == 0 ? -1 : strtoll(wall, NULL, 10);
	(void)snprintf(event->text, sizeof(event->text), "%s", at);
	return 0;
}

struct list {
	struct event *items;
	size_t count;
	unsigned damaged;
};

static int read_file(const char *dir, const char *name, struct list *list, struct err *err)
{
	struct err why = {0};
	struct buf path = {0}, text = {0};
	int result;

	buf_printf(&path, "%s/%s", dir, name);
	result = fileio_read(buf_str(&path), (size_t)4 * EVENTS_FILE_BYTES, &text, &why);
	if (result < 0 && why.code == -ENOENT)
		result = 0;
	else if (result < 0 && err)
		*err = why;
	buf_char(
	    &text, '\n'); /* a NUL in a damaged place ends its line, for strlen, and its CRC tells */
	for (char *line = text.data, *end = text.data + text.len; result == 0 && line < end;) {
		char *stop = memchr(line, '\n', (size_t)(end - line));

		*stop = '\0';
		list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
		if (parse(line, &list->items[list->count]) == 0)
			list->count++;
		else
			list->damaged += stop > line;
		line = stop + 1;
	}
	buf_free(&path);
	buf_free(&text);
	return result;
}

/* From any of the boot's events whose time is known. */
static void find_time(const struct list *list, struct event *event)
{
	for (size_t i = 0; event->wall_ms < 0 && i < list->count; i++) {
		const struct event *other = &list->items[i];

		if (other->wall_ms >= 0 && strcmp(other->boot, event->boot) == 0)
			event->wall_ms = other->wall_ms - other->mono_ms + event->mono_ms;
	}
}

int events_read(const char *dir, void (*each)(void *ctx, const struct event *event), void *ctx,
    unsigned *damaged, struct err *err)
{
	struct list list = {0};
	int result = read_file(dir, "events.old", &list, err);

	if (result == 0)
		result = read_file(dir, "events.log", &list, err);
	for (size_t i = 0; result == 0 && i < list.count; i++) {
		struct event event = list.items[i];

		find_time(&list, &event);
		each(ctx, &event);
	}
	*damaged += list.damaged;
	free(list.items);
	return result;
}

/* --- the start --- */

static void keep_last(void *ctx, const struct event *event)
{
	*(struct event *)ctx = *event;
}

static void note_start(struct events *events)
{
	struct event last = {0};
	unsigned damaged = 0;
	const char *before;

	if (events_read(events->dir, keep_last, &last, &damaged, NULL) < 0 || !last.kind[0])
		before = "the first one here";
	else if (strcmp(last.kind, "stop") == 0)
		before = strcmp(last.boot, events->boot) == 0 ? "after a stop"
		                                              : "after a stop and a restart of the device";
	else if (strcmp(last.boot, events->boot) == 0)
		before = "the process before ended without a stop: it was killed, or crashed";
	else
		before = "the device restarted without a stop: a power cut, a reset, or a crash";
	events_note(events, EVENT_START, "neap %s: %s", NEAP_VERSION, before);
	if (damaged > 0)
		events_note(events, EVENT_DISK, "%u damaged lines in the journal of events", damaged);
}

struct events *events_open(const char *dir, uv_loop_t *loop, const struct clock *clock)
{
	struct events *events = mem_alloc(sizeof(*events));
	const uint8_t *boot = clock_boot_id(clock);
	struct buf path = {0};

	*events = (struct events){.clock = clock,
	    .loop = loop,
	    .dir = mem_strdup(dir),
	    .fd = -1,
	    .filled_ms = clock_mono_ms(clock),
	    .tokens = EVENTS_BURST};
	buf_printf(&path, "%s/events.log", dir);
	events->path = mem_strdup(buf_str(&path));
	path.len = 0;
	buf_printf(&path, "%s/events.old", dir);
	events->old_path = mem_strdup(buf_str(&path));
	buf_free(&path);
	(void)snprintf(
	    events->boot, sizeof(events->boot), "%02x%02x%02x%02x", boot[0], boot[1], boot[2], boot[3]);
	note_start(events);
	return events;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	if (events->sync)
		events->sync->events = NULL; /* it ends in the loop's last turn */
	if (events->fd >= 0 && events->dirty)
		sync_here(events->fd, events->renamed ? events->dir : NULL);
	if (events->fd >= 0)
		(void)close(events->fd);
	free(events->path);
	free(events->old_path);
	free(events->dir);
	free(events);
}
