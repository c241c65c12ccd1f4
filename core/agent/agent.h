/*
 * The agent: every part wired to its neighbours, the order in which they start and stop, and
 * nothing else.
 *
 *   start  lock, clock, queues, scripts loaded, control socket, link, tasks that a crash left,
 * scripts running stop   scripts (their on("stop")), what waits is flushed within the grace, link,
 * queues synced, control socket, lock
 */
#ifndef NEAP_CORE_AGENT_H
#define NEAP_CORE_AGENT_H

#include "core/config/config.h"
#include "core/task/host.h"

/* Runs until SIGTERM or SIGINT. Returns the exit status: 0 stopped as asked, 1 could not start, 2
 * the scripts or the configuration are wrong. */
int agent_run(const struct config *config, const struct host_ops *ops);

#endif
