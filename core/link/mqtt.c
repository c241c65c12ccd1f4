/*
 * The link's states. All here is the loop's thread; paho's threads end in mqtt_bridge.c.
 *
 *   idle -> trying -> subscribing -> up       idle: waiting or refused, until next_try
 *             |            |         |
 *             `-> idle     `---------+-> idle: the connection was lost
 *                                    `-> closing -> idle, or destroying: at the stop, or when the
 *                                                   session is dropped
 *
 * One timer is aimed at whatever is due next; the clock, not the timer, decides whether it is.
 *
 * Why so:
 * - A link that is dead but not closed (a modem that lost its cell) is found by keepalive after two
 *   and a half times its interval, which is minutes where it is to cost little. What is in flight
 *   tells sooner: if nothing in flight is acknowledged within puback_timeout, the socket is shut
 *   down. Each PUBACK begins the term anew, so that a slow link is not taken for a dead one.
 * - paho's reconnect came 8 s after an outage of 12 s. Ours is quick, and knows refusal from absence
 *   (mqtt_pace.h).
 */
#include "core/link/mqtt.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/link/mqtt_bridge.h"
#include "core/link/mqtt_pace.h"
#include "core/link/mqtt_reason.h"
#include "core/link/mqtt_socket.h"
#include "core/link/mqtt_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	TICK_MAX_MS = 30 * 1000, /* the timer stands still while the device sleeps, the clock not */
	TRY_SPARE_MS =
	    90 * 1000,       /* beyond puback_timeout: look-ups are slow, and paho's time-outs late */
	CLOSE_MS = 2 * 1000, /* for DISCONNECT, then once more for the socket's end */
	COUNT_MS = 100,      /* between looks at what the connection carries, when PUBACKs come fast */
};

enum phase { IDLE, TRYING, SUBSCRIBING, UP, CLOSING, DESTROYING, STOPPED };

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
	struct mqtt_try *attempt;
	uv_timer_t timer;

	enum phase phase;
	enum drop drop;
	int64_t deadline_ms;         /* of the phase; 0: none */
	int socket;                  /* paho's; -1: not found */
	struct mqtt_traffic counted; /* of this connection */
	int64_t counted_ms;          /* when */

	struct mqtt_pace pace;
	int64_t progress_ms; /* the last PUBACK, or when waiting for one began */
	bool broken;         /* we shut the socket down, and status.reason says why */

	bool stopping;
	void (*stopped)(void *ctx);
	int closing; /* handles still to close in mqtt_free */
};

static void connected(struct mqtt *mqtt, bool session_present);
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

static void try_failed(struct mqtt *mqtt, bool refused)
{
	struct mqtt_wait wait = mqtt_pace_failed(&mqtt->pace, refused, random_number(mqtt));

	wait_or_end(mqtt, wait.refused ? LINK_REFUSED : LINK_WAITING, wait.delay_ms);
}

/* --- trying --- */

static void try_now(struct mqtt *mqtt)
{
	const char *url = mqtt_pace_begin(&mqtt->pace, now_ms(mqtt));

	snprintf(mqtt->status.url, sizeof mqtt->status.url, "%s", url);
	mqtt->broken = false;
	enter(mqtt, TRYING, mqtt->config->broker.puback_timeout_ms + TRY_SPARE_MS);
	mqtt_try_start(mqtt->attempt, url, mqtt->drop == DROP_SESSION);
	set_state(mqtt, LINK_CONNECTING);
}

static void on_tried(void *ctx, const struct mqtt_try_result *result)
{
	struct mqtt *mqtt = ctx;
	struct link_status *status = &mqtt->status;

	if (result->connected) {
		connected(mqtt, result->session_present);
		return;
	}
	snprintf(status->reason, sizeof status->reason, "%s", result->reason);
	log_line(result->refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "mqtt", "connection to %s %s: %s",
	    status->url, result->refused ? "refused" : "failed", status->reason);
	try_failed(mqtt, result->refused);
}

/* --- up and down --- */

static void close_link(struct mqtt *mqtt)
{
	mqtt_count(mqtt);
	enter(mqtt, CLOSING, CLOSE_MS);
	if (bridge_disconnect(mqtt->bridge) != 0)
		mqtt_socket_break(mqtt->socket, mqtt_try_port(mqtt->attempt));
}

