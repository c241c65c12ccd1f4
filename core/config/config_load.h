/* neap.yaml from its text to a struct config. Blocking, for the start. */
#ifndef NEAP_CORE_CONFIG_LOAD_H
#define NEAP_CORE_CONFIG_LOAD_H

#include "core/base/problems.h"
#include "core/config/config.h"

#include <stddef.h>

/* NULL if an error was added to `problems`; warnings may come with either. The caller owns the
 * result: config_free(). */
struct config *config_load(const char *path, struct problems *problems);

/* The same for text that was read already; `path` is for messages and relative file names. */
struct config *config_parse(
    const char *path, const char *text, size_t len, struct problems *problems);

#endif
