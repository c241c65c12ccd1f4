/*
 * `neap export` and `neap import`: settings and what scripts keep, for a device that takes another's
 * place.
 *
 *   {"neap_export":1,"version":"0.1.0","serial":"GW-0042","time_s":1763820000,
 *    "files":{"settings.json":"...","state-machine.json":"..."}}
 *
 * The files of state.dir as texts, as they are; journals, counters and what waits to be sent stay where
 * they are. Both need the state folder for themselves: a running agent holds the newest values in
 * memory.
 */
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/base/json_out.h"
#include "core/command/command.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT_VERSION 1
#define FILE_MAX       (16 * 1024 * 1024)

/* settings.json, and state-NAME.json. */
static bool is_ours(const char *name)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t len;

	if (strcmp(name, "settings.json") == 0)
		return true;
	if (strncmp(name, "state-", 6) != 0)
		return false;
	len = strspn(name + 6, letters);
	return len > 0 && len < 200 && strcmp(name + 6 + len, ".json") == 0;
}

static int is_exported(const struct dirent *entry)
{
	return is_ours(entry->d_name);
}

/* -1: an agent runs, or there is no such folder. */
static int lock_state(const struct config *config, const char *what, struct err *err)
{
	struct buf path = {0};
	int fd;

	buf_printf(&path, "%s/lock", config->state.dir);
	fd = fileio_lock(buf_str(&path), err);
	if (fd < 0 && err->code == 0)
		err_prefix(err, "%s while the agent runs is not possible, stop it first: ", what);
	buf_free(&path);
	return fd;
}

static int check_json(const char *name, const char *text, size_t len, struct err *err)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(text, len, &pos, len + 1, err);
	int rc =
	    doc && json_root(doc)->kind == JSON_OBJECT && json_only_space(text, len, &pos) ? 0 : -1;

	if (!doc)
		err_prefix(err, "%s is damaged: ", name);
	else if (rc < 0)
		err_set(err, "%s is damaged: it is not one object", name);
	json_free(doc);
	return rc;
}

/* --- export --- */

static int add_file(struct json_out *out, const char *dir, const char *name, struct err *err)
{
	struct buf path = {0}, text = {0};
	int rc;

	buf_printf(&path, "%s/%s", dir, name);
	rc = fileio_read(buf_str(&path), FILE_MAX, &text, err);
	if (rc == 0)
		rc = check_json(buf_str(&path), text.data ? text.data : "", text.len, err);
	if (rc == 0)
		json_out_text(out, name, buf_str(&text));
	buf_free(&path);
	buf_free(&text);
	return rc;
}

