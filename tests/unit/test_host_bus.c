/* Scripts that talk over serial lines and Modbus, in real time, to devices of the tests. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_fixture.h"
#include "modbus_device.h"
#include "pty.h"

#include "core/base/mem.h"
#include "lua/script.h"

/* Answers each line that ends with CR by what `answers` has for it, and others not at all. */
struct device {
	struct pty pty;
	const char *const (*answers)[2]; /* ends with NULL */
	pthread_t thread;
	int stop[2];
	bool runs;
};

struct fixture {
	struct world *world;
	struct device device;
	struct server server;
};

static void answer(const struct device *device, const char *line)
{
	for (size_t i = 0; device->answers[i][0]; i++) {
		const char *text = device->answers[i][1];
		if (strcmp(device->answers[i][0], line) == 0)
			must(write(device->pty.master, text, strlen(text)) == (ssize_t)strlen(text));
	}
}

static void *serve(void *arg)
{
	const struct device *device = arg;
	char line[200];
	size_t len = 0;
	for (;;) {
		struct pollfd fds[] = {{.fd = device->stop[0], .events = POLLIN},
		    {.fd = device->pty.master, .events = POLLIN}};
		(void)poll(fds, 2, -1);
		if (fds[0].revents)
			return NULL;
		char c;
		if (read(device->pty.master, &c, 1) != 1) {
			(void)usleep(1000); /* nobody has the other end open */
			continue;
		}
		line[len++] = c;
		if (c != '\r' && len < sizeof line - 1)
			continue;
		line[len - (c == '\r')] = '\0';
		len = 0;
		answer(device, line);
	}
}

static void start_device(struct device *device, const char *const (*answers)[2])
{
	device->answers = answers;
	device->runs = true;
	must(pipe2(device->stop, O_CLOEXEC) == 0);
	must(pthread_create(&device->thread, NULL, serve, device) == 0);
}

static void stop_device(struct device *device)
{
	if (!device->runs)
		return;
	(void)close(device->stop[1]);
	(void)pthread_join(device->thread, NULL);
	(void)close(device->stop[0]);
	device->runs = false;
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	f->world = world_new();
	world_real(f->world);
	pty_open(&f->device.pty);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	world_free(f->world);
	stop_device(&f->device);
	pty_close(&f->device.pty);
	server_stop(&f->server);
	free(f);
	return 0;
}

/* Starts the script "machine", in which %PORT stands for the device and %TCP for the server. */
static void start(struct fixture *f, const char *script)
{
	struct buf text = {0};
	for (const char *p = script; *p; p++) {
		if (strncmp(p, "%PORT", 5) == 0) {
			buf_text(&text, f->device.pty.path);
			p += 4;
		} else if (strncmp(p, "%TCP", 4) == 0) {
			buf_printf(&text, "%d", f->server.port);
			p += 3;
		} else {
			buf_char(&text, *p);
		}
	}
	world_start(f->world, buf_str(&text));
	buf_free(&text);
}

/* Before what libmodbus is needed for. */
static void need_modbus(void)
{
#ifndef HAVE_LIBMODBUS
	skip();
#endif
}

/* --- serial --- */

static void serial_exchanges(void **state)
{
	static const char *const answers[][2] = {
	    {"AT", "\r\nOK\r\n"}, {"ATX", "\r\nERROR\r\nmore"}, {"GET", "12345"}, {NULL, NULL}};
	struct fixture *f = *state;
	start_device(&f->device, answers);
	start(f, "local port = serial.open{ port = '%PORT', speed = 115200, timeout = '20s' }\n"
	         "on('start', function()\n"
	         "  log.info(port:transact('AT\\r', { ends = 'OK\\r\\n' }):gsub('%s', '.'))\n"
	         "  log.info(port:transact('ATX\\r', { ends = { 'OK\\r\\n', 'ERROR\\r\\n' } "
	         "}):gsub('%s', '.'))\n"
	         "  log.info(port:read{ count = 4 })\n"
	         "  port:write('GET\\r')\n"
	         "  log.info(port:read{ count = 2 } .. '-' .. port:read{ gap = '100ms' })\n"
	         "  log.info(tostring(port))\n"
	         "  log.info('done') end)");
	world_wait(f->world, "machine: done\n");
	assert_logged(f->world, "machine: ..OK.. 4\n");
	assert_logged(f->world, "machine: ..ERROR.. 4\n");
	assert_logged(f->world, "machine: more\n");
	assert_logged(f->world, "machine: 12-345\n");
	assert_logged(f->world, "machine: the serial line /tmp/");
}

