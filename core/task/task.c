#include "core/task/task.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/sample.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 20000 /* values in one task */
/* How much may be read in all, as a multiple of the payload: what is whole takes once, the search
 * behind each fault some more. Without it a payload could be made that is searched for ever. */
#define BUDGET      8
#define BUDGET_CALL 32 /* what one attempt costs besides its bytes */

struct decoder {
	const char *text;
	size_t len, pos;
	size_t budget;
	struct task_list *list;
};

/* --- the form of one task --- */

struct fault {
	size_t offset;
	char text[300];
};

static bool wrong(struct fault *fault, size_t offset, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool wrong(struct fault *fault, size_t offset, const char *fmt, ...)
{
	va_list args;
	fault->offset = offset;
	va_start(args, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, args);
	va_end(args);
	return false;
}

/* Plain text: not empty, not long, nothing that would break a line or end a C string. */
static bool plain(const char *text, size_t len, size_t max)
{
	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static bool is_plain(const struct json *node, size_t max)
{
	return node && node->kind == JSON_STRING && plain(node->string.data, node->string.len, max);
}

static bool is_scalar(const struct json *node)
{
	return node->kind == JSON_STRING || node->kind == JSON_BOOLEAN || node->kind == JSON_INTEGER ||
	       node->kind == JSON_DOUBLE;
}

static int by_path(const void *a, const void *b)
{
	const struct task_item *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static bool paths_differ(struct fault *fault, const struct task *task)
{
	struct task_item *sorted = mem_resize(NULL, task->count, sizeof(*sorted));
	const struct task_item *again = NULL;
	memcpy(sorted, task->items, task->count * sizeof(*sorted));
	qsort(sorted, task->count, sizeof(*sorted), by_path);
	for (size_t i = 1; i < task->count; i++)
		if (!strcmp(sorted[i - 1].path, sorted[i].path))
			again = &sorted[i];
	if (again)
		wrong(fault, again->offset, "\"%s\" is there twice", again->path);
	free(sorted);
	return !again;
}

static bool add_item(struct fault *fault, struct task *task, const char *path, size_t offset,
    const struct json *value)
{
	if (!plain(path, strlen(path), PATH_MAX_BYTES))
		return wrong(fault, offset, "a path has 1 to %d bytes, none of them a control character",
		    PATH_MAX_BYTES);
	task->items[task->count++] = (struct task_item){path, value, offset};
	return true;
}

static size_t count_children(const struct json *node)
{
	size_t count = 0;
	for (const struct json *child = node->child; child; child = child->next)
		count++;
	return count;
}

static bool form_read(struct fault *fault, const struct json *node, struct task *task)
{
	if (node->kind != JSON_ARRAY || !node->child)
		return wrong(fault, node->offset, "\"read\" takes an array of paths, not %s",
		    node->kind == JSON_ARRAY ? "an empty one" : json_kind_name(node));
	task->items = mem_resize(NULL, count_children(node), sizeof(*task->items));
	for (const struct json *path = node->child; path; path = path->next) {
		if (path->kind != JSON_STRING)
			return wrong(fault, path->offset, "a path is a string, not %s", json_kind_name(path));
		/* a NUL would hide what follows it */
		const char *text = strlen(path->string.data) == path->string.len ? path->string.data : "";
		if (!add_item(fault, task, text, path->offset, NULL))
			return false;
	}
	return paths_differ(fault, task);
}

static bool form_write(struct fault *fault, const struct json *node, struct task *task)
{
	size_t count = 0;
	if (node->kind != JSON_ARRAY || !node->child)
		return wrong(fault, node->offset,
		    "\"write\" takes an array of objects of path and value, not %s",
		    node->kind == JSON_ARRAY ? "an empty one" : json_kind_name(node));
	for (const struct json *object = node->child; object; object = object->next) {
		if (object->kind != JSON_OBJECT || !object->child)
			return wrong(fault, object->offset, "an object of path and value expected, not %s",
			    object->kind == JSON_OBJECT ? "an empty one" : json_kind_name(object));
		count += count_children(object);
	}
	task->items = mem_resize(NULL, count, sizeof(*task->items));
	for (const struct json *object = node->child; object; object = object->next)
		for (const struct json *value = object->child; value; value = value->next) {
			if (!is_scalar(value))
				return wrong(fault, value->offset,
				    "a value to write is a string, a number or a boolean, not %s",
				    json_kind_name(value));
			if (!add_item(fault, task, value->key, value->offset, value))
				return false;
		}
	return paths_differ(fault, task);
}

static bool form_command(struct fault *fault, const struct json *node, struct task *task)
{
	const struct json *id = json_member(node, "id");
	if (!is_plain(id, PATH_MAX_BYTES))
		return wrong(fault, id ? id->offset : node->offset,
		    "\"command\" takes an object with an \"id\" of 1 to %d bytes, none of them a control "
		    "character",
		    PATH_MAX_BYTES);
	task->id = id->string.data;
	task->params = json_member(node, "params");
	if (!task->params)
		return true;
	if (task->params->kind != JSON_OBJECT)
		return wrong(fault, task->params->offset, "\"params\" takes an object, not %s",
		    json_kind_name(task->params));
	for (const struct json *value = task->params->child; value; value = value->next)
		if (!is_scalar(value))
			return wrong(fault, value->offset,
			    "a parameter is a string, a number or a boolean, not %s", json_kind_name(value));
	return true;
}

static bool form_swinstall(struct fault *fault, const struct json *node, struct task *task)
{
	const struct {
		const char *name, **to;
	} members[] = {{"type", &task->type}, {"revision", &task->revision}, {"url", &task->url}};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const struct json *text = json_member(node, members[i].name);
		if (!is_plain(text, SIZE_MAX))
			return wrong(fault, text ? text->offset : node->offset,
			    "\"swinstall\" takes an object with type, revision and url; %s must be a string, "
			    "not empty, without control characters",
			    members[i].name);
		*members[i].to = text->string.data;
	}
	return true;
}

static const struct {
	const char *name;
	bool (*form)(struct fault *fault, const struct json *node, struct task *task);
} kinds[] = {[TASK_READ] = {"read", form_read},
    [TASK_WRITE] = {"write", form_write},
    [TASK_COMMAND] = {"command", form_command},
    [TASK_SWINSTALL] = {"swinstall", form_swinstall}};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The one member that says what to do; NULL: none or several. */
static const struct json *find_kind(const struct json *root, enum task_kind *kind, bool *several)
{
	const struct json *found = NULL;
	*several = false;
	for (size_t i = 0; i < KINDS; i++) {
		const struct json *node = json_member(root, kinds[i].name);
		if (!node)
			continue;
		*several = found != NULL;
		if (found)
			return NULL;
		found = node;
		*kind = (enum task_kind)i;
	}
	return found;
}

/* Fills `task` from its document; a fault leaves in it what was read so far. */
static bool form_task(struct fault *fault, const struct json *root, struct task *task)
{
	bool several;
	task->offset = root->offset;
	if (root->kind != JSON_OBJECT)
		return wrong(fault, root->offset, "a task is an object, not %s", json_kind_name(root));
	const struct json *uid = json_member(root, "uid");
	if (!uid)
		return wrong(fault, root->offset, "a task without \"uid\"");
	if (!is_plain(uid, TASK_UID_MAX))
		return wrong(fault, uid->offset,
		    "\"uid\" must be a string of 1 to %d bytes, none of them a control character",
		    TASK_UID_MAX);
	task->uid = uid->string.data;
	const struct json *time = json_member(root, "timestamp");
	if (time && (time->kind != JSON_INTEGER || time->integer < 0))
		return wrong(
		    fault, time->offset, "\"timestamp\" must be milliseconds since 1970, an integer");
	task->timestamp_ms = time ? time->integer : 0;
	const struct json *node = find_kind(root, &task->kind, &several);
	if (!node)
		return wrong(fault, root->offset,
		    "a task has %s \"read\", \"write\", \"command\", \"swinstall\"",
		    several ? "only one of" : "one of");
	return kinds[task->kind].form(fault, node, task);
}

/* --- the list --- */

static void refuse(struct task_list *list, size_t offset, const char *uid, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void refuse(struct task_list *list, size_t offset, const char *uid, const char *fmt, ...)
{
	struct buf text = {0};
	char what[400];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	buf_printf(&text, "byte %zu: ", offset);
	if (uid)
		buf_printf(&text, "task %s: ", uid);
	buf_text(&text, what);
	list->refusals = mem_resize(list->refusals, list->refused + 1, sizeof(*list->refusals));
	list->refusals[list->refused++] =
	    (struct task_refusal){offset, mem_strdup(uid), mem_strdup(buf_str(&text))};
	buf_free(&text);
}

static bool seen(const struct task_list *list, const char *uid)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->tasks[i].uid, uid))
			return true;
	for (size_t i = 0; i < list->refused; i++)
		if (list->refusals[i].uid && !strcmp(list->refusals[i].uid, uid))
			return true;
	return false;
}

