/*
 * Datagrams of scripts. A socket receives only while somebody waits for it; until then the kernel
 * keeps what comes, as far as it has room.
 */
#include "core/base/mem.h"
#include "core/base/number.h"
#include "lua/bindings.h"
#include "lua/fiber.h"
#include "lua/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET       "neap.udp"
#define DATAGRAM_MAX 65536

/* libuv's, which is freed when it has been closed */
struct socket {
	uv_udp_t uv;
	struct request *receiver;
};

struct box {
	struct script *script;
	struct socket *socket; /* NULL: not yet, or no more */
	char name[];           /* "host:port" */
};

struct request {
	struct fiber *fiber;
	struct box *box; /* the fiber's stack holds it */
	struct resolve *resolve;
	struct timer limit;
	int64_t timeout_ms;
	bool failed;
	struct err err;
	struct sockaddr_storage peer;
	struct buf data; /* of the datagram */
};

static const struct host *host_of(const struct request *request)
{
	return request->box->script->host;
}

static void wake(struct request *request)
{
	scheduler_cancel(host_of(request)->scheduler, &request->limit);
	fiber_wake(request->fiber);
}

static void fail(struct request *request, int code)
{
	request->failed = true;
	request->err.code = code;
	wake(request);
}

static struct request *new_request(struct box *box, int64_t timeout_ms)
{
	struct request *request = mem_alloc(sizeof *request);
	request->fiber = box->script->current;
	request->box = box;
	request->timeout_ms = timeout_ms;
	return request;
}

static void arm(struct request *request, void (*fire)(struct timer *timer))
{
	const struct host *host = host_of(request);
	request->limit.fire = fire;
	scheduler_add(host->scheduler, &request->limit,
	    clock_mono_ms(host->services.clock) + request->timeout_ms);
}

static struct request *of_limit(struct timer *timer)
{
	return (struct request *)((char *)timer - offsetof(struct request, limit));
}

static void free_request(struct request *request)
{
	scheduler_cancel(host_of(request)->scheduler, &request->limit);
	buf_free(&request->data);
	free(request);
}

/* --- the socket --- */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct box *box)
{
	if (!box->socket)
		return;
	struct request *receiver = box->socket->receiver;
	uv_close((uv_handle_t *)&box->socket->uv, on_closed);
	box->socket = NULL;
	box->script->sockets--;
	if (receiver) {
		(void)err_set(&receiver->err, "%s was closed by this script", box->name);
		fail(receiver, -ECANCELED);
	}
}

/* close(socket) */
static int udp_close(lua_State *L)
{
	end(luaL_checkudata(L, 1, SOCKET));
	return 0;
}

static struct box *new_box(lua_State *L, const char *name)
{
	size_t size = strlen(name) + 1;
	struct box *box = lua_newuserdatauv(L, sizeof *box + size, 0);
	*box = (struct box){.script = script_of(L)};
	memcpy(box->name, name, size);
	luaL_setmetatable(L, SOCKET);
	script_take_socket(L);
	box->socket = mem_alloc(sizeof *box->socket);
	box->socket->uv.data = box->socket;
	must(uv_udp_init(box->script->host->services.loop, &box->socket->uv) == 0);
	return box;
}

static struct socket *socket_of(lua_State *L, struct box *box)
{
	struct err err;
	if (box->socket)
		return box->socket;
	(void)err_set(&err, "%s was closed by this script", box->name);
	err.code = -EBADF;
	(void)script_raise(L, &err);
	return NULL;
}

/* --- to a peer --- */

static void on_resolved(
    void *ctx, const struct sockaddr_storage *list, size_t count, const struct err *err)
{
	struct request *request = ctx;
	request->resolve = NULL;
	request->err = *err;
	if (count == 0) {
		fail(request, err->code);
		return;
	}
	request->peer = list[0];
	wake(request);
}

static void on_resolve_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	(void)err_sys(&request->err, ETIMEDOUT, "cannot find the host of %s", request->box->name);
	fail(request, -ETIMEDOUT);
}

static int connect_finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	if (request->failed)
		return script_raise(L, &request->err);
	int result = uv_udp_connect(&request->box->socket->uv, (const struct sockaddr *)&request->peer);
	if (result < 0) {
		(void)err_sys(&request->err, result, "cannot send to %s", request->box->name);
		return script_raise(L, &request->err);
	}
	lua_settop(L, 1); /* socket */
	return 1;
}

static void connect_release(void *ctx)
{
	struct request *request = ctx;
	if (request->resolve)
		resolve_forget(request->resolve);
	free_request(request);
}

static const struct wait_ops connect_ops = {connect_finish, connect_release, true};

/* connect(name, host, port, timeout) -> socket */
static int udp_connect(lua_State *L)
{
	const char *host = luaL_checkstring(L, 2);
	int port = (int)luaL_checkinteger(L, 3);
	int64_t timeout_ms = luaL_checkinteger(L, 4);
	fiber_check_effect(L, "udp.open");
	struct request *request = new_request(new_box(L, luaL_checkstring(L, 1)), timeout_ms);
	lua_replace(L, 1); /* socket ... */
	if (resolve_digits(host, port, &request->peer)) {
		wake(request);
		return fiber_wait(L, &connect_ops, request);
	}
	arm(request, on_resolve_limit);
	request->resolve = resolve_start(
	    host_of(request)->services.loop, host, port, on_resolved, request, &request->err);
	if (!request->resolve)
		fail(request, request->err.code);
	return fiber_wait(L, &connect_ops, request);
}

