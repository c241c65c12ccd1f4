/*
 * A key of the configuration as a row of a table, and its value from text: type, range, place in a
 * struct.
 */
#ifndef NEAP_CORE_CONFIG_VALUE_H
#define NEAP_CORE_CONFIG_VALUE_H

#include "core/base/arena.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* In brackets what stands at the offset. */
enum config_type {
	CONFIG_CUSTOM,   /* read by a function of its own */
	CONFIG_TEXT,     /* [const char *] */
	CONFIG_FILE,     /* [const char *] relative to the configuration's folder */
	CONFIG_BOOL,     /* [bool] */
	CONFIG_CHOICE,   /* [bool, or enum] the index among the choices */
	CONFIG_DURATION, /* [int64_t] ms */
	CONFIG_SIZE,     /* [uint64_t] bytes */
	CONFIG_COUNT,    /* [uint32_t] */
	CONFIG_SHARE,    /* [double] 0 to 1, from 0.5 or 50% */
};

struct config_node;
struct config_reader;

struct config_key {
	const char *path; /* "broker.keepalive"; NULL ends a table */
	enum config_type type;
	size_t offset, size;
	const char *fallback;       /* as it would be written; NULL: the zeroed struct's */
	const char *current;        /* the same under the dialect `current`, where it differs */
	const char *min, *max;      /* of a duration, size or count */
	const char *const *choices; /* of a choice or text; NULL-terminated */
	bool filled;                /* a text that must not be empty if it is given */
	void (*read)(struct config_reader *reader, struct config_node *node); /* of a custom one */
};

/* Puts the value into the struct at `target`. `folder` is what relative file names get in front:
 * "" or with its slash. */
int config_value_set(const struct config_key *key, const char *text, const char *folder,
    struct arena *arena, void *target, struct err *err);

#endif