static void serial_failures_name_device_and_reason(void **state)
{
	static const char *const answers[][2] = {{"AT", "half"}, {NULL, NULL}};
	struct fixture *f = *state;
	start_device(&f->device, answers);
	start(f,
	    "local port = serial.open{ port = '%PORT' }\n"
	    "local gone = serial.open{ port = '/dev/ttyNotThere9' }\n"
	    "on('start', function()\n"
	    "  log.info('A', try(port.read, port, { count = 1, timeout = '50ms' }))\n"
	    "  log.info('B', try(port.transact, port, 'AT\\r', { ends = '\\n', timeout = '300ms' }))\n"
	    "  log.info('C', try(gone.write, gone, 'x'))\n"
	    "  port:close() port:close()\n"
	    "  log.info('D', try(port.write, port, 'x'))\n"
	    "  do local p <close> = serial.open{ port = '%PORT', speed = 1200 } p:write('x') port = p "
	    "end\n"
	    "  log.info('E', try(port.write, port, 'x'))\n"
	    "  log.info('done') end)");
	world_wait(f->world, "machine: done\n");
	assert_logged(f->world, "A nil /tmp/");
	assert_logged(f->world, "ttyUSB0: no answer in 50 ms: ");
	assert_logged(f->world, "ttyUSB0: the answer is incomplete, 4 bytes in 300 ms: ");
	assert_logged(f->world, "C nil cannot open /dev/ttyNotThere9: No such file or directory");
	assert_logged(f->world, " ENOENT\n");
	assert_logged(f->world, "ttyUSB0 was closed by this script EBADF\n");
	assert_logged(f->world, "E nil /tmp/");
}

static void wrong_use_is_found_by_check(void **state)
{
	static const char *const cases[][2] = {
	    {"serial.open{ port = 'ttyS0' }", "serial.open: a serial port is the path of a device"},
	    {"serial.open{ port = '/dev/x', speed = 12345 }", "serial.open: "},
	    {"serial.open{ prot = '/dev/x' }", "there is no field \"prot\" (did you mean \"port\"?)"},
	    {"serial.open{}", "serial.open: it needs port"},
	    {"serial.open{ port = '/dev/x', parity = 'evn' }",
	        "serial.open: parity must be \"even\", \"none\" or \"odd\", not \"evn\" (did you mean "
	        "\"even\"?)"},
	    {"serial.open{ port = '/dev/x' }:read{ count = 1 }",
	        "serial is not there while the script loads"},
	    {"serial.open{ port = '/dev/x' }:read{}", "serial:read: it needs count, ends or gap"},
	    {"modbus.tcp{ host = '' }", "modbus.tcp: it needs host"},
	    {"modbus.tcp{ host = 'a', port = 70000 }",
	        "modbus.tcp: port must be a whole number from 1 to 65535, not 70000"},
	    {"modbus.rtu{ port = '/dev/x', speed = 9600.5 }",
	        "modbus.rtu: speed must be a whole number, not 9600.5"},
	    {"modbus.tcp{ host = 'a' }:holding(300, 1)",
	        "bus:holding: argument 1, the unit, must be a whole number from 0 to 255, not 300"},
	    {"modbus.tcp{ host = 'a' }:write_register(1, 1, 70000)",
	        "bus:write_register: value 1 must be a whole number from -32768 to 65535, not 70000"},
	    {"modbus.tcp{ host = 'a' }:holdin(1, 1)",
	        "the Modbus a:502 has no \"holdin\" (did you mean \"holding\"?)"},
	};
	struct fixture *f = *state;
	need_modbus();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world_script(f->world, "machine.lua", cases[i][0]);
		world_open(f->world);
		assert_has(world_problems(f->world), cases[i][1]);
		world_close(f->world);
	}
}

/* A new version may give the port another speed: the old one has let it go by then. */
static void a_port_is_taken_at_its_first_use(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	buf_printf(&text,
	    "local port = serial.open{ port = '%s', speed = 1200 }\n"
	    "on('start', function() sleep(0.3) log.info('other', try(port.write, port, 'x')) end)",
	    f->device.pty.path);
	world_script(f->world, "other.lua", buf_str(&text));
	buf_free(&text);
	start(f, "local port = serial.open{ port = '%PORT', speed = 9600 }\n"
	         "on('start', function() port:write('x') log.info('mine') end)");
	world_wait(f->world, "machine: mine\n");
	world_wait(f->world, "other nil ");
	assert_logged(f->world, "9600 8N1");
	assert_logged(f->world, "script machine");
}

