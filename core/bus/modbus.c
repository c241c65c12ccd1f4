#include "core/bus/modbus.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct modbus_query query;
	modbus_done *done;
	uint16_t values[];
};

int modbus_max(enum modbus_table table, bool write)
{
	if (table == MODBUS_COILS || table == MODBUS_DISCRETE)
		return write ? 1968 : 2000;
	return write ? 123 : 125;
}

static void close_device(void *state)
{
	modbus_link_free(state);
}

static struct bus *open_bus(struct buses *buses, const char *port, const char *params,
    struct modbus_link *link, const char *user, struct err *err)
{
	if (link == NULL)
		return NULL;
	return bus_open(buses,
	    &(struct bus_device){.port = port, .params = params, .state = link, .close = close_device},
	    user, err);
}

struct bus *modbus_open_rtu(
    struct buses *buses, const struct serial_params *params, const char *user, struct err *err)
{
	struct buf text = {0};

	if (serial_check(params, err) < 0)
		return NULL;
	buf_text(&text, "Modbus RTU ");
	serial_describe(params, &text);
	struct bus *bus =
	    open_bus(buses, params->path, buf_str(&text), modbus_link_rtu(params, err), user, err);
	buf_free(&text);
	return bus;
}

struct bus *modbus_open_tcp(
    struct buses *buses, const char *host, int port, const char *user, struct err *err)
{
	struct buf name = {0};

	if (host[0] == '\0' || port < 1 || port > 65535) {
		(void)err_set(err, "Modbus TCP needs a host and a port from 1 to 65535, not \"%s\" and %d",
		    host, port);
		return NULL;
	}
	buf_printf(&name, strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
	const char *key = buf_str(&name);
	struct bus *bus =
	    open_bus(buses, key, "Modbus TCP", modbus_link_tcp(key, host, port, err), user, err);
	buf_free(&name);
	return bus;
}

static int run(void *state, void *data, struct err *err)
{
	struct job *job = data;

	return modbus_link_run(state, &job->query, job->values, err);
}

static void finish(void *ctx, void *data, const struct err *err)
{
	struct job *job = data;

	job->done(ctx, job->values, err == NULL ? (size_t)job->query.count : 0, err);
}

static int check(const struct modbus_query *q, struct err *err)
{
	int max = modbus_max(q->table, q->write);

	if (q->unit < 0 || q->unit > 255)
		return err_set(err, "Modbus has units 0 to 255, not %d", q->unit);
	if (q->write && (q->table == MODBUS_DISCRETE || q->table == MODBUS_INPUT))
		return err_set(err, "Modbus can write coils and holding registers only");
	if (q->count < 1 || q->count > max)
		return err_set(
		    err, "one Modbus query takes 1 to %d values of that kind, not %d", max, q->count);
	if (q->address < 0 || q->address > 65536 - q->count)
		return err_set(err, "Modbus has addresses 0 to 65535, not %d to %lld", q->address,
		    (long long)q->address + q->count - 1);
	if (q->timeout_ms < 1)
		return err_set(err, "a Modbus query needs a timeout");
	return 0;
}

struct bus_request *modbus_submit(struct bus *bus, const struct modbus_query *query,
    const uint16_t *values, modbus_done *done, void *ctx, struct err *err)
{
	if (check(query, err) < 0)
		return NULL;
	size_t size = (size_t)query->count * sizeof *values;
	struct job *job = mem_alloc(sizeof *job + size);
	job->query = *query;
	job->done = done;
	if (query->write)
		memcpy(job->values, values, size);
	return bus_submit(bus,
	    &(struct bus_job){
	        .unit = query->unit,
	        .run = run,
	        .done = finish,
	        .release = free,
	        .data = job,
	        .ctx = ctx,
	    },
	    err);
}
