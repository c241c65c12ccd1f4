#include "core/bus/serial.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/serial.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct serial {
	char *path;
	struct serial_params params; /* complete */
	int fd;                      /* -1: not open */
	struct buf input;            /* read and not asked for yet */
};

/* --- parameters --- */

static const struct {
	int speed;
	speed_t code;
} speeds[] = {
    {50, B50},
    {75, B75},
    {110, B110},
    {134, B134},
    {150, B150},
    {200, B200},
    {300, B300},
    {600, B600},
    {1200, B1200},
    {1800, B1800},
    {2400, B2400},
    {4800, B4800},
    {9600, B9600},
    {19200, B19200},
    {38400, B38400},
    {57600, B57600},
    {115200, B115200},
    {230400, B230400},
    {460800, B460800},
    {500000, B500000},
    {576000, B576000},
    {921600, B921600},
    {1000000, B1000000},
    {1152000, B1152000},
    {1500000, B1500000},
    {2000000, B2000000},
    {2500000, B2500000},
    {3000000, B3000000},
    {3500000, B3500000},
    {4000000, B4000000},
};

static const speed_t *speed_code(int speed)
{
	for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
		if (speeds[i].speed == speed)
			return &speeds[i].code;
	}
	return NULL;
}

static struct serial_params completed(const struct serial_params *params)
{
	struct serial_params all = *params;

	all.speed = all.speed == 0 ? 9600 : all.speed;
	all.data_bits = all.data_bits == 0 ? 8 : all.data_bits;
	all.stop_bits = all.stop_bits == 0 ? 1 : all.stop_bits;
	return all;
}

int serial_check(const struct serial_params *params, struct err *err)
{
	struct serial_params all = completed(params);

	if (all.path == NULL || all.path[0] != '/')
		return err_set(err, "a serial port is the path of a device, such as /dev/ttyS1, not \"%s\"",
		    all.path == NULL ? "" : all.path);
	if (speed_code(all.speed) == NULL)
		return err_set(err,
		    "%s: no serial line has a speed of %d; common ones are 9600, 19200, "
		    "38400 and 115200",
		    all.path, all.speed);
	if (all.data_bits < 5 || all.data_bits > 8)
		return err_set(
		    err, "%s: a character has 5 to 8 data bits, not %d", all.path, all.data_bits);
	if (all.stop_bits < 1 || all.stop_bits > 2)
		return err_set(
		    err, "%s: a character has 1 or 2 stop bits, not %d", all.path, all.stop_bits);
	return 0;
}

void serial_describe(const struct serial_params *params, struct buf *text)
{
	static const char *const flow[] = {"", " RTS/CTS", " XON/XOFF"};
	struct serial_params all = completed(params);

	buf_printf(text, "%d %d%c%d%s%s", all.speed, all.data_bits, "NEO"[all.parity], all.stop_bits,
	    flow[all.flow], all.rs485 ? " RS-485" : "");
}

struct serial *serial_new(const struct serial_params *params)
{
	struct serial *serial = mem_alloc(sizeof *serial);

	serial->params = completed(params);
	serial->params.path = serial->path = mem_strdup(params->path);
	serial->fd = -1;
	return serial;
}

void serial_free(struct serial *serial)
{
	serial_close(serial);
	buf_free(&serial->input);
	free(serial->path);
	free(serial);
}

int64_t serial_char_us(const struct serial *serial)
{
	const struct serial_params *p = &serial->params;
	int bits = 1 + p->data_bits + (p->parity != SERIAL_NO_PARITY) + p->stop_bits;

	return (int64_t)bits * 1000000 / p->speed;
}

/* --- opening --- */

static const char *hint(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return " (is it plugged in? `ls /dev/tty* /dev/serial/by-id` shows what is there)";
	case EACCES:
	case EPERM:
		return " (add neap's user to the group that owns it, on most systems dialout)";
	case EBUSY:
	case EWOULDBLOCK:
		return " (another program has it: ModemManager, a login shell, another neap?)";
	default:
		return "";
	}
}

static int cannot_open(const struct serial *serial, int errnum, struct err *err)
{
	struct err system;

	if (errnum == EWOULDBLOCK) /* of flock */
		errnum = EBUSY;
	(void)err_sys(&system, errnum, "cannot open %s", serial->path);
	(void)err_set(err, "%s%s", system.text, hint(errnum));
	if (err != NULL)
		err->code = system.code;
	return -1;
}

