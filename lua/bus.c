/*
 * Serial lines and Modbus, through core/bus/bus.h: a handle for each that a script opens, a request for
 * each transaction.
 *
 * A handle is of a port only from its first transaction on: so a script may make it while it loads,
 * and the new version of a script may give the port other parameters than the old one, which has
 * been closed by then.
 */
#include "core/base/mem.h"
#include "core/bus/modbus.h"
#include "core/bus/serial_bus.h"
#include "lua/bindings.h"
#include "lua/fiber.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE "neap.bus"

enum kind { KIND_SERIAL, KIND_RTU, KIND_TCP };

static const char *const kinds[] = {"serial", "rtu", "tcp", NULL};

struct handle {
	enum kind kind;
	bool closed;
	struct bus *bus; /* NULL: not used yet, or closed */
	struct serial_params params;
	int tcp_port;
	char name[]; /* the path of the device, or the host */
};

/* --- handles --- */

/* open(kind, path or host, TCP port, speed, data bits, stop bits, parity, flow, rs485) -> handle;
 * what is 0 is the core's default */
static int bus_new(lua_State *L)
{
	static const char *const parities[] = {"none", "even", "odd", NULL};
	static const char *const flows[] = {"none", "rts/cts", "xon/xoff", NULL};
	size_t len;
	const char *name = luaL_checklstring(L, 2, &len);
	struct handle *handle = lua_newuserdatauv(L, sizeof *handle + len + 1, 0);
	*handle = (struct handle){.kind = (enum kind)luaL_checkoption(L, 1, NULL, kinds)};
	memcpy(handle->name, name, len + 1);
	luaL_setmetatable(L, HANDLE);
	handle->tcp_port = (int)luaL_checkinteger(L, 3);
	handle->params = (struct serial_params){
	    .path = handle->name,
	    .speed = (int)luaL_checkinteger(L, 4),
	    .data_bits = (int)luaL_checkinteger(L, 5),
	    .stop_bits = (int)luaL_checkinteger(L, 6),
	    .parity = (enum serial_parity)luaL_checkoption(L, 7, "none", parities),
	    .flow = (enum serial_flow)luaL_checkoption(L, 8, "none", flows),
	    .rs485 = lua_toboolean(L, 9),
	};
	struct err err;
	if (handle->kind != KIND_TCP && serial_check(&handle->params, &err) < 0)
		return script_fail(
		    L, "%s.open: %s", handle->kind == KIND_RTU ? "modbus" : "serial", err.text);
	if (handle->kind != KIND_SERIAL && modbus_link_check(&err) < 0)
		return script_fail(L, "modbus: %s", err.text);
	return 1;
}

static struct bus *open_handle(lua_State *L, const struct handle *handle, struct err *err)
{
	const struct script *script = script_of(L);
	struct buses *buses = script->host->services.buses;
	lua_pushfstring(L, "script %s", script->name);
	const char *user = lua_tostring(L, -1);
	switch (handle->kind) {
	case KIND_RTU:
		return modbus_open_rtu(buses, &handle->params, user, err);
	case KIND_TCP:
		return modbus_open_tcp(buses, handle->name, handle->tcp_port, user, err);
	case KIND_SERIAL:
	default:
		return serial_bus_open(buses, &handle->params, user, err);
	}
}

static struct bus *bus_of(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, HANDLE);
	struct err err;
	if (handle->closed) {
		(void)err_set(&err, "%s was closed by this script", handle->name);
		err.code = -EBADF;
		(void)script_raise(L, &err);
	}
	if (!handle->bus)
		handle->bus = open_handle(L, handle, &err);
	if (!handle->bus)
		(void)script_raise(L, &err);
	return handle->bus;
}

/* close(handle) */
static int bus_end(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, HANDLE);
	if (handle->bus)
		bus_close(handle->bus);
	handle->bus = NULL;
	handle->closed = true;
	return 0;
}

/* --- requests --- */

struct request {
	struct fiber *fiber;
	struct bus_request *pending; /* NULL: it is done */
	bool bits;                   /* the values are */
	bool nothing;                /* it gives no results */
	struct buf text;
	uint16_t *values;
	size_t count;
	bool failed;
	struct err err;
};

static void end(struct request *request, const struct err *err)
{
	request->pending = NULL;
	request->failed = err != NULL;
	if (err)
		request->err = *err;
	fiber_wake(request->fiber);
}

static void on_exchanged(void *ctx, const char *data, size_t len, const struct err *err)
{
	struct request *request = ctx;
	if (!err)
		buf_add(&request->text, data, len);
	end(request, err);
}

static void on_answered(void *ctx, const uint16_t *values, size_t count, const struct err *err)
{
	struct request *request = ctx;
	if (!err && !request->nothing) {
		request->values = mem_resize(NULL, count, sizeof *values);
		memcpy(request->values, values, count * sizeof *values);
		request->count = count;
	}
	end(request, err);
}

