/* `neap repl`: the console, in the running agent or, offline, in this process. */
#include "core/agent/control.h"
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/command/command.h"
#include "core/command/follow.h"
#include "core/console/console.h"
#include "core/console/offline.h"

#include <stdio.h>

#define ASK_MS 30000

static void compose(struct buf *request, const char *cmd, const char *key, const char *text)
{
	struct json_out out = {.buf = request};

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", cmd);
	json_out_text(&out, key, text);
	json_out_close(&out, '}');
}

static int eval(void *ctx, const char *chunk, int interrupt, struct buf *answer, struct err *err)
{
	const struct config *config = ctx;
	struct buf request = {0};
	int rc;

	compose(&request, "eval", "chunk", chunk);
	rc = control_call_until(config->control.socket, buf_str(&request), interrupt, answer, err);
	buf_free(&request);
	return rc;
}

static int ask(void *ctx, const char *request, struct buf *answer, struct err *err)
{
	const struct config *config = ctx;

	return control_call(config->control.socket, request, ASK_MS, answer, err);
}

static int follow(void *ctx, const char *request, int interrupt,
    int (*print)(void *ctx, const struct json *message, bool first), void *print_ctx,
    struct err *err)
{
	const struct config *config = ctx;
	const struct follow follow = {.command = "repl", .print = print, .ctx = print_ctx};

	return follow_until(&follow, config->control.socket, request, interrupt, err);
}

static int complete(void *ctx, const char *text, struct buf *answer, struct err *err)
{
	struct buf request = {0};
	int rc;

	compose(&request, "complete", "text", text);
	rc = ask(ctx, buf_str(&request), answer, err);
	buf_free(&request);
	return rc;
}

static int run_offline(const struct invocation *invocation, const struct config *config)
{
	struct problems problems = {0};
	struct err err = {0};
	struct offline *offline;
	struct console_side side;
	int status = EXIT_FAILED;

	log_open(LOG_TARGET_STDERR, config->log.level);
	offline = offline_open(config, invocation->host, &problems, &err);
	command_say(&problems);
	problems_free(&problems);
	if (offline) {
		side = offline_side(offline);
		side.help = invocation->host->help;
		status = console_run(&side, invocation->options.chunk, invocation->options.json);
		offline_close(offline);
	} else {
		fprintf(stderr, "neap repl: %s\n", err.text);
	}
	log_close();
	return status;
}

static int run_attached(const struct invocation *invocation, struct config *config)
{
	const struct console_side side = {.ctx = config,
	    .eval = eval,
	    .complete = complete,
	    .ask = ask,
	    .follow = follow,
	    .scripts = config->scripts.dir,
	    .help = invocation->host->help,
	    .greeting = "neap " NEAP_VERSION ", in the running agent. Reads run; what has effects "
	                "waits\nfor :arm. Lua, or :help"};

	return console_run(&side, invocation->options.chunk, invocation->options.json);
}

int command_repl(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config = command_config(options);
	int status;

	if (!config)
		return EXIT_WRONG;
	status = options->offline ? run_offline(invocation, config) : run_attached(invocation, config);
	config_free(config);
	return status;
}
