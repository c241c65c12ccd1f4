/*
 * The link's states. All here is the loop's thread; paho's threads end in mqtt_bridge.c.
 *
 *   idle -> lookup -> connect -> subscribe -> up          idle: waiting or refused, until next_try
 *              \         \          \          \
 *               `-> idle  `-> knock  `-> closing `-> idle (lost)
 *                               `-> idle  `-> idle, or destroying when stopping or dropping the
 * session
 *
 * One timer is aimed at whatever is due next; the clock, not the timer, decides whether it is.
 *
 * Why so:
 * - A link that is dead but not closed (a modem that lost its cell) is found by keepalive after two
 *   and a half times its interval, which is minutes where it is to cost little. What is in flight
 *   tells sooner: if nothing in flight is acknowledged within puback_timeout, the socket is shut
 *   down. Each PUBACK begins the term anew, so that a slow link is not taken for a dead one.
 * - paho's reconnect came 8 s after an outage of 12 s. Ours knows refusal from absence, takes the
 *   addresses in turn, and counts a connection as a success only when it has lasted.
 * - Two devices with one client id take the connection from each other for ever. Each life is about
 *   as long as the other's delay: so "lasted" means twice the present delay and ten seconds.
 */
#include "core/mqtt.h"

#include "core/backoff.h"
#include "core/buf.h"
#include "core/fileio.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/mqtt_bridge.h"
#include "core/mqtt_dial.h"
#include "core/mqtt_reason.h"
#include "core/mqtt_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	TICK_MAX_MS = 30 * 1000, /* the timer stands still while the device sleeps, the clock not */
	CONNECT_MIN_S = 5,       /* paho looks at its time-outs every 3 s */
	CONNECT_SPARE_MS = 15 * 1000, /* that paho's own time-out may come late */
	KNOCK_MS = 3 * 1000,
	CLOSE_MS = 2 * 1000, /* for DISCONNECT, then once more for the socket's end */
	LASTING_MS = 10 * 1000,
	SHORT_LIVES = 3,     /* in a row: then it is no chance */
	REFUSED_FACTOR = 10, /* of reconnect.min: the shortest delay after a refusal */
	REFUSED_MAX_MS = 60 * 60 * 1000,
	PASSWORD_MAX = 4096,
};

enum phase { IDLE, LOOKUP, CONNECT, KNOCK, SUBSCRIBE, UP, CLOSING, DESTROYING, STOPPED };

enum drop {
	DROP_NONE,
	DROP_HANDLE,  /* the poisoned handle is to go */
	DROP_SESSION, /* a handle that connects once with a clean session */
};

struct mqtt {
	uv_loop_t *loop;
	struct clock *clock;
	const struct config *config;
	struct mqtt_events events;
	void *ctx;
	struct link_status status;

	struct tls_watch *watch;
	struct bridge *bridge;
	struct dial *dial;
	uv_timer_t timer;

	enum phase phase;
	enum drop drop;
	int64_t deadline_ms; /* of the phase; 0: none */
	size_t url;          /* index of the present or next address */
	char host[256];
	int port;
	int socket; /* paho's; -1: not found */
	struct sockaddr_storage address;
	struct mqtt_failure failure; /* of the present try */

	struct backoff absent, refused;
	unsigned refusals;    /* in this round through the addresses */
	unsigned short_lives; /* in a row */
	int64_t up_since_ms;
	int64_t progress_ms; /* the last PUBACK, or when waiting for one began */
	bool broken;         /* we shut the socket down, and status.reason says why */

	bool stopping;
	int64_t stop_by_ms;
	void (*stopped)(void *ctx);
	int closing; /* handles still to close in mqtt_free */
};

static void try_now(struct mqtt *mqtt);
static void on_destroyed(void *ctx);

/* --- time --- */

static int64_t now_ms(const struct mqtt *mqtt)
{
	return clock_mono_ms(mqtt->clock);
}

static void on_timer(uv_timer_t *timer);

