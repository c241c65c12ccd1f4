/*
 * What a payload would do, as JSON: `neap task --dry-run`.
 *
 *   {"refused":["byte 0: ..."],"tasks":[{"uid":"a1","steps":[
 *    {"ok":true,"text":"write machine.threshold = 25 (machine.lua:7)",
 *     "kind":"write","path":"machine.threshold"},
 *    {"ok":false,"text":"machine.treshold: no script declares this path"}]}]}
 */
#ifndef NEAP_CORE_PREVIEW_H
#define NEAP_CORE_PREVIEW_H

#include "core/base/buf.h"
#include "core/task/executor.h"
#include "core/task/task.h"

void preview_write(struct executor *executor, const struct task_list *list, struct buf *json);

#endif
