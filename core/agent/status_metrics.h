/* The status (docs/status.md) for programs that watch: Prometheus' text format, and one line as Nagios'
 * plugins write it. */
#ifndef NEAP_CORE_STATUS_METRICS_H
#define NEAP_CORE_STATUS_METRICS_H

#include "core/base/buf.h"
#include "core/base/json.h"

/* Appends the metrics, version 0.0.4 of the format. */
void status_metrics(const struct json *status, struct buf *out);

#define CHECK_OK       0
#define CHECK_WARNING  1
#define CHECK_CRITICAL 2
#define CHECK_UNKNOWN  3
/* Appends "NEAP WARNING - ...", with a newline; the exit status that goes with it. */
int status_check(const struct json *status, struct buf *out);

#endif
