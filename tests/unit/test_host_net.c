/* Scripts that talk over TCP and UDP, in real time, on 127.0.0.1. */
#include <arpa/inet.h>
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

#include "core/base/mem.h"
#include "lua/script.h"

/* One connection at a time; answers lines:
 *   split: "one\ntw", and a little later "o\nthree"    bye: "last", and closes
 *   flood: 300,000 times x                             others: silence */
struct peer {
	pthread_t thread;
	int listener;
	int stop[2];
	int port;
};

struct fixture {
	struct world *world;
	struct peer peer;
};

static void say(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t count = send(fd, text, len, MSG_NOSIGNAL);
		if (count <= 0)
			return; /* gone */
		text += count;
		len -= (size_t)count;
	}
}

static bool answer(int fd, const char *line)
{
	static char flood[300000];
	if (strcmp(line, "split") == 0) {
		say(fd, "one\ntw", 6);
		(void)usleep(30000);
		say(fd, "o\nthree", 7);
	} else if (strcmp(line, "flood") == 0) {
		memset(flood, 'x', sizeof flood);
		say(fd, flood, sizeof flood);
	} else if (strcmp(line, "bye") == 0) {
		say(fd, "last", 4);
		return false;
	}
	return true;
}

static bool wait_for(const struct peer *peer, int fd)
{
	struct pollfd fds[] = {{.fd = peer->stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	(void)poll(fds, 2, -1);
	return fds[0].revents == 0;
}

static void converse(const struct peer *peer, int fd)
{
	char line[64];
	size_t len = 0;
	char c;
	while (wait_for(peer, fd) && recv(fd, &c, 1, 0) == 1) {
		if (c != '\n' && len < sizeof line - 1) {
			line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		if (!answer(fd, line))
			break;
	}
	(void)close(fd);
}

static void *serve(void *arg)
{
	const struct peer *peer = arg;
	while (wait_for(peer, peer->listener)) {
		int fd = accept(peer->listener, NULL, NULL);
		if (fd >= 0)
			converse(peer, fd);
	}
	return NULL;
}

static void start_peer(struct peer *peer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(peer->listener, (struct sockaddr *)&at, sizeof at) == 0);
	must(listen(peer->listener, 64) == 0);
	must(getsockname(peer->listener, (struct sockaddr *)&at, &len) == 0);
	peer->port = ntohs(at.sin_port);
	must(pipe(peer->stop) == 0);
	must(pthread_create(&peer->thread, NULL, serve, peer) == 0);
}

static void stop_peer(struct peer *peer)
{
	(void)close(peer->stop[1]);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->stop[0]);
	(void)close(peer->listener);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	f->world = world_new();
	world_real(f->world);
	start_peer(&f->peer);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	world_free(f->world);
	stop_peer(&f->peer);
	free(f);
	return 0;
}

/* Runs the lines in on("start"), with connect(timeout) to the peer. */
static void start(struct fixture *f, const char *lines)
{
	struct buf script = {0};
	buf_printf(&script,
	    "local function connect(t)\n"
	    "  return tcp.connect{ host = '127.0.0.1', port = %d, timeout = t or '60s' } end\n"
	    "on('start', function()\n%s\nlog.info('done') end)",
	    f->peer.port, lines);
	world_start(f->world, buf_str(&script));
	buf_free(&script);
}

static void run(struct fixture *f, const char *lines)
{
	start(f, lines);
	world_wait(f->world, "machine: done\n");
}

/* --- TCP --- */

static void tcp_reads_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	run(f, "local c = connect()\n"
	       "c:write('split\\n')\n"
	       "log.info('A', #c:read{ ends = '\\n' }, c:read{ ends = { '\\r', '\\n' } }:sub(1, -2))\n"
	       "log.info('B', c:read{ count = 2 }, c:read{ count = 3 })\n"
	       "c:write('flood\\n')\n"
	       "local n = 0 repeat n = n + #c:read() until n == 300000\n"
	       "c:write('bye\\n')\n"
	       "log.info('C', c:read{ count = 4 }, c:read())\n"
	       "log.info('D', try(c.read, c, { count = 1 }))\n"
	       "log.info('E', tostring(c), try(c.read, c, { cuont = 1 }))\n"
	       "c:close() c:close()\n"
	       "log.info('F', try(c.read, c))\n");
	assert_logged(f->world, "A 4 two\n");
	assert_logged(f->world, "B th ree\n");
	assert_logged(f->world, "C last\n");
	assert_logged(f->world, "the other side has closed the connection EOF\n");
	assert_logged(f->world, "E the connection 127.0.0.1:");
	assert_logged(f->world, "there is no field \"cuont\" (did you mean \"count\"?)");
	assert_logged(f->world, "was closed by this script EBADF\n");
}

