/*
 * One Modbus connection, RTU or TCP: the only file that knows libmodbus. Blocking; on a bus's
 * thread but for the making. It connects at the first query, and again after a loss.
 *
 * Built without libmodbus, the makers fail and say so.
 */
#ifndef NEAP_CORE_MODBUS_LINK_H
#define NEAP_CORE_MODBUS_LINK_H

#include "core/base/err.h"
#include "core/bus/serial.h"

#include <stdbool.h>
#include <stdint.h>

enum modbus_table { MODBUS_COILS, MODBUS_DISCRETE, MODBUS_HOLDING, MODBUS_INPUT };

/* Addresses count from 0, as on the wire (40001 of a manual is holding register 0). Coils and
 * discrete inputs are values 0 and 1. */
struct modbus_query {
	int unit; /* RTU: 1 to 247; TCP: 0 to 255 */
	enum modbus_table table;
	bool write;
	bool multiple; /* write one value with the function for many: some devices have no other */
	int address;
	int count;
	int64_t timeout_ms; /* of the whole, with connecting */
};

struct modbus_link;

int modbus_link_check(struct err *err); /* -1: built without libmodbus */

/* "unit 3" is told to be on `port`. All is copied. */
struct modbus_link *modbus_link_rtu(const struct serial_params *params, struct err *err);
struct modbus_link *modbus_link_tcp(
    const char *port, const char *host, int tcp_port, struct err *err);
void modbus_link_free(struct modbus_link *link);

/* values: `count` of them, to write or to fill. -ETIMEDOUT: no answer; -EREMOTEIO: a Modbus
 * exception; -EPROTO: an answer that is damaged or another's; else the connection's own error. */
int modbus_link_run(
    struct modbus_link *link, const struct modbus_query *query, uint16_t *values, struct err *err);

#endif
