/* `neap status`: one screen that answers "does it work, and if not, why". */
#include "core/agent/control.h"
#include "core/agent/status_metrics.h"
#include "core/agent/status_text.h"
#include "core/command/command.h"

#include <stdio.h>
#include <unistd.h>

#define WATCH_S 1

static int show(const struct options *options, const char *answer, size_t len)
{
	struct err err = {0};
	struct buf out = {0};
	size_t pos = 0;
	struct json_doc *doc;
	int status = EXIT_DONE;

	if (options->json) {
		printf("%.*s\n", (int)len, answer);
		return EXIT_DONE;
	}
	doc = json_parse(answer, len, &pos, CONTROL_MAX, &err);
	if (!doc) {
		fprintf(stderr, "neap status: the agent's answer: %s\n", err.text);
		return options->check ? CHECK_UNKNOWN : EXIT_FAILED;
	}
	if (options->prometheus)
		status_metrics(json_root(doc), &out);
	else if (options->check)
		status = status_check(json_root(doc), &out);
	else
		status_print(json_root(doc));
	fputs(buf_str(&out), stdout);
	buf_free(&out);
	json_free(doc);
	return status;
}

/* Nagios reads what is wrong from standard output. */
static int say_failure(const struct options *options, const struct err *err)
{
	if (options->check)
		printf("NEAP CRITICAL - %s\n", err->text);
	else
		fprintf(stderr, "neap status: %s\n", err->text);
	return options->check ? CHECK_CRITICAL : EXIT_FAILED;
}

static int once(const struct options *options, const char *socket)
{
	struct buf answer = {0};
	struct err err = {0};
	int status;

	if (control_call(socket, "{\"v\":1,\"cmd\":\"status\"}", 5000, &answer, &err) < 0)
		status = say_failure(options, &err);
	else
		status = show(options, answer.data, answer.len);
	buf_free(&answer);
	return status;
}

int command_status(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config = command_config(options);
	bool clears = isatty(STDOUT_FILENO) && !options->json;
	int status;

	if (!config)
		return options->check ? CHECK_UNKNOWN : EXIT_WRONG;
	for (;;) {
		if (options->watch && clears)
			fputs("\033[H\033[2J", stdout);
		status = once(options, config->control.socket);
		if (!options->watch || fflush(stdout) != 0)
			break;
		sleep(WATCH_S);
	}
	config_free(config);
	return status;
}
