#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1000,
	TOPICS_MAX = 16,
	TOPIC_MAX_BYTES = 63,
	SEEN_MAX = 64,
	HOLD_S = 60,
};

/* A line that was written less than a minute ago. */
struct seen {
	uint64_t hash; /* of topic and text; 0: a free place */
	int64_t time_s;
	unsigned held; /* how often it came again since */
};

static struct {
	enum log_target target;
	enum log_level level, opened; /* opened: as at the start */
	struct {
		char name[TOPIC_MAX_BYTES + 1];
		enum log_level level;
	} topics[TOPICS_MAX];
	int topics_count;
	struct seen seen[SEEN_MAX];
	unsigned long unsaid; /* held back, and their place given to another line since */
	void (*tap)(void *ctx, enum log_level level, const char *topic, const char *text);
	void *tap_ctx;
	int tap_level; /* 1 + the level; 0: none */
	bool in_tap;
} state = {.target = LOG_TARGET_STDERR, .level = LOG_LEVEL_INFO, .opened = LOG_LEVEL_INFO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_open(enum log_target target, enum log_level level)
{
	state.target = target;
	state.level = state.opened = level;
	if (target == LOG_TARGET_SYSLOG)
		openlog("neap", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_close(void)
{
	unsigned long unsaid = state.unsaid;

	for (int i = 0; i < SEEN_MAX; i++)
		unsaid += state.seen[i].held;
	if (unsaid > 0)
		log_info("log", "%lu repeated lines were held back", unsaid);
	if (state.target == LOG_TARGET_SYSLOG)
		closelog();
	memset(&state, 0, sizeof state);
	state.level = state.opened = LOG_LEVEL_INFO;
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

void log_set_topic(const char *topic, enum log_level level)
{
	int i = 0;

	if (topic[0] == '\0') {
		state.level = level;
		return;
	}
	while (i < state.topics_count && strcmp(state.topics[i].name, topic) != 0)
		i++;
	if (i == TOPICS_MAX || strlen(topic) > TOPIC_MAX_BYTES) {
		log_warn("log", "%.*s keeps its level: at most %d topics of %d bytes have their own",
		    TOPIC_MAX_BYTES, topic, TOPICS_MAX, TOPIC_MAX_BYTES);
		return;
	}
	if (i == state.topics_count)
		state.topics_count++;
	(void)snprintf(state.topics[i].name, sizeof state.topics[i].name, "%s", topic);
	state.topics[i].level = level;
}

void log_reset_topic(const char *topic)
{
	if (topic[0] == '\0')
		state.level = state.opened;
	for (int i = 0; i < state.topics_count; i++) {
		if (strcmp(state.topics[i].name, topic) == 0) {
			state.topics[i] = state.topics[--state.topics_count];
			return;
		}
	}
}

bool log_passes(enum log_level level, const char *topic)
{
	enum log_level limit = state.level;
	size_t longest = 0;

	for (int i = 0; i < state.topics_count; i++) {
		size_t len = strlen(state.topics[i].name);
		if (len > longest && strncmp(topic, state.topics[i].name, len) == 0 &&
		    (topic[len] == '\0' || topic[len] == '.')) {
			longest = len;
			limit = state.topics[i].level;
		}
	}
	return level <= limit;
}

bool log_wanted(enum log_level level, const char *topic)
{
	return (state.tap != NULL && (int)level < state.tap_level) || log_passes(level, topic);
}

void log_tap_level(int level)
{
	state.tap_level = level + 1;
}

void log_tap(
    void (*tap)(void *ctx, enum log_level level, const char *topic, const char *text), void *ctx)
{
	state.tap = tap;
	state.tap_ctx = ctx;
}

/* FNV-1a, 64 bit; the NUL is counted too, so that topic and text stay apart. */
static uint64_t hash_add(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	while (*text++ != '\0');
	return hash;
}

/* True if the line is to be written; *held is then how many like it were held back before. */
static bool pass_filter(const char *topic, const char *text, unsigned *held)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* not clock.h: that is for data, and above us */
	int64_t now_s = ts.tv_sec;
	uint64_t hash = hash_add(hash_add(0xcbf29ce484222325u, topic), text) | 1;
	struct seen *place = &state.seen[0];

	*held = 0;
	for (struct seen *seen = state.seen; seen < state.seen + SEEN_MAX; seen++) {
		if (seen->hash == hash) {
			if (now_s - seen->time_s < HOLD_S) {
				seen->held++;
				return false;
			}
			*held = seen->held;
			seen->held = 0;
			seen->time_s = now_s;
			return true;
		}
		if (seen->hash == 0 || (place->hash != 0 && seen->time_s < place->time_s))
			place = seen;
	}
	state.unsaid += place->held;
	*place = (struct seen){.hash = hash, .time_s = now_s};
	return true;
}

/* The length of the character at `text`, or 0 for a byte that could make a terminal or a reader of
 * logs see what was not written: C0, DEL, C1 in UTF-8, and what is no UTF-8 by its first bits. */
static int harmless(const unsigned char *text)
{
	if (text[0] < 0x20 || (text[0] >= 0x7f && text[0] < 0xc2) ||
	    (text[0] == 0xc2 && text[1] < 0xa0))
		return 0;
	int len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc2 ? 2 : 1;
	for (int i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void escape(char out[LINE_MAX_BYTES + 1], const char *text, bool cut)
{
	static const char dots[] = "...";
	const size_t max = LINE_MAX_BYTES - (sizeof dots - 1);
	const unsigned char *p = (const unsigned char *)text;
	size_t len = 0;

	while (*p != '\0') {
		int n = harmless(p);
		if (len + (n > 0 ? (size_t)n : 4) > max) {
			cut = true;
			break;
		}
		if (n > 0) {
			memcpy(out + len, p, (size_t)n);
			len += (size_t)n;
			p += n;
		} else {
			len += (size_t)snprintf(out + len, 5, "\\x%02x", *p++);
		}
	}
	memcpy(out + len, cut ? dots : "", cut ? sizeof dots : 1);
}

static void write_stderr(
    enum log_level level, const char *topic, const char *text, const char *suffix)
{
	char line[LINE_MAX_BYTES + TOPIC_MAX_BYTES + 100];
	struct tm tm;
	time_t now = time(NULL);

	(void)gmtime_r(&now, &tm);
	size_t len = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);
	int more = snprintf(line + len, sizeof line - len, "%s %.*s: %s%s\n", level_names[level],
	    TOPIC_MAX_BYTES, topic, text, suffix);
	if (more > 0)
		len += (size_t)more;
	/* one write: lines of several processes don't mix, and none is lost when we die next */
	ssize_t written = write(STDERR_FILENO, line, len);
	(void)written; /* nobody is left to tell */
}

void log_line(enum log_level level, const char *topic, const char *fmt, ...)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	char raw[LINE_MAX_BYTES + 1], text[LINE_MAX_BYTES + 1], suffix[40] = "";
	unsigned held;
	va_list args;

	if (!log_wanted(level, topic))
		return;
	va_start(args, fmt);
	int len = vsnprintf(raw, sizeof raw, fmt, args);
	va_end(args);
	escape(text, raw, len >= (int)sizeof raw);
	if (state.target != LOG_TARGET_TAP && log_passes(level, topic) &&
	    pass_filter(topic, text, &held)) {
		if (held > 0)
			(void)snprintf(suffix, sizeof suffix, " (said %u times more)", held);
		if (state.target == LOG_TARGET_SYSLOG)
			syslog(priorities[level], "%s: %s%s", topic, text, suffix);
		else
			write_stderr(level, topic, text, suffix);
	}
	if (state.tap != NULL && !state.in_tap) {
		state.in_tap = true;
		state.tap(state.tap_ctx, level, topic, text);
		state.in_tap = false;
	}
}
