/*
 * paho's handle, and the one place where paho's threads meet the loop. The only module that knows
 * MQTTAsync.h.
 *
 * Commands go down from the loop's thread, events come up to it, one by one, in the order in which
 * paho called back. A publish's token comes back exactly once, as BRIDGE_ACKED or BRIDGE_FAILED.
 */
#ifndef NEAP_CORE_MQTT_BRIDGE_H
#define NEAP_CORE_MQTT_BRIDGE_H

#include "core/base/err.h"
#include "core/link/mqtt_tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum bridge_kind {
	BRIDGE_CONNECTED,      /* CONNACK 0 */
	BRIDGE_CONNECT_FAILED, /* code: CONNACK's if above 0, else paho's */
	BRIDGE_LOST,           /* not asked for */
	BRIDGE_DISCONNECTED,   /* asked for */
	BRIDGE_SUBSCRIBED,
	BRIDGE_SUBSCRIBE_FAILED, /* code: 0x80 from the broker; below 0: the connection went first */
	BRIDGE_ACKED,
	BRIDGE_FAILED, /* handed over, and given up: the broker lost the session, or a destroy */
	BRIDGE_MESSAGE,
};

struct bridge_event {
	enum bridge_kind kind;
	int code;
	bool session_present; /* CONNECTED */
	void *token;          /* ACKED, FAILED */
	const char *topic;    /* MESSAGE: these are valid during the call */
	const void *payload;
	size_t len;
	uint64_t id;
};

struct bridge_calls {
	void (*event)(void *ctx, const struct bridge_event *event); /* loop thread */
	/* PAHO'S THREAD, before the PUBACK of a message; may be NULL. */
	int (*arrived)(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id);
};

struct bridge_connect {
	const char *url; /* tcp://HOST:PORT or ssl://HOST:PORT */
	const char *username;
	const char *password; /* with its length: any bytes; NULL: none */
	size_t password_len;
	const char *ca, *cert, *key; /* "" : none */
	const char *will_topic,
	    *will;  /* what the broker publishes, retained, when the link breaks; "" :
	                                  nothing */
	bool clean; /* drop the session that the broker keeps */
	int keepalive_s, timeout_s;
};

struct bridge;

/* `watch` collects why TLS fails. An incoming payload longer than max_message comes cut, one byte
 * above it. Opens the handle. */
struct bridge *bridge_new(uv_loop_t *loop, const char *url, const char *client_id,
    struct tls_watch *watch, size_t max_message, const struct bridge_calls *calls, void *ctx,
    struct err *err);
void bridge_free(struct bridge *bridge, void (*freed)(void *ctx)); /* after bridge_destroy's done */

/* Each: 0, or -1 if paho refuses at once; then no event follows. */
int bridge_connect(struct bridge *bridge, const struct bridge_connect *options);
int bridge_subscribe(struct bridge *bridge, const char *topic);
int bridge_publish(struct bridge *bridge, const char *topic, const void *payload, size_t len,
    bool retained, void *token);
int bridge_disconnect(struct bridge *bridge);

size_t bridge_in_flight(const struct bridge *bridge); /* published and not come back */

/*
 * Ends the handle, connected or not, off the loop (it takes 100 to 200 ms): the tokens come back as
 * BRIDGE_FAILED, then `done` is called. No command is taken until bridge_open() has made a new one.
 */
void bridge_destroy(struct bridge *bridge, void (*done)(void *ctx));
int bridge_open(struct bridge *bridge, struct err *err);

#endif
