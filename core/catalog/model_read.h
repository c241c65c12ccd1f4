/*
 * Reads an application model that the server has: the *.app files of a zip, with expat. What is
 * read is plain data in one arena, bounded by the size of the zip; built without expat, each read
 * is an error that says so.
 */
#ifndef NEAP_CORE_MODEL_READ_H
#define NEAP_CORE_MODEL_READ_H

#include "core/base/arena.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct model_param {
	const char *id, *type, *fallback, *min, *max; /* NULL: not there */
	struct model_param *next;
};

/* What the model knows of one path. */
struct model_item {
	const char *path, *kind; /* "variable", "setting", "event", "command" */
	const char *type;        /* NULL: not there */
	struct model_param *params;
	bool found; /* the caller's */
};

struct model {
	const char *encoding;         /* set by the caller, the rest is zero: "REST" or "MQTT" */
	bool encoded, other_encoding; /* the model has this one, another one */
	struct arena arena;
	struct model_item *items;
	size_t count;
};

/* -1: no zip, damaged, no *.app file in it, not well-formed ("model.app:3:14: mismatched tag"). */
int model_parse(const void *zip, size_t len, struct model *model, struct err *err);
void model_free(struct model *model);

#endif