static void a_script_goes_while_it_waits(void **state)
{
	struct fixture *f = *state;
	start(f, "local port = serial.open{ port = '%PORT' }\n"
	         "on('start', function() port:read{ count = 1, timeout = '300ms' } end)\n"
	         "on('start', function() port:read{ count = 1, timeout = '1h' } end)\n"
	         "on('start', function() sleep(0.05) log.info('waits') end)");
	world_wait(f->world, "waits");
}

/* --- Modbus --- */

static void start_rtu(struct fixture *f)
{
	need_modbus();
	char kind[] = "rtu", fd[] = "3", unit[] = "1";
	char *args[] = {NULL, kind, fd, unit, NULL};
	server_start(&f->server, args, f->device.pty.master);
}

static void start_tcp(struct fixture *f)
{
	need_modbus();
	char kind[] = "tcp", port[] = "0", unit[] = "1";
	char *args[] = {NULL, kind, port, unit, NULL};
	server_start(&f->server, args, -1);
}

static const char each_function[] =
    "on('start', function()\n"
    "  log.info('holding', table.concat(bus:holding(1, 19, 3), ' '))\n"
    "  log.info('one', bus:input(1, 7)[1], #bus:input(1, 7))\n"
    "  local c = bus:inputs(1, 2, 3) log.info('inputs', c[1], c[2], c[3])\n"
    "  bus:write_register(1, 5, -2) bus:write_registers(1, 6, { 1, 2 })\n"
    "  log.info('written', table.concat(bus:holding(1, 5, 4), ' '))\n"
    "  bus:write_coil(1, 3, true) bus:write_coils(1, 5, { true, false, true })\n"
    "  local b = bus:coils(1, 3, 5)\n"
    "  log.info('coils', b[1], b[2], b[3], b[4], b[5])\n"
    "  log.info('busy', try(bus.holding, bus, 1, 250))\n"
    "  log.info('nowhere', try(bus.holding, bus, 1, 4000))\n"
    "  log.info('silent', try(bus.holding, bus, 9, 1))\n"
    "  log.info('done') end)";

static void check_each_function(struct world *world)
{
	world_wait(world, "machine: done\n");
	assert_logged(world, "holding 1019 1020 1021\n");
	assert_logged(world, "one 7 1\n");
	assert_logged(world, "inputs false true false\n");
	assert_logged(world, "written 65534 1 2 1008\n");
	assert_logged(world, "coils true false true false true\n");
	assert_logged(world, "busy nil unit 1 on ");
	assert_logged(world, "nowhere nil unit 1 on ");
	assert_logged(world, "EREMOTEIO\n");
	assert_logged(world, "silent nil unit 9 on ");
	assert_logged(world, "ETIMEDOUT\n");
}

static void modbus_rtu(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	start_rtu(f);
	buf_printf(
	    &text, "local bus = modbus.rtu{ port = '%%PORT', timeout = '900ms' }\n%s", each_function);
	start(f, buf_str(&text));
	buf_free(&text);
	check_each_function(f->world);
}

static void modbus_tcp(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	start_tcp(f);
	buf_printf(&text,
	    "local bus = modbus.tcp{ host = '127.0.0.1', port = %%TCP, timeout = '900ms' }\n%s",
	    each_function);
	start(f, buf_str(&text));
	buf_free(&text);
	check_each_function(f->world);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;
	start_tcp(f);
	server_stop(&f->server);
	start(f, "local bus = modbus.tcp{ host = '127.0.0.1', port = %TCP }\n"
	         "on('start', function() log.info(try(bus.coils, bus, 1, 1)) end)");
	world_wait(f->world, "nil cannot connect to 127.0.0.1, port ");
	assert_logged(f->world, "ECONNREFUSED\n");
}

