#include "core/agent/tail.h"

#include "core/base/json_out.h"
#include "core/base/mem.h"
#include "core/base/value_json.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define PATTERNS_MAX 32

struct tail {
	struct observer observer; /* first */
	struct observers *observers;
	struct control_stream *stream;
	const struct clock *clock;
	char *patterns[PATTERNS_MAX]; /* none: every path */
	size_t count;
};

/* `machine` stands for all below it, too. */
static bool matches(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	return fnmatch(pattern, path, 0) == 0 || (strncmp(path, pattern, len) == 0 && path[len] == '.');
}

static bool wanted(const void *ctx, const char *path)
{
	const struct tail *tail = ctx;

	for (size_t i = 0; i < tail->count; i++)
		if (matches(tail->patterns[i], path))
			return true;
	return tail->count == 0;
}

static void add_value(
    struct json_out *out, const struct tail *tail, const struct sighting *sighting)
{
	int64_t age_ms = clock_mono_ms(tail->clock) - sighting->time.mono_ms;

	json_out_text(out, "quality", "good");
	json_out_raw(out, "value");
	value_json(out->buf, sighting->value);
	json_out_bool(out, "reported", sighting->what == SIGHT_QUEUED);
	if (sighting->what == SIGHT_READ)
		json_out_text(out, "verdict", sighting->text);
	else
		json_out_text(out, "policy", sighting->queue);
	if (sighting->what == SIGHT_LOST)
		json_out_text(out, "verdict", "lost, the queue is full");
	if (sighting->what != SIGHT_READ) {
		json_out_number(out, "age_s", (double)(age_ms > 0 ? age_ms : 0) / 1000);
		if (sighting->time.wall_valid)
			json_out_int(out, "time_ms", sighting->time.wall_ms);
	}
}

static void see(struct observer *observer, const struct sighting *sighting)
{
	struct tail *tail = (struct tail *)observer;
	struct buf event = {0};
	struct json_out out = {.buf = &event};
	bool failed = sighting->what == SIGHT_FAILED;
	/* what is read and reported comes again as it is queued */
	bool taken = sighting->what == SIGHT_QUEUED || sighting->what == SIGHT_LOST ||
	             (sighting->what == SIGHT_READ && !sighting->reported);

	if ((!failed && !taken) || !wanted(tail, sighting->path))
		return;
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "path", sighting->path);
	if (taken) {
		add_value(&out, tail, sighting);
	} else {
		json_out_text(&out, "quality", "bad");
		json_out_text(&out, "error", sighting->text);
	}
	json_out_close(&out, '}');
	control_send(tail->stream, &event);
	buf_free(&event);
}

static void tail_free(struct tail *tail)
{
	for (size_t i = 0; i < tail->count; i++)
		free(tail->patterns[i]);
	free(tail);
}

static void on_over(void *ctx)
{
	struct tail *tail = ctx;

	observe_end(tail->observers, &tail->observer);
	tail_free(tail);
}

static int take_patterns(struct tail *tail, const struct json *list, struct err *err)
{
	if (list && list->kind != JSON_ARRAY)
		return err_set(err, "\"paths\" must be an array of patterns");
	for (const struct json *one = list ? list->child : NULL; one; one = one->next) {
		if (one->kind != JSON_STRING || one->string.len > PATH_MAX_BYTES)
			return err_set(err, "\"paths\": a pattern is a string like \"machine.*\"");
		if (tail->count == PATTERNS_MAX)
			return err_set(err, "\"paths\" has more than %d patterns", PATTERNS_MAX);
		tail->patterns[tail->count++] = mem_strdup(one->string.data);
	}
	return 0;
}

int tail_control(
    const struct live *live, const struct json *request, struct buf *result, struct err *err)
{
	struct tail *tail;

	if (strcmp(json_member(request, "cmd")->string.data, "tail") != 0)
		return 1;
	tail = mem_alloc(sizeof(*tail));
	tail->observer.see = see;
	tail->observers = live->observers;
	tail->clock = live->clock;
	if (take_patterns(tail, json_member(request, "paths"), err) < 0) {
		tail_free(tail);
		return -1;
	}
	live->ops->console->sensors(live->host, wanted, tail, result);
	tail->stream = control_stream(live->control, on_over, tail);
	observe_begin(live->observers, &tail->observer);
	return 0;
}
