/*
 * The link to the broker: MQTT 3.1.1 through paho, one handle for the life of the process, our own
 * reconnect.
 *
 * The only module that knows paho. All functions are called on the loop's thread and all events
 * come there, but for `arrived`, which paho's thread calls. What publish was given is copied by
 * paho at once. A token comes back exactly once: in `acked` at its PUBACK, or in `failed` when the
 * handle gave it up (only when the session was dropped or at the stop). After a reconnect paho
 * sends again what it holds: nothing comes back because of a lost connection alone.
 */
#ifndef NEAP_CORE_MQTT_H
#define NEAP_CORE_MQTT_H

#include "core/clock.h"
#include "core/config.h"

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
	char reason[300]; /* of the last failure, in words: what and what to change; "" if none */
	uint64_t connects, losses;
	uint64_t bytes_out, messages_out, messages_in; /* payload and topic, as handed over */
};

struct mqtt_events {
	void (*state)(void *ctx, const struct link_status *status);
	void (*acked)(void *ctx, void *token);
	void (*failed)(void *ctx, void *token);
	/* Loop thread; `id` is what `arrived` returned for this message. payload is only valid during
	 * the call. */
	void (*message)(void *ctx, const char *topic, const void *payload, size_t len, uint64_t id);
	/*
	 * PAHO'S THREAD, before paho acknowledges: must be quick, may only write to a file of its own.
	 * The id goes along to `message`. On -1 the message still goes to `message` with id 0.
	 */
	int (*arrived)(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id);
};

struct mqtt;

struct mqtt *mqtt_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    const struct mqtt_events *events, void *ctx, struct err *err);
void mqtt_start(struct mqtt *mqtt);
/* Not connected yet or not any more is fine: paho keeps it. -1 only where paho itself is out of
 * memory or the handle is gone. */
int mqtt_publish(
    struct mqtt *mqtt, const char *topic, const void *payload, size_t len, void *token);
void mqtt_retry_now(struct mqtt *mqtt); /* a reload, or a network that came up: no more waiting */
/* Destroys the handle (its tokens come back as failed), connects once with a clean session, then
 * goes on with a new handle. For a session that a body poisons. */
void mqtt_drop_session(struct mqtt *mqtt);
const struct link_status *mqtt_status(const struct mqtt *mqtt);
/* Waits up to grace_ms for what is in flight, then DISCONNECT, then `stopped` (loop thread); tokens
 * left over come back as failed before it. */
void mqtt_stop(struct mqtt *mqtt, int64_t grace_ms, void (*stopped)(void *ctx));
void mqtt_free(struct mqtt *mqtt); /* after `stopped` */

const char *link_state_name(enum link_state state); /* "connected" ... as in `neap status --json` */

#endif