/* Two scripts on one line, and one on another: each gets its own answers. */
static void scripts_share_a_bus(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	start_rtu(f);
	buf_printf(&text,
	    "local bus = modbus.rtu{ port = '%s', timeout = '20s' }\n"
	    "on('start', function()\n"
	    "  for i = 1, 20 do assert(bus:input(1, 50 + i)[1] == 50 + i) end\n"
	    "  log.info('shared') end)",
	    f->device.pty.path);
	world_script(f->world, "other.lua", buf_str(&text));
	buf_free(&text);
	start(f, "local bus = modbus.rtu{ port = '%PORT', timeout = '20s' }\n"
	         "on('start', function()\n"
	         "  for i = 1, 20 do assert(bus:input(1, i)[1] == i) end\n"
	         "  log.info('shared') end)");
	world_wait(f->world, "script.machine: shared\n");
	world_wait(f->world, "script.other: shared\n");
}

/*
 * Four units of a line that are silent, each asked five times a second. Neither what has nothing to
 * do with that line is late for it, nor, once they are known to be silent, the unit beside them.
 */
static void four_dead_units_delay_nothing_else(void **state)
{
	struct fixture *f = *state;
	start_rtu(f);
	start(f,
	    "local bus = modbus.rtu{ port = '%PORT', timeout = '300ms' }\n"
	    "local m, beats, late, last = asset('m'), 0, 0, nil\n"
	    "for unit = 2, 5 do\n"
	    "  m:modbus{ bus = bus, unit = unit, every = '200ms',\n"
	    "    variables = { ['dead' .. unit] = { reg = 1 } } }\n"
	    "end\n"
	    "every('50ms', function()\n"
	    "  local t = uptime()\n"
	    "  late, last, beats = math.max(late, last and t - last - 0.05 or 0), t, beats + 1\n"
	    "end)\n"
	    "on('start', function()\n"
	    "  sleep(4)\n" /* 4 units, 3 times 300 ms */
	    "  local began, slow, n = uptime(), 0, 0\n"
	    "  while uptime() < began + 6 do\n"
	    "    local t = uptime()\n"
	    "    local ok = pcall(bus.input, bus, 1, 7)\n" /* a busy machine: the unit may be late */
	    "    n, slow = n + (ok and 1 or 0), slow + (uptime() - t > 0.25 and 1 or 0)\n"
	    "    sleep(0.05)\n"
	    "  end\n"
	    "  log.info(('reads %d, %d behind a silent unit'):format(n, slow))\n"
	    "  log.info(('beats %d, late by %.0f ms'):format(beats, late * 1000))\n"
	    "  log.info(late < 0.25 and beats > 150 and 'in time' or 'late',\n"
	    "    slow <= 12 and n > 40 and 'few' or 'many') end)");
	world_wait(f->world, "beats ");
	(void)fprintf(stderr, "%s", strstr(buf_str(&f->world->log), "reads"));
	assert_logged(f->world, "in time few\n");
}

/* A listener that takes connections and says nothing; its port. */
static int listen_mutely(int *fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(*fd >= 0 && bind(*fd, (struct sockaddr *)&at, len) == 0 && listen(*fd, 8) == 0);
	must(getsockname(*fd, (struct sockaddr *)&at, &len) == 0);
	return ntohs(at.sin_port);
}

/* Each kind of I/O hangs at once, and another script keeps its beat. */
static void what_hangs_stops_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	int fd;
	int port = listen_mutely(&fd);
	world_script(f->world, "beat.lua",
	    "local late, last, beats = 0, nil, 0\n"
	    "every('50ms', function()\n"
	    "  local t = uptime()\n"
	    "  late, last, beats = math.max(late, last and t - last - 0.05 or 0), t, beats + 1\n"
	    "  if beats == 60 then log.info('late by', late, late < 0.25 and 'in time' or 'late') end\n"
	    "end)");
	buf_printf(&text,
	    "local line = serial.open{ port = '%%PORT' }\n"
	    "local function hangs(what, run)\n"
	    "  on('start', function() log.info(what, select(3, try(run))) end)\n"
	    "end\n"
	    "hangs('serial', function() line:read{ count = 1, timeout = '2s' } end)\n"
	    "hangs('exec', function() exec{ 'sleep', 60, timeout = '2s' } end)\n"
	    "hangs('tcp', function()\n"
	    "  tcp.connect{ host = '127.0.0.1', port = %d }:read{ timeout = '2s' } end)\n"
	    "hangs('name', function()\n"
	    "  tcp.connect{ host = 'nowhere.invalid', port = 1, timeout = '2s' } end)\n"
	    "hangs('udp', function() udp.open{ listen = 0 }:receive{ timeout = '2s' } end)\n"
	    "hangs('http', function() http.get('http://127.0.0.1:%d/', { timeout = '2s' }) end)\n"
	    "hangs('file', function() for _ = 1, 200 do file.write('%s/big', ('x'):rep(1000000)) end\n"
	    "  error('written') end)\n",
	    port, port, f->world->dir);