/* What is due next in this phase; INT64_MAX: nothing. */
static int64_t due_ms(const struct mqtt *mqtt)
{
	int64_t due = mqtt->deadline_ms ? mqtt->deadline_ms : INT64_MAX;

	if (mqtt->phase == UP && bridge_in_flight(mqtt->bridge) > 0) {
		int64_t silent = mqtt->progress_ms + mqtt->config->broker.puback_timeout_ms;
		due = silent < due ? silent : due;
	}
	return due;
}

static void aim_timer(struct mqtt *mqtt)
{
	int64_t due = due_ms(mqtt), wait = due - now_ms(mqtt);

	if (due == INT64_MAX) {
		uv_timer_stop(&mqtt->timer);
		return;
	}
	wait = wait < 0 ? 0 : wait > TICK_MAX_MS ? TICK_MAX_MS : wait;
	uv_update_time(mqtt->loop);
	uv_timer_start(&mqtt->timer, on_timer, (uint64_t)wait, 0);
}

/* limit_ms 0: no limit. */
static void enter(struct mqtt *mqtt, enum phase phase, int64_t limit_ms)
{
	mqtt->phase = phase;
	mqtt->deadline_ms = limit_ms > 0 ? now_ms(mqtt) + limit_ms : 0;
	aim_timer(mqtt);
}

static uint64_t random_number(const struct mqtt *mqtt)
{
	uint64_t number;

	/* early at boot there may be no randomness yet: the time will do */
	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
		number = (uint64_t)clock_mono_us(mqtt->clock) * 0x9E3779B97F4A7C15U;
	return number;
}

/* --- the state as others see it --- */

static void set_state(struct mqtt *mqtt, enum link_state state)
{
	if (mqtt->status.state != state)
		mqtt->status.since_mono_ms = now_ms(mqtt);
	mqtt->status.state = state;
	if (state != LINK_WAITING && state != LINK_REFUSED)
		mqtt->status.next_try_mono_ms = 0;
	if (mqtt->events.state)
		mqtt->events.state(mqtt->ctx, &mqtt->status);
}

/* --- waiting for the next try --- */

static void destroy_handle(struct mqtt *mqtt)
{
	enter(mqtt, DESTROYING, 0);
	bridge_destroy(mqtt->bridge, on_destroyed);
}

/* The connection is over, or there was none: what next? */
static void wait_or_end(struct mqtt *mqtt, enum link_state state, int64_t delay_ms)
{
	mqtt->socket = -1;
	if (mqtt->stopping || mqtt->drop == DROP_HANDLE) {
		destroy_handle(mqtt);
		return;
	}
	enter(mqtt, IDLE, delay_ms > 0 ? delay_ms : 1);
	mqtt->status.next_try_mono_ms = mqtt->deadline_ms;
	log_debug("mqtt", "next try in %lld ms", (long long)delay_ms);
	set_state(mqtt, state);
}

/* This address failed; the next one has its turn. The long delays come once a round. */
static void give_way(struct mqtt *mqtt, bool refused)
{
	uint64_t random = random_number(mqtt);

	mqtt->refusals += refused;
	mqtt->url++;
	if (mqtt->config->broker.urls[mqtt->url]) {
		wait_or_end(mqtt, LINK_WAITING, (int64_t)(random % (uint64_t)mqtt->absent.min_ms) + 1);
		return;
	}
	bool all_refused = mqtt->refusals == mqtt->url;
	mqtt->url = 0;
	mqtt->refusals = 0;
	if (all_refused)
		wait_or_end(mqtt, LINK_REFUSED, backoff_next_ms(&mqtt->refused, random));
	else
		wait_or_end(mqtt, LINK_WAITING, backoff_next_ms(&mqtt->absent, random));
}

