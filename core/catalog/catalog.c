#include "core/catalog/catalog.h"

#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"
#include "core/base/number.h"
#include "core/base/problems.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Entries by path. */
struct index {
	const struct entry **list;
	size_t count;
};

struct asset {
	const char *id, *label;
	struct asset *next;
};

struct draft {
	unsigned holders;
	struct owner *owner;
	const char *owner_name; /* a copy: the owner may be gone before its successor comes */
	struct arena arena;     /* everything the entries point to, and the entries themselves */
	struct index index;
	struct asset *assets; /* in the order given */
	const struct entry *installer;
};

struct catalog {
	struct draft **drafts; /* of all owners, in the order of their first install */
	size_t count;
	struct index index; /* of all */
};

/* --- index --- */

/* Where `path` is, or would have to be put. */
static size_t place(const struct index *index, const char *path, bool *found)
{
	size_t low = 0, high = index->count;
	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(index->list[middle]->path, path);
		*found = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return high;
}

static const struct entry *look_up(const struct index *index, const char *path)
{
	bool found;
	size_t at = place(index, path, &found);
	return found ? index->list[at] : NULL;
}

static void insert(struct index *index, const struct entry *entry)
{
	bool found;
	size_t at = place(index, entry->path, &found);
	index->list = mem_resize(index->list, index->count + 1, sizeof(struct entry *));
	memmove(&index->list[at + 1], &index->list[at], (index->count - at) * sizeof(struct entry *));
	index->list[at] = entry;
	index->count++;
}

/* --- values and limits --- */

int limits_check(struct value *value, enum value_type type, const struct limits *limits,
    bool from_text, struct err *err)
{
	if (value_fit(value, type, from_text, err) < 0)
		return -1;
	if (type != VALUE_INT && type != VALUE_DOUBLE && type != VALUE_DATE)
		return 0;

	char text[NUMBER_TEXT], limit[NUMBER_TEXT];
	double number = type == VALUE_DOUBLE ? value->number : (double)value->integer;
	if (type == VALUE_DOUBLE)
		number_from_double(text, value->number);
	else
		number_from_int(text, value->integer);
	if (limits->has_min && number < limits->min) {
		number_from_double(limit, limits->min);
		return err_set(err, "%s is below its minimum %s", text, limit);
	}
	if (limits->has_max && number > limits->max) {
		number_from_double(limit, limits->max);
		return err_set(err, "%s is above its maximum %s", text, limit);
	}
	return 0;
}

/* What is declared about one value: limits that leave something, a default within them. */
static int check_declared(enum value_type type, const struct limits *limits, bool has_default,
    struct value *fallback, struct err *err)
{
	if (limits->has_min && limits->has_max && !(limits->min <= limits->max)) {
		char min[NUMBER_TEXT], max[NUMBER_TEXT];
		number_from_double(min, limits->min);
		number_from_double(max, limits->max);
		return err_set(err, "its minimum %s is above its maximum %s", min, max);
	}
	if (has_default && limits_check(fallback, type, limits, false, err) < 0) {
		err_prefix(err, "its default does not fit: ");
		return -1;
	}
	return 0;
}

/* --- drafts --- */

struct draft *draft_new(struct owner *owner)
{
	struct draft *draft = mem_alloc(sizeof *draft);
	draft->holders = 1;
	draft->owner = owner;
	draft->owner_name = arena_strdup(&draft->arena, owner->name);
	return draft;
}

struct draft *draft_hold(struct draft *draft)
{
	draft->holders++;
	return draft;
}

void draft_free(struct draft *draft)
{
	if (!draft || --draft->holders > 0)
		return;
	arena_free(&draft->arena);
	free(draft->index.list);
	free(draft);
}

static const char *copy_text(struct draft *draft, const char *text)
{
	return text ? arena_strdup(&draft->arena, text) : "";
}

static void copy_value(struct draft *draft, struct value *value)
{
	if (value->type != VALUE_STRING && value->type != VALUE_BINARY)
		return;
	char *copy = arena_alloc(&draft->arena, value->text.len + 1);
	if (value->text.len)
		memcpy(copy, value->text.data, value->text.len);
	value->text.data = copy;
}

