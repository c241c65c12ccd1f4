/*
 * What the texts of a configuration must be: ${ENV} expanded, names that may stand in a topic,
 * broker URLs, topics. Results live in the arena. -1 or NULL, and why in `err`.
 */
#ifndef NEAP_CORE_CONFIG_TEXT_H
#define NEAP_CORE_CONFIG_TEXT_H

#include "core/base/arena.h"
#include "core/base/err.h"

/* ${NAME} becomes the environment variable's value, $${ a literal ${; any other $ is itself. */
const char *config_text_expand(struct arena *arena, const char *text, struct err *err);

/* A client id: not empty, UTF-8, no control character. */
int config_text_check_name(const char *text, struct err *err);

/* A serial or username as well: it becomes a level of topics, so it holds no / + # either. */
int config_text_check_level(const char *text, struct err *err);

/* tcp://host:port or ssl://host:port, whatever synonym and default port were used. */
const char *config_text_url(struct arena *arena, const char *text, struct err *err);

/* {name} becomes its value. `names` is NULL-terminated, `values` goes beside it. */
const char *config_text_topic(struct arena *arena, const char *text, const char *const *names,
    const char *const *values, struct err *err);

#endif
