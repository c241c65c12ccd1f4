/* `neap log`: the agent's log live, and its levels; the journal of what happened. */
#include "core/agent/control.h"
#include "core/base/buf.h"
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/number.h"
#include "core/command/command.h"
#include "core/command/events_print.h"
#include "core/command/follow.h"
#include "core/command/live_text.h"

#include <stdio.h>
#include <string.h>

static int print_line(void *ctx, const struct json *message, bool first)
{
	(void)ctx;
	return log_print(message, first);
}

static int usage(const struct invocation *invocation)
{
	fprintf(stderr, "usage: neap log %s\n", invocation->command->synopsis);
	return EXIT_WRONG;
}

static int follow_log(const struct options *options, const char *socket)
{
	enum log_level level;
	int at = options->count > 0 && log_level_parse(options->args[0], &level) == 0;
	struct buf request = {0};
	struct json_out out = {.buf = &request};
	int status;

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "log");
	if (at > 0)
		json_out_text(&out, "level", options->args[0]);
	if (options->count > at)
		json_out_text(&out, "topic", options->args[at]);
	json_out_close(&out, '}');
	status = follow_run(
	    &(struct follow){
	        .command = "log", .json = options->json, .count = options->events, .print = print_line},
	    socket, buf_str(&request));
	buf_free(&request);
	return status;
}

/* "TOPIC=LEVEL", or "LEVEL" for all that have none of their own. */
static int set_level(const char *socket, const char *text, int64_t for_ms)
{
	const char *sign = strrchr(text, '=');
	struct buf request = {0}, topic = {0}, answer = {0};
	struct json_out out = {.buf = &request};
	struct err err = {0};
	int rc;

	buf_add(&topic, text, sign ? (size_t)(sign - text) : 0);
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "log-level");
	json_out_text(&out, "level", sign ? sign + 1 : text);
	json_out_text(&out, "topic", buf_str(&topic));
	json_out_int(&out, "for_ms", for_ms);
	json_out_close(&out, '}');
	rc = control_call(socket, buf_str(&request), 5000, &answer, &err);
	if (rc < 0)
		fprintf(stderr, "neap log: %s\n", err.text);
	buf_free(&request);
	buf_free(&topic);
	buf_free(&answer);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int print_journal(const struct config *config, bool json)
{
	struct buf out = {0};
	struct err err = {0};
	int rc = events_print(config->state.dir, json, &out, &err);

	if (rc < 0)
		fprintf(stderr, "neap log: %s\n", err.text);
	else
		fputs(buf_str(&out), stdout);
	buf_free(&out);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static bool is_usage(const struct options *options)
{
	if (options->journal)
		return options->count == 0 && !options->level && !options->span && !options->events;
	if (options->level)
		return options->count == 0 && !options->events && !options->json;
	return options->count <= 2 && !options->span;
}

int command_log(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	int64_t for_ms = 0;
	int status;

	if (!is_usage(options))
		return usage(invocation);
	if (options->span && (duration_parse(options->span, &for_ms) < 0 || for_ms <= 0)) {
		fprintf(stderr, "neap log: --for %s is no time: 10m, 1h\n", options->span);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	if (options->journal)
		status = print_journal(config, options->json);
	else if (options->level)
		status = set_level(config->control.socket, options->level, for_ms);
	else
		status = follow_log(options, config->control.socket);
	config_free(config);
	return status;
}
