#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/bus/modbus.h"
#include "tests/unit/modbus_device.h"
#include "tests/unit/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef HAVE_LIBMODBUS

static void it_says_what_is_missing(void **unused)
{
	(void)unused;
	struct err err;

	assert_null(modbus_open_tcp(NULL, "127.0.0.1", 502, "script a", &err));
	assert_non_null(strstr(err.text, "this neap was built without Modbus"));
	assert_null(modbus_open_rtu(NULL, &(struct serial_params){.path = "/dev/x"}, "script a", &err));
	assert_non_null(strstr(err.text, "this neap was built without Modbus"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_what_is_missing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

enum { LONG_MS = 60000, SHORT_MS = 100 };

struct fixture {
	uv_loop_t loop;
	struct clock *clock; /* virtual: the back-off does not pass by itself */
	struct buses *buses;
	struct bus *bus;
	struct pty pty;
	struct server server;
};

struct answer {
	size_t count;
	struct err err;
	int done;
	uint16_t values[130];
};

static void start_rtu_server(struct fixture *f)
{
	char kind[] = "rtu";
	char fd[] = "3";
	char unit[] = "1";
	char *args[] = {NULL, kind, fd, unit, NULL};

	server_start(&f->server, args, f->pty.master);
}

static void start_tcp_server(struct fixture *f, int port)
{
	char kind[] = "tcp";
	char text[16];
	char one[] = "1";
	char two[] = "2";
	char *args[] = {NULL, kind, text, one, two, NULL};

	(void)snprintf(text, sizeof text, "%d", port);
	server_start(&f->server, args, -1);
}

static struct fixture *set_up(void)
{
	struct fixture *f = mem_alloc(sizeof *f);

	log_open(LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	must(uv_loop_init(&f->loop) == 0);
	f->clock = clock_new_virtual(1800000000000);
	f->buses = buses_open(&f->loop, f->clock);
	pty_open(&f->pty);
	return f;
}

static int set_up_rtu(void **state)
{
	struct fixture *f = set_up();
	const struct serial_params params = {.path = f->pty.path, .speed = 115200};

	start_rtu_server(f);
	f->bus = modbus_open_rtu(f->buses, &params, "script a", NULL);
	*state = f;
	return f->bus == NULL;
}

static int set_up_tcp(void **state)
{
	struct fixture *f = set_up();

	start_tcp_server(f, 0);
	f->bus = modbus_open_tcp(f->buses, "127.0.0.1", f->server.port, "script a", NULL);
	*state = f;
	return f->bus == NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->bus != NULL)
		bus_close(f->bus);
	if (f->buses != NULL)
		buses_close(f->buses);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&f->loop) == 0);
	server_stop(&f->server);
	pty_close(&f->pty);
	clock_free(f->clock);
	free(f);
	return 0;
}

static void on_answer(void *ctx, const uint16_t *values, size_t count, const struct err *err)
{
	struct answer *answer = ctx;

	answer->done++;
	answer->err = (struct err){0};
	answer->count = count;
	if (err != NULL)
		answer->err = *err;
	if (count <= 130)
		memcpy(answer->values, values, count * sizeof *values);
}

static void wait_for(struct fixture *f, const struct answer *answer, int count)
{
	while (answer->done < count)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
}

/* The query's outcome; 0, or the code of its error. */
static int ask(struct fixture *f, const struct modbus_query *query, const uint16_t *values,
    struct answer *answer)
{
	struct err err;

	*answer = (struct answer){0};
	if (modbus_submit(f->bus, query, values, on_answer, answer, &err) == NULL)
		fail_msg("%s", err.text);
	wait_for(f, answer, 1);
	return answer->err.code;
}

static struct modbus_query holding(int unit, int address, int count)
{
	return (struct modbus_query){.unit = unit,
	    .table = MODBUS_HOLDING,
	    .address = address,
	    .count = count,
	    .timeout_ms = LONG_MS};
}

static void read_ok(struct fixture *f, const struct modbus_query *query, struct answer *answer)
{
	if (ask(f, query, NULL, answer) != 0 || answer->err.text[0] != '\0')
		fail_msg("%s", answer->err.text);
	assert_int_equal(answer->count, query->count);
}

/* --- both kinds --- */

static void all_tables_are_read(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 10, 125);
	struct answer a;

	read_ok(f, &query, &a);
	assert_true(a.values[0] == 1010 && a.values[124] == 1134);
	query = (struct modbus_query){
	    .unit = 1, .table = MODBUS_INPUT, .address = 7, .count = 2, .timeout_ms = LONG_MS};
	read_ok(f, &query, &a);
	assert_true(a.values[0] == 7 && a.values[1] == 8);
	query.table = MODBUS_DISCRETE;
	query.count = 20;
	read_ok(f, &query, &a);
	assert_true(a.values[0] == 0 && a.values[2] == 1 && a.values[3] == 0 && a.values[17] == 1);
	query.table = MODBUS_COILS;
	read_ok(f, &query, &a);
	assert_true(a.values[0] == 0 && a.values[19] == 0);
}

