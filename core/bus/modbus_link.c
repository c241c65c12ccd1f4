#include "core/bus/modbus_link.h"

#ifdef HAVE_LIBMODBUS

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/bus/tcp.h"

#include <errno.h>
#include <inttypes.h>
#include <modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

struct modbus_link {
	modbus_t *modbus;
	char *port;
	struct serial *serial; /* RTU; NULL: TCP */
	char *host;
	int tcp_port;
	int socket;       /* TCP; -1: not connected */
	int64_t quiet_ms; /* RTU: what has to pass between two frames */
	int64_t last_ms;  /* when the last one ended */
};

enum { RTU_UNIT_MAX = 247 };

static struct modbus_link *link_new(modbus_t *modbus, const char *port)
{
	must(modbus != NULL);
	struct modbus_link *link = mem_alloc(sizeof *link);

	link->modbus = modbus;
	link->port = mem_strdup(port);
	link->socket = -1;
	/* 0: the response's timeout is that of the whole answer, not of each of its bytes */
	(void)modbus_set_byte_timeout(modbus, 0, 0);
	return link;
}

/* 3.5 characters part two frames, 1.75 ms at least (Modbus over Serial Line 1.02, 2.5.1.1). */
static int64_t frame_gap_ms(const struct serial *serial)
{
	int64_t gap_us = serial_char_us(serial) * 7 / 2;

	return (gap_us > 1750 ? gap_us : 1750) / 1000 + 1;
}

struct modbus_link *modbus_link_rtu(const struct serial_params *params, struct err *err)
{
	(void)err;
	/* serial.c sets the line up; libmodbus is handed the descriptor and keeps out of the rest */
	struct modbus_link *link =
	    link_new(modbus_new_rtu(params->path, 9600, 'N', 8, 1), params->path);

	link->serial = serial_new(params);
	link->quiet_ms = frame_gap_ms(link->serial);
	return link;
}

struct modbus_link *modbus_link_tcp(
    const char *port, const char *host, int tcp_port, struct err *err)
{
	(void)err;
	struct modbus_link *link = link_new(modbus_new_tcp_pi("::1", "502"), port);

	link->host = mem_strdup(host);
	link->tcp_port = tcp_port;
	return link;
}

static void disconnect(struct modbus_link *link)
{
	if (link->serial != NULL) {
		serial_close(link->serial);
	} else if (link->socket >= 0) {
		(void)close(link->socket);
		link->socket = -1;
	}
	(void)modbus_set_socket(link->modbus, -1);
}

void modbus_link_free(struct modbus_link *link)
{
	disconnect(link);
	modbus_free(link->modbus);
	if (link->serial != NULL)
		serial_free(link->serial);
	free(link->port);
	free(link->host);
	free(link);
}

/* Many servers hang up on who was silent for a while: known before anything is sent, it costs no
 * query. What comes unasked would be taken for an answer. */