/* bind(name, address, port) -> socket, its port */
static int udp_bind(lua_State *L)
{
	const char *address = luaL_checkstring(L, 2);
	int port = (int)luaL_checkinteger(L, 3), len = sizeof(struct sockaddr_storage);
	struct sockaddr_storage at;
	struct err err;
	fiber_check_effect(L, "udp.open");
	if (!resolve_digits(address, port, &at))
		return script_fail(L, "udp.open: address must be one in digits, not \"%s\"", address);
	struct box *box = new_box(L, luaL_checkstring(L, 1)); /* ... socket */
	int result = uv_udp_bind(&box->socket->uv, (const struct sockaddr *)&at, 0);
	if (result == 0)
		result = uv_udp_getsockname(&box->socket->uv, (struct sockaddr *)&at, &len);
	if (result < 0) {
		end(box);
		(void)err_sys(&err, result, "cannot receive at %s", box->name);
		return script_raise(L, &err);
	}
	lua_pushinteger(L, ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
	                                                 : ((struct sockaddr_in6 *)&at)->sin6_port));
	return 2;
}

/* send(socket, text[, address, port]): at once, or not at all */
static int udp_send(lua_State *L)
{
	struct box *box = luaL_checkudata(L, 1, SOCKET);
	struct sockaddr_storage to;
	struct err err;
	size_t len;
	const char *data = luaL_checklstring(L, 2, &len);
	bool given = !lua_isnoneornil(L, 3);
	fiber_check_effect(L, "udp");
	struct socket *socket = socket_of(L, box);
	if (given && !resolve_digits(luaL_checkstring(L, 3), (int)luaL_checkinteger(L, 4), &to))
		return script_fail(
		    L, "udp:send: the address must be one in digits, not \"%s\"", lua_tostring(L, 3));
	char *copy = mem_alloc(len + 1); /* libuv's buffers are not const */
	memcpy(copy, data, len);
	uv_buf_t buf = uv_buf_init(copy, (unsigned)len);
	int result = uv_udp_try_send(&socket->uv, &buf, 1, given ? (struct sockaddr *)&to : NULL);
	free(copy);
	if (result >= 0)
		return 0;
	(void)err_sys(&err, result, "%s", box->name);
	return script_raise(L, &err);
}

/* --- receive --- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
	struct socket *socket = handle->data;
	(void)suggested;
	*room = uv_buf_init(buf_reserve(&socket->receiver->data, DATAGRAM_MAX), DATAGRAM_MAX);
}

static void on_received(
    uv_udp_t *uv, ssize_t count, const uv_buf_t *room, const struct sockaddr *from, unsigned flags)
{
	struct socket *socket = uv->data;
	struct request *request = socket->receiver;
	(void)room;
	(void)flags;
	if (count == 0 && !from)
		return; /* nothing more for now */
	(void)uv_udp_recv_stop(uv);
	if (count < 0) {
		(void)err_sys(&request->err, (int)count, "%s", request->box->name);
		fail(request, (int)count);
		return;
	}
	request->data.len = (size_t)count;
	memcpy(&request->peer, from,
	    from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	wake(request);
}

static void on_receive_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	char limit[NUMBER_TEXT];
	(void)duration_format(limit, request->timeout_ms);
	(void)err_set(&request->err, "%s: nothing came in %s", request->box->name, limit);
	fail(request, -ETIMEDOUT);
}

static void stop_receiving(struct request *request)
{
	struct socket *socket = request->box->socket;
	if (!socket || socket->receiver != request)
		return;
	socket->receiver = NULL;
	(void)uv_udp_recv_stop(&socket->uv);
}

static int receive_finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&request->peer;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&request->peer;
	bool is_ip4 = request->peer.ss_family == AF_INET;
	char address[INET6_ADDRSTRLEN] = "";
	stop_receiving(request);
	if (request->failed)
		return script_raise(L, &request->err);
	if (is_ip4)
		(void)uv_ip4_name(in, address, sizeof address);
	else
		(void)uv_ip6_name(in6, address, sizeof address);
	lua_pushlstring(L, request->data.data ? request->data.data : "", request->data.len);
	lua_pushstring(L, address);
	lua_pushinteger(L, ntohs(is_ip4 ? in->sin_port : in6->sin6_port));
	return 3;
}

static void receive_release(void *ctx)
{
	stop_receiving(ctx);
	free_request(ctx);
}

static const struct wait_ops receive_ops = {receive_finish, receive_release, true};

/* receive(socket, timeout) -> text, address, port */
static int udp_receive(lua_State *L)
{
	struct box *box = luaL_checkudata(L, 1, SOCKET);
	int64_t timeout_ms = luaL_checkinteger(L, 2);
	fiber_check_effect(L, "udp");
	struct socket *socket = socket_of(L, box);
	if (socket->receiver) {
		struct err err;
		(void)err_set(&err, "%s: another handler is receiving", box->name);
		err.code = -EBUSY;
		return script_raise(L, &err);
	}
	struct request *request = new_request(box, timeout_ms);
	socket->receiver = request;
	arm(request, on_receive_limit);
	int result = uv_udp_recv_start(&socket->uv, on_room, on_received);
	if (result < 0) {
		(void)err_sys(&request->err, result, "%s", box->name);
		fail(request, result);
	}
	return fiber_wait(L, &receive_ops, request);
}

static const luaL_Reg functions[] = {
    {"connect", udp_connect},
    {"bind", udp_bind},
    {"send", udp_send},
    {"receive", udp_receive},
    {"close", udp_close},
    {NULL, NULL},
};

void bind_udp(lua_State *L)
{
	(void)luaL_newmetatable(L, SOCKET);
	lua_pushcfunction(L, udp_close);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "udp");
}
