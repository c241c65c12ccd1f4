#include "core/config/config_tree.h"

#include "core/base/err.h"
#include "core/config/config_syntax.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX     32
#define KEYS_MAX      1000
#define PATH_MAX_TEXT 400 /* of a key path in a message */

/* --- messages --- */

static void path_text(char out[PATH_MAX_TEXT], const struct config_node *node)
{
	const struct config_node *chain[DEPTH_MAX + 1];
	size_t count = 0, len = 0;
	for (; node != NULL; node = node->parent)
		if (node->key != NULL)
			chain[count++] = node;

	out[0] = '\0';
	while (count > 0 && len < PATH_MAX_TEXT - 1)
		len += (size_t)snprintf(
		    out + len, PATH_MAX_TEXT - len, "%s%.60s", len > 0 ? "." : "", chain[--count]->key);
}

__attribute__((format(printf, 5, 0))) static void tell(const struct config_source *source,
    bool warning, const struct config_node *node, bool at_key, const char *fmt, va_list args)
{
	char path[PATH_MAX_TEXT], text[600];
	path_text(path, node);
	vsnprintf(text, sizeof text, fmt, args);
	problems_at(source->problems, warning, source->file, at_key ? node->key_line : node->line,
	    at_key ? node->key_column : node->column, "%s%s%s", path, path[0] != '\0' ? ": " : "",
	    text);
}

void config_tree_error(
    const struct config_source *source, const struct config_node *node, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	tell(source, false, node, false, fmt, args);
	va_end(args);
}

void config_tree_key_error(
    const struct config_source *source, const struct config_node *node, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	tell(source, false, node, true, fmt, args);
	va_end(args);
}

void config_tree_warn(
    const struct config_source *source, const struct config_node *node, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	tell(source, true, node, false, fmt, args);
	va_end(args);
}

/* --- from events to nodes --- */

/* A map or list that is open. */
struct frame {
	struct config_node *node;
	struct config_node **tail;    /* where the next child goes */
	struct config_node *awaiting; /* the key that has no value yet */
	unsigned count;
};

struct build {
	const struct config_source *source;
	struct frame stack[DEPTH_MAX];
	unsigned depth;
	unsigned documents;
	struct config_node *root;
};

static struct frame *top(struct build *build)
{
	return build->depth > 0 ? &build->stack[build->depth - 1] : NULL;
}

static bool expects_key(struct build *build)
{
	struct frame *frame = top(build);
	return frame != NULL && frame->node->kind == CONFIG_MAP && frame->awaiting == NULL;
}

static struct config_node *new_node(struct build *build)
{
	struct config_node *node = arena_alloc(build->source->arena, sizeof *node);
	struct frame *frame = top(build);
	node->parent = frame != NULL ? frame->node : NULL;
	node->text = "";
	return node;
}

static void link_node(struct frame *frame, struct config_node *node)
{
	*frame->tail = node;
	frame->tail = &node->next;
}

/* The node that a value beginning at `mark` belongs to. */
static struct config_node *begin_value(
    struct build *build, enum config_kind kind, const yaml_mark_t *mark)
{
	struct frame *frame = top(build);
	struct config_node *node;
	if (frame != NULL && frame->awaiting != NULL) {
		node = frame->awaiting;
		frame->awaiting = NULL;
	} else {
		node = new_node(build);
		if (frame != NULL)
			link_node(frame, node);
		else
			build->root = node;
	}
	node->kind = kind;
	node->line = (int)mark->line + 1;
	node->column = (int)mark->column + 1;
	return node;
}

static void refuse(struct build *build, struct config_node *node, const char *what)
{
	config_tree_error(build->source, node,
	    "%s are not used here: write the value out, or quote text that begins so", what);
	node->bad = true;
}

static void check_properties(struct build *build, struct config_node *node,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		refuse(build, node, "anchors (&)");
	if (tag != NULL)
		refuse(build, node, "tags (!)");
}

static char *scalar_text(struct build *build, const yaml_event_t *event)
{
	const unsigned char *value = event->data.scalar.value;
	char *text = arena_alloc(build->source->arena, event->data.scalar.length + 1);
	memcpy(text, value, event->data.scalar.length);
	return text;
}

/* What is there is not worth a look; always -1. */
static int give_up(struct build *build)
{
	build->root = NULL;
	return -1;
}