static void write_and_read_back(
    struct fixture *f, enum modbus_table table, int count, bool multiple, const uint16_t *values)
{
	struct modbus_query query = {.unit = 1,
	    .table = table,
	    .write = true,
	    .multiple = multiple,
	    .address = 20,
	    .count = count,
	    .timeout_ms = LONG_MS};
	struct answer a;

	assert_int_equal(ask(f, &query, values, &a), 0);
	assert_int_equal(a.count, count);
	query.write = false;
	read_ok(f, &query, &a);
	assert_memory_equal(a.values, values, (size_t)count * sizeof *values);
}

static void what_is_written_reads_back(void **state)
{
	struct fixture *f = *state;
	uint16_t registers[123];
	const uint16_t bits[] = {1, 0, 1, 1, 0, 0, 0, 1, 1};

	for (int i = 0; i < 123; i++)
		registers[i] = (uint16_t)(i * 517);
	write_and_read_back(f, MODBUS_HOLDING, 1, false, registers + 5);
	write_and_read_back(f, MODBUS_HOLDING, 1, true, registers + 6);
	write_and_read_back(f, MODBUS_HOLDING, 123, false, registers);
	write_and_read_back(f, MODBUS_COILS, 1, false, bits);
	write_and_read_back(f, MODBUS_COILS, 9, false, bits);
	write_and_read_back(f, MODBUS_COILS, 1, true, bits + 1);
}

static void exceptions_are_told_in_words(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 900, 1);
	char text[200];
	struct answer a;

	assert_int_equal(ask(f, &query, NULL, &a), -EREMOTEIO);
	(void)snprintf(text, sizeof text,
	    "unit 1 on %s refuses holding register 900: illegal data address (it has no such place)",
	    bus_port(f->bus));
	assert_string_equal(a.err.text, text);
	query.address = 250;
	assert_int_equal(ask(f, &query, NULL, &a), -EREMOTEIO);
	assert_non_null(strstr(a.err.text, "it is busy"));
	query.address = 252;
	assert_int_equal(ask(f, &query, NULL, &a), -ETIMEDOUT);
	assert_non_null(strstr(a.err.text, "unit 1 does not answer, says the gateway"));
	query.address = 0;
	read_ok(f, &query, &a);
}

static void impossible_queries_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct modbus_query wrong[] = {
	    {.unit = 256, .table = MODBUS_HOLDING, .count = 1, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_HOLDING, .count = 126, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_HOLDING, .count = 0, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_COILS, .count = 2001, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_HOLDING, .write = true, .count = 124, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_INPUT, .write = true, .count = 1, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_DISCRETE, .write = true, .count = 1, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_HOLDING, .address = 65535, .count = 2, .timeout_ms = 1},
	    {.unit = 1, .table = MODBUS_HOLDING, .count = 1},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct err err = {0};
		assert_null(modbus_submit(f->bus, &wrong[i], NULL, on_answer, NULL, &err));
		assert_true(err.text[0] != '\0');
	}
}

