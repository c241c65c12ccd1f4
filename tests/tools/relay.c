/*
 * A TCP relay between an MQTT client and its broker: it sees which PUBLISHes were acknowledged, and
 * spoils the connection when told to.
 *
 *   relay TARGET_PORT [PORT]     both on 127.0.0.1; without PORT any free one
 *
 * It prints "port N", then a line for each connection and each MQTT packet; > is up, to the broker:
 *
 *   open 1                       the first connection
 *   1 > CONNECT
 *   1 > PUBLISH 5 d0 data 30 HASH text        message id, DUP, topic, length, FNV-1a, 40 characters
 *   1 < PUBACK 5
 *   close 1
 *
 * Commands are lines on standard input:
 *
 *   cut        closes all connections (with a reset)
 *   blackhole  no byte passes any more on the connections there are; later ones are not touched
 *   resume     they go on
 *   slow       at most 100 kB/s from now on
 *   refuse     no new connection: its port is closed (and the present ones are cut)
 *   accept     its port is open again
 *
 * What is not MQTT (TLS) passes, and is not understood.
 */
#include "core/base/buf.h"
#include "core/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PAIRS_MAX = 64,
	CHUNK = 65536,
	SLOW_CHUNK = 2000,
	SLOW_PAUSE_MS = 20,
	PENDING_MAX = 1 << 20,
	PACKET_MAX = 1 << 24,
};

struct way {
	int from, to;
	char arrow;
	struct buf pending; /* read, and not yet written */
	struct buf packet;  /* read, and not yet a whole packet */
	bool foreign;       /* not MQTT: no more parsing */
};

struct pair {
	unsigned number; /* 0: a free place */
	struct way up, down;
	bool stuck;
};

struct relay {
	struct sockaddr_in own, target;
	int listener; /* -1: refuses */
	unsigned opened;
	bool slow;
	struct pair pairs[PAIRS_MAX];
	char line[64];
	size_t line_len;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- MQTT --- */

static uint32_t hash_of(const char *data, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)data[i]) * 16777619U;
	return hash;
}

static unsigned number_at(const char *data)
{
	return (unsigned char)data[0] * 256U + (unsigned char)data[1];
}

static void print_publish(const char *body, size_t len, unsigned flags)
{
	size_t topic_len = len >= 2 ? number_at(body) : 0, at = 2 + topic_len;
	unsigned qos = flags >> 1 & 3, id = 0;

	if (qos > 0 && at + 2 <= len)
		id = number_at(body + at);
	at += qos > 0 ? 2 : 0;
	if (at > len) {
		printf(" malformed\n");
		return;
	}
	const char *text = body + at;
	size_t text_len = len - at, shown = 0;
	printf(" %u d%u %.*s %zu %08x ", id, flags >> 3 & 1, (int)topic_len, body + 2, text_len,
	    hash_of(text, text_len));
	while (shown < text_len && shown < 40 && text[shown] >= ' ' && text[shown] <= '~')
		putchar(text[shown++]);
	putchar('\n');
}

static void print_packet(
    const struct pair *pair, char arrow, const char *data, size_t head, size_t len)
{
	static const char *const names[16] = {"RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK",
	    "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ",
	    "PINGRESP", "DISCONNECT", "AUTH"};
	unsigned type = (unsigned char)data[0] >> 4;

	printf("%u %c %s", pair->number, arrow, names[type]);
	if (type == 3)
		print_publish(data + head, len, (unsigned char)data[0] & 15);
	else if (type >= 4 && type <= 11 && len >= 2)
		printf(" %u\n", number_at(data + head));
	else
		putchar('\n');
}

/* The length of the fixed header, 0: not whole yet, -1: none. *len: of what follows it. */
static int read_header(const struct buf *packet, size_t *len)
{
	*len = 0;
	for (size_t i = 1; i < packet->len && i <= 4; i++) {
		unsigned byte = (unsigned char)packet->data[i];

		*len |= (size_t)(byte & 127) << (7 * (i - 1));
		if (byte < 128)
			return *len > PACKET_MAX ? -1 : (int)i + 1;
	}
	return packet->len > 4 ? -1 : 0;
}

static void parse(const struct pair *pair, struct way *way, const char *data, size_t count)
{
	size_t len, head;
	int status;

	if (way->foreign)
		return;
	buf_add(&way->packet, data, count);
	while (way->packet.len >= 2 && (status = read_header(&way->packet, &len)) != 0) {
		if (status < 0) {
			way->foreign = true;
			return;
		}
		head = (size_t)status;
		if (way->packet.len < head + len)
			return;
		print_packet(pair, way->arrow, way->packet.data, head, len);
		buf_cut(&way->packet, head + len);
	}
}

/* --- connections --- */

static void open_port(struct relay *relay)
{
	int on = 1;
	socklen_t len = sizeof relay->own;

	relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (relay->listener < 0)
		die("socket");
	setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(relay->listener, (struct sockaddr *)&relay->own, sizeof relay->own) != 0)
		die("bind");
	if (listen(relay->listener, 16) != 0)
		die("listen");
	getsockname(relay->listener, (struct sockaddr *)&relay->own, &len);
}

