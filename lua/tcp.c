/*
 * TCP connections of scripts: a userdata for each, and a request for each connect, read and write.
 * A connection has one reader and one writer at a time; who closes it ends their waiting.
 */
#include "core/base/mem.h"
#include "core/base/number.h"
#include "lua/bindings.h"
#include "lua/fiber.h"
#include "lua/resolve.h"
#include "lua/stream.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTION "neap.tcp"
#define ENDS_MAX   4

struct connection {
	struct script *script;
	struct stream *stream; /* NULL: not yet, or no more */
	struct request *reader, *writer;
	bool counted; /* as a socket of the script's */
	char name[];  /* "host:port" */
};

struct request {
	struct fiber *fiber;
	struct connection *connection; /* the fiber's stack holds it */
	struct timer limit;
	int64_t timeout_ms;
	bool failed;
	struct err err;
	struct {
		struct resolve *resolve; /* NULL: done */
		struct sockaddr_storage list[RESOLVE_MAX];
		size_t count, next;
		struct stream *stream; /* that is tried */
		int64_t until_ms;
	} connect;
	struct {
		size_t count, most; /* bytes; count 0: see ends, and without any: what comes */
		struct buf ends[ENDS_MAX];
		size_t end_count;
		size_t got; /* so much of the input is the answer */
	} read;
};

static const struct host *host_of(const struct request *request)
{
	return request->connection->script->host;
}

static int64_t now_of(const struct request *request)
{
	return clock_mono_ms(host_of(request)->services.clock);
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

static struct request *new_request(struct connection *connection, int64_t timeout_ms)
{
	struct request *request = mem_alloc(sizeof *request);
	request->fiber = connection->script->current;
	request->connection = connection;
	request->timeout_ms = timeout_ms;
	return request;
}

static void arm(struct request *request, void (*fire)(struct timer *timer), int64_t ms)
{
	request->limit.fire = fire;
	scheduler_add(host_of(request)->scheduler, &request->limit, now_of(request) + ms);
}

static struct request *of_limit(struct timer *timer)
{
	return (struct request *)((char *)timer - offsetof(struct request, limit));
}

static void free_request(struct request *request)
{
	scheduler_cancel(host_of(request)->scheduler, &request->limit);
	for (size_t i = 0; i < request->read.end_count; i++)
		buf_free(&request->read.ends[i]);
	free(request);
}

/* --- the connection --- */

static void end(struct connection *connection)
{
	struct request *waiting[] = {connection->reader, connection->writer};
	stream_close(connection->stream);
	connection->stream = NULL;
	connection->script->sockets -= connection->counted;
	connection->counted = false;
	for (int i = 0; i < 2; i++) {
		if (!waiting[i])
			continue;
		(void)err_set(&waiting[i]->err, "%s was closed by this script", connection->name);
		fail(waiting[i], -ECANCELED);
	}
}

/* close(connection) */
static int tcp_close(lua_State *L)
{
	end(luaL_checkudata(L, 1, CONNECTION));
	return 0;
}

static struct connection *open_connection(lua_State *L, const char *function)
{
	struct connection *connection = luaL_checkudata(L, 1, CONNECTION);
	struct err err;
	fiber_check_effect(L, function);
	if (connection->stream)
		return connection;
	(void)err_set(&err, "%s was closed by this script", connection->name);
	err.code = -EBADF;
	(void)script_raise(L, &err);
	return NULL;
}

/* --- connect --- */

static void try_next(struct request *request);

static void on_connect_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	(void)err_sys(&request->err, ETIMEDOUT, "cannot connect to %s", request->connection->name);
	try_next(request);
}

static void on_connected(void *ctx, int status)
{
	struct request *request = ctx;
	if (status < 0) {
		(void)err_sys(&request->err, status, "cannot connect to %s", request->connection->name);
		try_next(request);
		return;
	}
	request->connection->stream = request->connect.stream;
	request->connect.stream = NULL;
	wake(request);
}

/* The addresses share the time that is left. */
static void try_next(struct request *request)
{
	while (request->connect.next < request->connect.count) {
		size_t left = request->connect.count - request->connect.next;
		int64_t ms = (request->connect.until_ms - now_of(request)) / (int64_t)left;
		stream_close(request->connect.stream);
		request->connect.stream = stream_new(host_of(request)->services.loop);
		int result = stream_connect(request->connect.stream,
		    &request->connect.list[request->connect.next++], on_connected, request);
		if (result == 0) {
			arm(request, on_connect_limit, ms > 0 ? ms : 0);
			return;
		}
		(void)err_sys(&request->err, result, "cannot connect to %s", request->connection->name);
	}
	fail(request, request->err.code);
}

