#include "core/task/plan.h"

#include "core/base/base64.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"

#include <stdlib.h>
#include <string.h>

static const struct entry *find(const struct catalog *catalog, const char *path, struct err *err)
{
	const struct entry *entry = catalog_find(catalog, path);
	const char *nearest = entry ? NULL : catalog_nearest(catalog, path);

	if (!entry)
		err_set(err, "%s: no script declares this path%s%s%s", path,
		    nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
	return entry;
}

static int scalar(const struct json *json, struct value *value, struct err *err)
{
	switch (json->kind) {
	case JSON_BOOLEAN:
		*value = (struct value){.type = VALUE_BOOLEAN, .boolean = json->boolean};
		return 0;
	case JSON_INTEGER:
		*value = (struct value){.type = VALUE_INT, .integer = json->integer};
		return 0;
	case JSON_DOUBLE:
		*value = (struct value){.type = VALUE_DOUBLE, .number = json->number};
		return 0;
	case JSON_STRING:
		*value = (struct value){
		    .type = VALUE_STRING, .text = {.data = json->string.data, .len = json->string.len}};
		return 0;
	default:
		return err_set(err, "%s is no value for it", json_kind_name(json));
	}
}

int plan_read(const struct catalog *catalog, const char *path, struct job *job, struct err *err)
{
	const struct entry *entry = find(catalog, path, err);

	if (!entry)
		return -1;
	if (entry->kind == ENTRY_COMMAND)
		return err_set(err, "%s is a command: it can be run, not read", path);
	job->kind = JOB_READ;
	job->entry = entry;
	job->path = path;
	return 0;
}

/* Binary comes as Base64. */
static int decode_binary(struct job *job, struct err *err)
{
	struct value *value = &job->value;
	struct buf bytes = {0};

	if (value->type != VALUE_STRING)
		return 0;
	if (base64_decode(&bytes, value->text.data, value->text.len) < 0) {
		buf_free(&bytes);
		return err_set(err, "a binary value must be Base64");
	}
	job->memory = bytes.data;
	*value = (struct value){
	    .type = VALUE_BINARY, .text = {.data = bytes.data ? bytes.data : "", .len = bytes.len}};
	return 0;
}

int plan_write(const struct catalog *catalog, const char *path, const struct json *value,
    struct job *job, struct err *err)
{
	const struct entry *entry = find(catalog, path, err);

	if (!entry)
		return -1;
	if (entry->kind != ENTRY_SETTING)
		return err_set(err, "%s is a %s: only settings can be written", path,
		    entry->kind == ENTRY_COMMAND ? "command" : "variable");
	if (scalar(value, &job->value, err) < 0 ||
	    (entry->type == VALUE_BINARY && decode_binary(job, err) < 0) ||
	    limits_check(&job->value, entry->type, &entry->limits, true, err) < 0) {
		err_prefix(err, "%s: ", path);
		plan_free(job);
		return -1;
	}
	job->kind = JOB_WRITE;
	job->entry = entry;
	job->path = path;
	return 0;
}

static size_t count_params(const struct entry *entry)
{
	size_t count = 0;

	for (const struct param *param = entry->params; param; param = param->next)
		count++;
	return count;
}

static int check_known(const struct entry *entry, const struct json *params, struct err *err)
{
	const char **names = mem_alloc((count_params(entry) + 1) * sizeof(*names));
	int rc = 0;

	for (const struct json *given = params ? params->child : NULL; given && rc == 0;
	     given = given->next) {
		const struct param *param = entry->params;
		size_t count = 0;

		for (; param && strcmp(param->name, given->key) != 0; param = param->next)
			names[count++] = param->name;
		if (param)
			continue;
		names[count] = NULL;
		const char *nearest = nearest_name(given->key, names);
		rc = err_set(err, "%s: there is no parameter \"%s\"%s%s%s", entry->path, given->key,
		    nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
	}
	free(names);
	return rc;
}

static int take_argument(const struct param *param, const struct json *params,
    struct argument *argument, struct err *err)
{
	const struct json *given = params ? json_member(params, param->name) : NULL;

	argument->name = param->name;
	argument->value = param->fallback;
	if (!given)
		return param->has_default ? 0 : err_set(err, "parameter \"%s\" is missing", param->name);
	if (scalar(given, &argument->value, err) < 0 ||
	    limits_check(&argument->value, param->type, &param->limits, true, err) < 0) {
		err_prefix(err, "parameter \"%s\": ", param->name);
		return -1;
	}
	return 0;
}

int plan_command(const struct catalog *catalog, const char *id, const struct json *params,
    struct job *job, struct err *err)
{
	const struct entry *entry = find(catalog, id, err);
	struct argument *arguments;
	size_t count = 0;

	if (!entry)
		return -1;
	if (entry->kind != ENTRY_COMMAND)
		return err_set(err, "%s is a %s, not a command", id,
		    entry->kind == ENTRY_SETTING ? "setting" : "variable");
	if (check_known(entry, params, err) < 0)
		return -1;
	arguments = mem_alloc((count_params(entry) + 1) * sizeof(*arguments));
	for (const struct param *param = entry->params; param; param = param->next) {
		if (take_argument(param, params, &arguments[count++], err) < 0) {
			err_prefix(err, "%s: ", id);
			free(arguments);
			return -1;
		}
	}
	job->kind = JOB_COMMAND;
	job->entry = entry;
	job->path = id;
	job->arguments = arguments;
	job->arguments_count = count;
	return 0;
}

static struct argument text_argument(const char *name, const char *text)
{
	return (struct argument){
	    name, {.type = VALUE_STRING, .text = {.data = text, .len = strlen(text)}}};
}

int plan_install(const struct catalog *catalog, const char *type, const char *revision,
    const char *url, struct job *job, struct err *err)
{
	const struct entry *entry = catalog_installer(catalog);
	struct argument *arguments;

	if (!entry)
		return err_set(err, "this device installs no software: no script has on(\"install\", ...)");
	arguments = mem_alloc(3 * sizeof(*arguments));
	arguments[0] = text_argument("type", type);
	arguments[1] = text_argument("revision", revision);
	arguments[2] = text_argument("url", url);
	job->kind = JOB_INSTALL;
	job->entry = entry;
	job->path = entry->path;
	job->arguments = arguments;
	job->arguments_count = 3;
	return 0;
}

void plan_free(struct job *job)
{
	free(job->arguments);
	free(job->memory);
	job->arguments = NULL;
	job->memory = NULL;
}
