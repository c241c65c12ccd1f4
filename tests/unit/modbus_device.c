#include "tests/unit/modbus_device.h"

#include "core/base/err.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void server_start(struct server *server, char *args[], int fd)
{
	char path[512];
	char port[32] = "";
	int to[2];
	int from[2];
	posix_spawn_file_actions_t actions;

	(void)snprintf(path, sizeof path, "%s/tests/tools/modbus_server", getenv("NEAP_BUILD"));
	args[0] = path;
	must(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	must(posix_spawn_file_actions_init(&actions) == 0);
	must(posix_spawn_file_actions_adddup2(&actions, to[0], 0) == 0);
	must(posix_spawn_file_actions_adddup2(&actions, from[1], 1) == 0);
	if (fd >= 0)
		must(posix_spawn_file_actions_adddup2(&actions, fd, 3) == 0);
	must(posix_spawn(&server->pid, path, &actions, NULL, args, environ) == 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(to[0]);
	(void)close(from[1]);
	server->input = to[1];
	must(read(from[0], port, sizeof port - 1) > 5 && strncmp(port, "port ", 5) == 0);
	server->port = (int)strtol(port + 5, NULL, 10);
	(void)close(from[0]);
}

void server_stop(struct server *server)
{
	int status;

	if (server->pid == 0)
		return;
	(void)close(server->input);
	must(waitpid(server->pid, &status, 0) == server->pid && status == 0);
	server->pid = 0;
}
