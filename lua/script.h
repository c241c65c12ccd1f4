/*
 * The script host: all scripts of scripts.dir, as the agent runs them (core/task/host.h).
 *
 * On a virtual clock, host_next tells when the next timer is due and host_run does what is due:
 * whoever owns the clock advances it between the two, and runs the loop for what files do. Loop
 * thread.
 */
#ifndef NEAP_LUA_SCRIPT_H
#define NEAP_LUA_SCRIPT_H

#include "core/task/host.h"

const struct host_ops *script_host(void);

int64_t host_next(const struct host *host); /* in clock_mono_ms(); INT64_MAX: nothing */
void host_run(struct host *host);

#endif