static void fill_termios(const struct serial_params *p, struct termios *tio)
{
	static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};

	cfmakeraw(tio);
	tio->c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS | HUPCL);
	tio->c_cflag |= CLOCAL | CREAD | sizes[p->data_bits - 5];
	if (p->parity != SERIAL_NO_PARITY)
		tio->c_cflag |= PARENB;
	if (p->parity == SERIAL_ODD)
		tio->c_cflag |= PARODD;
	if (p->stop_bits == 2)
		tio->c_cflag |= CSTOPB;
	if (p->flow == SERIAL_RTS_CTS)
		tio->c_cflag |= CRTSCTS;
	tio->c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY | INPCK);
	if (p->flow == SERIAL_XON_XOFF)
		tio->c_iflag |= IXON | IXOFF;
	tio->c_cc[VMIN] = 0;
	tio->c_cc[VTIME] = 0;
}

/* tcsetattr is content if the driver took any of it: the speed is asked back. */
static int set_line(const struct serial *serial, struct err *err)
{
	const struct serial_params *p = &serial->params;
	speed_t speed = *speed_code(p->speed);
	struct termios tio;

	if (tcgetattr(serial->fd, &tio) < 0)
		return errno == ENOTTY ? err_set(err, "%s is not a serial device", p->path)
		                       : cannot_open(serial, errno, err);
	fill_termios(p, &tio);
	if (cfsetispeed(&tio, speed) < 0 || cfsetospeed(&tio, speed) < 0 ||
	    tcsetattr(serial->fd, TCSANOW, &tio) < 0 || tcgetattr(serial->fd, &tio) < 0)
		return err_sys(err, errno, "%s: cannot set the line up", p->path);
	if (cfgetospeed(&tio) != speed)
		return err_set(err, "%s: its driver cannot do a speed of %d", p->path, p->speed);
	return 0;
}

static int set_rs485(const struct serial *serial, struct err *err)
{
	struct serial_rs485 rs485 = {.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND};

	if (!serial->params.rs485 || ioctl(serial->fd, TIOCSRS485, &rs485) == 0)
		return 0;
	return err_sys(err, errno,
	    "%s: its driver has no RS-485 mode (leave rs485 out if the adapter switches by itself)",
	    serial->path);
}

/* TIOCEXCL keeps out who opens it later, but root; flock who locks it too, root or not. */
static int take_over(const struct serial *serial, struct err *err)
{
	if (flock(serial->fd, LOCK_EX | LOCK_NB) < 0 || ioctl(serial->fd, TIOCEXCL) < 0)
		return errno == ENOTTY ? err_set(err, "%s is not a serial device", serial->path)
		                       : cannot_open(serial, errno, err);
	if (set_line(serial, err) < 0 || set_rs485(serial, err) < 0)
		return -1;
	(void)tcflush(serial->fd, TCIOFLUSH);
	return 0;
}