#ifdef HAVE_LIBMODBUS
	buf_printf(&text,
	    "hangs('modbus', function() modbus.tcp{ host = '127.0.0.1', port = %d, timeout = '2s' }\n"
	    "  :coils(1, 1) end)\n",
	    port);
#endif
	start(f, buf_str(&text));
	buf_free(&text);
	world_wait(f->world, "script.beat: late by");
	assert_logged(f->world, "in time\n");
	world_wait(f->world, "machine: file ERROR\n");
	world_wait(f->world, "machine: http ");
	assert_logged(f->world, "machine: serial ETIMEDOUT\n");
	assert_logged(f->world, "machine: exec ETIMEDOUT\n");
	assert_logged(f->world, "machine: tcp ETIMEDOUT\n");
	assert_logged(f->world, "machine: udp ETIMEDOUT\n");
	assert_logged(f->world, "machine: http E");
	(void)close(fd);
}

/* --- register maps --- */

static void neighbours_are_read_together(void **state)
{
	struct fixture *f = *state;
	start_tcp(f);
	start(f, "local bus = modbus.tcp{ host = '127.0.0.1', port = %TCP, timeout = '20s' }\n"
	         "local m = asset('m')\n"
	         "m:modbus{ bus = bus, unit = 1, every = '1h', variables = {\n"
	         "  a = { reg = 10, scale = 0.1, unit = 'W' }, b = { reg = 11, as = 's32' },\n"
	         "  c = { reg = 13, as = 'u32', words = 'little' }, d = { reg = 40, bit = 3, as = "
	         "'bits' },\n"
	         "  e = { reg = 3, table = 'inputs' }, f = { reg = 4, table = 'inputs' },\n"
	         "} }");
	world_wait(f->world, ""); /* runs a turn */
	struct buf all = {0};
	while (all.len < 10 || !strstr(buf_str(&all), "m.d=") || !strstr(buf_str(&all), "m.f=") ||
	       !strstr(buf_str(&all), "m.a=")) {
		(void)uv_run(&f->world->loop, UV_RUN_ONCE);
		buf_text(&all, world_take(f->world, "default"));
	}
	/* 1010 * 0.1; 1011 << 16 | 1012; 1014 << 16 | 1013; bit 3 of 1040 = 0x410 */
	assert_has(buf_str(&all), "m.a=101@");
	assert_has(buf_str(&all), "m.b=66257908@");
	assert_has(buf_str(&all), "m.c=66454517@");
	assert_has(buf_str(&all), "m.d=false@");
	assert_has(buf_str(&all), "m.e=true@");
	assert_has(buf_str(&all), "m.f=false@");
	/* one time for what came in one query; the monotonic one is computed from it, to 1 ms */
	const char *a = strstr(buf_str(&all), "m.a=101@") + 8;
	const char *b = strstr(buf_str(&all), "m.b=66257908@") + 13;
	assert_true(llabs(strtoll(a, NULL, 10) - strtoll(b, NULL, 10)) <= 1);
	buf_free(&all);
}

/* A unit that is silent and a register that is not there: theirs are bad, the others are read. */
static void what_fails_stays_alone(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	start_tcp(f);
	start(f,
	    "local bus = modbus.tcp{ host = '127.0.0.1', port = %TCP, timeout = '600ms' }\n"
	    "local m = asset('m')\n"
	    "m:modbus{ bus = bus, unit = 1, every = '200ms', variables = {\n"
	    "  good = { reg = 10 }, bad = { reg = 4000, as = 'f32' } } }\n"
	    "m:modbus{ bus = bus, unit = 9, every = '200ms', variables = { dead = { reg = 1 } } }\n"
	    "m:modbus{ bus = bus, unit = 1, variables = { asked = { reg = 12 } } }");
	world_wait(f->world, "warn script.machine: m.{bad}: bad: unit 1 on 127.0.0.1:");
	world_wait(f->world, "warn script.machine: m.{dead}: bad: unit 9 on 127.0.0.1:");
	assert_has(world_take(f->world, "default"), "m.good=1010@");
	assert_false(world_logged(f->world, "m.{good}: bad"));
	world_job(f->world, JOB_READ, "m.asked", NULL, &outcome);
	while (!outcome.calls)
		(void)uv_run(&f->world->loop, UV_RUN_ONCE);
	assert_true(outcome.ok);
	assert_string_equal(outcome.values, "m.asked=1012");
}

