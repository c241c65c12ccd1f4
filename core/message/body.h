/*
 * The body that one sample makes on its own, for people: what a task would send, and what it sent.
 * The uplink puts as many into one as fit. Pure.
 */
#ifndef NEAP_CORE_BODY_H
#define NEAP_CORE_BODY_H

#include "core/base/buf.h"
#include "core/base/sample.h"
#include "core/config/config.h"

/* Both append to `out`. */
void body_of_sample(const struct config *config, const struct sample *sample, struct buf *out);
/* outcome: "" if all went well. Nothing is appended if the dialect has no acknowledgements. */
void body_of_ack(
    const struct config *config, const char *uid, const char *outcome, struct buf *out);

#endif
