#include "core/config/config_schema.h"

#include "core/base/nearest.h"
#include "core/config/config_text.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_KEY 64 /* no path of the table is as long */

static const char *kind_name(enum config_kind kind)
{
	return kind == CONFIG_MAP ? "a map" : kind == CONFIG_LIST ? "a list" : "a single value";
}

const char *config_schema_text(const struct config_reader *reader, struct config_node *node)
{
	struct err err = {0};
	if (node->bad)
		return NULL;
	if (node->kind != CONFIG_SCALAR) {
		config_tree_error(&reader->source, node, "must be a single value, not %s%s",
		    kind_name(node->kind),
		    node->kind == CONFIG_MAP ? " (text that begins with \"{\" must be quoted)" : "");
		return NULL;
	}
	const char *text = config_text_expand(reader->source.arena, node->text, &err);
	if (text == NULL) {
		config_tree_error(&reader->source, node, "%s", err.text);
		node->bad = true;
		return NULL;
	}
	node->text = text;
	return node->text;
}

static void read_value(
    struct config_reader *reader, const struct config_key *key, struct config_node *node)
{
	struct err err = {0};
	if (config_tree_empty(node) && !node->bad)
		return;
	if (key->type == CONFIG_CUSTOM) {
		key->read(reader, node);
		return;
	}
	const char *text = config_schema_text(reader, node);
	if (text == NULL)
		return;
	if (key->filled && text[0] == '\0')
		config_tree_error(&reader->source, node, "must not be empty");
	else if (config_value_set(
	             key, text, reader->folder, reader->source.arena, reader->target, &err) < 0)
		config_tree_error(&reader->source, node, "%s", err.text);
}

/* --- keys that are not in the table --- */

/* Whether `path` lies in the section ("" or "broker"); then what follows the section's name. */
static const char *inside(const char *path, const char *section)
{
	size_t len = strlen(section);
	if (len == 0)
		return path;
	return strncmp(path, section, len) == 0 && path[len] == '.' ? path + len + 1 : NULL;
}

/* A key that exists, in another section. */
static const char *elsewhere(const struct config_reader *reader, const char *name)
{
	for (const struct config_key *key = reader->keys; key->path != NULL; key++) {
		const char *dot = strrchr(key->path, '.');
		if (dot != NULL && strcmp(dot + 1, name) == 0)
			return key->path;
	}
	return NULL;
}

static const char *nearest_key(
    const struct config_reader *reader, const char *section, const char *name)
{
	size_t count = 0, keys = 0;
	while (reader->keys[keys].path != NULL)
		keys++;
	const char **names = arena_alloc(reader->source.arena, (keys + 1) * sizeof *names);
	for (size_t i = 0; i < keys; i++) {
		const char *rest = inside(reader->keys[i].path, section);
		if (rest != NULL)
			names[count++] = arena_strndup(reader->source.arena, rest, strcspn(rest, "."));
	}
	const char *near = nearest_name(name, names);
	return near != NULL ? near : elsewhere(reader, name);
}

void config_schema_unknown(
    const struct config_reader *reader, const struct config_node *node, const char *near)
{
	if (near != NULL)
		config_tree_key_error(&reader->source, node, "unknown key (did you mean \"%s\"?)", near);
	else
		config_tree_key_error(&reader->source, node, "unknown key");
}

/* --- the walk --- */

static const struct config_key *find_key(const struct config_reader *reader, const char *path)
{
	for (const struct config_key *key = reader->keys; key->path != NULL; key++)
		if (strcmp(key->path, path) == 0)
			return key;
	return NULL;
}

static bool is_section(const struct config_reader *reader, const char *path)
{
	for (const struct config_key *key = reader->keys; key->path != NULL; key++)
		if (inside(key->path, path) != NULL)
			return true;
	return false;
}

static void read_section(struct config_reader *reader, const char *section, struct config_node *map)
{
	if (config_tree_empty(map))
		return;
	if (map->kind != CONFIG_MAP) {
		config_tree_error(
		    &reader->source, map, "must be a map of keys, not %s", kind_name(map->kind));
		return;
	}
	for (struct config_node *node = map->child; node != NULL; node = node->next) {
		char path[PATH_MAX_KEY];
		int len = snprintf(
		    path, sizeof path, "%s%s%s", section, section[0] != '\0' ? "." : "", node->key);
		bool plain = len < PATH_MAX_KEY && node->key[0] != '\0' && strchr(node->key, '.') == NULL;
		const struct config_key *key = plain ? find_key(reader, path) : NULL;
		if (key != NULL)
			read_value(reader, key, node);
		else if (plain && is_section(reader, path))
			read_section(reader, path, node);
		else
			config_schema_unknown(reader, node, nearest_key(reader, section, node->key));
	}
}

void config_schema_read(struct config_reader *reader, struct config_node *root)
{
	read_section(reader, "", root);
}

static void fall_back(
    const struct config_reader *reader, const struct config_key *key, const char *text)
{
	struct err err;
	if (text != NULL)
		must(config_value_set(key, text, "", reader->source.arena, reader->target, &err) == 0);
}

void config_schema_defaults(const struct config_reader *reader)
{
	for (const struct config_key *key = reader->keys; key->path != NULL; key++)
		fall_back(reader, key, key->fallback);
}

void config_schema_current(const struct config_reader *reader, struct config_node *root)
{
	for (const struct config_key *key = reader->keys; key->path != NULL; key++)
		if (config_tree_empty(config_tree_find(root, key->path)))
			fall_back(reader, key, key->current);
}
