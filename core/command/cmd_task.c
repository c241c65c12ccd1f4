/* `neap task`: a task by hand, by the very path that the server's take. */
#include "core/agent/control.h"
#include "core/base/json_out.h"
#include "core/base/number.h"
#include "core/command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* --- the payload --- */

/* NAME=VALUE as a member; the agent makes the type of it that is declared. */
static int add_pair(struct json_out *out, const char *pair)
{
	const char *equals = strchr(pair, '=');
	struct buf name = {0};

	if (!equals || equals == pair) {
		fprintf(stderr, "neap task: NAME=VALUE expected, not \"%s\"\n", pair);
		return -1;
	}
	buf_add(&name, pair, (size_t)(equals - pair));
	json_out_raw(out, NULL);
	json_add_text(out->buf, buf_str(&name));
	buf_char(out->buf, ':');
	json_add_text(out->buf, equals + 1);
	buf_free(&name);
	return 0;
}

static int add_pairs(struct json_out *out, const char *key, char *const *pairs)
{
	int rc = 0;

	json_out_open(out, key, '{');
	while (rc == 0 && *pairs)
		rc = add_pair(out, *pairs++);
	json_out_close(out, '}');
	return rc;
}

/* Behind the uid: what is asked for. 1: nothing that we know. */
static int add_request(struct json_out *out, const char *verb, char *const *args)
{
	int rc = 0;

	if (strcmp(verb, "read") == 0) {
		json_out_open(out, "read", '[');
		while (*args)
			json_out_text(out, NULL, *args++);
		json_out_close(out, ']');
	} else if (strcmp(verb, "write") == 0) {
		json_out_open(out, "write", '[');
		rc = add_pairs(out, NULL, args);
		json_out_close(out, ']');
	} else if (strcmp(verb, "command") == 0) {
		json_out_open(out, "command", '{');
		json_out_text(out, "id", *args);
		rc = add_pairs(out, "params", args + 1);
		json_out_close(out, '}');
	} else {
		rc = 1;
	}
	return rc;
}

static int compose(struct buf *payload, const char *verb, char *const *args)
{
	struct json_out out = {.buf = payload};
	uint64_t number = 0;
	char uid[32];
	int rc;

	if (getrandom(&number, sizeof(number), 0) < 0)
		number = (uint64_t)getpid();
	(void)snprintf(uid, sizeof(uid), "cli-%016" PRIx64, number);
	json_out_open(&out, NULL, '[');
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "uid", uid);
	rc = add_request(&out, verb, args);
	json_out_close(&out, '}');
	json_out_close(&out, ']');
	return rc;
}

static int read_input(struct buf *payload)
{
	size_t got;

	do {
		got = fread(buf_reserve(payload, 4096), 1, 4096, stdin);
		payload->len += got;
	} while (got > 0 && payload->len <= CONTROL_MAX);
	return 0;
}

static int make_payload(const struct invocation *invocation, struct buf *payload)
{
	char *const *args = invocation->options.args;
	int count = invocation->options.count, rc = 1;

	if (count == 2 && strcmp(args[0], "raw") == 0) {
		if (strcmp(args[1], "-") == 0)
			return read_input(payload);
		buf_text(payload, args[1]);
		return 0;
	}
	if (count >= 2)
		rc = compose(payload, args[0], args + 1);
	if (rc > 0)
		fprintf(stderr, "usage: neap task %s\n", invocation->command->synopsis);
	return rc;
}

/* --- what came of it --- */

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static bool flag(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_BOOLEAN && member->boolean;
}

static const struct json *first(const struct json *object, const char *key)
{
	const struct json *list = json_member(object, key);

	return list ? list->child : NULL;
}

static void print_value(const struct json *item)
{
	const struct json *value = json_member(item, "value");
	struct json_out out = {.buf = &(struct buf){0}};

	if (value->kind == JSON_STRING)
		json_out_text(&out, NULL, value->string.data);
	else if (value->kind == JSON_INTEGER)
		json_out_int(&out, NULL, value->integer);
	else if (value->kind == JSON_DOUBLE)
		json_out_number(&out, NULL, value->number);
	else
		json_out_bool(&out, NULL, value->boolean);
	printf("%s = %s\n", text(item, "path"), buf_str(out.buf));
	buf_free(out.buf);
}