static int copy_params(
    struct draft *draft, struct entry *entry, const struct param *from, struct err *err)
{
	struct param **end = &entry->params;
	*end = NULL;
	for (; from; from = from->next) {
		for (const struct param *other = entry->params; other; other = other->next)
			if (!strcmp(other->name, from->name))
				return err_set(
				    err, "%s: the parameter %.60s is declared twice", entry->path, from->name);
		struct param *param = arena_alloc(&draft->arena, sizeof *param);
		*param = *from;
		param->next = NULL;
		if (param->type == VALUE_BINARY)
			return err_set(err, "%s: the parameter %.60s cannot be binary: the protocol has none",
			    entry->path, from->name);
		if (check_declared(param->type, &param->limits, param->has_default, &param->fallback, err) <
		    0) {
			err_prefix(err, "%s: the parameter %.60s: ", entry->path, from->name);
			return -1;
		}
		param->name = copy_text(draft, from->name);
		param->label = copy_text(draft, from->label);
		if (param->has_default)
			copy_value(draft, &param->fallback);
		*end = param;
		end = &param->next;
	}
	return 0;
}

static struct entry *copy_entry(struct draft *draft, const struct entry *entry)
{
	struct entry *copy = arena_alloc(&draft->arena, sizeof *copy);
	*copy = *entry;
	copy->path = copy_text(draft, entry->path);
	copy->label = copy_text(draft, entry->label);
	copy->unit = copy_text(draft, entry->unit);
	copy->policy = copy_text(draft, entry->policy);
	copy->where = copy_text(draft, entry->where);
	copy->owner = draft->owner;
	return copy;
}

static int check_factor(const struct entry *entry, struct err *err)
{
	bool number =
	    entry->type == VALUE_INT || entry->type == VALUE_DOUBLE || entry->type == VALUE_DATE;

	if (entry->factor != 0 && !number)
		return err_set(err, "%s: a factor is for numbers, not for %s", entry->path,
		    value_type_name(entry->type));
	if (!(entry->factor >= 0 && isfinite(entry->factor)))
		return err_set(err, "%s: its factor must be a finite number above 0", entry->path);
	return 0;
}

int draft_add(struct draft *draft, const struct entry *entry, struct err *err)
{
	if (path_check(entry->path, err) < 0 || check_factor(entry, err) < 0)
		return -1;
	const struct entry *other = look_up(&draft->index, entry->path);
	if (other)
		return err_set(err, "%s is already declared in %s", entry->path, other->where);

	struct entry *copy = copy_entry(draft, entry);
	if (entry->kind != ENTRY_COMMAND &&
	    check_declared(copy->type, &copy->limits, copy->has_default, &copy->fallback, err) < 0) {
		err_prefix(err, "%s: ", entry->path);
		return -1;
	}
	if (copy->has_default)
		copy_value(draft, &copy->fallback);
	if (copy_params(draft, copy, entry->params, err) < 0)
		return -1;
	insert(&draft->index, copy);
	return 0;
}

int draft_installer(struct draft *draft, const struct entry *entry, struct err *err)
{
	if (draft->installer)
		return err_set(err, "%s is already handled in %s", entry->path, draft->installer->where);
	draft->installer = copy_entry(draft, entry);
	return 0;
}

static const struct asset *find_asset(const struct draft *draft, const char *id)
{
	for (const struct asset *asset = draft->assets; asset; asset = asset->next)
		if (!strcmp(asset->id, id))
			return asset;
	return NULL;
}

void draft_asset(struct draft *draft, const char *id, const char *label)
{
	if (find_asset(draft, id))
		return;
	struct asset *asset = arena_alloc(&draft->arena, sizeof *asset);
	*asset = (struct asset){copy_text(draft, id), copy_text(draft, label), draft->assets};
	draft->assets = asset;
}

/* --- the catalog --- */

struct catalog *catalog_new(void)
{
	return mem_alloc(sizeof(struct catalog));
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->count; i++)
		draft_free(catalog->drafts[i]);
	free(catalog->drafts);
	free(catalog->index.list);
	free(catalog);
}

static int by_path(const void *a, const void *b)
{
	const struct entry *const *left = a, *const *right = b;
	return strcmp((*left)->path, (*right)->path);
}