static void on_resolved(
    void *ctx, const struct sockaddr_storage *list, size_t count, const struct err *err)
{
	struct request *request = ctx;
	request->connect.resolve = NULL;
	memcpy(request->connect.list, list, count * sizeof *list);
	request->connect.count = count;
	request->err = *err;
	try_next(request);
}

static void on_resolve_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	(void)err_sys(
	    &request->err, ETIMEDOUT, "cannot find the host of %s", request->connection->name);
	fail(request, -ETIMEDOUT);
}

static int connect_finish(lua_State *L, void *ctx)
{
	const struct request *request = ctx;
	if (request->failed)
		return script_raise(L, &request->err);
	lua_settop(L, 1); /* connection */
	return 1;
}

static void connect_release(void *ctx)
{
	struct request *request = ctx;
	if (request->connect.resolve)
		resolve_forget(request->connect.resolve);
	stream_close(request->connect.stream);
	if (!request->connection->stream)
		end(request->connection);
	free_request(request);
}

static const struct wait_ops connect_ops = {connect_finish, connect_release, true};

static struct connection *new_connection(lua_State *L, const char *name)
{
	size_t size = strlen(name) + 1;
	struct connection *connection = lua_newuserdatauv(L, sizeof *connection + size, 0);
	*connection = (struct connection){.script = script_of(L)};
	memcpy(connection->name, name, size);
	luaL_setmetatable(L, CONNECTION);
	script_take_socket(L);
	connection->counted = true;
	return connection;
}

/* connect(name, host, port, timeout) -> connection */
static int tcp_connect(lua_State *L)
{
	const char *host = luaL_checkstring(L, 2);
	int port = (int)luaL_checkinteger(L, 3);
	int64_t timeout_ms = luaL_checkinteger(L, 4);
	fiber_check_effect(L, "tcp.connect");
	struct request *request = new_request(new_connection(L, luaL_checkstring(L, 1)), timeout_ms);
	lua_replace(L, 1); /* connection ... */
	request->connect.until_ms = now_of(request) + timeout_ms;
	if (resolve_digits(host, port, &request->connect.list[0])) {
		request->connect.count = 1;
		try_next(request);
		return fiber_wait(L, &connect_ops, request);
	}
	arm(request, on_resolve_limit, timeout_ms);
	request->connect.resolve = resolve_start(
	    host_of(request)->services.loop, host, port, on_resolved, request, &request->err);
	if (!request->connect.resolve)
		fail(request, request->err.code);
	return fiber_wait(L, &connect_ops, request);
}

/* --- write --- */

static void on_write_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	char limit[NUMBER_TEXT];
	(void)duration_format(limit, request->timeout_ms);
	(void)err_set(&request->err, "%s: the other side did not take all in %s",
	    request->connection->name, limit);
	fail(request, -ETIMEDOUT);
}

static void on_written(void *ctx, int status)
{
	struct request *request = ctx;
	if (status == 0) {
		wake(request);
		return;
	}
	(void)err_sys(&request->err, status, "%s", request->connection->name);
	fail(request, status);
}

/* What has not gone out yet would make garbage of what is written next. */
static void stop_writing(struct request *request)
{
	struct connection *connection = request->connection;
	if (connection->writer != request)
		return;
	connection->writer = NULL;
	if (request->failed || !stream_is_written(connection->stream))
		end(connection);
}

static int write_finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	stop_writing(request);
	return request->failed ? script_raise(L, &request->err) : 0;
}

static void write_release(void *ctx)
{
	stop_writing(ctx);
	free_request(ctx);
}

static const struct wait_ops write_ops = {write_finish, write_release, true};

static int raise_busy(lua_State *L, const struct connection *connection, const char *doing)
{
	struct err err;
	(void)err_set(&err, "%s: another handler is %s", connection->name, doing);
	err.code = -EBUSY;
	return script_raise(L, &err);
}

/* write(connection, text, timeout) */
static int tcp_write(lua_State *L)
{
	struct connection *connection = open_connection(L, "tcp");
	size_t len;
	const char *data = luaL_checklstring(L, 2, &len);
	int64_t timeout_ms = luaL_checkinteger(L, 3);
	if (connection->writer)
		return raise_busy(L, connection, "writing");
	struct request *request = new_request(connection, timeout_ms);
	connection->writer = request;
	arm(request, on_write_limit, timeout_ms);
	int result = stream_write(connection->stream, data, len, on_written, request);
	if (result < 0)
		on_written(request, result);
	return fiber_wait(L, &write_ops, request);
}

/* --- read --- */

