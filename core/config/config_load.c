#include "core/config/config_load.h"

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/config/config_check.h"

#include <string.h>

#define FILE_MAX ((size_t)256 * 1024)

static void load_tree(struct config_load *load, const char *text, size_t len)
{
	struct config_reader *reader = &load->reader;
	load->root = config_tree_parse(&reader->source, text, len);
	if (load->root == NULL)
		return;
	config_schema_defaults(reader);
	config_schema_read(reader, load->root);
	if (load->root->kind != CONFIG_MAP)
		return;
	if (strcmp(load->config->dialect, "current") == 0)
		config_schema_current(reader, load->root);
	config_check(load);
}

struct config *config_parse(
    const char *path, const char *text, size_t len, struct problems *problems)
{
	struct problems found = {0};
	struct config *config = mem_alloc(sizeof *config);
	const char *slash = strrchr(path, '/');
	struct config_load load = {
	    .reader = {.source = {.file = path, .arena = &config->memory, .problems = &found},
	        .keys = config_keys(),
	        .folder = arena_strndup(
	            &config->memory, path, slash != NULL ? (size_t)(slash - path) + 1 : 0),
	        .target = config},
	    .config = config,
	};
	config->path = arena_strdup(&config->memory, path);
	load_tree(&load, text, len);

	bool good = found.errors == 0;
	problems_merge(problems, &found);
	if (good)
		return config;
	config_free(config);
	return NULL;
}

struct config *config_load(const char *path, struct problems *problems)
{
	struct buf text = {0};
	struct err err = {0};
	struct config *config = NULL;
	if (fileio_read(path, FILE_MAX, &text, &err) < 0)
		problems_add(problems, false, "%s", err.text);
	else
		config = config_parse(path, text.len > 0 ? text.data : "", text.len, problems);
	buf_free(&text);
	return config;
}
