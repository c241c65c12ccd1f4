/*
 * `neap support`: one file with what somebody else needs to find out what is wrong here.
 *
 * Works with an agent that does not run and a configuration that is wrong: what cannot be had says
 * so in its place. Secrets are struck (secrets.h): first they are gathered from the configuration,
 * its environment, the password's file and the scripts, then each text is cleaned of all of them.
 */
#include "core/agent/control.h"
#include "core/agent/status_metrics.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/command/command.h"
#include "core/command/events_print.h"
#include "core/command/queue_list.h"
#include "core/command/secrets.h"
#include "core/command/tar.h"
#include "core/config/config_load.h"
#include "core/config/config_text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <uv.h>
#include <zlib.h>

#define TEXT_MAX (256 * 1024) /* bytes of one file */

struct bundle {
	const char *path;      /* of the configuration */
	struct config *config; /* NULL: it is wrong */
	struct problems problems;
	struct buf text; /* of the configuration, "" if it cannot be read */
	struct secrets secrets;
	struct buf tar;
	time_t now;
};

/* --- secrets --- */

static void add_tree(struct secrets *secrets, struct arena *arena, const struct config_node *node)
{
	const char *expanded;

	for (; node; node = node->next) {
		if (node->kind == CONFIG_SCALAR && node->key && node->text &&
		    secrets_is_name(node->key, strlen(node->key))) {
			secrets_add(secrets, node->text, strlen(node->text));
			expanded = config_text_expand(arena, node->text, &(struct err){0});
			if (expanded)
				secrets_add(secrets, expanded, strlen(expanded));
		}
		add_tree(secrets, arena, node->child);
	}
}

/* Also of a configuration that is wrong otherwise, as long as it is YAML. */
static void add_of_config(struct bundle *bundle)
{
	struct arena arena = {0};
	struct problems problems = {0};
	const struct config_source source = {bundle->path, &arena, &problems};
	struct config_node *root = bundle->text.len > 0
	                               ? config_tree_parse(&source, bundle->text.data, bundle->text.len)
	                               : NULL;

	add_tree(&bundle->secrets, &arena, root);
	problems_free(&problems);
	arena_free(&arena);
}

static void add_of_file(struct secrets *secrets, const char *path)
{
	struct buf text = {0};

	if (fileio_read(path, TEXT_MAX, &text, NULL) == 0) {
		while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
			text.len--;
		secrets_add(secrets, text.data, text.len);
	}
	buf_free(&text);
}

/* --- files --- */

static void add_file(struct bundle *bundle, const char *name, struct buf *text, bool bare)
{
	struct buf path = {0};

	secrets_strike(&bundle->secrets, text, bare, bare ? 1 : SECRET_MIN);
	buf_printf(&path, "neap-support/%s", name);
	tar_add(&bundle->tar, buf_str(&path), text->data, text->len, bundle->now);
	buf_free(&path);
	text->len = 0;
}

typedef void script_cb(struct bundle *bundle, const char *name, struct buf *text);

static void each_script(struct bundle *bundle, const char *folder, script_cb *cb)
{
	struct buf path = {0}, text = {0}, name = {0};
	struct dirent **list = NULL;
	int count;

	buf_printf(&path, "%s/%s", bundle->config->scripts.dir, folder);
	count = scandir(buf_str(&path), &list, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		size_t len = strlen(list[i]->d_name);

		if (len > 4 && strcmp(list[i]->d_name + len - 4, ".lua") == 0) {
			path.len = name.len = 0;
			buf_printf(&name, "%s%s", folder, list[i]->d_name);
			buf_printf(&path, "%s/%s", bundle->config->scripts.dir, buf_str(&name));
			if (fileio_read(buf_str(&path), TEXT_MAX, &text, NULL) == 0)
				cb(bundle, buf_str(&name), &text);
		}
		free(list[i]);
	}
	free(list);
	buf_free(&path);
	buf_free(&text);
	buf_free(&name);
}

static void find_in_script(struct bundle *bundle, const char *name, struct buf *text)
{
	(void)name;
	secrets_find(&bundle->secrets, text, false);
}

static void add_script(struct bundle *bundle, const char *name, struct buf *text)
{
	struct buf path = {0};

	buf_printf(&path, "scripts/%s", name);
	add_file(bundle, buf_str(&path), text, false);
	buf_free(&path);
}

/* --- what is gathered --- */

static void gather_about(struct bundle *bundle)
{
	static const char *const files[] = {"/etc/os-release", "/etc/openwrt_release", "/proc/uptime",
	    "/proc/loadavg", "/proc/meminfo", "/proc/mounts"};
	struct buf out = {0}, text = {0};
	struct utsname name = {0};
	struct tm tm;
	char when[32] = "";

	(void)uname(&name);
	if (gmtime_r(&bundle->now, &tm))
		(void)strftime(when, sizeof(when), "%FT%TZ", &tm);
	buf_printf(&out, "neap %s\nlibuv %s\nzlib %s\n%s %s %s %s\n%s\n", NEAP_VERSION,
	    uv_version_string(), zlibVersion(), name.sysname, name.release, name.version, name.machine,
	    when);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (fileio_read(files[i], TEXT_MAX, &text, NULL) < 0)
			continue;
		buf_printf(&out, "\n--- %s\n", files[i]);
		buf_add(&out, text.data, text.len);
	}
	add_file(bundle, "about.txt", &out, false);
	buf_free(&out);
	buf_free(&text);
}