static void task_clear(struct task *task)
{
	free(task->items);
	json_free(task->doc);
}

/* One whole element becomes a task or a refusal; takes the document. */
static void judge(struct task_list *list, struct json_doc *doc)
{
	struct task task = {.doc = doc};
	struct fault fault = {0};
	bool fits = form_task(&fault, json_root(doc), &task);
	if (task.uid && seen(list, task.uid)) {
		refuse(
		    list, task.offset, NULL, "the uid %s is there twice; the first one counts", task.uid);
	} else if (!fits) {
		refuse(list, fault.offset, task.uid, "%s", fault.text);
	} else {
		list->tasks = mem_resize(list->tasks, list->count + 1, sizeof(*list->tasks));
		list->tasks[list->count++] = task;
		return;
	}
	task_clear(&task);
}

/* --- the payload --- */

static struct json_doc *parse(struct decoder *d, size_t *pos, struct err *err)
{
	size_t from = *pos;
	struct json_doc *doc = json_parse(d->text, d->len, pos, NODES_MAX, err);
	size_t cost = *pos - from + BUDGET_CALL;
	d->budget -= cost < d->budget ? cost : d->budget;
	return doc;
}

/* The next byte that is not white space, which the position is moved to; NUL at the end. */
static char peek(const struct decoder *d, size_t *pos)
{
	return json_only_space(d->text, d->len, pos) ? '\0' : d->text[*pos];
}