static void fail(struct mqtt *mqtt)
{
	struct link_status *status = &mqtt->status;
	char now[24] = "";
	time_t wall = (time_t)(clock_wall_ms(mqtt->clock) / 1000);
	struct tm tm;

	if (gmtime_r(&wall, &tm) && strftime(now, sizeof now, "%Y-%m-%d %H:%M", &tm) == 0)
		now[0] = '\0';
	mqtt->failure.now = now;
	mqtt->failure.clock_set = clock_is_set(mqtt->clock);
	bool refused =
	    mqtt_reason_of_failure(&mqtt->failure, mqtt->config, status->reason, sizeof status->reason);
	log_line(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "mqtt", "connection to %s %s: %s",
	    status->url, refused ? "refused" : "failed", status->reason);
	give_way(mqtt, refused);
}

static void fail_locally(struct mqtt *mqtt, const char *why)
{
	mqtt->failure.local = why;
	fail(mqtt);
}

/* --- trying --- */

/* Where the name and port begin and end: "tcp://HOST:PORT", HOST in brackets if it holds colons. */
static void split_url(struct mqtt *mqtt, const char *url)
{
	const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
	const char *colon = strrchr(host, ':');
	size_t len = colon ? (size_t)(colon - host) : strlen(host);

	mqtt->port = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	snprintf(mqtt->host, sizeof mqtt->host, "%.*s", (int)len, host);
}

static bool is_tls(const char *url)
{
	return strncmp(url, "ssl:", 4) == 0;
}

/* The numeric address for paho, so that it looks nothing up; over TLS it needs the name. */
static void paho_url(const struct mqtt *mqtt, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "";
	const struct sockaddr *address = (const struct sockaddr *)&mqtt->address;

	if (is_tls(mqtt->status.url)) {
		snprintf(out, size, "%s", mqtt->status.url);
		return;
	}
	uv_ip_name(address, ip, sizeof ip);
	snprintf(out, size, address->sa_family == AF_INET6 ? "tcp://[%s]:%d" : "tcp://%s:%d", ip,
	    mqtt->port);
}

/* 0, or -1 and the text of `err`. */
static int read_password(const struct mqtt *mqtt, struct buf *out, struct err *err)
{
	const char *file = mqtt->config->broker.password_file;

	if (!file[0]) {
		buf_text(out, mqtt->config->broker.password);
		return 0;
	}
	if (fileio_read(file, PASSWORD_MAX, out, err) != 0) {
		err_prefix(err, "broker.password_file: ");
		return -1;
	}
	while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		out->len--;
	if (out->len == 0)
		return err_set(err, "broker.password_file: %s is empty: write the password into it", file);
	return 0;
}

static void connect_paho(struct mqtt *mqtt)
{
	const struct config *config = mqtt->config;
	struct buf password = {0};
	struct err err = {0};
	char url[sizeof mqtt->status.url];
	int64_t timeout_s = config->broker.puback_timeout_ms / 1000;

	timeout_s = timeout_s < CONNECT_MIN_S ? CONNECT_MIN_S : timeout_s;
	if (read_password(mqtt, &password, &err) != 0) {
		buf_free(&password);
		fail_locally(mqtt, err.text);
		return;
	}
	paho_url(mqtt, url, sizeof url);
	struct bridge_connect options = {
	    .url = url,
	    .username = config->broker.username,
	    .password = password.len > 0 ? buf_str(&password) : NULL,
	    .password_len = password.len,
	    .ca = config->broker.tls.ca,
	    .cert = config->broker.tls.cert,
	    .key = config->broker.tls.key,
	    .clean = mqtt->drop == DROP_SESSION,
	    .keepalive_s = (int)((config->broker.keepalive_ms + 999) / 1000),
	    .timeout_s = (int)timeout_s,
	};
	tls_watch_begin(mqtt->watch, mqtt->host);
	mqtt->up_since_ms = now_ms(mqtt);
	int status = bridge_connect(mqtt->bridge, &options);
	buf_free(&password);
	if (status != 0) {
		fail_locally(mqtt, "the MQTT library is still busy with the last connection");
		return;
	}
	enter(mqtt, CONNECT, timeout_s * 1000 + CONNECT_SPARE_MS);
}

