/*
 * Reload as the control socket serves it.
 *
 *   {"v":1,"cmd":"reload","script":"machine","try_ms":300000}   script, try_ms: optional
 *     -> {"changes":[...],"problems":[{"text":"...","warning":false}]}, when it is in force
 *   {"v":1,"cmd":"reload","confirm":true,"script":"..."}
 *     -> {"confirmed":1}
 */
#ifndef NEAP_CORE_RELOAD_H
#define NEAP_CORE_RELOAD_H

#include "core/agent/control.h"
#include "core/task/host.h"

void reload_serve(const struct host_ops *ops, struct host *host, struct control *control,
    const struct json *request, struct buf *result);

#endif
