/*
 * Serial lines as buses: exchanges of all who share a port, one at a time (core/bus/bus.h has the rules
 * of lifetime). The port is opened at the first exchange, and again after it was unplugged. Loop
 * thread.
 */
#ifndef NEAP_CORE_SERIAL_BUS_H
#define NEAP_CORE_SERIAL_BUS_H

#include "core/bus/bus.h"
#include "core/bus/serial.h"

struct bus *serial_bus_open(
    struct buses *buses, const struct serial_params *params, const char *user, struct err *err);

/* `data` is the callee's to read until it returns. */
typedef void serial_done(void *ctx, const char *data, size_t len, const struct err *err);

/* Copies the exchange. For a bus of serial_bus_open. */
struct bus_request *serial_submit(struct bus *bus, const struct serial_exchange *exchange,
    serial_done *done, void *ctx, struct err *err);

#endif