static void on_lookup(void *ctx, int status, const struct sockaddr *address)
{
	struct mqtt *mqtt = ctx;

	mqtt->dial = NULL;
	if (status != 0) {
		mqtt->failure.lookup = status;
		fail(mqtt);
		return;
	}
	memcpy(&mqtt->address, address,
	    address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	connect_paho(mqtt);
}

static void try_now(struct mqtt *mqtt)
{
	const char *url = mqtt->config->broker.urls[mqtt->url];

	snprintf(mqtt->status.url, sizeof mqtt->status.url, "%s", url);
	split_url(mqtt, url);
	mqtt->failure = (struct mqtt_failure){
	    .host = mqtt->host, .port = mqtt->port, .tls = is_tls(url), .evidence.alert = -1};
	mqtt->broken = false;
	enter(mqtt, LOOKUP, 0);
	mqtt->dial = dial_lookup(mqtt->loop, mqtt->host, mqtt->port, on_lookup, mqtt);
	if (mqtt->dial)
		set_state(mqtt, LINK_CONNECTING);
	else
		fail_locally(mqtt, "broker.url: the host name cannot be looked up: check its spelling");
}

/* --- finding out why it failed --- */

static void on_knock(void *ctx, int status, const struct sockaddr *address)
{
	struct mqtt *mqtt = ctx;
	struct err err;

	(void)address;
	mqtt->dial = NULL;
	mqtt->failure.knocked = true;
	mqtt->failure.knock = status;
	if (status == 0 && mqtt->failure.tls && tls_check_files(mqtt->config, &err) != 0)
		fail_locally(mqtt, err.text);
	else
		fail(mqtt);
}

/* code: CONNACK's if above 0 */
static void connect_failed(struct mqtt *mqtt, int code)
{
	struct mqtt_failure *failure = &mqtt->failure;

	failure->waited_ms = now_ms(mqtt) - mqtt->up_since_ms;
	failure->connack = code > 0 ? code : 0;
	failure->evidence = tls_watch_evidence(mqtt->watch);
	if (failure->connack || failure->evidence.verify_error || failure->evidence.alert >= 0) {
		fail(mqtt);
		return;
	}
	enter(mqtt, KNOCK, 0);
	mqtt->dial =
	    dial_knock(mqtt->loop, (const struct sockaddr *)&mqtt->address, KNOCK_MS, on_knock, mqtt);
	if (!mqtt->dial)
		fail(mqtt);
}

/* --- up and down --- */

static void close_link(struct mqtt *mqtt)
{
	enter(mqtt, CLOSING, CLOSE_MS);
	if (bridge_disconnect(mqtt->bridge) != 0)
		mqtt_socket_break(mqtt->socket, mqtt->port);
}

/* Ends the connection for a reason of our own, which is told when paho reports it as lost. */
static void break_link(struct mqtt *mqtt, const char *why)
{
	snprintf(mqtt->status.reason, sizeof mqtt->status.reason, "%s", why);
	mqtt->broken = true;
	mqtt->progress_ms = now_ms(mqtt);
	if (mqtt_socket_break(mqtt->socket, mqtt->port) != 0)
		bridge_disconnect(mqtt->bridge);
	aim_timer(mqtt);
}

static void connected(struct mqtt *mqtt, bool session_present)
{
	mqtt->socket = mqtt_socket_adopt(mqtt->port);
	if (mqtt->drop == DROP_SESSION || mqtt->stopping) {
		close_link(mqtt);
		return;
	}
	log_info("mqtt", "connected to %s as \"%s\" (%s)", mqtt->status.url,
	    mqtt->config->broker.client_id, session_present ? "the session goes on" : "a new session");
	enter(mqtt, SUBSCRIBE, mqtt->config->broker.puback_timeout_ms);
	if (bridge_subscribe(mqtt->bridge, mqtt->config->topics.tasks) != 0)
		log_debug("mqtt", "lost again before the subscription");
}

static void subscribed(struct mqtt *mqtt)
{
	mqtt->status.connects++;
	mqtt->refusals = 0;
	mqtt->up_since_ms = mqtt->progress_ms = now_ms(mqtt);
	backoff_reset(&mqtt->refused);
	enter(mqtt, UP, 0);
	set_state(mqtt, LINK_CONNECTED);
}

static void subscribe_refused(struct mqtt *mqtt)
{
	mqtt_reason_of_suback(mqtt->config, mqtt->status.reason, sizeof mqtt->status.reason);
	log_error("mqtt", "connection to %s refused: %s", mqtt->status.url, mqtt->status.reason);
	mqtt->broken = true;
	mqtt->refusals++;
	close_link(mqtt);
}

static void lost(struct mqtt *mqtt)
{
	struct link_status *status = &mqtt->status;
	int64_t now = now_ms(mqtt), lived = now - mqtt->up_since_ms;
	int64_t lasting = 2 * backoff_ceiling_ms(&mqtt->absent);

	lasting = lasting < LASTING_MS ? LASTING_MS : lasting;
	status->losses++;
	if (lived >= lasting) {
		mqtt->short_lives = 0;
		backoff_reset(&mqtt->absent);
	} else if (!mqtt->broken) {
		mqtt->short_lives++;
	}
	if (!mqtt->broken && mqtt->short_lives >= SHORT_LIVES)
		mqtt_reason_of_short_lives(mqtt->config, mqtt->short_lives,
		    bridge_in_flight(mqtt->bridge) > 0, status->reason, sizeof status->reason);
	else if (!mqtt->broken)
		snprintf(status->reason, sizeof status->reason,
		    "the broker or the network closed the connection");
	log_warn("mqtt", "connection to %s lost: %s", status->url, status->reason);
	wait_or_end(mqtt, LINK_WAITING, backoff_next_ms(&mqtt->absent, random_number(mqtt)));
}

/* The end of `closing`. */
static void closed(struct mqtt *mqtt)
{
	if (mqtt->drop == DROP_SESSION && !mqtt->stopping) {
		mqtt->drop = DROP_NONE;
		log_info("mqtt", "the broker has dropped the session");
		destroy_handle(mqtt);
	} else if (mqtt->stopping || mqtt->drop == DROP_HANDLE) {
		wait_or_end(mqtt, LINK_WAITING, 0);
	} else {
		give_way(mqtt, false);
	}
}

static void stop_in_grace(struct mqtt *mqtt)
{
	if (bridge_in_flight(mqtt->bridge) == 0 || now_ms(mqtt) >= mqtt->stop_by_ms)
		close_link(mqtt);
}

static void on_timer(uv_timer_t *timer)
{
	struct mqtt *mqtt = timer->data;

	if (now_ms(mqtt) < due_ms(mqtt)) {
		aim_timer(mqtt);
		return;
	}
	switch (mqtt->phase) {
	case IDLE:
		try_now(mqtt);
		break;
	case CONNECT: /* paho forgot it: never seen, but a link must not hang for ever */
		connect_failed(mqtt, 0);
		break;
	case SUBSCRIBE:
		mqtt->deadline_ms = 0;
		break_link(mqtt, "the broker did not answer the subscription in time");
		break;
	case UP:
		if (mqtt->stopping)
			close_link(mqtt);
		else
			break_link(mqtt, "no PUBACK came in time (broker.puback_timeout): the link is dead");
		break;
	case CLOSING: /* first the hard way, then as if it were done */
		if (mqtt_socket_break(mqtt->socket, mqtt->port) == 0)
			enter(mqtt, CLOSING, CLOSE_MS);
		else
			closed(mqtt);
		mqtt->socket = -1;
		break;
	default:
		break;
	}
}

/* --- what paho reports --- */

static void on_session_event(struct mqtt *mqtt, const struct bridge_event *event)
{
	enum phase phase = mqtt->phase;

	switch (event->kind) {
	case BRIDGE_CONNECTED:
		if (phase == CONNECT)
			connected(mqtt, event->session_present);
		break;
	case BRIDGE_SUBSCRIBED:
		if (phase == SUBSCRIBE)
			subscribed(mqtt);
		break;
	case BRIDGE_SUBSCRIBE_FAILED:
		if (phase == SUBSCRIBE && event->code > 0)
			subscribe_refused(mqtt);
		break;
	case BRIDGE_CONNECT_FAILED:
	case BRIDGE_LOST:
	case BRIDGE_DISCONNECTED:
		if (phase == CONNECT)
			connect_failed(mqtt, event->kind == BRIDGE_CONNECT_FAILED ? event->code : 0);
		else if (phase == SUBSCRIBE || phase == UP)
			lost(mqtt);
		else if (phase == CLOSING)
			closed(mqtt);
		break;
	default:
		break;
	}
}

static void on_event(void *ctx, const struct bridge_event *event)
{
	struct mqtt *mqtt = ctx;

	switch (event->kind) {
	case BRIDGE_ACKED:
		mqtt->progress_ms = now_ms(mqtt);
		mqtt->events.acked(mqtt->ctx, event->token);
		if (mqtt->phase == UP && mqtt->stopping)
			stop_in_grace(mqtt);
		break;
	case BRIDGE_FAILED:
		mqtt->events.failed(mqtt->ctx, event->token);
		break;
	case BRIDGE_MESSAGE:
		mqtt->status.messages_in++;
		mqtt->events.message(mqtt->ctx, event->topic, event->payload, event->len, event->id);
		break;
	default:
		on_session_event(mqtt, event);
	}
}

static int on_arrived(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id)
{
	const struct mqtt *mqtt = ctx;

	if (!mqtt->events.arrived)
		return -1;
	return mqtt->events.arrived(mqtt->ctx, topic, payload, len, id);
}

static void on_destroyed(void *ctx)
{
	struct mqtt *mqtt = ctx;

	if (mqtt->stopping) {
		enter(mqtt, STOPPED, 0);
		set_state(mqtt, LINK_STOPPED);
		mqtt->stopped(mqtt->ctx);
		return;
	}
	if (mqtt->drop == DROP_HANDLE)
		mqtt->drop = DROP_SESSION;
	must(bridge_open(mqtt->bridge, NULL) == 0); /* as at the start, with the same arguments */
	try_now(mqtt);
}

/* --- what others call --- */

static const struct bridge_calls bridge_calls = {.event = on_event, .arrived = on_arrived};

/* What paho cannot do. */
static int check_urls(const struct config *config, struct err *err)
{
	const char *const *urls = config->broker.urls;

	for (size_t i = 0; urls[i]; i++) {
		if (is_tls(urls[i]) != is_tls(urls[0]))
			return err_set(err,
			    "broker.url: %s and %s are mixed: a list is either all tcp:// or all ssl://, so "
			    "that the password never leaves without TLS where TLS is wanted",
			    urls[0], urls[i]);
		if (is_tls(urls[i]) && strchr(urls[i], '['))
			return err_set(err,
			    "broker.url: %s: over TLS an IPv6 address cannot be checked against the "
			    "certificate: write the broker's name",
			    urls[i]);
	}
	return 0;
}

struct mqtt *mqtt_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    const struct mqtt_events *events, void *ctx, struct err *err)
{
	if (check_urls(config, err) != 0)
		return NULL;
	struct mqtt *mqtt = mem_alloc(sizeof *mqtt);
	int64_t min_ms = config->broker.reconnect_min_ms;

