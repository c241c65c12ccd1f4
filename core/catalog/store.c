/*
 * The file, for a person to read:
 *
 *   {
 *   "machine.threshold":{"type":"int","value":25},
 *   "machine.label":{"type":"string","value":"Pump 3"}
 *   }
 *
 * Binary values stand in Base64. The type is written too: 25 may be a double.
 */
#include "core/catalog/store.h"

#include "core/base/base64.h"
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/value_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (16 << 20)

struct item {
	char *key;
	char *text; /* what the value points to, or NULL */
	struct value value;
};

struct store {
	char *path;
	struct item *items; /* by key */
	size_t count;
	bool changed;          /* since the file was written */
	struct saving *saving; /* under way, or NULL */
};

/* A write on the pool. */
struct saving {
	uv_work_t work;
	struct store *store; /* NULL: it is closed */
	char *path;
	struct buf text;
	uv_mutex_t writing; /* held while it writes */
	bool overtaken;     /* by store_save: nothing is to be written any more */
	int result;
	struct err err;
};

/* --- items --- */

/* Where the key is, or would have to be put. */
static size_t place(const struct store *store, const char *key, bool *found)
{
	size_t low = 0, high = store->count;
	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(store->items[middle].key, key);
		*found = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return high;
}

static bool has_text(const struct value *value)
{
	return value->type == VALUE_STRING || value->type == VALUE_BINARY;
}

static bool same(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (has_text(a))
		return a->text.len == b->text.len &&
		       (!a->text.len || !memcmp(a->text.data, b->text.data, a->text.len));
	if (a->type == VALUE_BOOLEAN)
		return a->boolean == b->boolean;
	if (a->type == VALUE_DOUBLE)
		return a->number == b->number && signbit(a->number) == signbit(b->number);
	return a->integer == b->integer;
}

bool store_get(const struct store *store, const char *key, struct value *out)
{
	bool found;
	size_t at = place(store, key, &found);
	if (found)
		*out = store->items[at].value;
	return found;
}

void store_each(const struct store *store,
    void (*each)(void *ctx, const char *key, const struct value *value), void *ctx)
{
	for (size_t i = 0; i < store->count; i++)
		each(ctx, store->items[i].key, &store->items[i].value);
}

void store_set(struct store *store, const char *key, const struct value *value)
{
	if (value->type == VALUE_DOUBLE && !holds(isfinite(value->number)))
		return;
	bool found;
	size_t at = place(store, key, &found);
	if (found && same(&store->items[at].value, value))
		return;
	store->changed = true;
	if (!found) {
		store->items = mem_resize(store->items, store->count + 1, sizeof *store->items);
		memmove(
		    &store->items[at + 1], &store->items[at], (store->count - at) * sizeof *store->items);
		store->items[at] = (struct item){.key = mem_strdup(key)};
		store->count++;
	}
	struct item *item = &store->items[at];
	char *old = item->text; /* the new value may be a part of it */
	item->value = *value;
	item->text = NULL;
	if (has_text(value)) {
		item->text = mem_alloc(value->text.len + 1);
		if (value->text.len)
			memcpy(item->text, value->text.data, value->text.len);
		item->value.text.data = item->text;
	}
	free(old);
}

void store_remove(struct store *store, const char *key)
{
	bool found;
	size_t at = place(store, key, &found);
	if (!found)
		return;
	free(store->items[at].key);
	free(store->items[at].text);
	store->count--;
	memmove(&store->items[at], &store->items[at + 1], (store->count - at) * sizeof *store->items);
	store->changed = true;
}

/* --- reading --- */

/* The value as it stands in the file; a text stays the document's, what is decoded goes to
 * `decoded`. */
static int from_json(
    const struct json *node, enum value_type type, struct value *value, struct buf *decoded)
{
	switch (node->kind) {
	case JSON_INTEGER:
		*value = (struct value){VALUE_INT, .integer = node->integer};
		break;
	case JSON_DOUBLE:
		*value = (struct value){VALUE_DOUBLE, .number = node->number};
		break;
	case JSON_BOOLEAN:
		*value = (struct value){VALUE_BOOLEAN, .boolean = node->boolean};
		break;
	case JSON_STRING:
		*value = (struct value){VALUE_STRING, .text = {node->string.data, node->string.len}};
		break;
	default:
		return -1;
	}
	if (type == VALUE_INT && value->type == VALUE_INT)
		return 0; /* here also beyond 32 bit */
	if (type == VALUE_DOUBLE && value->type == VALUE_INT) {
		/* 1e18 was written without a point; it is exact */
		*value = (struct value){VALUE_DOUBLE, .number = (double)value->integer};
		return 0;
	}
	if (type == VALUE_BINARY && value->type == VALUE_STRING) {
		decoded->len = 0;
		if (base64_decode(decoded, value->text.data, value->text.len) < 0)
			return -1;
		*value = (struct value){VALUE_BINARY, .text = {decoded->data, decoded->len}};
		return 0;
	}
	if (type == VALUE_DATE && value->type == VALUE_INT)
		value->type = VALUE_DATE;
	return value->type == type ? 0 : -1;
}

