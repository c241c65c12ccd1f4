#include "core/catalog/model_read.h"

#include "core/base/mem.h"
#include "core/base/sample.h"
#include "core/catalog/unzip.h"

#include <stdlib.h>

void model_free(struct model *model)
{
	free(model->items);
	arena_free(&model->arena);
	*model = (struct model){0};
}

#ifndef HAVE_EXPAT

int model_parse(const void *zip, size_t len, struct model *model, struct err *err)
{
	(void)zip, (void)len, (void)model;
	return err_set(err, "this neap was built without expat, which reads models");
}

#else

#include <expat.h>
#include <string.h>

#define UNPACKED_MAX (4 << 20) /* of all *.app files together */
#define NESTED_MAX   64

struct reader {
	struct model *model;
	XML_Parser parser;
	const char *prefix[NESTED_MAX]; /* by depth: the path of the asset or node that is open */
	size_t depth;
	struct model_param *param; /* the one that is open */
	const char *why;           /* not NULL: stopped by us */
	bool any;                  /* *.app file */
};

static void stop(struct reader *reader, const char *why)
{
	reader->why = why;
	XML_StopParser(reader->parser, XML_FALSE);
}

/* Without a namespace's prefix. */
static const char *local(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static const char *get(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2) {
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	}
	return NULL;
}

static const char *keep(struct reader *reader, const char *text)
{
	return text ? arena_strdup(&reader->model->arena, text) : NULL;
}

/* The path of what has a name of its own, below what is open. NULL: it has none. */
static const char *path_of(struct reader *reader, const char *prefix, const char **attributes)
{
	const char *name = get(attributes, "path");

	if (!name)
		name = get(attributes, "id");
	if (!name || !prefix)
		return keep(reader, name);
	if (strlen(prefix) + strlen(name) < PATH_MAX_BYTES)
		return arena_printf(&reader->model->arena, "%s.%s", prefix, name);
	stop(reader, "a path is too long");
	return NULL;
}

static void add_item(struct reader *reader, const char *kind, const char *path, const char *type)
{
	struct model *model = reader->model;

	model->items = mem_resize(model->items, model->count + 1, sizeof(*model->items));
	model->items[model->count++] =
	    (struct model_item){.path = path, .kind = keep(reader, kind), .type = keep(reader, type)};
}

static void add_param(struct reader *reader, const char **attributes)
{
	struct model_param *param = arena_alloc(&reader->model->arena, sizeof(*param));
	struct model_item *item = &reader->model->items[reader->model->count - 1];

	param->id = keep(reader, get(attributes, "id"));
	param->type = keep(reader, get(attributes, "type"));
	param->fallback = keep(reader, get(attributes, "default-value"));
	param->next = item->params;
	item->params = param;
	reader->param = param;
}

static bool is_item(const char *name)
{
	return strcmp(name, "variable") == 0 || strcmp(name, "setting") == 0 ||
	       strcmp(name, "event") == 0 || strcmp(name, "command") == 0;
}

static void opened(void *ctx, const char *qualified, const char **attributes)
{
	struct reader *reader = ctx;
	struct model *model = reader->model;
	const char *name = local(qualified);
	const char *prefix = reader->depth > 0 ? reader->prefix[reader->depth - 1] : NULL;

	if (reader->depth == NESTED_MAX) {
		stop(reader, "nested too deep");
		return;
	}
	if (strcmp(name, "asset") == 0 || strcmp(name, "node") == 0) {
		prefix = path_of(reader, prefix, attributes);
	} else if (strcmp(name, "encoding") == 0) {
		const char *type = get(attributes, "type");
		bool same = type && strcmp(type, model->encoding) == 0;
		model->encoded |= same;
		model->other_encoding |= !same;
	} else if (prefix && is_item(name)) {
		const char *path = path_of(reader, prefix, attributes);
		if (path)
			add_item(reader, name, path, get(attributes, "type"));
	} else if (strcmp(name, "parameter") == 0 && model->count > 0 && get(attributes, "id")) {
		add_param(reader, attributes);
	} else if (strcmp(name, "bounds") == 0 && reader->param) {
		reader->param->min = keep(reader, get(attributes, "min"));
		reader->param->max = keep(reader, get(attributes, "max"));
	}
	reader->prefix[reader->depth++] = prefix;
}

static void closed(void *ctx, const char *qualified)
{
	struct reader *reader = ctx;

	reader->depth--;
	if (strcmp(local(qualified), "parameter") == 0)
		reader->param = NULL;
}

/* A model needs no entities of its own, and theirs grow without bounds. */
static void doctype(
    void *ctx, const char *name, const char *system_id, const char *public_id, int internal)
{
	(void)name, (void)system_id, (void)public_id, (void)internal;
	stop(ctx, "a DOCTYPE is not allowed");
}

static int read_app(void *ctx, const char *name, const struct buf *content, struct err *err)
{
	struct reader *reader = ctx;
	XML_Parser parser = XML_ParserCreate(NULL);
	int rc = 0;

	must(parser != NULL);
	reader->any = true;
	reader->parser = parser;
	reader->depth = 0;
	reader->param = NULL;
	XML_SetUserData(parser, reader);
	XML_SetElementHandler(parser, opened, closed);
	XML_SetStartDoctypeDeclHandler(parser, doctype);
	if (XML_Parse(parser, content->data ? content->data : "", (int)content->len, XML_TRUE) !=
	    XML_STATUS_OK)
		rc = err_set(err, "%s:%lu:%lu: %s", name, XML_GetCurrentLineNumber(parser),
		    XML_GetCurrentColumnNumber(parser) + 1,
		    reader->why ? reader->why : XML_ErrorString(XML_GetErrorCode(parser)));
	XML_ParserFree(parser);
	return rc;
}

int model_parse(const void *zip, size_t len, struct model *model, struct err *err)
{
	struct reader reader = {.model = model};

	if (unzip(zip, len, ".app", UNPACKED_MAX, read_app, &reader, err) < 0)
		return -1;
	return reader.any ? 0 : err_set(err, "there is no *.app file in it");
}

#endif
