/* `neap tail` and `neap trace`: what happens to datapoints, live. */
#include "core/agent/control.h"
#include "core/base/json_out.h"
#include "core/command/command.h"
#include "core/command/follow.h"
#include "core/command/live_text.h"

#include <stdio.h>

struct tail {
	struct tail_view *view;
	bool filtered;
};

static int print_tail(void *ctx, const struct json *message, bool first)
{
	const struct tail *tail = ctx;

	if (first && tail->filtered && !message->child)
		fprintf(stderr, "neap tail: no path that is declared now fits; waiting for one\n");
	return tail_print(tail->view, message, first);
}

static int print_trace(void *ctx, const struct json *message, bool first)
{
	(void)ctx;
	return trace_print(message, first);
}

int command_tail(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config = command_config(options);
	struct tail tail = {.filtered = options->count > 0};
	struct buf request = {0};
	struct json_out out = {.buf = &request};
	int status;

	if (!config)
		return EXIT_WRONG;
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "tail");
	json_out_open(&out, "paths", '[');
	for (int i = 0; i < options->count; i++)
		json_out_text(&out, NULL, options->args[i]);
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	tail.view = tail_view_new();
	status = follow_run(&(struct follow){.command = "tail",
	                        .json = options->json,
	                        .count = options->events,
	                        .print = print_tail,
	                        .ctx = &tail},
	    config->control.socket, buf_str(&request));
	tail_view_free(tail.view);
	buf_free(&request);
	config_free(config);
	return status;
}

int command_trace(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	struct buf request = {0};
	struct json_out out = {.buf = &request};
	int status;

	if (options->count != 1) {
		fprintf(stderr, "usage: neap trace %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "trace");
	json_out_text(&out, "path", options->args[0]);
	json_out_close(&out, '}');
	status = follow_run(&(struct follow){.command = "trace",
	                        .json = options->json,
	                        .count = options->events,
	                        .print = print_trace},
	    config->control.socket, buf_str(&request));
	buf_free(&request);
	config_free(config);
	return status;
}
