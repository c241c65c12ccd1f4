#include "core/link/mqtt_dial.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dial {
	dial_done done; /* NULL: cancelled */
	void *ctx;
	struct sockaddr_storage address;
	uv_getaddrinfo_t lookup;
	uv_connect_t connect;
	uv_tcp_t tcp;
	uv_timer_t limit;
	int fault;   /* it failed at once */
	int handles; /* still to close */
};

/* `done` may start the next dial: this one is out of the way before. */
static void tell(struct dial *dial, int status, const struct sockaddr *address)
{
	dial_done done = dial->done;

	dial->done = NULL;
	if (done)
		done(dial->ctx, status, address);
}

static const struct addrinfo *pick(const struct addrinfo *list)
{
	while (list && list->ai_next && list->ai_family != AF_INET)
		list = list->ai_next;
	return list;
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct dial *dial = request->data;
	const struct addrinfo *found = pick(list);

	if (status == 0 && !found)
		status = UV_EAI_NONAME;
	tell(dial, status, status == 0 ? found->ai_addr : NULL);
	uv_freeaddrinfo(list);
	free(dial);
}

static void on_closed(uv_handle_t *handle)
{
	struct dial *dial = handle->data;

	if (--dial->handles == 0)
		free(dial);
}

static void hang_up(struct dial *dial)
{
	if (dial->tcp.data && !uv_is_closing((uv_handle_t *)&dial->tcp))
		uv_close((uv_handle_t *)&dial->tcp, on_closed);
	if (dial->limit.data && !uv_is_closing((uv_handle_t *)&dial->limit))
		uv_close((uv_handle_t *)&dial->limit, on_closed);
}

static void on_connect(uv_connect_t *request, int status)
{
	struct dial *dial = request->data;

	tell(dial, status, (const struct sockaddr *)&dial->address);
	hang_up(dial);
}

static void on_limit(uv_timer_t *timer)
{
	struct dial *dial = timer->data;

	tell(dial, dial->fault ? dial->fault : UV_ETIMEDOUT, (const struct sockaddr *)&dial->address);
	hang_up(dial);
}

static struct dial *new_dial(dial_done done, void *ctx)
{
	struct dial *dial = mem_alloc(sizeof *dial);

	dial->done = done;
	dial->ctx = ctx;
	return dial;
}

static void start_limit(struct dial *dial, uv_loop_t *loop, uint64_t limit_ms)
{
	uv_timer_init(loop, &dial->limit);
	dial->limit.data = dial;
	dial->handles++;
	uv_timer_start(&dial->limit, on_limit, dial->fault ? 0 : limit_ms, 0);
}

struct dial *dial_lookup(uv_loop_t *loop, const char *host, int port, dial_done done, void *ctx)
{
	struct dial *dial = new_dial(done, ctx);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char service[8];

	dial->lookup.data = dial;
	snprintf(service, sizeof service, "%d", port);
	dial->fault = uv_getaddrinfo(loop, &dial->lookup, on_lookup, host, service, &hints);
	if (dial->fault)
		start_limit(dial, loop, 0);
	return dial;
}

struct dial *dial_knock(
    uv_loop_t *loop, const struct sockaddr *address, uint64_t limit_ms, dial_done done, void *ctx)
{
	struct dial *dial = new_dial(done, ctx);

	memcpy(&dial->address, address,
	    address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	must(uv_tcp_init(loop, &dial->tcp) == 0);
	dial->handles = 1;
	dial->connect.data = dial->tcp.data = dial;
	dial->fault = uv_tcp_connect(
	    &dial->connect, &dial->tcp, (const struct sockaddr *)&dial->address, on_connect);
	start_limit(dial, loop, limit_ms);
	return dial;
}

void dial_cancel(struct dial *dial)
{
	if (!dial)
		return;
	dial->done = NULL;
	if (dial->handles > 0)
		hang_up(dial);
	else
		uv_cancel((uv_req_t *)&dial->lookup);
}
