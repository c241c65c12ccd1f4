/*
 * Modbus RTU over a serial line and Modbus TCP, as buses: one for each line, one for each host and
 * port (core/bus/bus.h has the rules of lifetime and the back-off of silent units). Connects at the
 * first query. Loop thread.
 */
#ifndef NEAP_CORE_MODBUS_H
#define NEAP_CORE_MODBUS_H

#include "core/bus/bus.h"
#include "core/bus/modbus_link.h"

/* The most that one query may ask for (Modbus Application Protocol 1.1b3, chapter 6). */
int modbus_max(enum modbus_table table, bool write);

struct bus *modbus_open_rtu(
    struct buses *buses, const struct serial_params *params, const char *user, struct err *err);
struct bus *modbus_open_tcp(
    struct buses *buses, const char *host, int port, const char *user, struct err *err);

/* values: those read, or those written; the callee's to read until it returns. */
typedef void modbus_done(void *ctx, const uint16_t *values, size_t count, const struct err *err);

/* Copies the query, and, for a write, its `count` values. For a bus of modbus_open_*. */
struct bus_request *modbus_submit(struct bus *bus, const struct modbus_query *query,
    const uint16_t *values, modbus_done *done, void *ctx, struct err *err);

#endif
