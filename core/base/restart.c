#include "core/base/restart.h"

#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 65536 /* bytes */

struct restart {
	char *program;
	char *arguments; /* "neap\0run\0..." */
	char **argv;     /* points into it */
	sigset_t mask;
};

static char **split(char *arguments, size_t len)
{
	size_t count = 0;
	char **argv;
	for (size_t i = 0; i < len; i++)
		count += arguments[i] == '\0';
	argv = mem_alloc((count + 1) * sizeof *argv);
	for (size_t i = 0; i < count; i++) {
		argv[i] = arguments;
		arguments += strlen(arguments) + 1;
	}
	return argv;
}

struct restart *restart_new(void)
{
	char program[PATH_MAX];
	struct buf arguments = {0};
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	if (len < 0 || fileio_read("/proc/self/cmdline", ARGUMENTS_MAX, &arguments, NULL) < 0)
		return NULL;
	struct restart *restart = mem_alloc(sizeof *restart);
	restart->program = mem_strndup(program, (size_t)len);
	restart->argv = split(arguments.data, arguments.len);
	restart->arguments = arguments.data;
	(void)sigprocmask(SIG_SETMASK, NULL, &restart->mask);
	return restart;
}

void restart_free(struct restart *restart)
{
	if (!restart)
		return;
	free(restart->program);
	free(restart->argv);
	free(restart->arguments);
	free(restart);
}

void restart_now(const struct restart *restart)
{
	if (!restart)
		return;
	(void)sigprocmask(SIG_SETMASK, &restart->mask, NULL); /* a new program keeps the mask */
	(void)execve(restart->program, restart->argv, environ);
}
