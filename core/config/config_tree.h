/*
 * YAML text as a tree of nodes that know their place.
 *
 * Read through libyaml's events and bounded: depth 32, 1,000 keys in a map; no anchors, aliases,
 * tags, duplicate keys or second document. All scalars are text, their types are the reader's. The
 * nodes live in the arena. Messages are "file:line:column: key.path: what is wrong".
 */
#ifndef NEAP_CORE_CONFIG_TREE_H
#define NEAP_CORE_CONFIG_TREE_H

#include "core/base/arena.h"
#include "core/base/problems.h"

#include <stdbool.h>
#include <stddef.h>

enum config_kind { CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

struct config_node {
	enum config_kind kind;
	bool quoted;               /* a scalar in quotes is always text */
	bool bad;                  /* what is wrong with the value was told already */
	const char *key;           /* in a map, else NULL */
	const char *text;          /* a scalar */
	struct config_node *child; /* list, map */
	struct config_node *next;
	const struct config_node *parent;
	int line, column; /* of the value, from 1; the key's where nothing follows it */
	int key_line, key_column;
};

/* What a reader of a file works with. */
struct config_source {
	const char *file; /* as messages name it */
	struct arena *arena;
	struct problems *problems;
};

/*
 * The root, of whatever kind; an empty text is an empty map. NULL if `problems` tells why there is
 * nothing to look at: for a syntax error that is the only message in it.
 */
struct config_node *config_tree_parse(
    const struct config_source *source, const char *text, size_t len);

/* The node at "broker.tls.ca" below `root`, or NULL. */
struct config_node *config_tree_find(struct config_node *root, const char *path);

/* Not there, or a key with nothing behind it: then the default holds. */
bool config_tree_empty(const struct config_node *node);

/* At the node's value, and at its key; the path of keys is put in front of the text. */
void config_tree_error(const struct config_source *source, const struct config_node *node,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void config_tree_key_error(const struct config_source *source, const struct config_node *node,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void config_tree_warn(const struct config_source *source, const struct config_node *node,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
