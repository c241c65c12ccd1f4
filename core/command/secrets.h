/*
 * What must not leave the device in a bundle for support: found in texts, and struck out of them.
 *
 * A secret is what stands behind a name with "pass", "secret", "token", "apikey", "api_key",
 * "credential" or "psk" in it (not where it ends in "file": that is a path), what stands before the @ of a URL,
 * and the values of the environment variables that ${NAME} names. What has no such name cannot be
 * known.
 */
#ifndef NEAP_CORE_SECRETS_H
#define NEAP_CORE_SECRETS_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Shorter ones are struck only where they stand behind their name, and in neap.yaml: elsewhere they would
 * strike words. */
#define SECRET_MIN 4

struct secrets { /* zero-initialised is empty */
	char **list;
	size_t count;
};

void secrets_free(struct secrets *secrets);
/* As it is, and as it stands in JSON. */
void secrets_add(struct secrets *secrets, const char *text, size_t len);
/* Those in the text. bare: also those without quotes, as in YAML. */
void secrets_find(struct secrets *secrets, const struct buf *text, bool bare);
bool secrets_is_name(const char *name, size_t len);
/* Strikes what secrets_find would find, and all of the list that has `least` bytes at least. */
void secrets_strike(const struct secrets *secrets, struct buf *text, bool bare, size_t least);

#endif
