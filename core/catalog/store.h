/*
 * Small values that survive a restart: settings, a script's state. One JSON file, replaced
 * atomically.
 *
 * Keys (UTF-8) map to plain values: strings are UTF-8, doubles finite. A change is written at once
 * if `store_save` is called, which is what a write task needs before it is answered; callers that
 * change often save seldom (flash wears). A damaged file is put aside as FILE.damaged and said
 * aloud in the log; the store starts with what could be read of it: all that is well-formed if the
 * file is still JSON, else nothing.
 */
#ifndef NEAP_CORE_STORE_H
#define NEAP_CORE_STORE_H

#include "core/base/err.h"
#include "core/base/sample.h"

#include <uv.h>

struct store;

/* A missing file is an empty store. NULL: there is one that cannot be read (no permission, disk).
 */
struct store *store_open(const char *path, struct err *err);
void store_close(struct store *store); /* without saving */
bool store_get(const struct store *store, const char *key,
    struct value *out); /* text is the store's, valid until its next change */
/* Each value, by key; the store must not change meanwhile. */
void store_each(const struct store *store,
    void (*each)(void *ctx, const char *key, const struct value *value), void *ctx);
void store_set(struct store *store, const char *key, const struct value *value);
void store_remove(struct store *store, const char *key);
int store_save(
    struct store *store, struct err *err); /* writes nothing if nothing changed; -1: the file is as
                                              it was, and the next save tries again */
/* The same on libuv's pool, so that a slow flash holds nothing up; what fails is said in the log. What
 * changes meanwhile is written after it. The loop runs on until it is done, also beyond store_close. */
void store_save_later(struct store *store, uv_loop_t *loop);

#endif