static bool still_connected(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

static int connect_tcp(struct modbus_link *link, int64_t until_ms, struct err *err)
{
	if (link->socket >= 0 && still_connected(link->socket))
		return link->socket;
	disconnect(link);
	link->socket = tcp_connect(link->host, link->tcp_port, until_ms, err);
	return link->socket;
}

static int connect_rtu(struct modbus_link *link, struct err *err)
{
	int fd = serial_open(link->serial, err);

	if (fd < 0)
		return -1;
	int64_t rest_ms = link->last_ms + link->quiet_ms - clock_io_ms();
	if (rest_ms > 0 && rest_ms <= link->quiet_ms)
		(void)poll(NULL, 0, (int)rest_ms);
	return fd;
}

static int make_ready(
    struct modbus_link *link, const struct modbus_query *query, int64_t until_ms, struct err *err)
{
	int fd = link->serial != NULL ? connect_rtu(link, err) : connect_tcp(link, until_ms, err);
	int64_t left_ms = until_ms - clock_io_ms();

	if (fd < 0)
		return -1;
	if (fd >= FD_SETSIZE) { /* libmodbus uses select */
		disconnect(link);
		return err_sys(err, EMFILE, "%s: neap has too many files open for Modbus", link->port);
	}
	if (left_ms < 1)
		left_ms = 1;
	if (link->serial != NULL && (query->unit < 1 || query->unit > RTU_UNIT_MAX))
		return err_set(err, "%s has units 1 to %d, not %d", link->port, RTU_UNIT_MAX, query->unit);
	must(modbus_set_slave(link->modbus, query->unit) == 0);
	(void)modbus_set_socket(link->modbus, fd);
	(void)modbus_set_response_timeout(
	    link->modbus, (uint32_t)(left_ms / 1000), (uint32_t)(left_ms % 1000 * 1000));
	(void)modbus_flush(link->modbus);
	return 0;
}

static int write_bits(modbus_t *modbus, const struct modbus_query *q, const uint16_t *values)
{
	uint8_t bits[MODBUS_MAX_WRITE_BITS];

	for (int i = 0; i < q->count; i++)
		bits[i] = values[i] != 0;
	return q->count == 1 && !q->multiple ? modbus_write_bit(modbus, q->address, bits[0])
	                                     : modbus_write_bits(modbus, q->address, q->count, bits);
}

static int read_bits(modbus_t *modbus, const struct modbus_query *q, uint16_t *values)
{
	uint8_t bits[MODBUS_MAX_READ_BITS] = {0};
	int rc = q->table == MODBUS_COILS ? modbus_read_bits(modbus, q->address, q->count, bits)
	                                  : modbus_read_input_bits(modbus, q->address, q->count, bits);

	for (int i = 0; i < q->count; i++)
		values[i] = bits[i];
	return rc;
}

static int ask(modbus_t *modbus, const struct modbus_query *q, uint16_t *values)
{
	bool bits = q->table == MODBUS_COILS || q->table == MODBUS_DISCRETE;

	if (bits)
		return q->write ? write_bits(modbus, q, values) : read_bits(modbus, q, values);
	if (q->write && q->count == 1 && !q->multiple)
		return modbus_write_register(modbus, q->address, values[0]);
	if (q->write)
		return modbus_write_registers(modbus, q->address, q->count, values);
	return q->table == MODBUS_HOLDING
	           ? modbus_read_registers(modbus, q->address, q->count, values)
	           : modbus_read_input_registers(modbus, q->address, q->count, values);
}

/* --- errors in words --- */

static const char *exception_text(int errnum)
{
	switch (errnum) {
	case EMBXILFUN:
		return "illegal function (it cannot do that)";
	case EMBXILADD:
		return "illegal data address (it has no such place)";
	case EMBXILVAL:
		return "illegal data value";
	case EMBXSFAIL:
		return "it failed";
	case EMBXACK:
		return "it has begun, and will take long";
	case EMBXSBUSY:
		return "it is busy";
	case EMBXNACK:
		return "it cannot do that now";
	case EMBXMEMPAR:
		return "its memory is damaged";
	case EMBXGPATH:
		return "the gateway has no way to it";
	default:
		return NULL;
	}
}

static const char *garbled_text(int errnum)
{
	switch (errnum) {
	case EMBBADCRC:
		return "is damaged; check speed, parity, wiring and termination";
	case EMBBADDATA:
	case EMBBADSLAVE:
	case EMBMDATA:
		return "does not fit the query; do two units have one number, or is the timeout too short?";
	case EMBBADEXC:
	case EMBUNKEXC:
		return "is an exception that Modbus does not know";
	default:
		return NULL;
	}
}

static void place_text(char out[64], const struct modbus_query *q)
{
	static const char *const names[] = {
	    "coil", "discrete input", "holding register", "input register"};

	if (q->count == 1)
		(void)snprintf(out, 64, "%s %d", names[q->table], q->address);
	else
		(void)snprintf(
		    out, 64, "%ss %d to %d", names[q->table], q->address, q->address + q->count - 1);
}

static int explain(
    const struct modbus_link *link, const struct modbus_query *q, int errnum, struct err *err)
{
	char place[64];
	int code = -EPROTO;
	struct err why;

	place_text(place, q);
	if (errnum == ETIMEDOUT) {
		code = -ETIMEDOUT;
		(void)err_set(&why, "unit %d on %s does not answer within %" PRId64 " ms", q->unit,
		    link->port, q->timeout_ms);
	} else if (errnum == EMBXGTAR) {
		code = -ETIMEDOUT;
		(void)err_set(&why, "unit %d does not answer, says the gateway %s", q->unit, link->port);
	} else if (exception_text(errnum) != NULL) {
		code = -EREMOTEIO;
		(void)err_set(&why, "unit %d on %s refuses %s: %s", q->unit, link->port, place,
		    exception_text(errnum));
	} else if (garbled_text(errnum) != NULL) {
		(void)err_set(&why, "the answer of unit %d on %s for %s %s", q->unit, link->port, place,
		    garbled_text(errnum));
	} else {
		return err_sys(err, errnum, "lost %s; it is opened again at the next try", link->port);
	}
	if (err != NULL) {
		*err = why;
		err->code = code;
	}
	return -1;
}

/* A serial line stays open unless it broke. A connection that an answer may still come over, or
 * that is out of step, would give it to the next query: it ends. */
static bool must_disconnect(const struct modbus_link *link, int errnum)
{
	if (exception_text(errnum) != NULL || errnum == EMBXGTAR)
		return false;
	return link->serial == NULL || (errnum != ETIMEDOUT && garbled_text(errnum) == NULL);
}

int modbus_link_run(
    struct modbus_link *link, const struct modbus_query *query, uint16_t *values, struct err *err)
{
	int64_t until_ms = clock_io_ms() + query->timeout_ms;

	if (make_ready(link, query, until_ms, err) < 0)
		return -1;
	errno = 0;
	int rc = ask(link->modbus, query, values);
	int errnum = errno;

	link->last_ms = clock_io_ms();
	if (rc == query->count)
		return 0;
	if (rc >= 0 || errnum == 0)
		errnum = EMBBADDATA;
	if (must_disconnect(link, errnum))
		disconnect(link);
	return explain(link, query, errnum, err);
}

int modbus_link_check(struct err *err)
{
	(void)err;
	return 0;
}

#else

int modbus_link_check(struct err *err)
{
	return err_set(err, "this neap was built without Modbus; it needs one built with libmodbus");
}

struct modbus_link *modbus_link_rtu(const struct serial_params *params, struct err *err)
{
	(void)params;
	(void)modbus_link_check(err);
	return NULL;
}

struct modbus_link *modbus_link_tcp(
    const char *port, const char *host, int tcp_port, struct err *err)
{
	(void)port, (void)host, (void)tcp_port;
	(void)modbus_link_check(err);
	return NULL;
}

void modbus_link_free(struct modbus_link *link)
{
	(void)link;
}

int modbus_link_run(
    struct modbus_link *link, const struct modbus_query *query, uint16_t *values, struct err *err)
{
	(void)link, (void)query, (void)values;
	return modbus_link_check(err);
}

#endif