/* Ends the connection for a reason of our own, which is told when paho reports it as lost. */
static void break_link(struct mqtt *mqtt, const char *why)
{
	snprintf(mqtt->status.reason, sizeof mqtt->status.reason, "%s", why);
	mqtt->broken = true;
	mqtt->progress_ms = now_ms(mqtt);
	if (mqtt_socket_break(mqtt->socket, mqtt_try_port(mqtt->attempt)) != 0)
		bridge_disconnect(mqtt->bridge);
	aim_timer(mqtt);
}

static void connected(struct mqtt *mqtt, bool session_present)
{
	mqtt->socket = mqtt_socket_adopt(mqtt_try_port(mqtt->attempt));
	mqtt->counted = (struct mqtt_traffic){0};
	mqtt->counted_ms = 0;
	if (mqtt->drop == DROP_SESSION || mqtt->stopping) {
		close_link(mqtt);
		return;
	}
	log_info("mqtt", "connected to %s as \"%s\" (%s)", mqtt->status.url,
	    mqtt->config->broker.client_id, session_present ? "the session goes on" : "a new session");
	enter(mqtt, SUBSCRIBING, mqtt->config->broker.puback_timeout_ms);
	if (bridge_subscribe(mqtt->bridge, mqtt->config->topics.tasks) != 0)
		log_debug("mqtt", "lost again before the subscription");
}

/* Its token is the link's own: it is nobody else's message. */
static void tell_presence(struct mqtt *mqtt, const char *payload)
{
	const char *topic = mqtt->config->topics.presence;

	if (*topic && bridge_publish(mqtt->bridge, topic, payload, strlen(payload), true, mqtt) != 0)
		log_debug("mqtt", "lost again before the presence was told");
}

static void subscribed(struct mqtt *mqtt, int qos)
{
	if (qos < 1)
		log_warn("mqtt",
		    "%s grants QoS 0 only for \"%s\": tasks sent while this device is away are lost",
		    mqtt->status.url, mqtt->config->topics.tasks);
	mqtt->status.connects++;
	mqtt->progress_ms = now_ms(mqtt);
	mqtt_pace_up(&mqtt->pace, now_ms(mqtt));
	tell_presence(mqtt, mqtt->config->presence.online);
	enter(mqtt, UP, 0);
	set_state(mqtt, LINK_CONNECTED);
}

static void subscribe_refused(struct mqtt *mqtt)
{
	mqtt_reason_of_suback(mqtt->config, mqtt->status.reason, sizeof mqtt->status.reason);
	log_error("mqtt", "connection to %s refused: %s", mqtt->status.url, mqtt->status.reason);
	mqtt->broken = true;
	close_link(mqtt);
}

static void lost(struct mqtt *mqtt)
{
	struct link_status *status = &mqtt->status;
	int64_t delay_ms = mqtt_pace_lost(&mqtt->pace, now_ms(mqtt), mqtt->broken, random_number(mqtt));
	unsigned short_lives = mqtt_pace_short_lives(&mqtt->pace);

	status->losses++;
	status->hung_up = !mqtt->broken;
	if (!mqtt->broken && short_lives > 0)
		mqtt_reason_of_short_lives(mqtt->config, short_lives, bridge_in_flight(mqtt->bridge) > 0,
		    status->reason, sizeof status->reason);
	else if (!mqtt->broken)
		snprintf(status->reason, sizeof status->reason,
		    "the broker or the network closed the connection");
	log_warn("mqtt", "connection to %s lost: %s", status->url, status->reason);
	wait_or_end(mqtt, LINK_WAITING, delay_ms);
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
		try_failed(mqtt, true); /* the subscription was refused */
	}
}

