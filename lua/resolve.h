/* Addresses of hosts, by libuv's pool of threads: a name server that is silent keeps one of them, for
 * as long as the resolver takes, and nobody else. Loop thread. */
#ifndef NEAP_LUA_RESOLVE_H
#define NEAP_LUA_RESOLVE_H

#include "core/base/err.h"

#include <stdbool.h>

#include <sys/socket.h>
#include <uv.h>

#define RESOLVE_MAX 4 /* addresses of one name */

struct resolve;

/* The addresses, of IPv4 and IPv6; count 0: err. */
typedef void resolve_done(
    void *ctx, const struct sockaddr_storage *list, size_t count, const struct err *err);

/* False unless the host is an address in digits. */
bool resolve_digits(const char *host, int port, struct sockaddr_storage *address);
/* `done` is called once, not from within, unless it is forgotten. NULL: that is no name. */
struct resolve *resolve_start(
    uv_loop_t *loop, const char *host, int port, resolve_done *done, void *ctx, struct err *err);
void resolve_forget(struct resolve *resolve);

#endif
