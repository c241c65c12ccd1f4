/*
 * `neap init`: a neap.yaml to begin with, every key in it with its default, and a first script.
 *
 * The keys and their defaults come from the table that reads the file (config_keys), so that none
 * is missing here. What most need stands ready, the rest behind "# ": uncommenting any line, and
 * its group's if that is one, gives a right file.
 */
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/command/command.h"
#include "core/config/config_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is said of a group or a key, above it. */
static const struct {
	const char *path, *text;
} notes[] = {
    {"device",
        "Who this device is: also its username and client id, unless broker: says otherwise."},
    {"broker", "Where to, and how. A list of URLs fails over; ssl://HOST:8883 for TLS."},
    {"broker.password", "Rather password_file, a file that only neap's user can read."},
    {"dialect", "tutorial, or current: native values, milliseconds, acknowledgements."},
    {"payload", "The bodies; picked by the dialect, each can be set."},
    {"topics", "For brokers that are not AirVantage's."},
    {"tasks", "What the server asks for."},
    {"window", "How much may be sent and not acknowledged."},
    {"drain", "The share of fresh samples while a backlog is sent."},
    {"clock", "When the time of day can be believed: date (later than neap's build), or sync."},
    {"state", "Settings, journals: small, on flash, written seldom."},
    {"queue", "What waits for the broker, on disk, synced at least so often."},
    {"scripts",
        "What the device does: every *.lua in this folder is a script with its own limits."},
    {"control", "How neap status and the other commands reach the agent."},
    {"log", "error, warn, info or debug; stderr or syslog."},
    {"agent", "neap as an asset of the server: policies as settings, losses as data."},
    {"params",
        "What differs from device to device, by script: params: { meter: { port: /dev/ttyUSB0 } }"},
    {"policies", "Over what scripts say of their policies: policies: { trend: { flush: 5m } }"},
};

static const char first_script[] =
    "-- A first script: what the machine does at the moment. `neap check` finds mistakes, `neap "
    "reload`\n"
    "-- takes changes over, `neap tail` shows samples as they are taken. man neap-lua has the "
    "rest.\n"
    "\n"
    "local box = asset(\"box\", { label = \"The box on the wall\" })\n"
    "\n"
    "local period = box:setting(\"period\", { type = \"int\", default = 10, min = 1, max = 3600, "
    "unit = \"s\" })\n"
    "\n"
    "box:variable(\"load\", {\n"
    "\tevery = period,\n"
    "\tread = function() return tonumber(file.read(\"/proc/loadavg\"):match(\"%S+\")) end,\n"
    "})\n";

struct draft_file {
	const char *serial, *url; /* \"\" if not given */
	bool local;               /* not /etc/neap/neap.yaml: its folders are beside it */
	struct buf text;
	char group[64], inner[64]; /* that are open */
};

/* --- values --- */

/* As YAML wants it: quoted where it holds more than words. */
static void add_value(struct buf *out, const char *value)
{
	if (*value == '\0')
		return;
	buf_char(out, ' ');
	if (strpbrk(value, "{}[]#&*!|>'\"%@`:, "))
		json_add_text(out, value);
	else
		buf_text(out, value);
}

/* What stands in the file without "# "; NULL: it does not. */
static const char *ready_value(const struct draft_file *file, const char *path)
{
	static const struct {
		const char *path, *value;
	} beside[] = {{"state.dir", "state"}, {"queue.dir", "queue"}, {"scripts.dir", "scripts"},
	    {"control.socket", "neap.sock"}};

	if (strcmp(path, "device.serial") == 0)
		return file->serial;
	if (strcmp(path, "broker.url") == 0)
		return *file->url ? file->url : "tcp://127.0.0.1:1883";
	for (size_t i = 0; file->local && i < sizeof(beside) / sizeof(beside[0]); i++) {
		if (strcmp(path, beside[i].path) == 0)
			return beside[i].value;
	}
	return NULL;
}

/* --- lines --- */

static void add_note(struct draft_file *file, const char *path, const char *indent)
{
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (strcmp(notes[i].path, path) == 0)
			buf_printf(&file->text, "%s## %s\n", indent, notes[i].text);
	}
}

/* Is one of the group's keys ready? Then the group is. */
static bool is_ready(const struct draft_file *file, const char *group)
{
	size_t len = strlen(group);

	for (const struct config_key *key = config_keys(); key->path; key++) {
		if (strncmp(key->path, group, len) == 0 && key->path[len] == '.' &&
		    ready_value(file, key->path))
			return true;
	}
	return false;
}

