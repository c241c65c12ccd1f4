/*
 * Log lines with a topic and a level, to standard error or syslog.
 *
 *     2026-11-22T14:03:11Z info mqtt: connected to na.airvantage.net (said 2 times more)
 *
 * One of the two files that may keep global state (main.c is the other). Loop thread only: paho's
 * threads and the disk thread hand over what they have to say. The same line (topic and text) is
 * written at most once a minute; the next one that gets through carries the count of those held
 * back, and log_close tells how many were never told of. Lines are cut at 1,000 bytes; control
 * characters are escaped, so that a script or a server cannot forge a line. Nothing is buffered: a
 * line that was logged before a crash is out.
 */
#ifndef NEAP_CORE_LOG_H
#define NEAP_CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target {
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSLOG,
	LOG_TARGET_TAP
}; /* TAP: to log_tap alone */

/* Before log_open and after log_close: to standard error, from info up. */
void log_open(enum log_target target, enum log_level level);
void log_close(void);
int log_level_parse(const char *name,
    enum log_level *level); /* "error" "warn" "info" "debug"; -1 if none of them */

/* At run time: the level of this topic and those below it ("script": "script.machine" too); the
 * longest name that fits counts. "" stands for all that have none of their own. */
void log_set_topic(const char *topic, enum log_level level);
void log_reset_topic(const char *topic);                  /* as at the start */
bool log_wanted(enum log_level level, const char *topic); /* by anybody */
bool log_passes(enum log_level level, const char *topic); /* into the log */

/* topic: "mqtt", "queue", "script.machine" ... */
void log_line(enum log_level level, const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A second reader of every line that passes the levels, also of those held back (the console's live
 * log, tests); NULL ends it. What it logs itself it does not get. */
void log_tap(
    void (*tap)(void *ctx, enum log_level level, const char *topic, const char *text), void *ctx);
/* It then gets lines up to this level that do not pass, too; -1: no longer. */
void log_tap_level(int level);

#endif
