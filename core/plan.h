/*
 * What a task asks for, checked against the catalog: a job ready to start, or why not.
 *
 * Pure: nothing runs here. Every message begins with the path.
 */
#ifndef NEAP_CORE_PLAN_H
#define NEAP_CORE_PLAN_H

#include "core/catalog.h"
#include "core/json.h"

/* Each fills kind, entry, path and what the kind needs; `done` and `ctx` are the caller's. Texts
 * stay those of path, value and params. */
int plan_read(const struct catalog *catalog, const char *path, struct job *job, struct err *err);
int plan_write(const struct catalog *catalog, const char *path, const struct json *value,
    struct job *job, struct err *err);
/* params: an object of scalars, or NULL. Makes job->arguments, to be freed with plan_free. */
int plan_command(const struct catalog *catalog, const char *id, const struct json *params,
    struct job *job, struct err *err);
void plan_free(struct job *job);

#endif