static void hang_up(struct pair *pair, bool reset)
{
	struct linger linger = {.l_onoff = 1};

	if (reset) {
		setsockopt(pair->up.from, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		setsockopt(pair->up.to, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	}
	close(pair->up.from);
	close(pair->up.to);
	buf_free(&pair->up.pending);
	buf_free(&pair->up.packet);
	buf_free(&pair->down.pending);
	buf_free(&pair->down.packet);
	printf("close %u\n", pair->number);
	memset(pair, 0, sizeof *pair);
}

static void accept_one(struct relay *relay)
{
	int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
	int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pair *pair = relay->pairs;

	while (pair < relay->pairs + PAIRS_MAX && pair->number)
		pair++;
	if (client < 0 || broker < 0 || pair == relay->pairs + PAIRS_MAX ||
	    connect(broker, (struct sockaddr *)&relay->target, sizeof relay->target) != 0) {
		close(client);
		close(broker);
		return;
	}
	fcntl(client, F_SETFL, O_NONBLOCK);
	fcntl(broker, F_SETFL, O_NONBLOCK);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(broker, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	pair->number = ++relay->opened;
	pair->up = (struct way){.from = client, .to = broker, .arrow = '>'};
	pair->down = (struct way){.from = broker, .to = client, .arrow = '<'};
	printf("open %u\n", pair->number);
}

/* -1: the connection is over */
static int carry(const struct pair *pair, struct way *way, bool readable, size_t most)
{
	ssize_t count;

	if (readable && way->pending.len < PENDING_MAX) {
		char *chunk = buf_reserve(&way->pending, CHUNK);

		count = read(way->from, chunk, most);
		if (count == 0 || (count < 0 && errno != EAGAIN))
			return -1;
		if (count > 0) {
			parse(pair, way, chunk, (size_t)count);
			way->pending.len += (size_t)count;
		}
	}
	if (way->pending.len > 0) {
		count = write(way->to, way->pending.data, way->pending.len);
		if (count < 0 && errno != EAGAIN)
			return -1;
		if (count > 0)
			buf_cut(&way->pending, (size_t)count);
	}
	return 0;
}

/* --- commands --- */

static void cut(struct relay *relay)
{
	for (struct pair *pair = relay->pairs; pair < relay->pairs + PAIRS_MAX; pair++)
		if (pair->number)
			hang_up(pair, true);
}

static void set_stuck(struct relay *relay, bool stuck)
{
	for (struct pair *pair = relay->pairs; pair < relay->pairs + PAIRS_MAX; pair++)
		pair->stuck = stuck && pair->number;
}

static void obey(struct relay *relay, const char *line)
{
	if (strcmp(line, "cut") == 0) {
		cut(relay);
	} else if (strcmp(line, "blackhole") == 0 || strcmp(line, "resume") == 0) {
		set_stuck(relay, line[0] == 'b');
	} else if (strcmp(line, "slow") == 0) {
		relay->slow = true;
	} else if (strcmp(line, "refuse") == 0) {
		close(relay->listener);
		relay->listener = -1;
		cut(relay);
	} else if (strcmp(line, "accept") == 0 && relay->listener < 0) {
		open_port(relay);
	}
	printf("done %s\n", line);
}

static void read_commands(struct relay *relay)
{
	char *end;
	ssize_t count =
	    read(0, relay->line + relay->line_len, sizeof relay->line - 1 - relay->line_len);

	if (count <= 0)
		exit(0);
	relay->line_len += (size_t)count;
	relay->line[relay->line_len] = '\0';
	while ((end = strchr(relay->line, '\n'))) {
		*end = '\0';
		obey(relay, relay->line);
		relay->line_len -= (size_t)(end + 1 - relay->line);
		memmove(relay->line, end + 1, relay->line_len + 1);
	}
}

/* --- the loop --- */

static size_t fill_polls(const struct relay *relay, struct pollfd *polls)
{
	size_t count = 2;

	polls[0] = (struct pollfd){.fd = 0, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
	for (const struct pair *pair = relay->pairs; pair < relay->pairs + PAIRS_MAX; pair++) {
		bool deaf = !pair->number || pair->stuck;
		const struct way *ways[2] = {&pair->up, &pair->down};

		for (int i = 0; i < 2; i++) {
			short in = ways[i]->pending.len < PENDING_MAX ? POLLIN : 0;
			short out = ways[!i]->pending.len > 0 ? POLLOUT : 0;
			polls[count++] =
			    (struct pollfd){.fd = deaf ? -1 : ways[i]->from, .events = (short)(in | out)};
		}
	}
	return count;
}

static void serve(struct relay *relay)
{
	struct pollfd polls[2 + 2 * PAIRS_MAX];
	size_t count = fill_polls(relay, polls);

	size_t most = relay->slow ? SLOW_CHUNK : CHUNK;

	if (relay->slow)
		poll(NULL, 0, SLOW_PAUSE_MS);
	if (poll(polls, count, -1) < 0 && errno != EINTR)
		die("poll");
	for (size_t i = 0; i < PAIRS_MAX; i++) {
		struct pair *pair = &relay->pairs[i];
		short client = polls[2 + 2 * i].revents, broker = polls[3 + 2 * i].revents;

		if (!pair->number || (!client && !broker))
			continue;
		if (carry(pair, &pair->up, client & (POLLIN | POLLHUP | POLLERR), most) != 0 ||
		    carry(pair, &pair->down, broker & (POLLIN | POLLHUP | POLLERR), most) != 0)
			hang_up(pair, false);
	}
	if (polls[1].revents)
		accept_one(relay);
	if (polls[0].revents)
		read_commands(relay);
}

int main(int argc, char **argv)
{
	static struct relay relay;

	if (argc < 2) {
		fprintf(stderr, "usage: relay TARGET_PORT [PORT]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	relay.own.sin_family = relay.target.sin_family = AF_INET;
	relay.own.sin_addr.s_addr = relay.target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	relay.target.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	relay.own.sin_port = htons((uint16_t)(argc > 2 ? strtoul(argv[2], NULL, 10) : 0));
	open_port(&relay);
	printf("port %u\n", ntohs(relay.own.sin_port));
	for (;;)
		serve(&relay);
}