/* Four dead units beside a good one: after three tries each, they cost it nothing more. */
static void dead_units_delay_nobody(void **state)
{
	struct fixture *f = *state;
	struct answer good = {0};
	struct answer dead[4] = {{0}};
	int refused = 0;

	for (int round = 0; round < 10; round++) {
		struct modbus_query query = holding(1, round, 1);
		for (int i = 0; i < 4; i++) {
			struct modbus_query lost = holding(11 + i, 0, 1);
			struct err err;
			lost.timeout_ms = SHORT_MS;
			if (modbus_submit(f->bus, &lost, NULL, on_answer, &dead[i], &err) == NULL) {
				assert_string_equal(err_code(&err), "EHOSTDOWN");
				refused++;
			}
		}
		int64_t start_ms = clock_io_ms();
		assert_non_null(modbus_submit(f->bus, &query, NULL, on_answer, &good, NULL));
		wait_for(f, &good, round + 1);
		assert_int_equal(good.err.code, 0);
		assert_int_equal(good.values[0], 1000 + round);
		/* only while they are tried does the good one wait for them */
		assert_true(round >= 3 || clock_io_ms() - start_ms >= (int64_t)4 * SHORT_MS);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(dead[i].done, 3);
		assert_int_equal(dead[i].err.code, -ETIMEDOUT);
		assert_non_null(strstr(dead[i].err.text, "does not answer within 100 ms"));
	}
	assert_int_equal(refused, 4 * 7);

	clock_advance(f->clock, 1000);
	struct modbus_query lost = holding(11, 0, 1);
	lost.timeout_ms = SHORT_MS;
	assert_non_null(modbus_submit(f->bus, &lost, NULL, on_answer, &dead[0], NULL));
	wait_for(f, &dead[0], 4);
	assert_null(modbus_submit(f->bus, &lost, NULL, on_answer, &dead[0], NULL));
}

static void two_users_share(void **state)
{
	struct fixture *f = *state;
	const struct serial_params params = {.path = f->pty.path, .speed = 115200};
	const struct serial_params others = {.path = f->pty.path, .speed = 9600};
	struct modbus_query query = holding(1, 0, 1);
	struct answer answers[20] = {{0}};
	bool tcp = f->server.port != 0;
	struct err err;
	struct bus *b = tcp ? modbus_open_tcp(f->buses, "127.0.0.1", f->server.port, "b", NULL)
	                    : modbus_open_rtu(f->buses, &params, "b", NULL);

	assert_non_null(b);
	if (!tcp) {
		assert_null(modbus_open_rtu(f->buses, &others, "c", &err));
		assert_non_null(strstr(err.text, "is open as Modbus RTU 115200 8N1 (script a), and c wants "
		                                 "Modbus RTU 9600 8N1"));
	}
	for (int i = 0; i < 20; i++) {
		query.address = i;
		assert_non_null(
		    modbus_submit(i % 2 == 0 ? f->bus : b, &query, NULL, on_answer, &answers[i], NULL));
	}
	wait_for(f, &answers[19], 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(answers[i].values[0], 1000 + i);
	bus_close(b);
	read_ok(f, &query, &answers[0]);
}

static void it_closes_while_busy(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(77, 0, 1);
	struct answer answers[5] = {{0}};

	query.timeout_ms = SHORT_MS;
	for (int i = 0; i < 5; i++)
		assert_non_null(modbus_submit(f->bus, &query, NULL, on_answer, &answers[i], NULL));
	bus_close(f->bus);
	f->bus = NULL;
	wait_for(f, &answers[4], 1);
	assert_int_equal(answers[4].err.code, -ECANCELED);
	buses_close(f->buses);
	f->buses = NULL;
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(answers[0].done == 0 || answers[0].err.code == -ETIMEDOUT);
}

/* --- RTU --- */

static void rtu_has_units_1_to_247(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(0, 0, 1);
	struct answer a;

	(void)ask(f, &query, NULL, &a);
	assert_non_null(strstr(a.err.text, "has units 1 to 247, not 0"));
	query.unit = 248;
	(void)ask(f, &query, NULL, &a);
	assert_non_null(strstr(a.err.text, "has units 1 to 247, not 248"));
}

static void a_damaged_answer_is_told(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 251, 1);
	struct answer a;

	assert_int_equal(ask(f, &query, NULL, &a), -EPROTO);
	assert_non_null(strstr(a.err.text, "is damaged; check speed, parity, wiring"));
	query.address = 1;
	read_ok(f, &query, &a);
	assert_int_equal(a.values[0], 1001);
}

static void noise_before_a_query_is_thrown_away(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 5, 1);
	struct answer a;

	read_ok(f, &query, &a);
	assert_int_equal(write(f->pty.master, "\1\3\2noise", 8), 8);
	read_ok(f, &query, &a);
	assert_int_equal(a.values[0], 1005);
}