static int finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	if (request->failed)
		return script_raise(L, &request->err);
	if (request->nothing)
		return 0;
	if (!request->values) {
		lua_pushlstring(L, request->text.data ? request->text.data : "", request->text.len);
		return 1;
	}
	lua_createtable(L, (int)request->count, 0);
	for (size_t i = 0; i < request->count; i++) {
		if (request->bits)
			lua_pushboolean(L, request->values[i]);
		else
			lua_pushinteger(L, request->values[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static void release(void *ctx)
{
	struct request *request = ctx;
	if (request->pending)
		bus_forget(request->pending);
	buf_free(&request->text);
	free(request->values);
	free(request);
}

static const struct wait_ops ops = {finish, release, true};

static struct request *new_request(lua_State *L)
{
	struct request *request = mem_alloc(sizeof *request);
	request->fiber = script_of(L)->current;
	return request;
}

static int wait_for(lua_State *L, struct request *request, const struct err *err)
{
	if (request->pending)
		return fiber_wait(L, &ops, request);
	release(request);
	return script_raise(L, err);
}

/* exchange(handle, text, {ends}, count, gap, timeout, discard) -> text; ends: SERIAL_ENDS_MAX at
 * most */
static int exchange(lua_State *L)
{
	struct err err;
	struct serial_exchange exchange = {
	    .count = (size_t)luaL_checkinteger(L, 4),
	    .gap_ms = luaL_checkinteger(L, 5),
	    .timeout_ms = luaL_checkinteger(L, 6),
	    .discard = lua_toboolean(L, 7),
	};
	luaL_checktype(L, 3, LUA_TTABLE);
	exchange.out = luaL_checklstring(L, 2, &exchange.out_len);
	for (int i = 0; i < SERIAL_ENDS_MAX; i++) {
		/* the list keeps the text */
		if (lua_rawgeti(L, 3, i + 1) == LUA_TSTRING)
			exchange.ends[i].data = lua_tolstring(L, -1, &exchange.ends[i].len);
		lua_pop(L, 1);
	}
	fiber_check_effect(L, "serial");
	struct bus *bus = bus_of(L);
	struct request *request = new_request(L);
	request->pending = serial_submit(bus, &exchange, on_exchanged, request, &err);
	return wait_for(L, request, &err);
}

/* The list of integers or booleans at `index`, as a userdata on the stack. */
static const uint16_t *value_list(lua_State *L, int index, size_t *count)
{
	luaL_checktype(L, index, LUA_TTABLE);
	*count = lua_rawlen(L, index);
	uint16_t *values = lua_newuserdatauv(L, (*count + 1) * sizeof *values, 0);
	for (size_t i = 0; i < *count; i++) {
		(void)lua_rawgeti(L, index, (lua_Integer)i + 1);
		values[i] = lua_isboolean(L, -1) ? (uint16_t)lua_toboolean(L, -1)
		                                 : (uint16_t)luaL_checkinteger(L, -1);
		lua_pop(L, 1);
	}
	return values;
}

/* query(handle, table, unit, address, timeout, count or {values}, multiple) -> {values} or nothing */
static int query(lua_State *L)
{
	static const char *const tables[] = {[MODBUS_COILS] = "coils",
	    [MODBUS_DISCRETE] = "inputs",
	    [MODBUS_HOLDING] = "holding",
	    [MODBUS_INPUT] = "input",
	    [MODBUS_INPUT + 1] = NULL};
	struct err err;
	const uint16_t *values = NULL;
	size_t count;
	struct modbus_query query = {
	    .table = (enum modbus_table)luaL_checkoption(L, 2, NULL, tables),
	    .unit = (int)luaL_checkinteger(L, 3),
	    .address = (int)luaL_checkinteger(L, 4),
	    .timeout_ms = luaL_checkinteger(L, 5),
	    .write = lua_istable(L, 6),
	    .multiple = lua_toboolean(L, 7),
	};
	if (query.write) {
		values = value_list(L, 6, &count);
		query.count = (int)count;
	} else {
		query.count = (int)luaL_checkinteger(L, 6);
	}
	fiber_check_effect(L, "modbus");
	struct bus *bus = bus_of(L);
	struct request *request = new_request(L);
	request->nothing = query.write;
	request->bits = query.table == MODBUS_COILS || query.table == MODBUS_DISCRETE;
	request->pending = modbus_submit(bus, &query, values, on_answered, request, &err);
	return wait_for(L, request, &err);
}

static const luaL_Reg functions[] = {
    {"open", bus_new},
    {"close", bus_end},
    {"exchange", exchange},
    {"query", query},
    {NULL, NULL},
};

void bind_bus(lua_State *L)
{
	(void)luaL_newmetatable(L, HANDLE);
	lua_pushcfunction(L, bus_end);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "bus");
}