	mqtt->loop = loop;
	mqtt->clock = clock;
	mqtt->config = config;
	mqtt->events = *events;
	mqtt->ctx = ctx;
	mqtt->socket = -1;
	mqtt->status.state = LINK_WAITING;
	mqtt->status.since_mono_ms = clock_mono_ms(clock);
	snprintf(mqtt->status.url, sizeof mqtt->status.url, "%s", config->broker.urls[0]);
	backoff_init(&mqtt->absent, min_ms, config->broker.reconnect_max_ms);
	backoff_init(&mqtt->refused,
	    min_ms * REFUSED_FACTOR < REFUSED_MAX_MS ? min_ms * REFUSED_FACTOR : REFUSED_MAX_MS,
	    REFUSED_MAX_MS);
	mqtt->watch = tls_watch_new();
	mqtt->bridge = bridge_new(loop, config->broker.urls[0], config->broker.client_id, mqtt->watch,
	    config->tasks.max_bytes, &bridge_calls, mqtt, err);
	if (!mqtt->bridge) {
		tls_watch_free(mqtt->watch);
		free(mqtt);
		return NULL;
	}
	uv_timer_init(loop, &mqtt->timer);
	mqtt->timer.data = mqtt;
	return mqtt;
}

void mqtt_start(struct mqtt *mqtt)
{
	if (mqtt->phase == IDLE && !mqtt->stopping)
		try_now(mqtt);
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t len, void *token)
{
	if (mqtt->phase != UP || mqtt->stopping)
		return -1;
	bool first = bridge_in_flight(mqtt->bridge) == 0;

	if (bridge_publish(mqtt->bridge, topic, payload, len, token) != 0)
		return -1;
	mqtt->status.messages_out++;
	mqtt->status.bytes_out += len + strlen(topic);
	if (first) {
		mqtt->progress_ms = now_ms(mqtt);
		aim_timer(mqtt);
	}
	return 0;
}

