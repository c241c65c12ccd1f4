/* What waits on disk, policy by policy, from the files alone: `neap queue list`. */
#ifndef NEAP_CORE_QUEUE_LIST_H
#define NEAP_CORE_QUEUE_LIST_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>

/* Appends a table, or a line of JSON. -1: the folder cannot be read; what was read is appended all the same. */
int queue_list(const char *dir, bool json, struct buf *out, struct err *err);

#endif
