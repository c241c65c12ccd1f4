/* `neap hold`: no task starts while somebody works on the machine. */
#include "core/agent/control.h"
#include "core/base/number.h"
#include "core/command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -1: neither a duration nor off. */
static int64_t duration_of(const struct options *options)
{
	int64_t ms;

	if (options->count == 1 && strcmp(options->args[0], "off") == 0)
		return 0;
	if (options->count != 2 || strcmp(options->args[0], "tasks") != 0 ||
	    duration_parse(options->args[1], &ms) < 0 || ms <= 0)
		return -1;
	return ms;
}

int command_hold(const struct invocation *invocation)
{
	int64_t ms = duration_of(&invocation->options);
	struct config *config;
	struct buf result = {0};
	struct err err = {0};
	char request[80];
	int rc;

	if (ms < 0) {
		fprintf(stderr, "usage: neap hold %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(&invocation->options);
	if (!config)
		return EXIT_WRONG;
	(void)snprintf(
	    request, sizeof(request), "{\"v\":1,\"cmd\":\"hold\",\"for_ms\":%" PRId64 "}", ms);
	rc = control_call(config->control.socket, request, 5000, &result, &err);
	if (rc < 0)
		fprintf(stderr, "neap hold: %s\n", err.text);
	buf_free(&result);
	config_free(config);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}
