/*
 * What the control socket asks of the console:
 *
 *   {"cmd":"eval","chunk":"read 'machine.temperature'"}   runs it; who hangs up ends it
 *   {"cmd":"complete","text":"read 'mach"}                what may stand there
 *   {"cmd":"sensors"}                                     every path: value, age, quality
 *   {"cmd":"arm","for_ms":300000,"by":"root"}             what is typed has effects; 0: no more
 */
#ifndef NEAP_CORE_CONSOLE_CONTROL_H
#define NEAP_CORE_CONSOLE_CONTROL_H

#include "core/agent/control.h"
#include "core/task/host.h"

#define ARM_MAX_MS 86400000

/* Like a control_handler; 1: it is no request of the console's. */
int console_control(const struct console_ops *ops, struct host *host, struct control *control,
    const struct json *request, struct buf *result, struct err *err);

#endif
