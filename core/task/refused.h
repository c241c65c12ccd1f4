/*
 * The payloads that were refused, in whole or in part: the last REFUSED_MAX, for inspection.
 *
 * They are kept in memory and in one small file, which is written at most once a minute (flash
 * wears), and when it is closed. As JSON, the oldest first:
 *
 *   [{"time_ms":1498662247030,"bytes":280,"offset":254,"reason":"byte 254: ...","more":2,
 *     "at":0,"payload":"W3sidWlkIjo="}]
 *
 * `more` refusals have their place in the same payload; `payload` is Base64, of REFUSED_BYTES at
 * most, from byte `at` on; time_ms is 0 if the clock was not set.
 */
#ifndef NEAP_CORE_REFUSED_H
#define NEAP_CORE_REFUSED_H

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/task/task.h"

#define REFUSED_MAX   20
#define REFUSED_BYTES 2000
#define REFUSED_FILE  (128 * 1024) /* bytes; it stays below */

struct refused;

/* A file that cannot be read is said in the log, and left out. */
struct refused *refused_open(const char *path, const struct clock *clock);
void refused_close(struct refused *refused); /* NULL is fine */
/* The list has one refusal at least. */
void refused_add(
    struct refused *refused, const void *payload, size_t len, const struct task_list *list);
void refused_write(const struct refused *refused, struct buf *json);
void refused_tick(struct refused *refused); /* about once a second: writes the file if it is time */

#endif