static void an_unplugged_adapter_comes_back(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 5, 1);
	struct answer a;

	read_ok(f, &query, &a);
	server_stop(&f->server);
	pty_unplug(&f->pty);
	(void)ask(f, &query, NULL, &a);
	assert_true(a.err.code < 0 && a.err.code != -ETIMEDOUT);
	assert_non_null(strstr(a.err.text, f->pty.path));
	assert_int_equal(ask(f, &query, NULL, &a), -ENOENT);
	assert_non_null(strstr(a.err.text, "is it plugged in?"));
	pty_plug(&f->pty);
	start_rtu_server(f);
	read_ok(f, &query, &a);
	assert_int_equal(a.values[0], 1005);
}

/* --- TCP --- */

static void several_units_answer(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(2, 5, 1);
	struct answer a;

	read_ok(f, &query, &a);
	query.unit = 1;
	read_ok(f, &query, &a);
}

static void a_lost_connection_is_made_anew(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 5, 1);
	struct answer a;
	int port = f->server.port;

	read_ok(f, &query, &a);
	query.address = 253;
	assert_int_equal(ask(f, &query, NULL, &a), -ECONNRESET);
	assert_non_null(strstr(a.err.text, "lost 127.0.0.1:"));
	query.address = 254; /* hangs up after the answer: nobody notices */
	read_ok(f, &query, &a);
	query.address = 5;
	read_ok(f, &query, &a);

	server_stop(&f->server);
	assert_int_equal(ask(f, &query, NULL, &a), -ECONNREFUSED);
	assert_non_null(strstr(a.err.text, "cannot connect to 127.0.0.1, port"));
	start_tcp_server(f, port);
	read_ok(f, &query, &a);
	assert_int_equal(a.values[0], 1005);
}

static void a_late_answer_is_not_the_next_ones(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 249, 1);
	struct answer a;

	query.timeout_ms = SHORT_MS;
	assert_int_equal(ask(f, &query, NULL, &a), -ETIMEDOUT);
	query = holding(1, 5, 1);
	read_ok(f, &query, &a);
	assert_int_equal(a.values[0], 1005);
}

static void a_host_that_is_unknown_is_told(void **state)
{
	struct fixture *f = *state;
	struct modbus_query query = holding(1, 5, 1);
	struct answer a;
	struct err err;

	bus_close(f->bus);
	f->bus = modbus_open_tcp(f->buses, "no.such.host.invalid", 502, "script a", NULL);
	assert_non_null(f->bus);
	(void)ask(f, &query, NULL, &a);
	assert_non_null(strstr(a.err.text, "cannot find the host no.such.host.invalid: "));
	assert_null(modbus_open_tcp(f->buses, "", 502, "script a", &err));
	assert_null(modbus_open_tcp(f->buses, "x", 65536, "script a", &err));
}

int main(void)
{
#define BY_RTU(test)                                      \
	{                                                     \
#test " (RTU)", test, set_up_rtu, tear_down, NULL \
	}
#define BY_TCP(test)                                      \
	{                                                     \
#test " (TCP)", test, set_up_tcp, tear_down, NULL \
	}
	const struct CMUnitTest tests[] = {
	    BY_RTU(all_tables_are_read),
	    BY_TCP(all_tables_are_read),
	    BY_RTU(what_is_written_reads_back),
	    BY_TCP(what_is_written_reads_back),
	    BY_RTU(exceptions_are_told_in_words),
	    BY_TCP(exceptions_are_told_in_words),
	    BY_TCP(impossible_queries_are_refused),
	    BY_RTU(dead_units_delay_nobody),
	    BY_TCP(dead_units_delay_nobody),
	    BY_RTU(two_users_share),
	    BY_TCP(two_users_share),
	    BY_RTU(it_closes_while_busy),
	    BY_TCP(it_closes_while_busy),
	    BY_RTU(rtu_has_units_1_to_247),
	    BY_RTU(a_damaged_answer_is_told),
	    BY_RTU(an_unplugged_adapter_comes_back),
	    BY_RTU(noise_before_a_query_is_thrown_away),
	    BY_TCP(a_late_answer_is_not_the_next_ones),
	    BY_TCP(several_units_answer),
	    BY_TCP(a_lost_connection_is_made_anew),
	    BY_TCP(a_host_that_is_unknown_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
