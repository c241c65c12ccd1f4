#include "core/command/command.h"

#include "core/agent/agent.h"
#include "core/agent/control.h"
#include "core/base/log.h"
#include "core/base/nearest.h"
#include "core/config/config_load.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct command commands[] = {
    {"run", "[-c FILE]", "the agent, in the foreground; logs to standard error", "c", command_run},
    {"check", "[-c FILE]", "checks configuration and scripts, without a connection", "c",
        command_check},
    {"repl", "[-c FILE] [--offline] [--json] [-e CHUNK]",
        "Lua by hand, in the running agent or, offline, alone", "cje", command_repl},
    {"status", "[-c FILE] [--json | --prometheus | --check] [--watch]",
        "does it work, and if not, why", "cjwk", command_status},
    {"model", "[-c FILE] (-o APP.zip [--type T] [--name N] [--revision R] | --check APP.zip)",
        "the application model from what the scripts declare: written, or compared", "comka",
        command_model},
    {"task",
        "[-c FILE] [--dry-run] [--json] (read PATH.. | write PATH=VALUE.. | "
        "command ID [NAME=VALUE..] | raw JSON)",
        "does a task as if the server had sent it", "cjna", command_task},
    {"tasks", "[-c FILE] refused [--json]", "the payloads that were refused last, and why", "cja",
        command_tasks},
    {"hold", "[-c FILE] (tasks DURATION | off)", "no task starts for a time", "ca", command_hold},
    {"queue", "[-c FILE] (list [--json] | dump [POLICY] | check | drop POLICY [--yes])",
        "what waits on disk, and whether it is whole", "cjya", command_queue},
    {"reload", "[-c FILE] [--try TIME | --confirm] [SCRIPT]",
        "takes over what changed in the scripts; --try: only for a time, unless --confirm comes",
        "cta", command_reload},
    {"tail", "[-c FILE] [--json] [--count N] [PATTERN..]",
        "datapoints live, as they are taken: machine, 'machine.*'", "cjva", command_tail},
    {"trace", "[-c FILE] [--json] [--count N] PATH",
        "one datapoint's way, live: read, reported or not, queued, sent, acknowledged", "cjva",
        command_trace},
    {"log",
        "[-c FILE] ([--json] [--count N] [LEVEL] [TOPIC] | --set [TOPIC=]LEVEL [--for TIME] | "
        "--journal [--json])",
        "the log live, and its levels; --journal: what happened, also without an agent", "cjvla",
        command_log},
    {"test", "(FILE_test.lua | FOLDER)..",
        "runs the tests of scripts, on a clock of their own, as TAP", "a", command_test},
    {"simulate", "[-c FILE] [-d TIME] [--outage LIST] [--json]",
        "what the scripts would send and write, over days, in seconds", "cdj", command_simulate},
    {"clock", "[-c FILE] set", "tells the agent that the time of day is right", "ca",
        command_clock},
    {"init", "[-c FILE] [SERIAL [URL]]",
        "writes a neap.yaml to begin with, and a first script; replaces nothing", "ca",
        command_init},
    {"drain", "[-c FILE] [--timeout TIME]",
        "sends all that waits, and waits until it is acknowledged", "ci", command_drain},
    {"support", "[-c FILE] -o FILE.tgz",
        "what support needs to see, without secrets; also without an agent", "co", command_support},
    {"export", "[-c FILE] [-o FILE]",
        "settings and what scripts keep, for a device that takes this one's place", "co",
        command_export},
    {"import", "[-c FILE] [--yes] FILE", "takes over what export wrote", "cya", command_import},
    {"help", "[NAME]", "this; or a command; or a function for scripts, such as asset.variable", "a",
        command_help},
    {NULL, NULL, NULL, NULL, NULL},
};

