#include "lua/resolve.h"

#include "core/base/mem.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
	uv_getaddrinfo_t uv;
	char *host;
	int port;
	resolve_done *done; /* NULL: forgotten */
	void *ctx;
};

bool resolve_digits(const char *host, int port, struct sockaddr_storage *address)
{
	*address = (struct sockaddr_storage){0};
	return uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0 ||
	       uv_ip6_addr(host, port, (struct sockaddr_in6 *)address) == 0;
}

static size_t take(const struct resolve *resolve, const struct addrinfo *found,
    struct sockaddr_storage list[RESOLVE_MAX])
{
	size_t count = 0;
	for (; found && count < RESOLVE_MAX; found = found->ai_next) {
		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		memcpy(&list[count], found->ai_addr, found->ai_addrlen);
		if (found->ai_family == AF_INET)
			((struct sockaddr_in *)&list[count])->sin_port = htons((uint16_t)resolve->port);
		else
			((struct sockaddr_in6 *)&list[count])->sin6_port = htons((uint16_t)resolve->port);
		count++;
	}
	return count;
}

static void on_resolved(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
	struct resolve *resolve = uv->data;
	struct sockaddr_storage list[RESOLVE_MAX] = {0};
	struct err err = {0};
	size_t count = status == 0 ? take(resolve, found, list) : 0;
	uv_freeaddrinfo(found);
	if (count == 0) {
		(void)err_set(&err, "cannot find the host %s: %s", resolve->host,
		    status == 0 ? "it has no address" : uv_strerror(status));
		err.code = status == 0 ? UV_EAI_NODATA : status;
	}
	if (resolve->done)
		resolve->done(resolve->ctx, list, count, &err);
	free(resolve->host);
	free(resolve);
}

struct resolve *resolve_start(
    uv_loop_t *loop, const char *host, int port, resolve_done *done, void *ctx, struct err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct resolve *resolve = mem_alloc(sizeof *resolve);
	resolve->uv.data = resolve;
	resolve->host = mem_strdup(host);
	resolve->port = port;
	resolve->done = done;
	resolve->ctx = ctx;
	int rc = uv_getaddrinfo(loop, &resolve->uv, on_resolved, resolve->host, NULL, &hints);
	if (rc == 0)
		return resolve;
	(void)err_sys(err, rc, "cannot find the host %s", host);
	free(resolve->host);
	free(resolve);
	return NULL;
}

void resolve_forget(struct resolve *resolve)
{
	resolve->done = NULL;
	(void)uv_cancel((uv_req_t *)&resolve->uv); /* if it has not begun */
}
