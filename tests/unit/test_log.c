#include "core/base/log.h"

#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The minute that the filter counts, and the system's log: these stand in for the C library's. */
static int64_t fake_s = 1800000000;
static char syslog_text[2000];
static int syslog_priority;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)fake_s;
	ts->tv_nsec = 0;
	return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void syslog(int priority, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	syslog_priority = priority;
	(void)vsnprintf(syslog_text, sizeof syslog_text, fmt, args);
	va_end(args);
}

/* While a test runs, standard error is a file. */
static char *stderr_text; /* what logged() read last */
static int stderr_saved, stderr_file;

static int redirect(void **unused)
{
	char name[] = "/tmp/neap-test-log-XXXXXX";

	(void)unused;
	stderr_file = mkostemp(name, O_CLOEXEC | O_APPEND);
	assert_true(stderr_file >= 0);
	(void)unlink(name);
	stderr_saved = dup(2);
	assert_int_equal(dup2(stderr_file, 2), 2);
	stderr_text = malloc(200000);
	assert_non_null(stderr_text);
	return 0;
}

static int restore(void **unused)
{
	(void)unused;
	log_close();
	(void)dup2(stderr_saved, 2);
	(void)close(stderr_saved);
	(void)close(stderr_file);
	free(stderr_text);
	fake_s += 1000;
	return 0;
}

/* All that was written since the last call. */
static const char *logged(void)
{
	ssize_t n = pread(stderr_file, stderr_text, 199999, 0);

	assert_true(n >= 0);
	assert_int_equal(ftruncate(stderr_file, 0), 0);
	stderr_text[n] = '\0';
	return stderr_text;
}

/* The same without the time, which must be in front; for a single line. */
static const char *line(void)
{
	regex_t form;
	const char *text = logged();

	assert_int_equal(regcomp(&form, "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ",
	                     REG_EXTENDED | REG_NOSUB),
	    0);
	int result = regexec(&form, text, 0, NULL, 0);
	regfree(&form);
	if (result != 0)
		fail_msg("no time in front of \"%s\"", text);
	return text + strlen("2026-11-22T14:03:11Z ");
}

static void a_line_has_time_level_topic_and_text(void **unused)
{
	(void)unused;
	log_info("mqtt", "connected to %s", "example.org"); /* also before log_open */
	assert_string_equal(line(), "info mqtt: connected to example.org\n");
	log_debug("mqtt", "not this");
	assert_string_equal(logged(), "");
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_DEBUG);
	log_error("queue", "e");
	assert_string_equal(line(), "error queue: e\n");
	log_warn("queue", "w");
	assert_string_equal(line(), "warn queue: w\n");
	log_debug("queue", "d");
	assert_string_equal(line(), "debug queue: d\n");
}

static void levels_have_names(void **unused)
{
	(void)unused;
	enum log_level level;

	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("info", &level), 0);
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("Debug", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
}

static void topics_have_levels(void **unused)
{
	(void)unused;
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_WARN);
	assert_false(log_wanted(LOG_LEVEL_INFO, "script"));
	log_set_topic("script", LOG_LEVEL_INFO);
	assert_true(log_wanted(LOG_LEVEL_INFO, "script"));
	assert_true(log_wanted(LOG_LEVEL_INFO, "script.machine"));
	assert_false(log_wanted(LOG_LEVEL_INFO, "scripts"));
	assert_false(log_wanted(LOG_LEVEL_INFO, "scrip"));
	assert_false(log_wanted(LOG_LEVEL_DEBUG, "script.machine"));
	log_set_topic("script.machine", LOG_LEVEL_DEBUG);
	log_set_topic("script", LOG_LEVEL_ERROR);
	assert_true(log_wanted(LOG_LEVEL_DEBUG, "script.machine"));
	assert_false(log_wanted(LOG_LEVEL_WARN, "script.other"));
	assert_true(log_wanted(LOG_LEVEL_ERROR, "script.other"));
	log_set_topic("", LOG_LEVEL_INFO);
	assert_true(log_wanted(LOG_LEVEL_INFO, "mqtt"));
	log_close();
	assert_false(log_wanted(LOG_LEVEL_DEBUG, "script.machine"));
}

