/*
 * The socket that paho holds and does not show.
 *
 * Three things cannot be had from paho itself. Its socket is not close-on-exec, so a child process
 * would keep the connection open. It leaves Nagle's algorithm on, which costs 44 ms for each
 * message longer than one TLS record. And there is no way to make it let go of a dead connection at
 * once: a disconnect waits behind the messages that the full send buffer holds up. So the socket is
 * found after each connect: the only one in the process that is not close-on-exec and whose peer
 * has the broker's port. It also knows what the connection costs. Loop thread.
 */
#ifndef NEAP_CORE_MQTT_SOCKET_H
#define NEAP_CORE_MQTT_SOCKET_H

#include <stdint.h>

/* Finds it, sets close-on-exec and TCP_NODELAY; -1 if there is none. */
int mqtt_socket_adopt(int port);

/*
 * Shuts it down for reading, so that paho sees the end of the connection and reports it as lost;
 * not for writing, because a write that fails does harm in paho (see mqtt_bridge.c). -1 if `fd` is
 * that socket no more.
 */
int mqtt_socket_break(int fd, int port);

/* What TCP carried on it so far, without its headers and what it sent twice; both ways 0 if it is not
 * known. */
struct mqtt_traffic {
	uint64_t out, in;
};
struct mqtt_traffic mqtt_socket_traffic(int fd, int port);

#endif
