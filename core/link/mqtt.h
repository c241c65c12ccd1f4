/*
 * The link to the broker: MQTT 3.1.1 through paho, one handle for the life of the process, our own
 * reconnect.
 *
 * All functions are called on the loop's thread and all events come there, one at a time and never
 * from within a call of ours, but for `state`, which may; and for `arrived`, which paho's thread
 * calls. What publish was given is copied at once. A token comes back exactly once: in `acked` at
 * its PUBACK, or in `failed` when it was given up (the broker lost the session, the session was
 * dropped, or the stop). After a reconnect paho sends again what it holds: nothing comes back
 * because of a lost connection alone.
 */
#ifndef NEAP_CORE_MQTT_H
#define NEAP_CORE_MQTT_H

#include "core/base/clock.h"
#include "core/config/config.h"

#include <stddef.h>
#include <uv.h>

enum link_state {
	LINK_CONNECTING, /* TCP, TLS, CONNECT or SUBSCRIBE under way */
	LINK_CONNECTED,  /* only after the SUBACK */
	LINK_WAITING,    /* lost or failed; tries again by itself */
	LINK_REFUSED,    /* the broker or the certificate said no: tries again, seldom */
	LINK_STOPPED,
};

struct link_status {
	enum link_state state;
	int64_t since_mono_ms;
	int64_t next_try_mono_ms; /* 0 unless waiting or refused */
	char url[256];            /* of the present or the last try */
	char reason[400]; /* of the last failure, in words: what and what to change; "" if none */
	uint64_t connects, losses; /* a loss may come before the SUBACK that makes it a connect */
	bool hung_up;              /* the last loss: the other side's doing, not ours */
	uint64_t bytes_out, messages_out, messages_in; /* payload and topic, as handed over */
	uint64_t tcp_out,
	    tcp_in; /* bytes that TCP carried, all connections, as of the last mqtt_count */
};

struct mqtt_events {
	void (*state)(void *ctx, const struct link_status *status);
	void (*acked)(void *ctx, void *token);
	void (*failed)(void *ctx, void *token);
	/* `id` is what `arrived` gave for this message. payload is only valid during the call; one
	 * longer than tasks.max_bytes comes cut, to one byte more. */
	void (*message)(void *ctx, const char *topic, const void *payload, size_t len, uint64_t id);
	/*
	 * PAHO'S THREAD, before paho acknowledges: must be quick, may only write to a file of its own.
	 * The id goes along to `message`. On -1 the message still goes to `message` with id 0. NULL:
	 * not wanted.
	 */
	int (*arrived)(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id);
};

struct mqtt;

/* Takes http_proxy out of the environment: paho would obey it. If it fails, the text names the key.
 */
struct mqtt *mqtt_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    const struct mqtt_events *events, void *ctx, struct err *err);
void mqtt_start(struct mqtt *mqtt);
/* At QoS 1. -1 unless the state is LINK_CONNECTED: nothing was taken, try again when it is. It can
 * happen while that state still stands: the end of a connection is known to paho first. */
int mqtt_publish(
    struct mqtt *mqtt, const char *topic, const void *payload, size_t len, void *token);
void mqtt_retry_now(struct mqtt *mqtt); /* a reload, or a network that came up: no more waiting */
/* Destroys the handle (its tokens come back as failed), connects once with a clean session, then
 * goes on with a new handle. For a session that a body poisons. */
void mqtt_drop_session(struct mqtt *mqtt);
/* About once a second: what the connection carries is counted. What it carried since the last call when it
 * breaks is not. */
void mqtt_count(struct mqtt *mqtt);
const struct link_status *mqtt_status(const struct mqtt *mqtt);
/* Waits up to grace_ms for what is in flight, then DISCONNECT, then `stopped` (loop thread); tokens
 * left over come back as failed before it. */
void mqtt_stop(struct mqtt *mqtt, int64_t grace_ms, void (*stopped)(void *ctx));
void mqtt_free(struct mqtt *mqtt); /* after `stopped`; the loop then runs once more */

const char *link_state_name(enum link_state state); /* "connected" ... as in `neap status --json` */

#endif
