/*
 * The stream of `neap trace`: what becomes of one path's datapoints, each read, and where its samples
 * are: queued, sent, acknowledged.
 *
 *   {"cmd":"trace","path":"machine.temperature"}
 *
 * docs/control.md describes the messages. It lives as long as its client. Loop thread.
 */
#ifndef NEAP_CORE_TRACE_H
#define NEAP_CORE_TRACE_H

#include "core/agent/live.h"

/* Like a control_handler; 1: the request is for somebody else. */
int trace_control(
    const struct live *live, const struct json *request, struct buf *result, struct err *err);

#endif
