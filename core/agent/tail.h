/*
 * The stream of `neap tail`: datapoints as they are taken.
 *
 *   {"cmd":"tail","paths":["machine.*"]}    "paths" may be left out
 *
 * docs/control.md describes the messages. It lives as long as its client. Loop thread.
 */
#ifndef NEAP_CORE_TAIL_H
#define NEAP_CORE_TAIL_H

#include "core/agent/live.h"

/* Like a control_handler; 1: the request is for somebody else. */
int tail_control(
    const struct live *live, const struct json *request, struct buf *result, struct err *err);

#endif
