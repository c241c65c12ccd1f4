/*
 * What the control socket asks of the log:
 *
 *   {"cmd":"log","level":"debug","topic":"mqtt"}    a stream of its lines, live. A level shows lines
 *                                                   up to it, also those that the log leaves out
 *   {"cmd":"log-level","level":"debug","topic":"mqtt","for_ms":600000}    until then, or the next
 *                                                   start; "default": as at the start
 *
 * "topic" may be left out, and "level" and "for_ms". It has the log's only tap. Loop thread.
 */
#ifndef NEAP_CORE_LOG_CONTROL_H
#define NEAP_CORE_LOG_CONTROL_H

#include "core/agent/control.h"
#include "core/base/clock.h"

struct log_control;

struct log_control *log_control_new(const struct clock *clock);
void log_control_free(struct log_control *log); /* after the control socket */

/* Like a control_handler; 1: the request is for somebody else. */
int log_control(
    struct log_control *log, struct control *control, const struct json *request, struct err *err);
void log_control_tick(struct log_control *log); /* about once a second: levels whose time is over */

#endif