void mqtt_retry_now(struct mqtt *mqtt)
{
	backoff_reset(&mqtt->absent);
	backoff_reset(&mqtt->refused);
	mqtt->short_lives = 0;
	if (mqtt->phase == IDLE && mqtt->deadline_ms && !mqtt->stopping)
		enter(mqtt, IDLE, 1);
}

void mqtt_drop_session(struct mqtt *mqtt)
{
	if (mqtt->drop != DROP_NONE || mqtt->stopping)
		return;
	mqtt->drop = DROP_HANDLE;
	if (mqtt->phase == SUBSCRIBE || mqtt->phase == UP) {
		close_link(mqtt);
	} else if (mqtt->phase == IDLE || mqtt->phase == LOOKUP || mqtt->phase == KNOCK ||
	           mqtt->phase == CONNECT) {
		dial_cancel(mqtt->dial);
		mqtt->dial = NULL;
		destroy_handle(mqtt);
	}
	if (mqtt->status.state != LINK_CONNECTING)
		set_state(mqtt, LINK_CONNECTING);
}

const struct link_status *mqtt_status(const struct mqtt *mqtt)
{
	return &mqtt->status;
}

void mqtt_stop(struct mqtt *mqtt, int64_t grace_ms, void (*stopped)(void *ctx))
{
	if (mqtt->stopping)
		return;
	mqtt->stopping = true;
	mqtt->stopped = stopped;
	dial_cancel(mqtt->dial);
	mqtt->dial = NULL;
	if (mqtt->phase == UP) {
		mqtt->stop_by_ms = now_ms(mqtt) + grace_ms;
		enter(mqtt, UP, grace_ms);
		stop_in_grace(mqtt);
	} else if (mqtt->phase == SUBSCRIBE) {
		close_link(mqtt);
	} else if (mqtt->phase != CLOSING && mqtt->phase != DESTROYING) {
		destroy_handle(mqtt);
	}
}

static void close_one(struct mqtt *mqtt)
{
	if (--mqtt->closing > 0)
		return;
	tls_watch_free(mqtt->watch);
	free(mqtt);
}

static void on_timer_closed(uv_handle_t *handle)
{
	close_one(handle->data);
}

static void on_bridge_freed(void *ctx)
{
	close_one(ctx);
}

void mqtt_free(struct mqtt *mqtt)
{
	if (!mqtt)
		return;
	mqtt->closing = 2;
	bridge_free(mqtt->bridge, on_bridge_freed);
	uv_close((uv_handle_t *)&mqtt->timer, on_timer_closed);
}

const char *link_state_name(enum link_state state)
{
	switch (state) {
	case LINK_CONNECTING:
		return "connecting";
	case LINK_CONNECTED:
		return "connected";
	case LINK_WAITING:
		return "waiting";
	case LINK_REFUSED:
		return "refused";
	case LINK_STOPPED:
		return "stopped";
	}
	return "unknown";
}