/* Returns how many tasks are not done. */
static int print_outcome(const struct json *outcome, bool raw)
{
	const struct json *mended = json_member(outcome, "mended");
	int bad = 0;

	if (mended)
		fprintf(stderr, "neap task: byte %" PRId64 ": a closing bracket too many was left out\n",
		    mended->integer);
	for (const struct json *item = first(outcome, "values"); item; item = item->next)
		print_value(item);
	for (const struct json *task = first(outcome, "tasks"); task; task = task->next) {
		bool ok = strcmp(text(task, "status"), "OK") == 0;
		const char *again = flag(task, "repeated") ? " (seen before, not done again)" : "";

		if (!ok)
			fprintf(stderr, "neap task: %s%s%s%s\n", raw ? text(task, "uid") : "", raw ? ": " : "",
			    text(task, "message"), again);
		else if (raw || !first(outcome, "values"))
			printf("%s%sOK%s\n", raw ? text(task, "uid") : "", raw ? ": " : "", again);
		bad += !ok;
	}
	return bad;
}

static int print_steps(const struct json *preview)
{
	int bad = 0;

	for (const struct json *task = first(preview, "tasks"); task; task = task->next) {
		for (const struct json *step = first(task, "steps"); step; step = step->next) {
			bool ok = flag(step, "ok");

			fprintf(ok ? stdout : stderr, "%s%s\n", ok ? "" : "neap task: ", text(step, "text"));
			bad += !ok;
		}
	}
	return bad;
}

static int show(const struct options *options, const struct buf *answer)
{
	struct err err = {0};
	size_t pos = 0;
	struct json_doc *doc = json_parse(answer->data, answer->len, &pos, CONTROL_MAX, &err);
	const struct json *root = doc ? json_root(doc) : NULL;
	bool raw = strcmp(options->args[0], "raw") == 0;
	int bad = 0;

	if (!doc) {
		fprintf(stderr, "neap task: the agent's answer: %s\n", err.text);
		return EXIT_FAILED;
	}
	if (options->json)
		printf("%.*s\n", (int)answer->len, answer->data);
	for (const struct json *item = first(root, "refused"); item; item = item->next, bad++)
		fprintf(stderr, "neap task: refused: %s\n", item->string.data);
	for (const struct json *task = first(root, "tasks"); options->json && task; task = task->next)
		bad += strcmp(text(task, "status"), "ERROR") == 0;
	if (!options->json)
		bad += options->dry_run ? print_steps(root) : print_outcome(root, raw);
	json_free(doc);
	return bad > 0 ? EXIT_FAILED : EXIT_DONE;
}

int command_task(const struct invocation *invocation)
{
	struct config *config = NULL;
	struct buf payload = {0}, request = {0}, answer = {0};
	struct json_out out = {.buf = &request};
	struct err err = {0};
	int status = EXIT_WRONG;

	if (make_payload(invocation, &payload) == 0)
		config = command_config(&invocation->options);
	if (config) {
		json_out_open(&out, NULL, '{');
		json_out_int(&out, "v", CONTROL_VERSION);
		json_out_text(&out, "cmd", "task");
		json_out_text(&out, "payload", buf_str(&payload));
		json_out_bool(&out, "dry_run", invocation->options.dry_run);
		json_out_close(&out, '}');
		/* without a limit: a task ends when its handlers do, or when a hold is over */
		if (control_call(config->control.socket, buf_str(&request), 0, &answer, &err) == 0)
			status = show(&invocation->options, &answer);
		else
			status = EXIT_FAILED;
		if (err.text[0])
			fprintf(stderr, "neap task: %s\n", err.text);
	}
	buf_free(&payload);
	buf_free(&request);
	buf_free(&answer);
	config_free(config);
	return status;
}