static void tcp_failures_name_the_peer_and_the_reason(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int nobody = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, not listening */
	must(bind(nobody, (struct sockaddr *)&at, sizeof at) == 0);
	must(getsockname(nobody, (struct sockaddr *)&at, &len) == 0);
	struct buf lines = {0};
	buf_printf(&lines,
	    "log.info('A', try(tcp.connect, { host = '127.0.0.1', port = %d }))\n"
	    "log.info('B', try(tcp.connect, { host = 'no-such-host.invalid', port = 80 }))\n"
	    "local c = connect()\n"
	    "log.info('C', try(c.read, c, { timeout = '50ms' }))\n"
	    "c:write('split\\n')\n"
	    "log.info('D', try(c.read, c, { count = 100, timeout = '300ms' }))\n"
	    "c:write('flood\\n')\n"
	    "log.info('E', try(c.read, c, { ends = 'y', limit = '10KB' }))\n"
	    "log.info('F', #c:read{ count = 5 })\n",
	    ntohs(at.sin_port));
	run(f, buf_str(&lines));
	buf_free(&lines);
	(void)close(nobody);
	assert_logged(f->world, "A nil cannot connect to 127.0.0.1:");
	assert_logged(f->world, ": Connection refused ECONNREFUSED\n");
	assert_logged(f->world, "B nil cannot find the host no-such-host.invalid: ");
	assert_logged(f->world, ": no answer in 50ms ETIMEDOUT\n");
	assert_logged(f->world, ": the answer is incomplete, 13 bytes in 300ms ETIMEDOUT\n");
	assert_logged(f->world, "bytes came in, and not what was waited for EMSGSIZE\n");
}

static void tcp_names_are_looked_up(void **state)
{
	struct fixture *f = *state;
	struct buf lines = {0};
	/* ::1 may come first, where nobody listens */
	buf_printf(&lines,
	    "local c <close> = tcp.connect{ host = 'localhost', port = %d }\n"
	    "c:write('bye\\n') log.info('got', c:read{ count = 4 })",
	    f->peer.port);
	run(f, buf_str(&lines));
	buf_free(&lines);
	assert_logged(f->world, "got last\n");
}

/* A peer that takes nothing: the write waits, and its time ends it. */
static void tcp_write_that_does_not_go_out(void **state)
{
	struct fixture *f = *state;
	run(f, "local first = connect()\n" /* the peer is busy with it */
	       "local c = connect('300ms')\n"
	       "local big = ('x'):rep(1000000)\n"
	       "local ok, why, code repeat ok, why, code = try(c.write, c, big) until code\n"
	       "log.info('A', why, code)\n"
	       "log.info('B', try(c.write, c, 'x'))\n");
	assert_logged(f->world, ": the other side did not take all in 300ms ETIMEDOUT\n");
	assert_logged(f->world, "was closed by this script EBADF\n");
}

/* Two handlers at one connection, in two fibers; then the script ends while they wait. */
static void who_closes_ends_the_waiting(void **state)
{
	struct fixture *f = *state;
	struct buf script = {0};
	buf_printf(&script,
	    "local c, u\n"
	    "on('start', function() c = tcp.connect{ host = '127.0.0.1', port = %d }\n"
	    "  log.info('A', try(c.read, c)) c = nil end)\n"
	    "on('start', function() u = udp.open{ listen = 0 }\n"
	    "  log.info('B', try(u.receive, u)) u = nil end)\n"
	    "on('start', function() while not c or not u do sleep(0.01) end sleep(0.01)\n"
	    "  log.info('C', try(c.read, c)) log.info('D', try(u.receive, u)) c:close() u:close()\n"
	    "  while c or u do sleep(0.01) end log.info('done')\n"
	    "  tcp.connect{ host = '127.0.0.1', port = %d }:read{ count = 1, timeout = '1h' } end)",
	    f->peer.port, f->peer.port);
	world_start(f->world, buf_str(&script));
	buf_free(&script);
	world_wait(f->world, "machine: done\n");
	assert_logged(f->world, "A nil 127.0.0.1:");
	assert_logged(f->world, "was closed by this script ECANCELED\n");
	assert_logged(f->world, ": another handler is reading EBUSY\n");
	assert_logged(f->world, ": another handler is receiving EBUSY\n");
}