/* Without libmodbus too: it is said where it is asked for. */
static void without_modbus(void **state)
{
	struct fixture *f = *state;
	world_script(f->world, "machine.lua", "modbus.tcp{ host = 'a' }");
	world_open(f->world);
#ifdef HAVE_LIBMODBUS
	assert_int_equal(f->world->problems.count, 0);
#else
	assert_has(
	    world_problems(f->world), "machine.lua:1: modbus: this neap was built without Modbus");
#endif
}

static void formats_by_hand(void **state)
{
	struct fixture *f = *state;
	start(f,
	    "on('start', function()\n"
	    "  log.info('A', modbus.decode({ 0xffff, 0xfffe }, { as = 's32' }))\n"
	    "  log.info('B', modbus.decode({ 0x4e65, 0x6170 }, { as = 'string', registers = 2 }))\n"
	    "  log.info('C', table.concat(modbus.encode(-2, { as = 's32' }), ' '))\n"
	    "  log.info('D', modbus.decode(modbus.encode(21.5, { as = 'f32', words = 'little' }),\n"
	    "    { as = 'f32', words = 'little' }))\n"
	    "  log.info('E', try(modbus.decode, { 0x7fc0, 0 }, { as = 'f32' }))\n"
	    "  log.info('F', try(modbus.encode, 70000, {}))\n"
	    "  log.info('done') end)");
	world_wait(f->world, "machine: done\n");
	assert_logged(f->world, "A -2\n");
	assert_logged(f->world, "B Neap\n");
	assert_logged(f->world, "C 65535 65534\n");
	assert_logged(f->world, "D 21.5\n");
	assert_logged(f->world, "E nil modbus.decode: ");
	assert_logged(f->world, "70000 does not fit into u16 ERROR\n");
}

static void wrong_maps_are_found_by_check(void **state)
{
	need_modbus();
	static const char *const cases[][2] = {
	    {"unit = 1, variables = { a = { reg = 1 } }", "modbus of asset m: it needs bus"},
	    {"bus = bus, variables = { a = { reg = 1 } }", "unit must be a whole number from 0 to 255"},
	    {"bus = bus, unit = 1", "modbus of asset m: it needs variables"},
	    {"bus = bus, unit = 1, variables = { a = { rge = 1 } }",
	        "modbus of asset m: a: there is no field \"rge\" (did you mean \"reg\"?)"},
	    {"bus = bus, unit = 1, variables = { a = {} }",
	        "a: reg must be a whole number from 0 to 65535, not a nil"},
	    {"bus = bus, unit = 1, variables = { a = { reg = 1, as = 'i32' } }",
	        "a: as must be \"bits\", \"f32\""},
	    {"bus = bus, unit = 1, variables = { a = { reg = 1, words = 'middle' } }",
	        "a: words must be \"big\" or \"little\", not \"middle\""},
	    {"bus = bus, unit = 1, variables = { a = { reg = 1, table = 'coils', scale = 2 } }",
	        "a: scale is for registers, not for coils"},
	    {"bus = bus, unit = 1, every = 'now', variables = { a = { reg = 1 } }", "period must be"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		buf_printf(
		    &text, "local bus = modbus.tcp{ host = 'a' }\nasset('m'):modbus{ %s }", cases[i][0]);
		world_script(f->world, "machine.lua", buf_str(&text));
		world_open(f->world);
		assert_has(world_problems(f->world), cases[i][1]);
		world_close(f->world);
		buf_free(&text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(serial_exchanges),
	    TEST(serial_failures_name_device_and_reason),
	    TEST(wrong_use_is_found_by_check),
	    TEST(a_port_is_taken_at_its_first_use),
	    TEST(a_script_goes_while_it_waits),
	    TEST(modbus_rtu),
	    TEST(modbus_tcp),
	    TEST(nobody_listens),
	    TEST(scripts_share_a_bus),
	    TEST(four_dead_units_delay_nothing_else),
	    TEST(neighbours_are_read_together),
	    TEST(what_fails_stays_alone),
	    TEST(what_hangs_stops_nobody_else),
	    TEST(without_modbus),
	    TEST(formats_by_hand),
	    TEST(wrong_maps_are_found_by_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
