/*
 * A table of keys held against a tree: every value is typed and put into a struct, every key that
 * is not in the table is told with the name it was probably meant to be.
 */
#ifndef NEAP_CORE_CONFIG_SCHEMA_H
#define NEAP_CORE_CONFIG_SCHEMA_H

#include "core/config/config_tree.h"
#include "core/config/config_value.h"

struct config_reader {
	struct config_source source;
	const struct config_key *keys; /* the table */
	const char *folder;            /* of the file: "" or with its slash */
	void *target;                  /* the struct that the table's offsets are in */
};

/* All fallbacks into the target; then the file's values over them. */
void config_schema_defaults(const struct config_reader *reader);
void config_schema_read(struct config_reader *reader, struct config_node *root);

/* The fallbacks of the dialect `current`, for the keys that the file leaves out. */
void config_schema_current(const struct config_reader *reader, struct config_node *root);

/* The text of a scalar, ${ENV} expanded, or NULL if that is wrong (then it was told). Once for a
 * node: a second time would expand what came out. */
const char *config_schema_text(const struct config_reader *reader, struct config_node *node);

/* The error for a key that does not exist; `near` may be NULL. */
void config_schema_unknown(
    const struct config_reader *reader, const struct config_node *node, const char *near);

#endif
