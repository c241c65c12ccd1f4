#include "core/base/nearest.h"
#include "core/command/command.h"
#include "lua/script.h"

#include <stdio.h>
#include <string.h>

static int no_such_command(const char *name)
{
	const char *names[32];
	const char *nearest;
	size_t count = 0;

	for (const struct command *command = commands; command->name; command++)
		names[count++] = command->name;
	names[count] = NULL;
	nearest = nearest_name(name, names);
	fprintf(stderr, "neap: there is no command \"%s\"%s%s%s; `neap help` lists them\n", name,
	    nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
	return EXIT_WRONG;
}

/* `neap status --help` is `neap help status`. */
static int help_of(char **argv)
{
	char *topic[] = {argv[1], NULL};

	return command_help(&(struct invocation){.options = {.args = topic, .count = 1}});
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";
	struct invocation invocation = {.host = script_host()};

	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("neap " NEAP_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) != 0)
			continue;
		if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
			return help_of(argv);
		invocation.command = command;
		if (options_read(&invocation.options, command, argc, argv) < 0)
			return EXIT_WRONG;
		return command->run(&invocation);
	}
	return no_such_command(name);
}