/* A stop waits no longer than there is something in flight. */
static void stop_in_grace(struct mqtt *mqtt)
{
	if (mqtt->phase == UP && mqtt->stopping && bridge_in_flight(mqtt->bridge) == 0)
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
	case TRYING: /* never seen, but a link must not hang for ever */
		mqtt_try_expire(mqtt->attempt);
		break;
	case SUBSCRIBING:
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
		if (mqtt_socket_break(mqtt->socket, mqtt_try_port(mqtt->attempt)) == 0)
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
	case BRIDGE_SUBSCRIBED:
		if (phase == SUBSCRIBING)
			subscribed(mqtt, event->code);
		break;
	case BRIDGE_SUBSCRIBE_FAILED:
		if (phase == SUBSCRIBING && event->code > 0)
			subscribe_refused(mqtt);
		break;
	case BRIDGE_CONNECTED:
	case BRIDGE_CONNECT_FAILED:
	case BRIDGE_LOST:
	case BRIDGE_DISCONNECTED:
		if (phase == TRYING)
			mqtt_try_event(mqtt->attempt, event);
		else if (phase == SUBSCRIBING || phase == UP)
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
		if (mqtt->progress_ms - mqtt->counted_ms >= COUNT_MS)
			mqtt_count(mqtt);
		if (mqtt->phase == SUBSCRIBING) /* which waits behind what paho sends again */
			enter(mqtt, SUBSCRIBING, mqtt->config->broker.puback_timeout_ms);
		if (event->token != mqtt)
			mqtt->events.acked(mqtt->ctx, event->token);
		stop_in_grace(mqtt);
		break;
	case BRIDGE_FAILED:
		if (event->token != mqtt)
			mqtt->events.failed(mqtt->ctx, event->token);
		stop_in_grace(mqtt);
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

struct mqtt *mqtt_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    const struct mqtt_events *events, void *ctx, struct err *err)
{
	struct mqtt *mqtt = mem_alloc(sizeof *mqtt);

	mqtt->loop = loop;
	mqtt->clock = clock;
	mqtt->config = config;
	mqtt->events = *events;
	mqtt->ctx = ctx;
	mqtt->socket = -1;
	mqtt->status.state = LINK_WAITING;
	mqtt->status.since_mono_ms = clock_mono_ms(clock);
	snprintf(mqtt->status.url, sizeof mqtt->status.url, "%s", config->broker.urls[0]);
	mqtt_pace_init(&mqtt->pace, config->broker.urls, config->broker.reconnect_min_ms,
	    config->broker.reconnect_max_ms);
	mqtt->watch = tls_watch_new();
	mqtt->bridge = bridge_new(loop, config->broker.urls[0], config->broker.client_id, mqtt->watch,
	    config->tasks.max_bytes, &bridge_calls, mqtt, err);
	if (!mqtt->bridge) {
		tls_watch_free(mqtt->watch);
		free(mqtt);
		return NULL;
	}
	mqtt->attempt = mqtt_try_new(loop, clock, config, mqtt->bridge, mqtt->watch, on_tried, mqtt);
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

	if (bridge_publish(mqtt->bridge, topic, payload, len, false, token) != 0)
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
	mqtt_pace_hurry(&mqtt->pace);
	if (mqtt->phase == IDLE && mqtt->deadline_ms && !mqtt->stopping)
		enter(mqtt, IDLE, 1);
}

void mqtt_drop_session(struct mqtt *mqtt)
{
	if (mqtt->drop != DROP_NONE || mqtt->stopping)
		return;
	mqtt->drop = DROP_HANDLE;
	mqtt_pace_hurry(&mqtt->pace); /* something is being done about it */
	if (mqtt->phase == SUBSCRIBING || mqtt->phase == UP) {
		close_link(mqtt);
	} else if (mqtt->phase == IDLE || mqtt->phase == TRYING) {
		mqtt_try_cancel(mqtt->attempt);
		destroy_handle(mqtt);
	}
	if (mqtt->status.state != LINK_CONNECTING)
		set_state(mqtt, LINK_CONNECTING);
}

void mqtt_count(struct mqtt *mqtt)
{
	mqtt->counted_ms = now_ms(mqtt);

	struct mqtt_traffic now = mqtt_socket_traffic(mqtt->socket, mqtt_try_port(mqtt->attempt));

	if (now.out < mqtt->counted.out || now.in < mqtt->counted.in)
		return; /* it is gone, or another */
	mqtt->status.tcp_out += now.out - mqtt->counted.out;
	mqtt->status.tcp_in += now.in - mqtt->counted.in;
	mqtt->counted = now;
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
	mqtt_try_cancel(mqtt->attempt);
	if (mqtt->phase == UP) {
		tell_presence(mqtt, mqtt->config->presence.offline);
		enter(mqtt, UP, grace_ms > 0 ? grace_ms : 1);
		stop_in_grace(mqtt);
	} else if (mqtt->phase == SUBSCRIBING) {
		close_link(mqtt);
	} else if (mqtt->phase != CLOSING && mqtt->phase != DESTROYING) {
		destroy_handle(mqtt);
	}
}

static void close_one(struct mqtt *mqtt)
{
	if (--mqtt->closing > 0)
		return;
	mqtt_try_free(mqtt->attempt);
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
