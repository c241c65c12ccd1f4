/* `neap model`: what the scripts declare is what the server knows. */
#include "core/agent/loaded.h"
#include "core/catalog/model.h"
#include "core/catalog/model_check.h"
#include "core/command/command.h"

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

static int check_model(
    const struct options *options, const struct config *config, const struct loaded *loaded)
{
	const char *encoding = strcmp(config->dialect, "current") == 0 ? "MQTT" : "REST";
	struct problems differences = {0};
	struct err err = {0};
	int status = EXIT_FAILED;

	if (model_check(options->args[0], loaded_catalog(loaded), encoding, &differences, &err) < 0)
		fprintf(stderr, "neap model: %s\n", err.text);
	else if (differences.count == 0)
		status = EXIT_DONE;
	for (size_t i = 0; i < differences.count; i++)
		printf("%s%s\n", differences.list[i].text, differences.list[i].warning ? " (warning)" : "");
	if (differences.count > 0 && differences.errors == 0)
		status = EXIT_DONE;
	problems_free(&differences);
	return status;
}

int command_model(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct config *config;
	struct problems problems = {0};
	struct loaded *loaded;
	int status = EXIT_WRONG;

	if (options->check ? options->output || options->count != 1
	                   : !options->output || options->count > 0) {
		fprintf(stderr,
		    "neap model: give -o FILE to write a model, or --check FILE to compare with one\n");
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	loaded = loaded_open(config, invocation->host, &problems);
	command_say(&problems);
	/* A model with a script missing would tell the server to forget what that script declares. */
	if (problems.errors == 0)
		status = options->check ? check_model(options, config, loaded)
		                        : write_model(options, config, loaded);
	problems_free(&problems);
	loaded_close(loaded);
	config_free(config);
	return status;
}
