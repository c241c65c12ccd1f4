/* A Modbus device for tests: tests/tools/modbus_server.c, as a child. It ends when its standard input
 * does. */
#ifndef NEAP_TESTS_UNIT_MODBUS_DEVICE_H
#define NEAP_TESTS_UNIT_MODBUS_DEVICE_H

#include <sys/types.h>

struct server {
	pid_t pid; /* 0: none */
	int input;
	int port;
};

/* args: those of the program, args[0] is filled in; fd: handed to the child as 3, or -1 */
void server_start(struct server *server, char *args[], int fd);
void server_stop(struct server *server);

#endif