/* The maps that the key is in, where they are others than the last key's. Returns its name. */
static const char *open_groups(struct draft_file *file, const char *path)
{
	const char *dot = strchr(path, '.'), *last = strrchr(path, '.');
	char group[64] = "", inner[64] = "";

	if (dot)
		(void)snprintf(group, sizeof(group), "%.*s", (int)(dot - path), path);
	if (last != dot)
		(void)snprintf(inner, sizeof(inner), "%.*s", (int)(last - dot - 1), dot + 1);
	if (strcmp(group, file->group) != 0 || !dot) {
		buf_char(&file->text, '\n');
		add_note(file, dot ? group : path, "");
		if (dot)
			buf_printf(&file->text, "%s%s:\n", is_ready(file, group) ? "" : "# ", group);
	}
	if (*inner && (strcmp(inner, file->inner) != 0 || strcmp(group, file->group) != 0))
		buf_printf(&file->text, "#   %s:\n", inner);
	strcpy(file->group, group);
	strcpy(file->inner, inner);
	return last ? last + 1 : path;
}

static void add_key(struct draft_file *file, const struct config_key *key)
{
	const char *name = open_groups(file, key->path);
	const char *value = ready_value(file, key->path);
	const char *indent = *file->inner ? "    " : *file->group ? "  " : "";

	if (key->path[strlen(file->group)] == '.')
		add_note(file, key->path, indent);
	buf_printf(&file->text, "%s%s%s:", value ? "" : "# ", indent, name);
	if (!value && key->type == CONFIG_CUSTOM)
		value = "{}";
	if (!value)
		value = key->fallback ? key->fallback : "";
	if (strcmp(value, "{}") == 0)
		buf_text(&file->text, " {}");
	else
		add_value(&file->text, value);
	buf_char(&file->text, '\n');
}

static void compose(struct draft_file *file)
{
	buf_text(&file->text,
	    "## neap's configuration; `neap check` says what is wrong in it, man neap.yaml what "
	    "each key means.\n"
	    "## What stands behind \"# \" are the defaults.\n");
	for (const struct config_key *key = config_keys(); key->path; key++)
		add_key(file, key);
}

/* --- files --- */

static int write_new(const char *path, const struct buf *text, mode_t mode, struct err *err)
{
	struct stat info;

	if (lstat(path, &info) == 0)
		return err_set(err, "%s is there already: it is left as it is", path);
	if (errno != ENOENT)
		return err_sys(err, errno, "%s", path);
	return fileio_replace(path, text->data, text->len, mode, err);
}

/* Only where there is no folder of scripts yet. */
static int write_script(const struct draft_file *file, const char *config_path, struct err *err)
{
	const char *slash = strrchr(config_path, '/');
	struct buf path = {0}, text = {0};
	struct stat info;
	int rc = 0;

	if (file->local && slash)
		buf_add(&path, config_path, (size_t)(slash - config_path) + 1);
	buf_text(&path, file->local ? "scripts" : "/etc/neap/scripts");
	if (lstat(buf_str(&path), &info) < 0 && errno == ENOENT) {
		rc = fileio_mkdirs(buf_str(&path), 0755, err);
		buf_text(&path, "/box.lua");
		buf_text(&text, first_script);
		if (rc == 0)
			rc = write_new(buf_str(&path), &text, 0644, err);
		if (rc == 0)
			printf("%s: a first script\n", buf_str(&path));
	}
	buf_free(&path);
	buf_free(&text);
	return rc;
}

static int write_folder(const char *config_path, struct err *err)
{
	const char *slash = strrchr(config_path, '/');
	char *dir = slash && slash > config_path
	                ? mem_strndup(config_path, (size_t)(slash - config_path))
	                : NULL;
	int rc = dir ? fileio_mkdirs(dir, 0755, err) : 0;

	free(dir);
	return rc;
}

int command_init(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct draft_file file = {
	    .serial = options->count > 0 ? options->args[0] : "",
	    .url = options->count > 1 ? options->args[1] : "",
	    .local = strcmp(options->config, CONFIG_DEFAULT) != 0,
	};
	struct err err = {0};
	int rc;

	if (options->count > 2) {
		fprintf(stderr, "usage: neap init %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	compose(&file);
	rc = write_folder(options->config, &err);
	if (rc == 0)
		rc = write_new(options->config, &file.text, 0600, &err); /* a password may come into it */
	if (rc == 0) {
		printf("%s: the configuration%s\n", options->config,
		    *file.url      ? ""
		    : *file.serial ? "; broker.url is yours to set"
		                   : "; device.serial and broker.url are yours to set");
		rc = write_script(&file, options->config, &err);
	}
	if (rc < 0)
		fprintf(stderr, "neap init: %s\n", err.text);
	buf_free(&file.text);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}
