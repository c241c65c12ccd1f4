#include "core/agent/log_control.h"

#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"

#include <stdlib.h>
#include <string.h>

#define LOANS_MAX  16
#define FOR_MAX_MS 86400000
#define TOPIC_MAX  63 /* bytes, as log.h has it */

/* Somebody who reads along. */
struct reader {
	struct log_control *log;
	struct control_stream *stream;
	int level; /* -1: what the log has */
	char topic[TOPIC_MAX + 1];
	struct reader *next;
};

/* A level for a time. */
struct loan {
	char topic[TOPIC_MAX + 1];
	int64_t until_ms; /* monotonic */
};

struct log_control {
	const struct clock *clock;
	struct reader *readers;
	struct loan loans[LOANS_MAX];
	size_t count;
};

static const char *const names[] = {"error", "warn", "info", "debug"};

/* --- reading along --- */

static bool is_below(const char *topic, const char *above)
{
	size_t len = strlen(above);

	return len == 0 ||
	       (strncmp(topic, above, len) == 0 && (topic[len] == '\0' || topic[len] == '.'));
}

static void on_line(void *ctx, enum log_level level, const char *topic, const char *text)
{
	const struct log_control *log = ctx;
	struct buf line = {0};
	struct json_out out = {.buf = &line};

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "at_ms", clock_wall_ms(log->clock));
	json_out_text(&out, "level", names[level]);
	json_out_text(&out, "topic", topic);
	json_out_text(&out, "text", text);
	json_out_close(&out, '}');
	for (struct reader *reader = log->readers, *next; reader; reader = next) {
		next = reader->next;
		if (is_below(topic, reader->topic) &&
		    (reader->level < 0 ? log_passes(level, topic) : (int)level <= reader->level))
			control_send(reader->stream, &line);
	}
	buf_free(&line);
}

static void tap(struct log_control *log)
{
	int level = -1;

	for (const struct reader *reader = log->readers; reader; reader = reader->next)
		level = reader->level > level ? reader->level : level;
	log_tap(log->readers ? on_line : NULL, log);
	log_tap_level(level);
}

static void on_over(void *ctx)
{
	struct reader *reader = ctx;
	struct log_control *log = reader->log;
	struct reader **place = &log->readers;

	while (*place != reader)
		place = &(*place)->next;
	*place = reader->next;
	free(reader);
	tap(log);
}

static void read_along(
    struct log_control *log, struct control *control, int level, const char *topic)
{
	struct reader *reader = mem_alloc(sizeof(*reader));

	reader->log = log;
	reader->level = level;
	strncpy(reader->topic, topic, TOPIC_MAX);
	reader->stream = control_stream(control, on_over, reader);
	reader->next = log->readers;
	log->readers = reader;
	tap(log);
}

/* --- levels --- */

static void forget(struct log_control *log, const char *topic)
{
	for (size_t i = 0; i < log->count; i++)
		if (strcmp(log->loans[i].topic, topic) == 0)
			log->loans[i--] = log->loans[--log->count];
}

static int set_level(
    struct log_control *log, int level, const char *topic, int64_t for_ms, struct err *err)
{
	char time[NUMBER_TEXT];

	forget(log, topic);
	if (for_ms > 0 && log->count == LOANS_MAX)
		return err_set(err, "%d topics have a level for a time already", LOANS_MAX);
	if (level < 0)
		log_reset_topic(topic);
	else
		log_set_topic(topic, (enum log_level)level);
	(void)duration_format(time, for_ms);
	log_info("log", "%s%s: %s%s%s", *topic ? "the level of " : "the level", topic,
	    level < 0 ? "as at the start" : names[level], for_ms > 0 ? " for " : "",
	    for_ms > 0 ? time : "");
	if (for_ms == 0)
		return 0;
	struct loan *loan = &log->loans[log->count++];

	*loan = (struct loan){.until_ms = clock_mono_ms(log->clock) + for_ms};
	strncpy(loan->topic, topic, TOPIC_MAX);
	return 0;
}

void log_control_tick(struct log_control *log)
{
	int64_t now = clock_mono_ms(log->clock);

	for (size_t i = 0; i < log->count; i++) {
		if (log->loans[i].until_ms > now)
			continue;
		log_reset_topic(log->loans[i].topic);
		log_info("log", "%s%s: as at the start again",
		    log->loans[i].topic[0] ? "the level of " : "the level", log->loans[i].topic);
		log->loans[i--] = log->loans[--log->count];
	}
}

/* --- requests --- */

/* -1: none is given, or the default; -2: no such level. */
static int level_of(const struct json *name)
{
	enum log_level level;

	if (!name || (name->kind == JSON_STRING && strcmp(name->string.data, "default") == 0))
		return -1;
	if (name->kind != JSON_STRING || log_level_parse(name->string.data, &level) < 0)
		return -2;
	return (int)level;
}

int log_control(
    struct log_control *log, struct control *control, const struct json *request, struct err *err)
{
	const char *cmd = json_member(request, "cmd")->string.data;
	const struct json *topic = json_member(request, "topic");
	const struct json *time = json_member(request, "for_ms");
	int level = level_of(json_member(request, "level"));
	bool sets = strcmp(cmd, "log-level") == 0;

	if (!sets && strcmp(cmd, "log") != 0)
		return 1;
	if (level == -2 || (sets && !json_member(request, "level")))
		return err_set(err, "\"level\" must be error, warn, info, debug or default");
	if (topic && (topic->kind != JSON_STRING || topic->string.len > TOPIC_MAX))
		return err_set(err, "\"topic\" must be a string of at most %d bytes", TOPIC_MAX);
	if (time && (time->kind != JSON_INTEGER || time->integer < 0 || time->integer > FOR_MAX_MS))
		return err_set(err, "\"for_ms\" must be milliseconds, a day at most");
	const char *name = topic ? topic->string.data : "";

	if (sets)
		return set_level(log, level, name, time ? time->integer : 0, err);
	read_along(log, control, level, name);
	return 0;
}

/* --- outside --- */

struct log_control *log_control_new(const struct clock *clock)
{
	struct log_control *log = mem_alloc(sizeof(*log));

	log->clock = clock;
	return log;
}

void log_control_free(struct log_control *log)
{
	if (!log)
		return;
	log_tap(NULL, NULL);
	log_tap_level(-1);
	free(log);
}
