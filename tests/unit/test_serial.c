#include "core/base/mem.h"
#include "core/bus/serial_bus.h"
#include "tests/unit/pty.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 60000 }; /* what should not pass */

/* What no pair of ptys keeps: parity, and the RS-485 mode, which a pty has not. */
static struct {
	struct termios line; /* as it was asked for last */
	struct serial_rs485 rs485;
	bool has_rs485;
} driver; /* a test program may */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int tcsetattr(int fd, int actions, const struct termios *tio)
{
	static int (*real)(int fd, int actions, const struct termios *tio);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "tcsetattr");
	driver.line = *tio;
	struct termios kept = *tio;
	kept.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD);
	kept.c_cflag |= CS8;
	return real(fd, actions, &kept);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (request == TIOCSRS485 && driver.has_rs485) {
		driver.rs485 = *(const struct serial_rs485 *)arg;
		return 0;
	}
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

struct fixture {
	struct pty pty;
	struct serial *serial;
	struct buf in;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	pty_open(&f->pty);
	f->serial = serial_new(&(struct serial_params){.path = f->pty.path});
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	serial_free(f->serial);
	pty_close(&f->pty);
	buf_free(&f->in);
	free(f);
	return 0;
}

static void open_line(struct fixture *f)
{
	if (serial_open(f->serial, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void say(const struct fixture *f, const char *text)
{
	assert_int_equal(write(f->pty.master, text, strlen(text)), strlen(text));
}

static void hear(const struct fixture *f, const char *text)
{
	char got[64] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		ssize_t n = read(f->pty.master, got + len, sizeof got - len);
		assert_true(n > 0 || errno == EAGAIN);
		len += n > 0 ? (size_t)n : 0;
	}
	assert_string_equal(got, text);
}

static const char *exchange(struct fixture *f, const struct serial_exchange *x)
{
	buf_free(&f->in);
	f->err = (struct err){0};
	return serial_exchange(f->serial, x, &f->in, &f->err) < 0 ? NULL : buf_str(&f->in);
}

/* --- parameters --- */

static void parameters_are_described(void **unused)
{
	(void)unused;
	struct buf text = {0};

	serial_describe(&(struct serial_params){.path = "/dev/x"}, &text);
	assert_string_equal(buf_str(&text), "9600 8N1");
	buf_free(&text);
	serial_describe(&(struct serial_params){.path = "/dev/x",
	                    .speed = 115200,
	                    .data_bits = 7,
	                    .stop_bits = 2,
	                    .parity = SERIAL_EVEN,
	                    .flow = SERIAL_RTS_CTS,
	                    .rs485 = true},
	    &text);
	assert_string_equal(buf_str(&text), "115200 7E2 RTS/CTS RS-485");
	buf_free(&text);
}

static void wrong_parameters_are_refused(void **unused)
{
	(void)unused;
	static const struct serial_params wrong[] = {
	    {.path = NULL},
	    {.path = "ttyS0"},
	    {.path = "/dev/x", .speed = 12345},
	    {.path = "/dev/x", .speed = -1},
	    {.path = "/dev/x", .data_bits = 9},
	    {.path = "/dev/x", .stop_bits = 3},
	};
	struct err err;

	assert_int_equal(serial_check(&(struct serial_params){.path = "/dev/x"}, &err), 0);
	assert_int_equal(
	    serial_check(&(struct serial_params){.path = "/dev/x", .speed = 4000000}, &err), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		err.text[0] = '\0';
		assert_int_equal(serial_check(&wrong[i], &err), -1);
		assert_true(err.text[0] != '\0');
	}
}

/* --- opening --- */

static void the_line_is_set_up(void **state)
{
	struct fixture *f = *state;
	struct termios tio;

	serial_free(f->serial);
	f->serial = serial_new(&(struct serial_params){
	    .path = f->pty.path, .speed = 57600, .stop_bits = 2, .flow = SERIAL_XON_XOFF});
	open_line(f);
	int fd = serial_open(f->serial, &f->err);
	assert_int_equal(tcgetattr(fd, &tio), 0);
	assert_int_equal(cfgetospeed(&tio), B57600);
	assert_int_equal(cfgetispeed(&tio), B57600);
	assert_true((tio.c_cflag & CSTOPB) != 0 && (tio.c_cflag & CLOCAL) != 0);
	assert_int_equal(tio.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(tio.c_oflag & OPOST, 0);
	assert_int_equal(tio.c_iflag & (IXON | IXOFF | ICRNL), IXON | IXOFF);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(serial_char_us(f->serial), 11 * 1000000 / 57600);
}

static tcflag_t flags_of(struct fixture *f, struct serial_params params)
{
	params.path = f->pty.path;
	serial_free(f->serial);
	f->serial = serial_new(&params);
	open_line(f);
	return driver.line.c_cflag & (CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS);
}

static void a_character_is_as_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(flags_of(f, (struct serial_params){.speed = 9600}), CS8);
	assert_int_equal(flags_of(f, (struct serial_params){.parity = SERIAL_EVEN}), CS8 | PARENB);
	assert_int_equal(flags_of(f, (struct serial_params){.data_bits = 7, .parity = SERIAL_ODD}),
	    CS7 | PARENB | PARODD);
	assert_int_equal(flags_of(f, (struct serial_params){.stop_bits = 2, .flow = SERIAL_RTS_CTS}),
	    CS8 | CSTOPB | CRTSCTS);
}

static void the_driver_switches_the_transmitter(void **state)
{
	struct fixture *f = *state;

	driver.has_rs485 = true;
	(void)flags_of(f, (struct serial_params){.rs485 = true});
	driver.has_rs485 = false;
	assert_true((driver.rs485.flags & SER_RS485_ENABLED) != 0);
	assert_true((driver.rs485.flags & SER_RS485_RTS_ON_SEND) != 0);
	assert_int_equal(driver.rs485.flags & SER_RS485_RTS_AFTER_SEND, 0);
}

static void a_device_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;

	pty_unplug(&f->pty);
	assert_int_equal(serial_open(f->serial, &f->err), -1);
	assert_string_equal(err_code(&f->err), "ENOENT");
	assert_non_null(strstr(f->err.text, f->pty.path));
	assert_non_null(strstr(f->err.text, "No such file or directory (is it plugged in?"));
	pty_plug(&f->pty);
	open_line(f);
}

static void what_is_no_serial_device_is_told(void **state)
{
	struct fixture *f = *state;
	char path[64];

	(void)snprintf(path, sizeof path, "%s/file", f->pty.folder);
	(void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	serial_free(f->serial);
	f->serial = serial_new(&(struct serial_params){.path = path});
	assert_int_equal(serial_open(f->serial, &f->err), -1);
	assert_non_null(strstr(f->err.text, "is not a serial device"));
	assert_int_equal(unlink(path), 0);
}

static void a_line_has_one_owner(void **state)
{
	struct fixture *f = *state;
	struct serial *other = serial_new(&(struct serial_params){.path = f->pty.path});

	open_line(f);
	assert_int_equal(serial_open(other, &f->err), -1);
	assert_string_equal(err_code(&f->err), "EBUSY");
	assert_non_null(strstr(f->err.text, "another program has it"));
	serial_close(f->serial);
	assert_true(serial_open(other, &f->err) >= 0);
	serial_free(other);
}

static void a_driver_without_rs485_is_told(void **state)
{
	struct fixture *f = *state;

	serial_free(f->serial);
	f->serial = serial_new(&(struct serial_params){.path = f->pty.path, .rs485 = true});
	assert_int_equal(serial_open(f->serial, &f->err), -1);
	assert_non_null(strstr(f->err.text, "has no RS-485 mode"));
}

/* --- talking --- */

static void an_answer_ends_as_asked(void **state)
{
	struct fixture *f = *state;
	struct serial_exchange by_count = {.count = 4, .timeout_ms = LONG_MS};
	struct serial_exchange by_end = {
	    .ends = {{"OK\r\n", 4}, {"ERROR\r\n", 7}}, .timeout_ms = LONG_MS};
	struct serial_exchange by_gap = {.gap_ms = 20, .timeout_ms = LONG_MS};

	open_line(f);
	say(f, "12345678+CSQ: 7\r\nERROR\r\nOK\r\n");
	assert_string_equal(exchange(f, &by_count), "1234");
	assert_string_equal(exchange(f, &by_count), "5678");
	assert_string_equal(exchange(f, &by_end), "+CSQ: 7\r\nERROR\r\n");
	assert_string_equal(exchange(f, &by_end), "OK\r\n");
	say(f, "loose");
	assert_string_equal(exchange(f, &by_gap), "loose");
	say(f, "abOK\r\n");
	by_end.count = 3;
	assert_string_equal(exchange(f, &by_end), "abO");
	by_end.gap_ms = 20;
	assert_string_equal(exchange(f, &by_end), "K\r\n");
}

static void what_is_written_arrives(void **state)
{
	struct fixture *f = *state;

	open_line(f);
	say(f, "old");
	assert_string_equal(exchange(f,
	                        &(struct serial_exchange){
	                            .out = "a\0\r\n\x11\x13", .out_len = 6, .timeout_ms = LONG_MS}),
	    "");
	hear(f, "a");
	assert_string_equal(
	    exchange(f, &(struct serial_exchange){.count = 3, .timeout_ms = LONG_MS}), "old");
	say(f, "stale");
	assert_string_equal(
	    exchange(f, &(struct serial_exchange){.count = 1, .timeout_ms = LONG_MS}), "s");
	assert_null(
	    exchange(f, &(struct serial_exchange){.discard = true, .count = 1, .timeout_ms = 20}));
}

static void what_came_before_a_timeout_is_kept(void **state)
{
	struct fixture *f = *state;
	struct serial_exchange line = {.ends = {{"\n", 1}}, .timeout_ms = 20};

	open_line(f);
	assert_null(exchange(f, &line));
	assert_string_equal(err_code(&f->err), "ETIMEDOUT");
	assert_non_null(strstr(f->err.text, "no answer in 20 ms"));
	say(f, "half");
	assert_null(exchange(f, &line));
	assert_non_null(strstr(f->err.text, "the answer is incomplete, 4 bytes in 20 ms"));
	say(f, " a line\n");
	line.timeout_ms = LONG_MS;
	assert_string_equal(exchange(f, &line), "half a line\n");
}

static void a_line_that_takes_nothing_times_out(void **state)
{
	struct fixture *f = *state;
	char *much = mem_alloc(1000000);

	open_line(f);
	assert_null(
	    exchange(f, &(struct serial_exchange){.out = much, .out_len = 1000000, .timeout_ms = 50}));
	assert_string_equal(err_code(&f->err), "ETIMEDOUT");
	assert_non_null(strstr(f->err.text, "could not be sent in 50 ms"));
	free(much);
}

static void an_unplugged_line_comes_back(void **state)
{
	struct fixture *f = *state;
	const struct serial_exchange one = {.count = 1, .timeout_ms = LONG_MS};

	open_line(f);
	say(f, "x");
	assert_string_equal(exchange(f, &one), "x");
	pty_unplug(&f->pty);
	assert_null(exchange(f, &one));
	assert_non_null(strstr(f->err.text, "is gone (unplugged?)"));
	assert_null(exchange(f, &one));
	assert_string_equal(err_code(&f->err), "ENOENT");
	pty_plug(&f->pty);
	open_line(f);
	say(f, "y");
	assert_string_equal(exchange(f, &one), "y");
}

/* --- as a bus --- */

struct answer {
	int done;
	int code;
	char text[64];
};

static void on_answer(void *ctx, const char *data, size_t len, const struct err *err)
{
	struct answer *answer = ctx;

	answer->done++;
	answer->code = err == NULL ? 0 : err->code;
	(void)snprintf(answer->text, sizeof answer->text, "%.*s", (int)len, data);
}

/* The modem: answers each line that comes in with the same in brackets. */
static void on_line(uv_poll_t *poll, int status, int events)
{
	const struct pty *pty = poll->data;
	char line[32];
	char reply[48];
	ssize_t len = read(pty->master, line, sizeof line);

	(void)status, (void)events;
	if (len <= 0) /* nobody has the other end open yet, or any more */
		return;
	must(line[len - 1] == '\r');
	int n = snprintf(reply, sizeof reply, "[%.*s]\n", (int)len - 1, line);
	must(write(pty->master, reply, (size_t)n) == n);
}

static void two_scripts_share_a_modem(void **state)
{
	struct fixture *f = *state;
	uv_loop_t loop;
	uv_poll_t poll;
	const struct serial_params params = {.path = f->pty.path};
	const struct serial_params others = {.path = f->pty.path, .speed = 300};
	struct answer answers[4] = {{0}};
	int hold = open(f->pty.path, O_RDWR | O_NOCTTY | O_CLOEXEC); /* else: hung up, until opened */

	must(uv_loop_init(&loop) == 0);
	must(uv_poll_init(&loop, &poll, f->pty.master) == 0);
	poll.data = &f->pty;
	must(uv_poll_start(&poll, UV_READABLE, on_line) == 0);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);
	struct buses *buses = buses_open(&loop, clock);
	struct bus *a = serial_bus_open(buses, &params, "script a", NULL);
	struct bus *b = serial_bus_open(buses, &params, "script b", NULL);
	assert_null(serial_bus_open(buses, &others, "script c", &f->err));
	assert_non_null(strstr(f->err.text, "is open as serial 9600 8N1 (script a), and script c wants "
	                                    "serial 300 8N1"));
	for (int i = 0; i < 4; i++) {
		char out[] = "at0\r";
		char end[] = "\n";
		out[2] = (char)('0' + i);
		const struct serial_exchange x = {
		    .discard = true, .out = out, .out_len = 4, .ends = {{end, 1}}, .timeout_ms = LONG_MS};
		assert_non_null(serial_submit(i % 2 == 0 ? a : b, &x, on_answer, &answers[i], NULL));
		memset(out, 'x', 3); /* the bus has its own copy */
	}
	while (answers[3].done == 0)
		(void)uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < 4; i++) {
		char expected[] = "[at0]\n";
		expected[3] = (char)('0' + i);
		assert_int_equal(answers[i].code, 0);
		assert_string_equal(answers[i].text, expected);
	}
	bus_close(a);
	bus_close(b);
	buses_close(buses);
	uv_close((uv_handle_t *)&poll, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	clock_free(clock);
	(void)close(hold);
}

int main(void)
{
#define ON_A_LINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parameters_are_described),
	    cmocka_unit_test(wrong_parameters_are_refused),
	    ON_A_LINE(the_line_is_set_up),
	    ON_A_LINE(a_character_is_as_asked_for),
	    ON_A_LINE(the_driver_switches_the_transmitter),
	    ON_A_LINE(a_device_that_is_not_there_is_told),
	    ON_A_LINE(what_is_no_serial_device_is_told),
	    ON_A_LINE(a_line_has_one_owner),
	    ON_A_LINE(a_driver_without_rs485_is_told),
	    ON_A_LINE(an_answer_ends_as_asked),
	    ON_A_LINE(what_is_written_arrives),
	    ON_A_LINE(what_came_before_a_timeout_is_kept),
	    ON_A_LINE(a_line_that_takes_nothing_times_out),
	    ON_A_LINE(an_unplugged_line_comes_back),
	    ON_A_LINE(two_scripts_share_a_modem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
