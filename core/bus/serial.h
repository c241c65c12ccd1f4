/*
 * A serial device: opened raw and exclusively, written to and read from with a deadline.
 *
 * The functions block and belong on a bus's thread; what they do not need a device for
 * (serial_check, serial_describe) may run anywhere. A device that was unplugged is closed, and the
 * next exchange tries to open it again. Errors name the device, the reason and what to do.
 */
#ifndef NEAP_CORE_SERIAL_H
#define NEAP_CORE_SERIAL_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum serial_parity { SERIAL_NO_PARITY, SERIAL_EVEN, SERIAL_ODD };
enum serial_flow { SERIAL_NO_FLOW, SERIAL_RTS_CTS, SERIAL_XON_XOFF };

struct serial_params {
	const char *path;
	int speed;     /* 0: 9600 */
	int data_bits; /* 5 to 8; 0: 8 */
	int stop_bits; /* 1 or 2; 0: 1 */
	enum serial_parity parity;
	enum serial_flow flow;
	bool rs485; /* the driver switches the transmitter on while it sends */
};

#define SERIAL_ENDS_MAX  4
#define SERIAL_INPUT_MAX 65536 /* bytes read and not asked for yet */

/* Writes, then reads until the first of these is met; with none of them, it does not read. What
 * came in beyond that stays for the next exchange. */
struct serial_exchange {
	bool discard; /* first throw away what came in before */
	const char *out;
	size_t out_len;
	size_t count; /* so many bytes; 0: any */
	struct {
		const char *data;
		size_t len;
	} ends[SERIAL_ENDS_MAX]; /* one of these, which the answer includes; len 0: unused */
	int64_t gap_ms;          /* so long nothing more came after a byte; 0: any */
	int64_t timeout_ms;      /* of the whole */
};

struct serial;

int serial_check(const struct serial_params *params, struct err *err);
/* "9600 8N1", "115200 8E1 RTS/CTS RS-485" */
void serial_describe(const struct serial_params *params, struct buf *text);

struct serial *serial_new(const struct serial_params *params); /* copies; opens nothing yet */
void serial_free(struct serial *serial);

int serial_open(struct serial *serial, struct err *err); /* if it is not open; returns it */
void serial_close(struct serial *serial);
/* The time of one character on the line, in microseconds. */
int64_t serial_char_us(const struct serial *serial);

/* Adds the answer to `in`. After -ETIMEDOUT what had come in is kept for the next exchange. */
int serial_exchange(
    struct serial *serial, const struct serial_exchange *exchange, struct buf *in, struct err *err);

#endif
