/* The journal of events as a person or a program reads it, on standard output: `neap log
 * --journal`, with or without an agent. */
#ifndef NEAP_CORE_EVENTS_PRINT_H
#define NEAP_CORE_EVENTS_PRINT_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>

/*
 * Appends the journal of `state_dir`, the oldest event first: a line each, or with `json` an object a
 * line: "time_ms" (missing where it is not known), "uptime_ms", "boot", "kind", "text". -1: it
 * cannot be read. A journal that is not there is empty.
 */
int events_print(const char *state_dir, bool json, struct buf *out, struct err *err);

#endif