static void too_many_topics_are_told(void **unused)
{
	(void)unused;
	char topic[100];

	for (int i = 0; i < 16; i++) {
		(void)snprintf(topic, sizeof topic, "t%d", i);
		log_set_topic(topic, LOG_LEVEL_DEBUG);
	}
	assert_string_equal(logged(), "");
	log_set_topic("t16", LOG_LEVEL_DEBUG);
	assert_non_null(strstr(logged(), "warn log: t16 keeps its level"));
	log_set_topic("t15", LOG_LEVEL_ERROR); /* a known one may change */
	assert_false(log_wanted(LOG_LEVEL_INFO, "t15"));
	log_close();
	memset(topic, 'x', sizeof topic - 1);
	topic[sizeof topic - 1] = '\0';
	log_set_topic(topic, LOG_LEVEL_DEBUG);
	assert_non_null(strstr(logged(), "keeps its level"));
}

static void nobody_can_forge_a_line(void **unused)
{
	(void)unused;
	log_info("script", "a\nb\r\x1b[2J\x7f \xc2\x9b[ %s", "Grüße €𝄞");
	assert_string_equal(line(), "info script: a\\x0ab\\x0d\\x1b[2J\\x7f \\xc2\\x9b[ Grüße €𝄞\n");
	log_info("script", "\xe2\n \xf0\x9f\n \x9b \xff"); /* a broken character hides nothing */
	assert_string_equal(line(), "info script: \\xe2\\x0a \\xf0\\x9f\\x0a \\x9b \\xff\n");
}

static void long_lines_are_cut(void **unused)
{
	(void)unused;
	char text[3001];

	for (int i = 0; i < 3000; i += 3)
		memcpy(text + i, "€", 3);
	for (int shift = 0; shift < 3; shift++) {
		text[3000 - 3 * shift] = '\0';
		log_info("x", "%.*s%s", shift, "ab", text);
		const char *cut = line();
		size_t len = strlen(cut);
		assert_true(len <= strlen("info x: ") + 1000 + 1);
		assert_true(len >= strlen("info x: ") + 1000 - 3);
		assert_string_equal(cut + len - 7, "€...\n"); /* no half character */
	}
	memset(text, '\n', 999); /* longer when escaped */
	text[999] = '\0';
	log_info("x", "%s", text);
	size_t len = strlen(line());
	assert_true(len <= strlen("info x: ") + 1000 + 1 && len > 990);
	memset(text, 'y', 997);
	text[997] = '\0';
	log_info("x", "%s", text);
	assert_null(strstr(line(), "..."));
}

static void the_same_line_is_held_back_for_a_minute(void **unused)
{
	(void)unused;
	log_warn("bus", "no answer");
	assert_string_equal(line(), "warn bus: no answer\n");
	for (int i = 0; i < 12; i++)
		log_warn("bus", "no answer");
	assert_string_equal(logged(), "");
	log_warn("bus", "no answers"); /* others pass */
	assert_string_equal(line(), "warn bus: no answers\n");
	log_warn("bus2", "no answer");
	assert_string_equal(line(), "warn bus2: no answer\n");
	fake_s += 59;
	log_warn("bus", "no answer");
	assert_string_equal(logged(), "");
	fake_s += 1;
	log_warn("bus", "no answer");
	assert_string_equal(line(), "warn bus: no answer (said 13 times more)\n");
	fake_s += 60;
	log_warn("bus", "no answer");
	assert_string_equal(line(), "warn bus: no answer\n");
}

static void what_was_held_back_is_counted_at_last(void **unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++)
		log_info("a", "again");
	for (int i = 0; i < 200; i++) { /* more than the filter remembers */
		log_info("a", "%d", i);
		fake_s += i % 2;
	}
	for (int i = 0; i < 3; i++)
		log_info("a", "and again");
	(void)logged();
	log_close();
	assert_string_equal(line(), "info log: 4 repeated lines were held back\n");
	log_close();
	assert_string_equal(logged(), "");
}

