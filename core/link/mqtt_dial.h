/*
 * Looking up the broker's name, and knocking at its port to learn why paho could not connect.
 *
 * paho looks names up while it holds its one mutex, so a dead name server would stop the loop at
 * the next publish. Here it is done in libuv's pool. And where paho says only "-1", a bare TCP
 * connection (closed at once) tells refused from unreachable from silent.
 */
#ifndef NEAP_CORE_MQTT_DIAL_H
#define NEAP_CORE_MQTT_DIAL_H

#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct dial;

/* `status` is 0 or libuv's error; `address` has the port, and is only valid during the call, which
 * never comes from within one of ours. */
typedef void (*dial_done)(void *ctx, int status, const struct sockaddr *address);

/* Picks as paho does: the first IPv4 address, else the last of the others. */
struct dial *dial_lookup(uv_loop_t *loop, const char *host, int port, dial_done done, void *ctx);

/* UV_ETIMEDOUT after limit_ms. */
struct dial *dial_knock(
    uv_loop_t *loop, const struct sockaddr *address, uint64_t limit_ms, dial_done done, void *ctx);

/* `done` will not be called. A look-up that hangs goes on in its thread, and ends by itself. NULL
 * is fine. After `done` the pointer is gone without this. */
void dial_cancel(struct dial *dial);

#endif
