/*
 * A Modbus device for tests, on libmodbus.
 * usage: modbus_server rtu FD UNIT           FD: the master of a pty pair
 *        modbus_server tcp PORT UNIT...      on 127.0.0.1; PORT 0: one that is free
 * Prints "port N", and ends with its standard input. Queries of other units stay without answer.
 *
 * Coils 0 to 99: 0. Discrete inputs 0 to 99: on where 3 divides. Holding registers 0 to 199: 1000 +
 * address; input registers: the address. Reading holding register
 *   250 the device is busy          251 the answer is damaged (RTU)
 *   249 the answer comes late: just before that to the next query on the connection (TCP)
 *   252 a gateway's silent target   253 hangs up instead (TCP)    254 answers, then hangs up (TCP)
 */
#ifndef HAVE_LIBMODBUS

#include <stdio.h>

int main(void)
{
	(void)fputs("modbus_server: built without libmodbus\n", stderr);
	return 1;
}

#else

#include "core/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LATE = 249, BUSY, DAMAGED, SILENT_TARGET, HANG_UP, ANSWER_AND_HANG_UP };

struct server {
	modbus_t *modbus;
	modbus_mapping_t *map;
	int fd; /* of the line or the connection; -1: none */
	bool tcp;
	int units[8];
	int unit_count;
	uint8_t late[MODBUS_MAX_ADU_LENGTH]; /* a query whose answer is due */
	int late_len;
};

static modbus_t *rtu_new(int unit)
{
	modbus_t *modbus = modbus_new_rtu("/dev/tty", 9600, 'N', 8, 1);

	must(modbus != NULL && modbus_set_slave(modbus, unit) == 0);
	return modbus;
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static modbus_mapping_t *make_map(void)
{
	modbus_mapping_t *map = modbus_mapping_new(100, 100, 255, 200);

	must(map != NULL);
	for (int i = 0; i < 100; i++)
		map->tab_input_bits[i] = i % 3 == 0;
	for (int i = 0; i < 200; i++) {
		map->tab_registers[i] = (uint16_t)(1000 + i);
		map->tab_input_registers[i] = (uint16_t)i;
	}
	return map;
}

static bool is_ours(const struct server *server, int unit)
{
	for (int i = 0; i < server->unit_count; i++) {
		if (server->units[i] == unit)
			return true;
	}
	return false;
}

static void hang_up(struct server *server)
{
	(void)close(server->fd);
	server->fd = -1;
	server->late_len = 0;
}

/* The answer and the end in one segment: who has the one has the other. */
static void answer_and_hang_up(struct server *server, const uint8_t *query, int len)
{
	int one = 1;

	must(setsockopt(server->fd, IPPROTO_TCP, TCP_CORK, &one, sizeof one) == 0);
	(void)modbus_reply(server->modbus, query, len, server->map);
	hang_up(server);
}

static void answer(struct server *server, const uint8_t *query, int len)
{
	static const uint8_t damaged[] = {1, 3, 2, 0xab, 0xcd, 0, 0};
	const uint8_t *pdu = query + modbus_get_header_length(server->modbus);
	int address = pdu[1] << 8 | pdu[2];

	if (server->late_len > 0)
		(void)modbus_reply(server->modbus, server->late, server->late_len, server->map);
	server->late_len = 0;
	switch (pdu[0] == MODBUS_FC_READ_HOLDING_REGISTERS ? address : 0) {
	case LATE:
		memcpy(server->late, query, (size_t)len);
		server->late_len = len;
		break;
	case BUSY:
		(void)modbus_reply_exception(server->modbus, query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY);
		break;
	case DAMAGED:
		must(write(server->fd, damaged, sizeof damaged) == sizeof damaged);
		break;
	case SILENT_TARGET:
		(void)modbus_reply_exception(server->modbus, query, MODBUS_EXCEPTION_GATEWAY_TARGET);
		break;
	case HANG_UP:
		hang_up(server);
		break;
	case ANSWER_AND_HANG_UP:
		answer_and_hang_up(server, query, len);
		break;
	default:
		(void)modbus_reply(server->modbus, query, len, server->map);
		break;
	}
}

static void take_query(struct server *server)
{
	uint8_t query[MODBUS_MAX_ADU_LENGTH];

	(void)modbus_set_socket(server->modbus, server->fd);
	int len = modbus_receive(server->modbus, query);
	if (len < 0 && server->tcp)
		hang_up(server);
	if (len == 0 && !server->tcp) {
		/* another's; it would take the next query for that one's answer */
		modbus_free(server->modbus);
		server->modbus = rtu_new(server->units[0]);
	}
	if (len > 0 && is_ours(server, query[modbus_get_header_length(server->modbus) - 1]))
		answer(server, query, len);
}

static void serve(struct server *server, int listener)
{
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = 0, .events = POLLIN},
		    {.fd = listener, .events = POLLIN},
		    {.fd = server->fd, .events = POLLIN},
		};
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return;
		if (fds[2].revents != 0)
			take_query(server);
		if (fds[1].revents != 0) {
			if (server->fd >= 0)
				hang_up(server);
			server->fd = accept(listener, NULL, NULL);
		}
	}
}

static int start_rtu(struct server *server, int fd)
{
	char name[64];

	server->fd = fd;
	must(ptsname_r(fd, name, sizeof name) == 0);
	/* held open: without anyone there the master would hang up all the time */
	must(open(name, O_RDWR | O_NOCTTY) >= 0);
	server->modbus = rtu_new(server->units[0]);
	return -1;
}

static int start_tcp(struct server *server, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof address;
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
	must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
	must(listen(listener, 8) == 0);
	must(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	server->fd = -1;
	server->tcp = true;
	server->modbus = modbus_new_tcp_pi("127.0.0.1", "0");
	must(server->modbus != NULL);
	(void)printf("port %d\n", ntohs(address.sin_port));
	return listener;
}

int main(int argc, char **argv)
{
	struct server server = {.map = make_map()};

	must(argc > 3);
	for (int i = 3; i < argc && server.unit_count < 8; i++)
		server.units[server.unit_count++] = number(argv[i]);
	int listener = strcmp(argv[1], "tcp") == 0 ? start_tcp(&server, number(argv[2]))
	                                           : start_rtu(&server, number(argv[2]));
	if (!server.tcp)
		(void)printf("port 0\n");
	(void)fflush(stdout);
	serve(&server, listener);
	modbus_mapping_free(server.map);
	modbus_free(server.modbus);
	return 0;
}

#endif