static size_t found_end(const struct request *request, const struct buf *in)
{
	size_t first = 0;
	for (size_t i = 0; i < request->read.end_count; i++) {
		const struct buf *text = &request->read.ends[i];
		const char *at = in->len ? memmem(in->data, in->len, text->data, text->len) : NULL;
		size_t len = at ? (size_t)(at - in->data) + text->len : 0;
		if (len && (!first || len < first))
			first = len;
	}
	return first;
}

/* Is the answer there? */
static bool is_answered(struct request *request)
{
	const struct buf *in = stream_input(request->connection->stream);
	if (request->read.count)
		request->read.got = in->len >= request->read.count ? request->read.count : 0;
	else if (request->read.end_count)
		request->read.got = found_end(request, in);
	else
		request->read.got = in->len < request->read.most ? in->len : request->read.most;
	return request->read.got > 0;
}

static void read_ended(struct request *request)
{
	stream_rest(request->connection->stream);
	wake(request);
}

static void on_came(void *ctx, int status)
{
	struct request *request = ctx;
	const char *name = request->connection->name;
	if (status == 0 && !is_answered(request)) {
		size_t len = stream_input(request->connection->stream)->len;
		if (len <= request->read.most)
			return;
		request->failed = true;
		(void)err_set(
		    &request->err, "%s: %zu bytes came in, and not what was waited for", name, len);
		request->err.code = -EMSGSIZE;
	} else if (status < 0) {
		request->failed = true;
		(void)err_sys(&request->err, status, "%s", name);
		if (status == UV_EOF)
			(void)err_set(&request->err, "%s: the other side has closed the connection", name);
		request->err.code = status;
	}
	read_ended(request);
}

static void on_read_limit(struct timer *timer)
{
	struct request *request = of_limit(timer);
	const char *name = request->connection->name;
	size_t len = stream_input(request->connection->stream)->len;
	char limit[NUMBER_TEXT];
	(void)duration_format(limit, request->timeout_ms);
	if (len)
		(void)err_set(
		    &request->err, "%s: the answer is incomplete, %zu bytes in %s", name, len, limit);
	else
		(void)err_set(&request->err, "%s: no answer in %s", name, limit);
	request->failed = true;
	request->err.code = -ETIMEDOUT;
	read_ended(request);
}

static void stop_reading(struct request *request)
{
	struct connection *connection = request->connection;
	if (connection->reader != request)
		return;
	connection->reader = NULL;
	if (connection->stream)
		stream_rest(connection->stream);
}

static int read_finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	bool any = !request->read.count && !request->read.end_count;
	stop_reading(request);
	if (request->failed && request->err.code == UV_EOF && any)
		return 0;
	if (request->failed)
		return script_raise(L, &request->err);
	struct buf *in = stream_input(request->connection->stream);
	lua_pushlstring(L, in->data, request->read.got);
	buf_cut(in, request->read.got);
	return 1;
}

static void read_release(void *ctx)
{
	stop_reading(ctx);
	free_request(ctx);
}

static const struct wait_ops read_ops = {read_finish, read_release, true};

static void take_ends(lua_State *L, int index, struct request *request)
{
	size_t len;
	for (int i = 0; i < ENDS_MAX && lua_rawgeti(L, index, i + 1) == LUA_TSTRING; i++) {
		const char *text = lua_tolstring(L, -1, &len);
		buf_add(&request->read.ends[request->read.end_count++], text, len);
		lua_pop(L, 1);
	}
}

/* read(connection, count, {ends}, limit, timeout) -> text, or nothing: it is at its end, and any was
 * asked for; ends: ENDS_MAX at most */
static int tcp_read(lua_State *L)
{
	struct connection *connection = open_connection(L, "tcp");
	size_t count = (size_t)luaL_checkinteger(L, 2), most = (size_t)luaL_checkinteger(L, 4);
	int64_t timeout_ms = luaL_checkinteger(L, 5);
	luaL_checktype(L, 3, LUA_TTABLE);
	if (connection->reader)
		return raise_busy(L, connection, "reading");
	struct request *request = new_request(connection, timeout_ms);
	request->read.count = count;
	request->read.most = most;
	take_ends(L, 3, request);
	connection->reader = request;
	if (is_answered(request)) {
		wake(request);
		return fiber_wait(L, &read_ops, request);
	}
	arm(request, on_read_limit, timeout_ms);
	int result = stream_listen(connection->stream, on_came, request);
	if (result < 0)
		on_came(request, result);
	return fiber_wait(L, &read_ops, request);
}

static const luaL_Reg functions[] = {
    {"connect", tcp_connect},
    {"write", tcp_write},
    {"read", tcp_read},
    {"close", tcp_close},
    {NULL, NULL},
};

void bind_tcp(lua_State *L)
{
	(void)luaL_newmetatable(L, CONNECTION);
	lua_pushcfunction(L, tcp_close);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "tcp");
}