enum {
	LONG_TYPE = 256,
	LONG_NAME,
	LONG_REVISION,
	LONG_OFFLINE,
	LONG_WATCH,
	LONG_PROMETHEUS,
	LONG_CHECK,
	LONG_TRY,
	LONG_CONFIRM,
	LONG_JOURNAL,
	LONG_COUNT,
	LONG_SET,
	LONG_FOR,
	LONG_TIMEOUT,
	LONG_OUTAGE,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"output", required_argument, NULL, 'o'},
    {"json", no_argument, NULL, 'j'},
    {"yes", no_argument, NULL, 'y'},
    {"dry-run", no_argument, NULL, 'n'},
    {"type", required_argument, NULL, LONG_TYPE},
    {"name", required_argument, NULL, LONG_NAME},
    {"revision", required_argument, NULL, LONG_REVISION},
    {"offline", no_argument, NULL, LONG_OFFLINE},
    {"watch", no_argument, NULL, LONG_WATCH},
    {"prometheus", no_argument, NULL, LONG_PROMETHEUS},
    {"check", no_argument, NULL, LONG_CHECK},
    {"try", required_argument, NULL, LONG_TRY},
    {"confirm", no_argument, NULL, LONG_CONFIRM},
    {"outage", required_argument, NULL, LONG_OUTAGE},
    {"journal", no_argument, NULL, LONG_JOURNAL},
    {"count", required_argument, NULL, LONG_COUNT},
    {"set", required_argument, NULL, LONG_SET},
    {"for", required_argument, NULL, LONG_FOR},
    {"timeout", required_argument, NULL, LONG_TIMEOUT},
    {NULL, 0, NULL, 0},
};

/* Where an option with a value is kept; NULL: it has none. */
static const char **text_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		return &options->config;
	case 'o':
		return &options->output;
	case 'e':
		return &options->chunk;
	case LONG_TYPE:
		return &options->type;
	case LONG_NAME:
		return &options->name;
	case LONG_REVISION:
		return &options->revision;
	case LONG_TRY:
		return &options->trial;
	case LONG_COUNT:
		return &options->events;
	case LONG_SET:
		return &options->level;
	case LONG_FOR:
		return &options->span;
	case LONG_TIMEOUT:
		return &options->timeout;
	case 'd':
		return &options->duration;
	case LONG_OUTAGE:
		return &options->outage;
	default:
		return NULL;
	}
}

static bool *flag_option(struct options *options, int option)
{
	switch (option) {
	case 'j':
		return &options->json;
	case 'y':
		return &options->yes;
	case 'n':
		return &options->dry_run;
	case LONG_OFFLINE:
		return &options->offline;
	case LONG_WATCH:
		return &options->watch;
	case LONG_PROMETHEUS:
		return &options->prometheus;
	case LONG_CHECK:
		return &options->check;
	case LONG_CONFIRM:
		return &options->confirm;
	case LONG_JOURNAL:
		return &options->journal;
	default:
		return NULL;
	}
}

static bool take_option(struct options *options, int option)
{
	const char **text = text_option(options, option);
	bool *flag = flag_option(options, option);

	if (text)
		*text = optarg;
	else if (flag)
		*flag = true;
	return text || flag;
}

/* The one of struct command's letters that allows the option. */
static char letter_of(int option)
{
	static const char letters[] = {
	    [LONG_TYPE - LONG_TYPE] = 'm',
	    [LONG_NAME - LONG_TYPE] = 'm',
	    [LONG_REVISION - LONG_TYPE] = 'm',
	    [LONG_OFFLINE - LONG_TYPE] = 'e',
	    [LONG_WATCH - LONG_TYPE] = 'w',
	    [LONG_PROMETHEUS - LONG_TYPE] = 'w',
	    [LONG_CHECK - LONG_TYPE] = 'k',
	    [LONG_TRY - LONG_TYPE] = 't',
	    [LONG_CONFIRM - LONG_TYPE] = 't',
	    [LONG_JOURNAL - LONG_TYPE] = 'l',
	    [LONG_COUNT - LONG_TYPE] = 'v',
	    [LONG_SET - LONG_TYPE] = 'l',
	    [LONG_FOR - LONG_TYPE] = 'l',
	    [LONG_TIMEOUT - LONG_TYPE] = 'i',
	    [LONG_OUTAGE - LONG_TYPE] = 'd',
	};

	return option < LONG_TYPE ? (char)option : letters[option - LONG_TYPE];
}