static int take_key(struct build *build, const yaml_event_t *event)
{
	struct frame *frame = top(build);
	struct config_node *node = new_node(build);
	node->key = scalar_text(build, event);
	node->line = node->key_line = (int)event->start_mark.line + 1;
	node->column = node->key_column = (int)event->start_mark.column + 1;
	frame->awaiting = node;

	check_properties(build, node, event->data.scalar.anchor, event->data.scalar.tag);
	if (strlen(node->key) != event->data.scalar.length) {
		config_tree_key_error(build->source, node, "a key must not hold a NUL character");
		return give_up(build);
	}
	if (++frame->count > KEYS_MAX) {
		config_tree_key_error(build->source, node, "more than %d keys in one map", KEYS_MAX);
		return give_up(build);
	}
	for (const struct config_node *other = frame->node->child; other != NULL; other = other->next)
		if (strcmp(other->key, node->key) == 0) {
			config_tree_key_error(build->source, node,
			    "given twice (first in line %d): remove one of them", other->key_line);
			return 0; /* and stays outside the tree */
		}
	link_node(frame, node);
	return 0;
}

static void take_scalar(struct build *build, const yaml_event_t *event)
{
	struct config_node *node = begin_value(build, CONFIG_SCALAR, &event->start_mark);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = scalar_text(build, event);
	if (config_tree_empty(node) && node->key != NULL) {
		/* libyaml's mark of nothing is somewhere behind the colon */
		node->line = node->key_line;
		node->column = node->key_column;
	}
	check_properties(build, node, event->data.scalar.anchor, event->data.scalar.tag);
	if (strlen(node->text) != event->data.scalar.length) {
		config_tree_error(build->source, node, "a value must not hold a NUL character");
		node->bad = true;
	}
}

static int open_node(struct build *build, enum config_kind kind, const yaml_event_t *event,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct config_node *node = begin_value(build, kind, &event->start_mark);
	check_properties(build, node, anchor, tag);
	if (build->depth == DEPTH_MAX) {
		config_tree_error(build->source, node, "nested deeper than %d levels", DEPTH_MAX);
		return give_up(build);
	}
	build->stack[build->depth++] = (struct frame){.node = node, .tail = &node->child};
	return 0;
}

static int begin_document(struct build *build, const yaml_event_t *event)
{
	if (++build->documents == 1)
		return 0;
	problems_at(build->source->problems, false, build->source->file,
	    (int)event->start_mark.line + 1, (int)event->start_mark.column + 1,
	    "a second document begins here: the file must be one");
	return -1;
}

/* -1: here it ends. */
static int take(struct build *build, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		if (expects_key(build))
			return take_key(build, event);
		take_scalar(build, event);
		return 0;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_ALIAS_EVENT:
		if (expects_key(build)) {
			problems_at(build->source->problems, false, build->source->file,
			    (int)event->start_mark.line + 1, (int)event->start_mark.column + 1,
			    "a key must be plain text");
			return give_up(build);
		}
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		must(build->depth > 0);
		build->depth--;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return begin_document(build, event);
	default:
		return 0;
	}

	if (event->type == YAML_MAPPING_START_EVENT)
		return open_node(build, CONFIG_MAP, event, event->data.mapping_start.anchor,
		    event->data.mapping_start.tag);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return open_node(build, CONFIG_LIST, event, event->data.sequence_start.anchor,
		    event->data.sequence_start.tag);
	refuse(build, begin_value(build, CONFIG_SCALAR, &event->start_mark), "aliases (*)");
	return 0;
}

static void read_events(struct build *build, yaml_parser_t *parser, const char *text, size_t len)
{
	bool more = true;
	while (more) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event)) {
			problems_free(build->source->problems);
			config_syntax_problem(parser, build->source->problems, build->source->file, text, len);
			build->root = NULL;
			return;
		}
		more = take(build, &event) == 0 && event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
}

struct config_node *config_tree_parse(
    const struct config_source *source, const char *text, size_t len)
{
	struct build build = {.source = source};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* as editors of other systems save */
		text += 3;
		len -= 3;
	}

	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser)) {
		problems_add(source->problems, false, "%s: out of memory", source->file);
		return NULL;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	read_events(&build, &parser, text, len);
	yaml_parser_delete(&parser);

	if (build.root == NULL && source->problems->errors == 0) {
		build.root = new_node(&build);
		build.root->line = build.root->column = 1;
	}
	if (build.root != NULL && config_tree_empty(build.root))
		build.root->kind = CONFIG_MAP;
	return build.root;
}

/* --- looking around --- */

struct config_node *config_tree_find(struct config_node *root, const char *path)
{
	struct config_node *node = root;
	while (node != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");
		struct config_node *child = node->kind == CONFIG_MAP ? node->child : NULL;
		while (child != NULL && (strncmp(child->key, path, len) != 0 || child->key[len] != '\0'))
			child = child->next;
		node = child;
		path += len + (path[len] == '.');
	}
	return node;
}

bool config_tree_empty(const struct config_node *node)
{
	return node == NULL || (node->kind == CONFIG_SCALAR && !node->quoted && node->text[0] == '\0');
}