/* Takes what is right; -1 and the first fault if not everything is. */
static int load(struct store *store, const struct json *root, struct err *err)
{
	if (root->kind != JSON_OBJECT)
		return err_set(err, "%s instead of an object", json_kind_name(root));
	int result = 0;
	struct buf decoded = {0};
	for (const struct json *member = root->child; member; member = member->next) {
		const struct json *type_name = json_member(member, "type");
		const struct json *node = json_member(member, "value");
		enum value_type type;
		struct value value;
		if (!type_name || type_name->kind != JSON_STRING || !node ||
		    value_type_parse(type_name->string.data, &type) < 0 ||
		    from_json(node, type, &value, &decoded) < 0) {
			if (!result)
				result = err_set(err, "byte %zu: %.100s is not {\"type\":...,\"value\":...}",
				    member->offset, member->key);
			continue;
		}
		store_set(store, member->key, &value);
	}
	buf_free(&decoded);
	return result;
}

static int parse(struct store *store, const struct buf *text, struct err *err)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(text->data, text->len, &pos, text->len + 1, err);
	if (!doc)
		return -1;
	int result = load(store, json_root(doc), err);
	if (!result && !json_only_space(text->data, text->len, &pos))
		result = err_set(err, "byte %zu: more behind the end", pos);
	json_free(doc);
	return result;
}

/* The file stays for whoever wants to look; what could be read of it is kept. */
static void put_aside(const struct store *store, const struct err *fault)
{
	struct buf aside = {0};
	buf_printf(&aside, "%s.damaged", store->path);
	if (rename(store->path, buf_str(&aside)) == 0)
		log_error("store", "%s is damaged (%s): it is now %s, %zu values of it are kept",
		    store->path, fault->text, aside.data, store->count);
	else
		log_error("store", "%s is damaged (%s), and it cannot be renamed: %s; %zu values are kept",
		    store->path, fault->text, strerror(errno), store->count);
	buf_free(&aside);
}

struct store *store_open(const char *path, struct err *err)
{
	struct err fault = {0};
	struct buf text = {0};
	int result = fileio_read(path, FILE_MAX_BYTES, &text, &fault);
	if (result < 0 && fault.code != -ENOENT) {
		if (err)
			*err = fault;
		buf_free(&text);
		return NULL;
	}
	struct store *store = mem_alloc(sizeof *store);
	store->path = mem_strdup(path);
	if (result == 0) {
		bool damaged = parse(store, &text, &fault) < 0;
		if (damaged)
			put_aside(store, &fault);
		store->changed = damaged;
	}
	buf_free(&text);
	return store;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->saving)
		store->saving->store = NULL;
	for (size_t i = 0; i < store->count; i++) {
		free(store->items[i].key);
		free(store->items[i].text);
	}
	free(store->items);
	free(store->path);
	free(store);
}

/* --- writing --- */

static void compose(const struct store *store, struct buf *text)
{
	buf_text(text, "{\n");
	for (size_t i = 0; i < store->count; i++) {
		json_add_text(text, store->items[i].key);
		buf_printf(
		    text, ":{\"type\":\"%s\",\"value\":", value_type_name(store->items[i].value.type));
		value_json(text, &store->items[i].value);
		buf_text(text, i + 1 < store->count ? "},\n" : "}\n");
	}
	buf_text(text, "}\n");
}

static int write_text(const char *path, const struct buf *text, struct err *err)
{
	if (text->len > FILE_MAX_BYTES)
		return err_set(err, "%s would be %zu bytes, and it can be %d: too much is stored", path,
		    text->len, FILE_MAX_BYTES);
	return fileio_replace(path, text->data, text->len, 0600, err);
}

int store_save(struct store *store, struct err *err)
{
	if (store->saving) { /* its text is older than ours */
		uv_mutex_lock(&store->saving->writing);
		store->saving->overtaken = true;
		uv_mutex_unlock(&store->saving->writing);
		store->changed = true;
	}
	if (!store->changed)
		return 0;
	struct buf text = {0};
	compose(store, &text);
	int result = write_text(store->path, &text, err);
	store->changed = result < 0;
	buf_free(&text);
	return result;
}

/* --- writing on the pool --- */

static void on_work(uv_work_t *work)
{
	struct saving *saving = work->data;

	uv_mutex_lock(&saving->writing);
	if (!saving->overtaken)
		saving->result = write_text(saving->path, &saving->text, &saving->err);
	uv_mutex_unlock(&saving->writing);
}

static void start_saving(struct store *store, uv_loop_t *loop);

static void on_worked(uv_work_t *work, int status)
{
	struct saving *saving = work->data;
	struct store *store = saving->store;
	(void)status;
	if (saving->result < 0)
		log_warn("store", "%s", saving->err.text);
	if (store) {
		bool again = store->changed;
		store->saving = NULL;
		if (again)
			start_saving(store, work->loop);
		store->changed |= saving->result < 0; /* the next save tries again */
	}
	uv_mutex_destroy(&saving->writing);
	buf_free(&saving->text);
	free(saving->path);
	free(saving);
}

static void start_saving(struct store *store, uv_loop_t *loop)
{
	struct saving *saving = mem_alloc(sizeof *saving);

	saving->store = store;
	saving->path = mem_strdup(store->path);
	saving->work.data = saving;
	compose(store, &saving->text);
	must(uv_mutex_init(&saving->writing) == 0);
	must(uv_queue_work(loop, &saving->work, on_work, on_worked) == 0);
	store->saving = saving;
	store->changed = false;
}

void store_save_later(struct store *store, uv_loop_t *loop)
{
	if (store->changed && !store->saving)
		start_saving(store, loop);
}
