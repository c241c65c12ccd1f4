/*
 * The commands of the command line: their table, their options, their exit status.
 *
 * Results go to standard output, messages to standard error. Exit status: 0 done, 1 it failed, 2
 * the command line or the configuration is wrong. One file cmd_NAME.c for each command that is more
 * than a few lines.
 */
#ifndef NEAP_CORE_COMMAND_H
#define NEAP_CORE_COMMAND_H

#include "core/config/config.h"
#include "core/task/host.h"

#define EXIT_DONE   0
#define EXIT_FAILED 1
#define EXIT_WRONG  2

#define CONFIG_DEFAULT "/etc/neap/neap.yaml"

struct options {
	const char *config;                 /* -c FILE */
	const char *output;                 /* -o FILE */
	const char *type, *name, *revision; /* --type --name --revision */
	const char *chunk;                  /* -e CHUNK */
	const char *trial;                  /* --try TIME */
	const char *events;                 /* --count N */
	const char *level, *span;           /* --set TOPIC=LEVEL --for TIME */
	const char *timeout;                /* --timeout TIME */
	const char *duration, *outage;      /* -d TIME, --outage LIST */
	bool json, yes, dry_run, offline, watch, prometheus, check, confirm, journal;
	char **args; /* what follows, NULL-terminated */
	int count;
};

struct invocation {
	const struct command *command;
	struct options options;
	const struct host_ops *host;
};

struct command {
	const char *name;
	const char *synopsis; /* behind "neap NAME " */
	const char *summary;  /* one line */
	/* letters: c config, o output, j json, y yes, n dry-run, m --type --name --revision,
	 * e -e CHUNK and --offline, w --watch --prometheus, k --check, t --try --confirm, 
	 * l --journal --set --for, v --count, i --timeout, d -d TIME and --outage, a arguments */
	const char *allowed;
	int (*run)(const struct invocation *invocation);
};

extern const struct command commands[]; /* ends with a NULL name */

/* Reads argv[2..]. -1: said on standard error. */
int options_read(struct options *options, const struct command *command, int argc, char **argv);

/* Loads the configuration and says every problem on standard error; NULL if it is wrong. */
struct config *command_config(const struct options *options);
void command_say(const struct problems *problems);

int command_run(const struct invocation *invocation);
int command_check(const struct invocation *invocation);
int command_status(const struct invocation *invocation);
int command_model(const struct invocation *invocation);
int command_tasks(const struct invocation *invocation);
int command_hold(const struct invocation *invocation);
int command_task(const struct invocation *invocation);
int command_queue(const struct invocation *invocation);
int command_reload(const struct invocation *invocation);
int command_tail(const struct invocation *invocation);
int command_trace(const struct invocation *invocation);
int command_log(const struct invocation *invocation);
int command_simulate(const struct invocation *invocation);
int command_test(const struct invocation *invocation);
int command_clock(const struct invocation *invocation);
int command_repl(const struct invocation *invocation);
int command_init(const struct invocation *invocation);
int command_drain(const struct invocation *invocation);
int command_support(const struct invocation *invocation);
int command_export(const struct invocation *invocation);
int command_import(const struct invocation *invocation);
int command_help(const struct invocation *invocation);

#endif