static int say_usage(const struct command *command)
{
	fprintf(stderr, "usage: neap %s %s\n", command->name, command->synopsis);
	return -1;
}

int options_read(struct options *options, const struct command *command, int argc, char **argv)
{
	int letter;

	*options = (struct options){.config = CONFIG_DEFAULT};
	optind = argc < 2 ? argc : 2; /* `neap` alone is `neap help` */
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":c:o:e:d:jyn", long_options, NULL)) != -1) {
		/* the option, not its value */
		const char *given = argv[optind - 1 - (optarg && optarg == argv[optind - 1])];
		char allowed = letter_of(letter);

		if (letter == ':')
			fprintf(stderr, "neap %s: %s needs a value\n", command->name, given);
		else if (!strchr(command->allowed, allowed) || !take_option(options, letter))
			fprintf(stderr, "neap %s: it has no option %s\n", command->name, given);
		else
			continue;
		return say_usage(command);
	}
	options->args = argv + optind;
	options->count = argc - optind;
	if (options->count == 0 || strchr(command->allowed, 'a'))
		return 0;
	fprintf(stderr, "neap %s: it takes no argument \"%s\"\n", command->name, options->args[0]);
	return say_usage(command);
}

void command_say(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		fprintf(stderr, "%s%s\n", problems->list[i].text,
		    problems->list[i].warning ? " (warning)" : "");
}

struct config *command_config(const struct options *options)
{
	struct problems problems = {0};
	struct config *config = config_load(options->config, &problems);

	command_say(&problems);
	if (!config && strcmp(options->config, CONFIG_DEFAULT) == 0 && access(CONFIG_DEFAULT, F_OK) < 0)
		fputs("-c FILE names another one; `neap init` writes one to begin with\n", stderr);
	problems_free(&problems);
	return config;
}

int command_run(const struct invocation *invocation)
{
	struct config *config = command_config(&invocation->options);
	int status;

	if (!config)
		return EXIT_WRONG;
	log_open(config->log.target, config->log.level);
	status = agent_run(config, invocation->host);
	log_close();
	config_free(config);
	return status;
}

int command_clock(const struct invocation *invocation)
{
	struct config *config;
	struct buf result = {0};
	struct err err = {0};
	int rc;

	if (invocation->options.count != 1 || strcmp(invocation->options.args[0], "set") != 0) {
		fprintf(stderr, "usage: neap clock %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(&invocation->options);
	if (!config)
		return EXIT_WRONG;
	rc = control_call(
	    config->control.socket, "{\"v\":1,\"cmd\":\"clock-set\"}", 5000, &result, &err);
	if (rc < 0)
		fprintf(stderr, "neap clock: %s\n", err.text);
	buf_free(&result);
	config_free(config);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static void print_all(void)
{
	puts("neap: an agent for IoT gateways that Lua scripts tell what to measure\n");
	for (const struct command *command = commands; command->name; command++)
		printf("  neap %-8s %s\n", command->name, command->summary);
	puts("  neap --version\n\nEach takes -c FILE (" CONFIG_DEFAULT
	     " if left out). Manuals: neap(1), neap.yaml(5), "
	     "neap-lua(7).");
}

int command_help(const struct invocation *invocation)
{
	const char *topic = invocation->options.count > 0 ? invocation->options.args[0] : NULL;
	struct buf text = {0};
	bool found;

	if (!topic) {
		print_all();
		return EXIT_DONE;
	}
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, topic) == 0) {
			printf("neap %s %s\n  %s\n", command->name, command->synopsis, command->summary);
			return EXIT_DONE;
		}
	}
	found = invocation->host->help(topic, &text) == 0;
	if (found)
		fputs(buf_str(&text), stdout);
	else
		fprintf(stderr, "neap help: there is neither a command nor a function %s%s%s%s\n", topic,
		    text.len ? " (did you mean \"" : "", buf_str(&text), text.len ? "\"?)" : "");
	buf_free(&text);
	return found ? EXIT_DONE : EXIT_WRONG;
}
