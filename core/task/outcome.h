/*
 * What came of a payload that somebody waits for, as JSON:
 *
 *   {"mended":254,"refused":["byte 0: ..."],"tasks":[{"uid":"a1","status":"OK"},
 *    {"uid":"a2","status":"ERROR","message":"...","repeated":true}],
 *    "values":[{"uid":"a1","path":"machine.threshold","value":25,"body":"{...}"}]}
 *
 * "mended" only where a bracket was left out. "body": as the value leaves, were it alone; "ack", of
 * a task, likewise, where the server wants them.
 */
#ifndef NEAP_CORE_OUTCOME_H
#define NEAP_CORE_OUTCOME_H

#include "core/base/buf.h"
#include "core/base/sample.h"
#include "core/config/config.h"
#include "core/task/task.h"

struct outcome;

/* `done` comes once, from outcome_free: json is valid during the call, and NULL if the payload was
 * not brought to its end. */
struct outcome *outcome_new(
    const struct config *config, void (*done)(void *ctx, struct buf *json), void *ctx);
void outcome_free(struct outcome *outcome, bool complete);

void outcome_decoded(struct outcome *outcome, const struct task_list *list);
void outcome_value(struct outcome *outcome, const char *uid, const struct sample *sample);
/* why: "" if all went well; repeated: it was not done now. */
void outcome_task(struct outcome *outcome, const char *uid, const char *why, bool repeated);

#endif
