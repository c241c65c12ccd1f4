/*
 * What the control socket asks of tasks:
 *
 *   {"cmd":"task","payload":"[...]"}                  as if the server had sent it; what came of it
 *   {"cmd":"task","payload":"[...]","dry_run":true}   what it would do
 *   {"cmd":"tasks-refused"}                           the payloads refused last (refused.h)
 *   {"cmd":"hold","for_ms":3600000}                   tasks are held; 0: no more
 */
#ifndef NEAP_CORE_TASK_CONTROL_H
#define NEAP_CORE_TASK_CONTROL_H

#include "core/agent/control.h"
#include "core/task/inbox.h"

/* Like a control_handler; 1: it is no request about tasks. */
int task_control(struct inbox *inbox, struct control *control, const struct json *request,
    struct buf *result, struct err *err);

#endif
