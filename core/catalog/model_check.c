#include "core/catalog/model_check.h"

#include "core/base/fileio.h"
#include "core/base/number.h"
#include "core/base/value_json.h"
#include "core/catalog/model_read.h"

#include <stdlib.h>
#include <string.h>

#define ZIP_MAX (16 << 20)

static const char *kind_name(enum entry_kind kind)
{
	static const char *const names[] = {
	    [ENTRY_VARIABLE] = "variable", [ENTRY_SETTING] = "setting", [ENTRY_COMMAND] = "command"};

	return names[kind];
}

static struct model_item *find_item(const struct model *model, const char *path)
{
	for (size_t i = 0; i < model->count; i++) {
		if (strcmp(model->items[i].path, path) == 0)
			return &model->items[i];
	}
	return NULL;
}

static const struct model_param *find_parameter(const struct model_item *item, const char *id)
{
	const struct model_param *param = item->params;

	while (param && strcmp(param->id, id) != 0)
		param = param->next;
	return param;
}

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static void compare_limit(const struct entry *entry, const struct param *param, const char *which,
    bool has, double limit, const char *theirs, struct problems *out)
{
	char ours[NUMBER_TEXT] = "none";

	if (has)
		number_from_double(ours, limit);
	if (has ? theirs && strtod(theirs, NULL) == limit : !theirs)
		return;
	problems_add(out, false, "%s: parameter %s: its %s is %s here (%s), %s in the model",
	    entry->path, param->name, which, ours, entry->where, or_none(theirs));
}

static void compare_default(const struct entry *entry, const struct param *param,
    const struct model_param *theirs, struct problems *out)
{
	struct value value = {.type = VALUE_STRING};
	struct buf ours = {0}, text = {0};

	if (param->has_default && param->type == VALUE_STRING)
		buf_add(&ours, param->fallback.text.data, param->fallback.text.len);
	else if (param->has_default)
		value_json(&ours, &param->fallback);
	if (theirs->fallback) {
		value.text.data = theirs->fallback;
		value.text.len = strlen(theirs->fallback);
		if (value_fit(&value, param->type, true, NULL) == 0 && value.type != VALUE_STRING)
			value_json(&text, &value);
		else
			buf_text(&text, theirs->fallback);
	}
	if (param->has_default != (theirs->fallback != NULL) ||
	    strcmp(buf_str(&ours), buf_str(&text)) != 0)
		problems_add(out, true, "%s: parameter %s: its default is %s here (%s), %s in the model",
		    entry->path, param->name, param->has_default ? buf_str(&ours) : "none", entry->where,
		    or_none(theirs->fallback));
	buf_free(&ours);
	buf_free(&text);
}

static void compare_parameters(
    const struct entry *entry, const struct model_item *item, struct problems *out)
{
	for (const struct param *param = entry->params; param; param = param->next) {
		const struct model_param *theirs = find_parameter(item, param->name);

		if (!theirs) {
			problems_add(out, param->has_default, "%s: the model has no parameter %s (%s)",
			    entry->path, param->name, entry->where);
			continue;
		}
		if (strcmp(or_none(theirs->type), value_type_name(param->type)) != 0)
			problems_add(out, false, "%s: parameter %s: %s here (%s), %s in the model", entry->path,
			    param->name, value_type_name(param->type), entry->where, or_none(theirs->type));
		compare_limit(
		    entry, param, "minimum", param->limits.has_min, param->limits.min, theirs->min, out);
		compare_limit(
		    entry, param, "maximum", param->limits.has_max, param->limits.max, theirs->max, out);
		compare_default(entry, param, theirs, out);
	}
	for (const struct model_param *theirs = item->params; theirs; theirs = theirs->next) {
		const struct param *param = entry->params;

		while (param && strcmp(param->name, theirs->id) != 0)
			param = param->next;
		if (!param)
			problems_add(out, false, "%s: the model has a parameter %s, the script has not (%s)",
			    entry->path, theirs->id, entry->where);
	}
}

static void compare(const struct model *model, const struct entry *entry, struct problems *out)
{
	const char *kind = kind_name(entry->kind);
	struct model_item *item = find_item(model, entry->path);

	if (!item) {
		problems_add(out, false, "%s: the model does not have this %s (%s)", entry->path, kind,
		    entry->where);
		return;
	}
	item->found = true;
	if (strcmp(item->kind, kind) != 0)
		problems_add(out, false, "%s: a %s here (%s), %s %s in the model", entry->path, kind,
		    entry->where, item->kind[0] == 'e' ? "an" : "a", item->kind);
	else if (entry->kind == ENTRY_COMMAND)
		compare_parameters(entry, item, out);
	else if (strcmp(or_none(item->type), value_type_name(entry->type)) != 0)
		problems_add(out, false, "%s: %s here (%s), %s in the model", entry->path,
		    value_type_name(entry->type), entry->where, or_none(item->type));
}

static int by_path(const void *a, const void *b)
{
	const struct model_item *left = a, *right = b;

	return strcmp(left->path, right->path);
}

static void compare_all(struct model *model, const struct catalog *catalog, struct problems *out)
{
	if (model->other_encoding && !model->encoded)
		problems_add(
		    out, false, "the model's encoding is not %s, as the dialect asks for", model->encoding);
	for (const struct entry *entry = NULL; (entry = catalog_next(catalog, entry));)
		compare(model, entry, out);
	if (model->count > 0)
		qsort(model->items, model->count, sizeof(*model->items), by_path);
	for (size_t i = 0; i < model->count; i++) {
		const struct model_item *item = &model->items[i];
		bool again = i > 0 && strcmp(item[-1].path, item->path) == 0;

		if (!item->found && !again && !catalog_find(catalog, item->path))
			problems_add(
			    out, false, "%s: no script declares this %s of the model", item->path, item->kind);
	}
}

int model_check(const char *zip, const struct catalog *catalog, const char *encoding,
    struct problems *differences, struct err *err)
{
	struct model model = {.encoding = encoding};
	struct buf archive = {0};
	int rc = fileio_read(zip, ZIP_MAX, &archive, err);

	if (rc == 0) {
		rc = model_parse(archive.data ? archive.data : "", archive.len, &model, err);
		if (rc < 0)
			err_prefix(err, "%s: ", zip);
	}
	if (rc == 0)
		compare_all(&model, catalog, differences);
	model_free(&model);
	buf_free(&archive);
	return rc;
}
