/* `neap reload`: the scripts as they are on disk now, in the running agent. */
#include "core/agent/control.h"
#include "core/base/json_out.h"
#include "core/base/number.h"
#include "core/command/command.h"
#include "core/command/reload_text.h"

#include <stdio.h>

#define CALL_MS 60000 /* scripts may take their time to load, and handlers to end */

static int call(const struct config *config, const char *request, struct json_doc **doc)
{
	struct buf answer = {0};
	struct err err = {0};
	size_t pos = 0;

	*doc = NULL;
	if (control_call(config->control.socket, request, CALL_MS, &answer, &err) == 0)
		*doc = json_parse(answer.data, answer.len, &pos, CONTROL_MAX, &err);
	if (!*doc)
		fprintf(stderr, "neap reload: %s\n", err.text);
	buf_free(&answer);
	return *doc ? 0 : -1;
}

static int reload(const struct config *config, const char *request)
{
	struct json_doc *doc;

	if (call(config, request, &doc) < 0)
		return EXIT_FAILED;
	bool well = reload_print(json_root(doc));
	json_free(doc);
	return well ? EXIT_DONE : EXIT_FAILED;
}

static int confirm(const struct config *config, const char *request)
{
	struct json_doc *doc;

	if (call(config, request, &doc) < 0)
		return EXIT_FAILED;
	const struct json *count = json_member(json_root(doc), "confirmed");
	bool any = count && count->kind == JSON_INTEGER && count->integer > 0;
	json_free(doc);
	puts(any ? "confirmed" : "no script is on trial");
	return any ? EXIT_DONE : EXIT_FAILED;
}

/* false: said on standard error */
static bool write_request(const struct options *options, struct buf *request)
{
	struct json_out out = {.buf = request};
	int64_t try_ms = 0;

	if (options->count > 1 || (options->confirm && options->trial)) {
		fprintf(stderr, "neap reload: one script at most, and --confirm or --try\n");
		return false;
	}
	if (options->trial && (duration_parse(options->trial, &try_ms) < 0 || try_ms <= 0)) {
		fprintf(stderr, "neap reload: --try takes a time such as 5m, not %s\n", options->trial);
		return false;
	}
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "reload");
	if (options->count > 0)
		json_out_text(&out, "script", options->args[0]);
	if (options->confirm)
		json_out_bool(&out, "confirm", true);
	if (try_ms > 0)
		json_out_int(&out, "try_ms", try_ms);
	json_out_close(&out, '}');
	return true;
}

int command_reload(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct buf request = {0};
	struct config *config = NULL;
	int status = EXIT_WRONG;

	if (write_request(options, &request) && (config = command_config(options)))
		status = options->confirm ? confirm(config, buf_str(&request))
		                          : reload(config, buf_str(&request));
	buf_free(&request);
	config_free(config);
	return status;
}
