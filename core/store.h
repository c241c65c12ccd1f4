/*
 * Small values that survive a restart: settings, a script's state. One JSON file, replaced
 * atomically.
 *
 * Keys map to plain values. A change is written at once if `store_save` is called, which is what a
 * write task needs before it is answered; callers that change often save seldom (flash wears). A
 * damaged file is put aside as FILE.damaged, said aloud, and the store starts empty.
 */
#ifndef NEAP_CORE_STORE_H
#define NEAP_CORE_STORE_H

#include "core/err.h"
#include "core/sample.h"

struct store;

struct store *store_open(const char *path, struct err *err); /* a missing file is an empty store */
void store_close(struct store *store);                       /* without saving */
bool store_get(const struct store *store, const char *key,
    struct value *out); /* text is the store's, valid until its next change */
void store_set(struct store *store, const char *key, const struct value *value);
void store_remove(struct store *store, const char *key);
int store_save(struct store *store, struct err *err); /* nothing is written if nothing changed */

#endif