static void rebuild(struct catalog *catalog)
{
	struct index *all = &catalog->index;
	all->count = 0;
	for (size_t i = 0; i < catalog->count; i++) {
		const struct index *some = &catalog->drafts[i]->index;
		if (!some->count)
			continue;
		all->list = mem_resize(all->list, all->count + some->count, sizeof(struct entry *));
		memcpy(&all->list[all->count], some->list, some->count * sizeof(struct entry *));
		all->count += some->count;
	}
	if (all->count)
		qsort(all->list, all->count, sizeof(struct entry *), by_path);
}

/* True if somebody else installs software already. */
static bool installer_conflicts(
    const struct catalog *catalog, const struct draft *draft, struct problems *problems)
{
	for (size_t i = 0; draft->installer && i < catalog->count; i++) {
		const struct draft *other = catalog->drafts[i];
		if (!other->installer || !strcmp(other->owner_name, draft->owner_name))
			continue;
		problems_add(problems, false, "%s: %s is already handled in %s", draft->installer->where,
		    draft->installer->path, other->installer->where);
		return true;
	}
	return false;
}

/* True if a path of the draft is another owner's: each is told. */
static bool conflicts(
    const struct catalog *catalog, const struct draft *draft, struct problems *problems)
{
	bool any = installer_conflicts(catalog, draft, problems);
	for (size_t i = 0; i < draft->index.count; i++) {
		const struct entry *entry = draft->index.list[i];
		for (size_t k = 0; k < catalog->count; k++) {
			const struct draft *other = catalog->drafts[k];
			const struct entry *theirs = look_up(&other->index, entry->path);
			if (!theirs || !strcmp(other->owner_name, draft->owner_name))
				continue;
			problems_add(problems, false, "%s: %s is already declared in %s", entry->where,
			    entry->path, theirs->where);
			any = true;
		}
	}
	return any;
}

int catalog_install(struct catalog *catalog, struct draft *draft, struct problems *problems)
{
	if (conflicts(catalog, draft, problems)) {
		draft_free(draft);
		return -1;
	}
	size_t at = 0;
	while (at < catalog->count && strcmp(catalog->drafts[at]->owner_name, draft->owner_name) != 0)
		at++;
	if (at < catalog->count) {
		draft_free(catalog->drafts[at]);
	} else {
		catalog->drafts = mem_resize(catalog->drafts, catalog->count + 1, sizeof(struct draft *));
		catalog->count++;
	}
	catalog->drafts[at] = draft;
	rebuild(catalog);
	return 0;
}

void catalog_remove(struct catalog *catalog, const struct owner *owner)
{
	for (size_t i = 0; i < catalog->count; i++) {
		if (catalog->drafts[i]->owner != owner)
			continue;
		draft_free(catalog->drafts[i]);
		catalog->count--;
		memmove(&catalog->drafts[i], &catalog->drafts[i + 1],
		    (catalog->count - i) * sizeof(struct draft *));
		rebuild(catalog);
		return;
	}
}

struct catalog *catalog_copy(const struct catalog *catalog)
{
	struct catalog *copy = catalog_new();
	copy->drafts = mem_resize(NULL, catalog->count, sizeof(struct draft *));
	copy->count = catalog->count;
	for (size_t i = 0; i < catalog->count; i++)
		copy->drafts[i] = draft_hold(catalog->drafts[i]);
	rebuild(copy);
	return copy;
}

const struct entry *catalog_find(const struct catalog *catalog, const char *path)
{
	return look_up(&catalog->index, path);
}

const struct entry *catalog_next(const struct catalog *catalog, const struct entry *after)
{
	size_t at = 0;
	if (after) {
		bool found;
		at = place(&catalog->index, after->path, &found) + found;
	}
	return at < catalog->index.count ? catalog->index.list[at] : NULL;
}

const struct entry *catalog_installer(const struct catalog *catalog)
{
	const struct entry *found = NULL;
	for (size_t i = 0; !found && i < catalog->count; i++)
		found = catalog->drafts[i]->installer;
	return found;
}

const char *catalog_nearest(const struct catalog *catalog, const char *path)
{
	const struct index *all = &catalog->index;
	const char **paths = mem_alloc((all->count + 1) * sizeof *paths);
	for (size_t i = 0; i < all->count; i++)
		paths[i] = all->list[i]->path;
	const char *nearest = nearest_name(path, paths);
	free(paths);
	return nearest;
}

const char *catalog_asset_label(const struct catalog *catalog, const char *id)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct asset *asset = find_asset(catalog->drafts[i], id);
		if (asset)
			return asset->label;
	}
	return NULL;
}
