/* The JSON reader with any bytes. What it takes lies within the text, and each string that it
 * decoded comes back the same when it is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const char *text, size_t len)
{
	struct buf out = {0};
	size_t pos = 0;
	json_add_string(&out, text, len);
	struct json_doc *doc = json_parse(out.data, out.len, &pos, 1, NULL);
	must(doc && pos == out.len);
	const struct json *root = json_root(doc);
	must(root->kind == JSON_STRING);
	must(root->string.len == len && !memcmp(root->string.data, text, len));
	json_free(doc);
	buf_free(&out);
}

static void walk(const struct json *node, size_t from, size_t to)
{
	must(node->offset >= from && node->offset < to);
	if (node->key)
		again(node->key, strlen(node->key));
	if (node->kind == JSON_STRING)
		again(node->string.data, node->string.len);
	if (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT)
		for (const struct json *child = node->child; child; child = child->next)
			walk(child, node->offset + 1, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	size_t pos = 0;
	struct json_doc *doc = json_parse((const char *)data, size, &pos, 1000, &err);
	must(pos <= size);
	if (doc)
		walk(json_root(doc), 0, pos);
	json_free(doc);
	return 0;
}