static void sockets_are_limited(void **state)
{
	struct fixture *f = *state;
	run(f, "local list = {}\n"
	       "for i = 1, 200 do udp.open{ listen = 0 } end\n" /* nobody refers to them */
	       "local ok, why, code\n"
	       "for i = 1, 100 do ok, why, code = try(udp.open, { listen = 0 }) list[i] = ok end\n"
	       "log.info('A', #list, why, code)\n");
	assert_logged(
	    f->world, "A 64 this script has 64 sockets open already: close what is not used EMFILE\n");
}

/* --- UDP --- */

static void udp_datagrams(void **state)
{
	struct fixture *f = *state;
	run(f, "local server <close> = udp.open{ listen = 0 }\n"
	       "local client <close> = udp.open{ host = '127.0.0.1', port = server:port() }\n"
	       "client:send('hello') client:send('') client:send(('x'):rep(9000))\n"
	       "local text, address, port = server:receive()\n"
	       "log.info('A', text, address, math.type(port))\n"
	       "log.info('B', #server:receive(), #server:receive())\n"
	       "server:send('back', address, port)\n"
	       "log.info('C', client:receive())\n"
	       "log.info('D', try(client.receive, client, { timeout = '50ms' }))\n"
	       "log.info('E', try(udp.open, { listen = server:port() }))\n"
	       "local named = udp.open{ host = 'localhost', port = server:port() }\n"
	       "log.info('F', tostring(named))\n"
	       "server:close() log.info('G', try(server.receive, server))");
	assert_logged(f->world, "A hello 127.0.0.1 integer\n");
	assert_logged(f->world, "B 0 9000\n");
	assert_logged(f->world, "C back 127.0.0.1 ");
	assert_logged(f->world, ": nothing came in 50ms ETIMEDOUT\n");
	assert_logged(f->world, "E nil cannot receive at 127.0.0.1:");
	assert_logged(f->world, "EADDRINUSE\n");
	assert_logged(f->world, "F the socket localhost:");
	assert_logged(f->world, "was closed by this script EBADF\n");
}

static void wrong_use_is_told(void **state)
{
	struct fixture *f = *state;
	run(f, "log.info(try(tcp.connect, { host = 'a b', port = 1 }))\n"
	       "log.info(try(tcp.connect, { host = 'a', port = 0 }))\n"
	       "log.info(try(tcp.connect, { hots = 'a', port = 1 }))\n"
	       "log.info(try(udp.open, { listen = 1, host = 'a' }))\n"
	       "log.info(try(udp.open, { listen = 1, address = 'localhost' }))\n"
	       "log.info(try(udp.open, {}))\n"
	       "local c = connect()\n"
	       "log.info(try(c.read, c, { ends = {} }))\n"
	       "log.info(try(c.read, c, { ends = { '' } }))\n"
	       "log.info(try(function() return c:raed() end))\n");
	assert_logged(f->world, "tcp.connect: it needs host");
	assert_logged(f->world, "tcp.connect: port must be a whole number from 1 to 65535, not 0");
	assert_logged(f->world, "tcp.connect: there is no field \"hots\" (did you mean \"host\"?)");
	assert_logged(f->world, "udp.open: either host and port, or listen");
	assert_logged(f->world, "udp.open: address must be one in digits, not \"localhost\"");
	assert_logged(f->world, "udp.open: it needs host");
	assert_logged(f->world, "tcp:read: ends must be a text, or a list of 1 to 4");
	assert_logged(f->world, "tcp:read: ends must not be empty");
	assert_logged(f->world, " has no \"raed\" (did you mean \"read\"?)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tcp_reads_what_is_asked_for),
	    TEST(tcp_failures_name_the_peer_and_the_reason),
	    TEST(tcp_names_are_looked_up),
	    TEST(tcp_write_that_does_not_go_out),
	    TEST(who_closes_ends_the_waiting),
	    TEST(sockets_are_limited),
	    TEST(udp_datagrams),
	    TEST(wrong_use_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