/* The uid of an object that is not whole: its members are read as far as they go. */
static char *broken_uid(struct decoder *d, size_t pos)
{
	char *uid = NULL;
	char c = peek(d, &pos);
	for (bool more = c == '{'; more; more = !uid && peek(d, &pos) == ',') {
		pos++; /* the bracket or the comma */
		struct json_doc *name = parse(d, &pos, NULL), *value = NULL;
		bool found = name && json_root(name)->kind == JSON_STRING &&
		             !strcmp(json_root(name)->string.data, "uid");
		json_free(name);
		if (!name || peek(d, &pos) != ':')
			break;
		pos++;
		value = parse(d, &pos, NULL);
		if (value && found && is_plain(json_root(value), TASK_UID_MAX) && peek(d, &pos) != ':')
			uid = mem_strdup(json_root(value)->string.data);
		json_free(value);
		if (!value)
			break;
	}
	return uid;
}

/* Whether a whole task, or what was meant to be one, begins at the '{' at `pos`. */
static bool task_at(struct decoder *d, size_t pos)
{
	size_t name = pos + 1;
	enum task_kind kind;
	bool several;
	if (peek(d, &name) != '"')
		return false;
	struct json_doc *doc = parse(d, &pos, NULL);
	bool task = doc && json_member(json_root(doc), "uid") &&
	            (find_kind(json_root(doc), &kind, &several) || several);
	json_free(doc);
	return task;
}

/* After a fault: moves the position to the next whole task, wherever it stands. False: none. */
static bool resume(struct decoder *d)
{
	const char *at = d->text + d->pos, *end = d->text + d->len;
	while (d->budget && at < end && (at = memchr(at, '{', (size_t)(end - at)))) {
		d->pos = (size_t)(at - d->text);
		if (task_at(d, d->pos))
			return true;
		at++;
	}
	if (!d->budget)
		refuse(d->list, d->pos, NULL, "too many faults; what follows is not read");
	return false;
}

