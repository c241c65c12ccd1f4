/* `neap tasks refused`: what the server sent and could not be done, with the place of the fault. */
#include "core/agent/control.h"
#include "core/base/base64.h"
#include "core/base/fileio.h"
#include "core/command/command.h"
#include "core/task/refused.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AROUND 30 /* bytes shown before and behind the fault */

static int64_t integer(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_INTEGER ? member->integer : 0;
}

static void print_time(int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32] = "time unknown";

	if (wall_ms > 0 && gmtime_r(&seconds, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%s", text);
}

/* The bytes around the fault in one line, a mark below it. */
static void print_excerpt(const struct json *entry, const struct buf *payload)
{
	size_t fault = (size_t)(integer(entry, "offset") - integer(entry, "at"));
	size_t from = fault > AROUND ? fault - AROUND : 0;
	size_t to = fault + AROUND < payload->len ? fault + AROUND : payload->len;

	if (fault > payload->len)
		return;
	printf("  ");
	for (size_t i = from; i < to; i++)
		putchar(payload->data[i] >= ' ' && payload->data[i] < 0x7f ? payload->data[i] : '.');
	printf("\n  %*s^\n", (int)(fault - from), "");
}

static void print_entry(const struct json *entry)
{
	const struct json *reason = json_member(entry, "reason");
	const struct json *payload = json_member(entry, "payload");
	struct buf bytes = {0};

	print_time(integer(entry, "time_ms"));
	printf("  %" PRId64 " bytes", integer(entry, "bytes"));
	if (integer(entry, "more") > 0)
		printf(", %" PRId64 " more refusals", integer(entry, "more"));
	printf("\n  %s\n", reason && reason->kind == JSON_STRING ? reason->string.data : "");
	if (payload && payload->kind == JSON_STRING &&
	    base64_decode(&bytes, payload->string.data, payload->string.len) == 0)
		print_excerpt(entry, &bytes);
	buf_free(&bytes);
}

static int show(const struct options *options, const struct buf *list)
{
	struct err err = {0};
	size_t pos = 0;
	struct json_doc *doc = json_parse(list->data, list->len, &pos, 1000, &err);

	if (!doc) {
		fprintf(stderr, "neap tasks: %s\n", err.text);
		return EXIT_FAILED;
	}
	if (options->json)
		printf("%.*s\n", (int)list->len, list->data);
	for (const struct json *entry = json_root(doc)->child; entry && !options->json;
	     entry = entry->next)
		print_entry(entry);
	json_free(doc);
	return EXIT_DONE;
}

/* From the running agent; without one from its file, which may lack those of its last minute. */
static int get(const struct config *config, struct buf *list, struct err *err)
{
	struct buf path = {0};
	struct err none;
	int rc = control_call(
	    config->control.socket, "{\"v\":1,\"cmd\":\"tasks-refused\"}", 5000, list, err);

	if (rc == 0)
		return 0;
	buf_printf(&path, "%s/refused", config->state.dir);
	rc = fileio_read(buf_str(&path), REFUSED_FILE, list, &none);
	buf_free(&path);
	return rc;
}

int command_tasks(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	struct buf list = {0};
	struct err err = {0};
	int status = EXIT_FAILED;

	if (options->count != 1 || strcmp(options->args[0], "refused") != 0) {
		fprintf(stderr, "usage: neap tasks %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	if (get(config, &list, &err) < 0)
		fprintf(stderr, "neap tasks: %s\n", err.text);
	else
		status = show(options, &list);
	buf_free(&list);
	config_free(config);
	return status;
}