int serial_open(struct serial *serial, struct err *err)
{
	if (serial->fd >= 0)
		return serial->fd;
	/* non-blocking: else open waits for a modem's carrier */
	serial->fd = open(serial->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (serial->fd < 0)
		return cannot_open(serial, errno, err);
	if (take_over(serial, err) == 0)
		return serial->fd;
	serial_close(serial);
	return -1;
}

void serial_close(struct serial *serial)
{
	if (serial->fd < 0)
		return;
	/* else close() would wait for a line that stands still to take what was written */
	(void)tcflush(serial->fd, TCIOFLUSH);
	(void)ioctl(serial->fd, TIOCNXCL);
	(void)close(serial->fd);
	serial->fd = -1;
	buf_free(&serial->input);
}

/* --- talking --- */

static int lost(struct serial *serial, int errnum, struct err *err)
{
	serial_close(serial);
	return err_sys(
	    err, errnum, "%s is gone (unplugged?); it is opened again when it is back", serial->path);
}

/* 1: ready, or broken, as read and write will tell; 0: not until then; -1: it failed. */
static int await(struct serial *serial, short events, int64_t until_ms, struct err *err)
{
	int64_t left_ms = until_ms - clock_io_ms();
	struct pollfd pfd = {.fd = serial->fd, .events = events};

	if (left_ms < 0)
		left_ms = 0;
	int rc = poll(&pfd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
	if (rc < 0 && errno != EINTR)
		return lost(serial, errno, err);
	return rc > 0 ? 1 : 0;
}

static int send_all(
    struct serial *serial, const struct serial_exchange *x, int64_t until_ms, struct err *err)
{
	for (size_t sent = 0; sent < x->out_len;) {
		ssize_t n = write(serial->fd, x->out + sent, x->out_len - sent);

		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lost(serial, errno, err);
		int rc = await(serial, POLLOUT, until_ms, err);
		if (rc < 0)
			return -1;
		if (rc == 0 && clock_io_ms() >= until_ms)
			return err_sys(err, ETIMEDOUT,
			    "%s: %zu of %zu bytes could not be sent in %" PRId64 " ms (flow control?)",
			    serial->path, x->out_len - sent, x->out_len, x->timeout_ms);
	}
	return 0;
}

static bool wants_answer(const struct serial_exchange *x)
{
	return x->count > 0 || x->gap_ms > 0 || x->ends[0].len > 0;
}

/* Where the answer ends within the input; 0: not yet. */
static size_t answer_len(const struct buf *input, const struct serial_exchange *x)
{
	size_t len = x->count > 0 && x->count <= input->len ? x->count : 0;

	for (size_t i = 0; i < SERIAL_ENDS_MAX && x->ends[i].len > 0; i++) {
		size_t upto = len > 0 ? len : input->len;
		const char *at =
		    upto == 0 ? NULL : memmem(input->data, upto, x->ends[i].data, x->ends[i].len);
		if (at != NULL)
			len = (size_t)(at - input->data) + x->ends[i].len;
	}
	return len;
}

/* 1: something came; 0: nothing until then; -1: it failed. */
static int receive(struct serial *serial, int64_t until_ms, struct err *err)
{
	int rc = await(serial, POLLIN, until_ms, err);
	if (rc <= 0)
		return rc;
	if (serial->input.len >= SERIAL_INPUT_MAX) {
		buf_free(&serial->input);
		return err_sys(err, EMSGSIZE, "%s: %d bytes came in, and not what was waited for",
		    serial->path, SERIAL_INPUT_MAX);
	}
	char *place = buf_reserve(&serial->input, 1024);
	ssize_t n = read(serial->fd, place, 1024);
	if (n > 0) {
		serial->input.len += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return lost(serial, n == 0 ? EIO : errno, err);
}

static int late(const struct serial *serial, const struct serial_exchange *x, struct err *err)
{
	if (serial->input.len > 0)
		return err_sys(err, ETIMEDOUT, "%s: the answer is incomplete, %zu bytes in %" PRId64 " ms",
		    serial->path, serial->input.len, x->timeout_ms);
	return err_sys(err, ETIMEDOUT, "%s: no answer in %" PRId64 " ms", serial->path, x->timeout_ms);
}

static int receive_answer(struct serial *serial, const struct serial_exchange *x, int64_t until_ms,
    struct buf *in, struct err *err)
{
	size_t len;

	while ((len = answer_len(&serial->input, x)) == 0) {
		bool gapped = x->gap_ms > 0 && serial->input.len > 0;
		int64_t now_ms = clock_io_ms();
		bool gap_first = gapped && now_ms + x->gap_ms < until_ms;
		int64_t limit_ms = gap_first ? now_ms + x->gap_ms : until_ms;
		int rc = receive(serial, limit_ms, err);

		if (rc < 0)
			return -1;
		if (rc > 0 || clock_io_ms() < limit_ms)
			continue;
		if (!gap_first)
			return late(serial, x, err);
		len = serial->input.len;
		break;
	}
	buf_add(in, serial->input.data, len);
	buf_cut(&serial->input, len);
	return 0;
}

int serial_exchange(
    struct serial *serial, const struct serial_exchange *exchange, struct buf *in, struct err *err)
{
	int64_t until_ms = clock_io_ms() + exchange->timeout_ms;

	if (serial_open(serial, err) < 0)
		return -1;
	if (exchange->discard) {
		(void)tcflush(serial->fd, TCIFLUSH);
		buf_free(&serial->input);
	}
	if (send_all(serial, exchange, until_ms, err) < 0)
		return -1;
	return wants_answer(exchange) ? receive_answer(serial, exchange, until_ms, in, err) : 0;
}