/* Reads the element at the position. After a fault (false) the search goes on behind its begin. */
static bool element(struct decoder *d)
{
	struct err err;
	bool first = d->list->count + d->list->refused == 0;
	if (peek(d, &d->pos) == ']') {
		refuse(d->list, d->pos, NULL, first ? "no task in the array" : "a task expected, not ']'");
		return true;
	}
	size_t start = d->pos;
	struct json_doc *doc = parse(d, &d->pos, &err);
	if (doc) {
		judge(d->list, doc);
		return true;
	}
	char *uid = broken_uid(d, start);
	bool again = uid && seen(d->list, uid);
	const char *what = strchr(err.text, ':') + 2; /* behind "byte 254: " */
	refuse(d->list, d->pos, again ? NULL : uid, "%s", what);
	free(uid);
	d->pos = start < d->len ? start + 1 : start;
	return false;
}

/* What stands behind an element. False: not another one. */
static bool separator(struct decoder *d)
{
	char c = peek(d, &d->pos);
	if (c == ',' || c == ']')
		d->pos++;
	if (c == ',')
		return true;
	if (c != ']')
		refuse(d->list, d->pos, NULL,
		    d->pos == d->len ? "the text ends before the array of tasks is closed"
		                     : "',' or ']' expected behind a task");
	else if (!json_only_space(d->text, d->len, &d->pos))
		refuse(d->list, d->pos, NULL, "the array of tasks has ended, and something follows");
	return false;
}

static void read_payload(const char *text, size_t len, struct task_list *list)
{
	struct decoder d = {.text = text, .len = len, .budget = BUDGET * (len + 64), .list = list};
	char c = peek(&d, &d.pos);
	if (c != '[') {
		refuse(list, d.pos, NULL,
		    d.pos == len ? "an array of tasks expected; the payload is empty"
		    : c == '{'   ? "an array of tasks expected, not an object"
		                 : "an array of tasks expected");
		return;
	}
	d.pos++;
	bool more = true;
	while (more && list->count + list->refused < TASK_MAX)
		more = (element(&d) && separator(&d)) || resume(&d);
	if (more)
		refuse(
		    list, d.pos, NULL, "more than %d tasks in one payload; the rest is not read", TASK_MAX);
}

/* Blanks each closing bracket that does not match the innermost open one; offsets stay as they are.
 * Returns how many; 0 too if the text is nested too deep to be read anyway. */
static size_t mend(char *text, size_t len, size_t *first)
{
	char open[JSON_DEPTH];
	size_t depth = 0, count = 0;
	bool string = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (string && c == '\\') {
			i++;
		} else if (c == '"') {
			string = !string;
		} else if (!string && (c == '[' || c == '{')) {
			if (depth == JSON_DEPTH)
				return 0;
			open[depth++] = c == '[' ? ']' : '}';
		} else if (!string && (c == ']' || c == '}')) {
			if (depth && open[depth - 1] == c) {
				depth--;
				continue;
			}
			if (!count++)
				*first = i;
			text[i] = ' ';
		}
	}
	return count;
}

void task_decode(
    const char *text, size_t len, bool strict, size_t max_bytes, struct task_list *list)
{
	*list = (struct task_list){0};
	if (len > max_bytes) {
		refuse(
		    list, 0, NULL, "a payload of more than %zu bytes, which is tasks.max_bytes", max_bytes);
		return;
	}
	read_payload(text, len, list);
	if (strict || !list->refused)
		return;
	struct task_list whole = {0};
	char *copy = mem_alloc(len + 1);
	memcpy(copy, text, len);
	whole.mended = mend(copy, len, &whole.mended_offset);
	if (whole.mended)
		read_payload(copy, len, &whole);
	if (whole.mended && !whole.refused) {
		task_list_free(list);
		*list = whole;
	} else {
		task_list_free(&whole);
	}
	free(copy);
}

void task_list_free(struct task_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		task_clear(&list->tasks[i]);
	for (size_t i = 0; i < list->refused; i++) {
		free(list->refusals[i].uid);
		free(list->refusals[i].text);
	}
	free(list->tasks);
	free(list->refusals);
	*list = (struct task_list){0};
}