static void gather_config(struct bundle *bundle)
{
	struct buf out = {0};

	for (size_t i = 0; i < bundle->problems.count; i++)
		buf_printf(&out, "%s%s\n", bundle->problems.list[i].text,
		    bundle->problems.list[i].warning ? " (warning)" : "");
	add_file(bundle, "problems.txt", &out, true);
	buf_add(&out, bundle->text.data ? bundle->text.data : "", bundle->text.len);
	add_file(bundle, "neap.yaml", &out, true);
	buf_free(&out);
}

static void gather_answer(struct bundle *bundle, const char *command, const char *name)
{
	struct buf request = {0}, out = {0};
	struct err err = {0};

	buf_printf(&request, "{\"v\":1,\"cmd\":\"%s\"}", command);
	if (control_call(bundle->config->control.socket, buf_str(&request), 5000, &out, &err) < 0) {
		out.len = 0;
		buf_printf(&out, "{\"error\":");
		json_add_text(&out, err.text);
		buf_char(&out, '}');
	}
	buf_char(&out, '\n');
	add_file(bundle, name, &out, false);
	buf_free(&request);
	buf_free(&out);
}

static void list_folder(struct buf *out, const char *dir)
{
	struct dirent **list = NULL;
	struct statvfs fs;
	struct buf path = {0};
	int count;

	if (statvfs(dir, &fs) == 0)
		buf_printf(out, "%s: %llu KB free of %llu\n", dir,
		    (unsigned long long)fs.f_bavail * fs.f_frsize / 1024,
		    (unsigned long long)fs.f_blocks * fs.f_frsize / 1024);
	count = scandir(dir, &list, NULL, alphasort);
	if (count < 0)
		buf_printf(out, "%s: %s\n", dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct stat info;

		path.len = 0;
		buf_printf(&path, "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && lstat(buf_str(&path), &info) == 0)
			buf_printf(out, "%06o %4u %10lld %lld %s\n", (unsigned)info.st_mode,
			    (unsigned)info.st_uid, (long long)info.st_size, (long long)info.st_mtime,
			    path.data);
		free(list[i]);
	}
	free(list);
	buf_free(&path);
}

static void gather_disk(struct bundle *bundle)
{
	const struct config *config = bundle->config;
	struct buf out = {0};
	struct err err = {0};

	list_folder(&out, config->state.dir);
	list_folder(&out, config->queue.dir);
	list_folder(&out, config->scripts.dir);
	add_file(bundle, "files.txt", &out, false);
	if (queue_list(config->queue.dir, false, &out, &err) < 0)
		buf_printf(&out, "%s\n", err.text);
	add_file(bundle, "queue.txt", &out, false);
	if (events_print(config->state.dir, false, &out, &err) < 0)
		buf_printf(&out, "%s\n", err.text);
	add_file(bundle, "events.txt", &out, false);
	buf_free(&out);
}

static void gather(struct bundle *bundle)
{
	secrets_find(&bundle->secrets, &bundle->text, true);
	add_of_config(bundle);
	if (bundle->config) {
		if (*bundle->config->broker.password_file)
			add_of_file(&bundle->secrets, bundle->config->broker.password_file);
		each_script(bundle, "", find_in_script);
		each_script(bundle, "lib/", find_in_script);
	}
	gather_about(bundle);
	gather_config(bundle);
	if (!bundle->config)
		return;
	gather_answer(bundle, "status", "status.json");
	gather_answer(bundle, "sensors", "sensors.json");
	gather_disk(bundle);
	each_script(bundle, "", add_script);
	each_script(bundle, "lib/", add_script);
}

static int write_bundle(struct bundle *bundle, const char *path, struct err *err)
{
	struct buf gzip = {0};
	int rc;

	tar_finish(&bundle->tar, &gzip);
	rc = fileio_replace(path, gzip.data, gzip.len, 0600, err);
	if (rc == 0)
		printf("%s: %zu KB; secrets that neap knows are left out, see man neap before you hand it "
		       "on\n",
		    path, (gzip.len + 1023) / 1024);
	buf_free(&gzip);
	return rc;
}

int command_support(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct bundle bundle = {.path = options->config, .now = time(NULL)};
	struct err err = {0};
	int rc;

	if (!options->output) {
		fprintf(stderr, "neap support: -o FILE is missing: where the bundle goes\n");
		return EXIT_WRONG;
	}
	if (fileio_read(bundle.path, TEXT_MAX, &bundle.text, &err) < 0)
		problems_add(&bundle.problems, false, "%s", err.text);
	else
		bundle.config = config_parse(bundle.path, bundle.text.len > 0 ? bundle.text.data : "",
		    bundle.text.len, &bundle.problems);
	gather(&bundle);
	rc = write_bundle(&bundle, options->output, &err);
	if (rc < 0)
		fprintf(stderr, "neap support: %s\n", err.text);
	secrets_free(&bundle.secrets);
	problems_free(&bundle.problems);
	config_free(bundle.config);
	buf_free(&bundle.text);
	buf_free(&bundle.tar);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}
