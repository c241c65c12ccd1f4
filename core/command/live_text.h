/*
 * The messages of the live streams (docs/control.md) as a person reads them, a line each, on
 * standard output.
 */
#ifndef NEAP_CORE_LIVE_TEXT_H
#define NEAP_CORE_LIVE_TEXT_H

#include "core/base/json.h"

/* For each: first: the answer, with which the stream begins; then its messages. */
struct tail_view;                      /* what came before, for the sparklines */
struct tail_view *tail_view_new(void); /* in UTF-8 where the locale is */
void tail_view_free(struct tail_view *view);
/* How many datapoints, or failed reads, that was. */
int tail_print(struct tail_view *view, const struct json *message, bool first);

int trace_print(const struct json *message, bool first);
int log_print(const struct json *message, bool first);

#endif