static int compose(const struct config *config, struct buf *text, int *files, struct err *err)
{
	struct json_out out = {.buf = text};
	struct dirent **list = NULL;
	int rc = 0;

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "neap_export", EXPORT_VERSION);
	json_out_text(&out, "version", NEAP_VERSION);
	json_out_text(&out, "serial", config->device.serial);
	json_out_int(&out, "time_s", (int64_t)time(NULL));
	json_out_open(&out, "files", '{');
	*files = scandir(config->state.dir, &list, is_exported, alphasort);
	for (int i = 0; i < *files; i++) {
		if (rc == 0)
			rc = add_file(&out, config->state.dir, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	buf_char(text, '\n');
	return rc;
}

static int write_out(const char *path, const struct buf *text, int files, struct err *err)
{
	if (!path)
		return fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0
		           ? 0
		           : err_set(err, "standard output cannot be written");
	if (fileio_replace(path, text->data, text->len, 0600, err) < 0)
		return -1;
	printf("%s: %d files of settings and state\n", path, files);
	return 0;
}

int command_export(const struct invocation *invocation)
{
	struct config *config = command_config(&invocation->options);
	struct buf text = {0};
	struct err err = {0};
	int files = 0, rc = -1, lock;

	if (!config)
		return EXIT_WRONG;
	lock = lock_state(config, "an export", &err);
	if (lock >= 0)
		rc = compose(config, &text, &files, &err);
	if (rc == 0)
		rc = write_out(invocation->options.output, &text, files, &err);
	if (rc < 0)
		fprintf(stderr, "neap export: %s\n", err.text);
	if (lock >= 0)
		close(lock);
	buf_free(&text);
	config_free(config);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* --- import --- */

/* The object with the files; NULL: why it is none. */
static const struct json *read_head(
    const struct json *root, const struct config *config, const char *path, struct err *err)
{
	const struct json *format = json_member(root, "neap_export");
	const struct json *serial = json_member(root, "serial");
	const struct json *files = json_member(root, "files");

	if (!format || format->kind != JSON_INTEGER || !files || files->kind != JSON_OBJECT) {
		err_set(err, "%s is nothing that neap export wrote", path);
		return NULL;
	}
	if (format->integer != EXPORT_VERSION) {
		err_set(err,
		    "%s: format %lld, and this neap (%s) reads %d: install the version that wrote it", path,
		    (long long)format->integer, NEAP_VERSION, EXPORT_VERSION);
		return NULL;
	}
	if (serial && serial->kind == JSON_STRING &&
	    strcmp(serial->string.data, config->device.serial) != 0)
		fprintf(stderr, "neap import: %s was written by %s, this is %s (warning)\n", path,
		    serial->string.data, config->device.serial);
	return files;
}

static int check_files(const struct json *files, const char *path, struct err *err)
{
	for (const struct json *file = files->child; file; file = file->next) {
		if (!is_ours(file->key) || file->kind != JSON_STRING)
			return err_set(err, "%s: \"%.100s\" is no file of settings or state", path, file->key);
		if (check_json(file->key, file->string.data, file->string.len, err) < 0)
			return -1;
	}
	return 0;
}

/* What is here already would be replaced. */
static int check_place(const struct config *config, const struct options *options, struct err *err)
{
	struct dirent **list = NULL;
	int count = scandir(config->state.dir, &list, is_exported, alphasort);

	for (int i = 0; i < count; i++)
		free(list[i]);
	free(list);
	if (count > 0 && !options->yes)
		return err_set(err,
		    "%s has %d files of settings and state already: say --yes to replace what the import "
		    "has",
		    config->state.dir, count);
	return 0;
}

static int write_files(const struct config *config, const struct json *files, struct err *err)
{
	struct buf path = {0};
	int count = 0, rc = 0;

	for (const struct json *file = files->child; file && rc == 0; file = file->next, count++) {
		path.len = 0;
		buf_printf(&path, "%s/%s", config->state.dir, file->key);
		rc = fileio_replace(buf_str(&path), file->string.data, file->string.len, 0600, err);
	}
	buf_free(&path);
	if (rc == 0)
		printf("%d files of settings and state are in %s\n", count, config->state.dir);
	return rc;
}

static int import(const struct config *config, const struct options *options, struct err *err)
{
	const char *path = options->args[0];
	struct buf text = {0};
	struct json_doc *doc = NULL;
	const struct json *files = NULL;
	size_t pos = 0;
	int rc = fileio_read(path, FILE_MAX, &text, err);

	if (rc == 0) {
		doc = json_parse(text.data ? text.data : "", text.len, &pos, text.len + 1, err);
		if (!doc)
			err_prefix(err, "%s is damaged, or nothing that neap export wrote: ", path);
	}
	if (doc)
		files = read_head(json_root(doc), config, path, err);
	rc = files ? check_files(files, path, err) : -1;
	if (rc == 0)
		rc = check_place(config, options, err);
	if (rc == 0)
		rc = write_files(config, files, err);
	json_free(doc);
	buf_free(&text);
	return rc;
}

int command_import(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	struct err err = {0};
	int lock = -1, rc;

	if (options->count != 1) {
		fprintf(stderr, "usage: neap import %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	rc = fileio_mkdirs(config->state.dir, 0700, &err);
	if (rc == 0)
		lock = lock_state(config, "an import", &err);
	rc = lock >= 0 ? import(config, options, &err) : -1;
	if (rc < 0)
		fprintf(stderr, "neap import: %s\n", err.text);
	if (lock >= 0)
		close(lock);
	config_free(config);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}