static void different_lines_are_never_held_back(void **unused)
{
	(void)unused;
	int lines = 0;

	for (int i = 0; i < 1000; i++)
		log_info("a", "%d", i);
	for (const char *p = logged(); *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 1000);
}

static void listen(void *ctx, enum log_level level, const char *topic, const char *text)
{
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_string_equal(topic, "mqtt");
	assert_string_equal(text, "a\\x0ab");
	++*(int *)ctx;
	log_info("tap", "I heard %d", *(int *)ctx); /* does not come back here */
}

static void a_tap_gets_all(void **unused)
{
	(void)unused;
	int count = 0;

	log_tap(listen, &count);
	log_info("mqtt", "a\nb");
	log_info("mqtt", "a\nb");
	log_debug("mqtt", "a\nb");
	assert_int_equal(count, 2);
	log_tap(NULL, NULL);
	log_info("mqtt", "a\nb");
	assert_int_equal(count, 2);
	assert_non_null(strstr(logged(), "info tap: I heard 2\n"));
}

static void count_lines(void *ctx, enum log_level level, const char *topic, const char *text)
{
	(void)level;
	(void)topic;
	(void)text;
	++*(int *)ctx;
}

static void a_tap_may_get_more_than_the_log(void **unused)
{
	(void)unused;
	int count = 0;

	log_tap(count_lines, &count);
	log_tap_level(LOG_LEVEL_DEBUG);
	assert_true(log_wanted(LOG_LEVEL_DEBUG, "mqtt"));
	assert_false(log_passes(LOG_LEVEL_DEBUG, "mqtt"));
	log_debug("mqtt", "more");
	assert_int_equal(count, 1);
	assert_string_equal(logged(), "");
	log_tap_level(-1);
	assert_false(log_wanted(LOG_LEVEL_DEBUG, "mqtt"));
	log_debug("mqtt", "more");
	assert_int_equal(count, 1);
	log_tap(NULL, NULL);
}

static void levels_go_back(void **unused)
{
	(void)unused;
	log_set_topic("", LOG_LEVEL_DEBUG);
	log_set_topic("mqtt", LOG_LEVEL_ERROR);
	log_set_topic("queue", LOG_LEVEL_WARN);
	log_reset_topic("mqtt");
	assert_true(log_passes(LOG_LEVEL_DEBUG, "mqtt"));
	assert_false(log_passes(LOG_LEVEL_INFO, "queue"));
	log_reset_topic("");
	assert_false(log_passes(LOG_LEVEL_DEBUG, "mqtt"));
	assert_true(log_passes(LOG_LEVEL_INFO, "mqtt"));
	log_reset_topic("queue");
	log_reset_topic("never set");
	assert_true(log_passes(LOG_LEVEL_INFO, "queue"));
}

static void the_systems_log_is_written(void **unused)
{
	(void)unused;
	log_open(LOG_TARGET_SYSLOG, LOG_LEVEL_INFO);
	log_warn("mqtt", "100%% of %s", "%s");
	assert_string_equal(logged(), "");
	assert_string_equal(syslog_text, "mqtt: 100% of %s");
	assert_int_equal(syslog_priority, LOG_WARNING);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, redirect, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_line_has_time_level_topic_and_text),
	    CASE(levels_have_names),
	    CASE(topics_have_levels),
	    CASE(too_many_topics_are_told),
	    CASE(nobody_can_forge_a_line),
	    CASE(long_lines_are_cut),
	    CASE(the_same_line_is_held_back_for_a_minute),
	    CASE(what_was_held_back_is_counted_at_last),
	    CASE(different_lines_are_never_held_back),
	    CASE(a_tap_gets_all),
	    CASE(a_tap_may_get_more_than_the_log),
	    CASE(levels_go_back),
	    CASE(the_systems_log_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
