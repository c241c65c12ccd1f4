/* `neap log`: what the agent has to tell. */
#include "core/buf.h"
#include "core/command.h"
#include "core/events_print.h"

#include <stdio.h>

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

int command_log(const struct invocation *invocation)
{
	struct config *config;
	int status;

	if (!invocation->options.journal) {
		fprintf(stderr, "usage: neap log %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(&invocation->options);
	if (!config)
		return EXIT_WRONG;
	status = print_journal(config, invocation->options.json);
	config_free(config);
	return status;
}
