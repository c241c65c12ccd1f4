/*
 * What a task asks for, checked against the catalog: a job ready to start, or why not.
 *
 * Pure: nothing runs here. Every message begins with the path.
 */
#ifndef NEAP_CORE_PLAN_H
#define NEAP_CORE_PLAN_H

#include "core/base/json.h"
#include "core/catalog/catalog.h"

/* Each fills kind, entry, path and what the kind needs, to be freed with plan_free; `done` and `ctx`
 * are the caller's. Texts stay those of path, value and params. */
int plan_read(const struct catalog *catalog, const char *path, struct job *job, struct err *err);
int plan_write(const struct catalog *catalog, const char *path, const struct json *value,
    struct job *job, struct err *err);
/* params: an object of scalars, or NULL. */
int plan_command(const struct catalog *catalog, const char *id, const struct json *params,
    struct job *job, struct err *err);
/* The texts are strings of the job's arguments. */
int plan_install(const struct catalog *catalog, const char *type, const char *revision,
    const char *url, struct job *job, struct err *err);
void plan_free(struct job *job);

#endif
