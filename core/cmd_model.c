/* `neap model`: what the scripts declare is what the server knows. */
#include "core/command.h"
#include "core/loaded.h"
#include "core/model.h"

#include <stdio.h>
#include <string.h>

static const char *or_else(const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

static int write_model(
    const struct options *options, const struct config *config, const struct loaded *loaded)
{
	const struct model_options model = {
	    .type = or_else(options->type, "com.neap.application"),
	    .name = or_else(options->name, "neap application"),
	    .revision = or_else(options->revision, "0.0.1"),
	    .mqtt = strcmp(config->dialect, "current") == 0,
	};
	struct err err = {0};

	if (model_write(options->output, loaded_catalog(loaded), &model, &err) == 0)
		return EXIT_DONE;
	fprintf(stderr, "neap model: %s\n", err.text);
	return EXIT_FAILED;
}

int command_model(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	struct problems problems = {0};
	struct loaded *loaded;
	int status = EXIT_WRONG;

	if (!options->output) {
		fprintf(stderr, "neap model: -o FILE is missing: where the zip goes\n");
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	loaded = loaded_open(config, invocation->host, &problems);
	command_say(&problems);
	/* A model with a script missing would tell the server to forget what that script declares. */
	if (problems.errors == 0)
		status = write_model(options, config, loaded);
	problems_free(&problems);
	loaded_close(loaded);
	config_free(config);
	return status;
}
