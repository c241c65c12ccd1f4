/*
 * The scripts alone in this process: no broker, no lock, no control socket, on a copy of the state
 * in a folder of its own, which is removed at the end. All runs, armed or not, and nothing is kept.
 */
#ifndef NEAP_CORE_OFFLINE_H
#define NEAP_CORE_OFFLINE_H

#include "core/config/config.h"
#include "core/console/console.h"
#include "core/task/host.h"

struct offline;

/* NULL: it cannot be. What is wrong with the scripts goes to `problems`; the others run. */
struct offline *offline_open(const struct config *config, const struct host_ops *ops,
    struct problems *problems, struct err *err);
void offline_close(struct offline *offline);

/* The other side of a console. The scripts' timers go on only while a chunk runs. */
struct console_side offline_side(struct offline *offline);

#endif
