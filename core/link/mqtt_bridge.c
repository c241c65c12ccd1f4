/*
 * The rule of threads.
 *
 * paho has two threads, for sending and receiving, and calls back on either while it holds its one
 * mutex. A destroy calls back too, on a thread of libuv's pool. The callbacks below (on_...) run
 * there, all others on the loop's thread. What they share is the list of events, under its mutex,
 * and the counters behind bridge->calls->arrived, which are its owner's.
 *
 *   paho's thread:  copy into a node, lock, append, unlock, uv_async_send, return.
 *   loop's thread:  on the wake-up, lock, take the whole list, unlock, deliver one by one, free.
 *
 * A callback calls nothing of paho's but its two free functions, and of the loop's only
 * uv_async_send. The loop never holds the list's mutex while it calls paho. So there is no order of
 * locks to get wrong: paho's is always outside, ours inside, for the time of three assignments.
 *
 * A publish is a `struct delivery`, which is paho's context pointer for it (a token of paho's is 16
 * bits and used again), and whose node is the event that it will become: what comes back needs no
 * memory. The loop owns it before MQTTAsync_send and again after the event; in between nobody
 * touches it but to append the node. It is freed where the event is delivered, and, if paho forgot
 * one, at the end of a destroy.
 *
 * What paho does, and what follows here (version 1.3.12, read and tried):
 * - Without create options it takes no message while it is not connected: nothing piles up in it.
 * - With a session that stays (clean session off) it resends by itself what is not acknowledged;
 *   if the broker lost the session, each comes to onFailure before the connect's onSuccess.
 * - When a publish cannot be written (the connection was reset a moment ago), it calls onFailure
 * with -1 and frees topic and payload, but keeps them in its list of what to resend: the next
 * connect sends what lies in freed memory, and a destroy frees it again (its issues 1401 and 1621,
 * open). Such a handle is spoiled. Once it is disconnected it is left alone for good, which leaks
 * what it held, a window at most; its messages come back as failed, and a new handle takes its
 * place.
 * - Its send thread learns of a PUBACK late when the count in flight is at its limit: so the limit
 *   is far above any window.
 * - A connect asked for while another, or a disconnect, is still queued is dropped: it
 *   returns an error and nothing calls back.
 * - Once a handle has spoken TLS it speaks TLS to every address: a list of both kinds is refused
 *   where the addresses come in (config.c).
 * - http_proxy in the environment redirects MQTT. Its threads inherit the signal mask of whoever
 *   connects first, and would run our handlers.
 * - An encrypted key without a password makes OpenSSL ask on the terminal, inside the mutex: an
 *   empty password makes it an error.
 */
#include "core/link/mqtt_bridge.h"

#include "core/base/log.h"
#include "core/base/mem.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_IN_FLIGHT = 65000, /* of 65,535 message ids */
	MQTT_QOS = 1,
};

struct node {
	struct node *next;
	struct bridge_event event;
};

struct delivery {
	struct node node;
	struct bridge *bridge;
	struct delivery *next, **link; /* the loop's list of those in flight, and what points here */
	bool orphan;                   /* of a spoiled handle: has come back, but paho has it still */
};

struct bridge {
	const struct bridge_calls *calls;
	void *ctx;
	struct tls_watch *watch;
	size_t max_message;
	char *url, *client_id;
	MQTTAsync handle; /* NULL: destroyed */
	bool spoiled;

	uv_mutex_t mutex;
	struct node *first, **end; /* under the mutex */
	uv_async_t wake;

	struct delivery *deliveries; /* loop only, newest first */
	size_t in_flight;

	uv_work_t destroy;
	MQTTAsync dying;
	void (*destroyed)(void *ctx);
	void (*freed)(void *ctx);
};

/* --- paho's threads --- */

static void append(struct bridge *bridge, struct node *node)
{
	node->next = NULL;
	uv_mutex_lock(&bridge->mutex);
	*bridge->end = node;
	bridge->end = &node->next;
	uv_mutex_unlock(&bridge->mutex);
	uv_async_send(&bridge->wake);
}

static void append_new(struct bridge *bridge, enum bridge_kind kind, int code, bool session_present)
{
	struct node *node = mem_alloc(sizeof *node);

	node->event.kind = kind;
	node->event.code = code;
	node->event.session_present = session_present;
	append(bridge, node);
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
	append_new(context, BRIDGE_CONNECTED, 0, data && data->alt.connect.sessionPresent);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
	append_new(context, BRIDGE_CONNECT_FAILED, data ? data->code : MQTTASYNC_FAILURE, false);
}

static void on_lost(
    void *context, char *cause) // NOLINT(readability-non-const-parameter): paho's type
{
	(void)cause; /* always NULL */
	append_new(context, BRIDGE_LOST, 0, false);
}

static void on_disconnected(void *context, MQTTAsync_successData *data)
{
	(void)data;
	append_new(context, BRIDGE_DISCONNECTED, 0, false);
}

static void on_disconnect_failed(void *context, MQTTAsync_failureData *data)
{
	(void)data;
	append_new(context, BRIDGE_DISCONNECTED, 0, false);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
	append_new(context, BRIDGE_SUBSCRIBED, data ? data->alt.qos : 0, false);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
	append_new(context, BRIDGE_SUBSCRIBE_FAILED, data ? data->code : MQTTASYNC_FAILURE, false);
}

static void on_acked(void *context, MQTTAsync_successData *data)
{
	struct delivery *delivery = context;

	(void)data;
	delivery->node.event.kind = BRIDGE_ACKED;
	append(delivery->bridge, &delivery->node);
}

static void on_failed(void *context, MQTTAsync_failureData *data)
{
	struct delivery *delivery = context;

	delivery->node.event.kind = BRIDGE_FAILED;
	delivery->node.event.code = data ? data->code : MQTTASYNC_FAILURE;
	append(delivery->bridge, &delivery->node);
}

/* The return is the PUBACK: by then the message is in the owner's file. */
static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct bridge *bridge = context;
	size_t len = (size_t)message->payloadlen, topic_size = strlen(topic) + 1;
	uint64_t id = 0;

	(void)topic_len; /* differs from strlen only if the topic holds a NUL, which MQTT forbids */
	if (len > bridge->max_message)
		len = bridge->max_message + 1;
	if (bridge->calls->arrived &&
	    bridge->calls->arrived(bridge->ctx, topic, message->payload, len, &id) != 0)
		id = 0;
	struct node *node = mem_alloc(sizeof *node + len + topic_size);
	char *copy = (char *)(node + 1);

	if (len > 0)
		memcpy(copy, message->payload, len);
	memcpy(copy + len, topic, topic_size);
	node->event = (struct bridge_event){
	    .kind = BRIDGE_MESSAGE, .topic = copy + len, .payload = copy, .len = len, .id = id};
	append(bridge, node);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

/* --- the loop's thread: up --- */

static void forget(struct bridge *bridge, struct delivery *delivery)
{
	*delivery->link = delivery->next;
	if (delivery->next)
		delivery->next->link = delivery->link;
	bridge->in_flight--;
	free(delivery);
}

/* All that is in flight comes back. If the handle lives on, paho could call back after all. */
static void give_back(struct bridge *bridge, bool handle_lives)
{
	struct delivery *delivery = bridge->deliveries;

	bridge->deliveries = NULL;
	bridge->in_flight = 0;
	while (delivery) {
		struct delivery *next = delivery->next;
		struct bridge_event event = {.kind = BRIDGE_FAILED, .token = delivery->node.event.token};

		if (handle_lives)
			delivery->orphan = true;
		else
			free(delivery);
		bridge->calls->event(bridge->ctx, &event);
		delivery = next;
	}
}

static void replace_handle(struct bridge *bridge)
{
	log_info("mqtt",
	    "the library spoiled its own list of messages when a write failed: it gets a "
	    "new one, and %zu messages are sent again",
	    bridge->in_flight);
	bridge->handle = NULL;
	bridge->spoiled = false;
	give_back(bridge, true);
	must(bridge_open(bridge, NULL) == 0); /* as at the start, with the same arguments */
}

static void deliver(struct bridge *bridge, struct node *node)
{
	struct bridge_event event = node->event;

	switch (event.kind) {
	case BRIDGE_ACKED:
	case BRIDGE_FAILED: {
		struct delivery *delivery = (struct delivery *)node;

		if (delivery->orphan) {
			free(delivery);
			return;
		}
		if (event.kind == BRIDGE_FAILED && event.code == MQTTASYNC_FAILURE)
			bridge->spoiled = true;
		forget(
		    bridge, delivery); /* first: the count in flight is right when the owner hears of it */
		bridge->calls->event(bridge->ctx, &event);
		return;
	}
	case BRIDGE_CONNECT_FAILED:
	case BRIDGE_LOST:
	case BRIDGE_DISCONNECTED:
		if (bridge->spoiled)
			replace_handle(bridge);
		break;
	default:
		break;
	}
	bridge->calls->event(bridge->ctx, &event);
	free(node);
}

static void drain(struct bridge *bridge)
{
	uv_mutex_lock(&bridge->mutex);
	struct node *node = bridge->first;
	bridge->first = NULL;
	bridge->end = &bridge->first;
	uv_mutex_unlock(&bridge->mutex);

	while (node) {
		struct node *next = node->next;

		deliver(bridge, node);
		node = next;
	}
}

static void on_wake(uv_async_t *wake)
{
	drain(wake->data);
}

/* --- the loop's thread: down --- */

int bridge_open(struct bridge *bridge, struct err *err)
{
	int rc = MQTTAsync_createWithOptions(
	    &bridge->handle, bridge->url, bridge->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, NULL);

	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setCallbacks(bridge->handle, bridge, on_lost, on_message, NULL);
	else
		bridge->handle = NULL;
	if (rc != MQTTASYNC_SUCCESS)
		return err_set(err, "cannot set up the MQTT client for %s as \"%s\": %s", bridge->url,
		    bridge->client_id, MQTTAsync_strerror(rc));
	return 0;
}

static void free_memory(struct bridge *bridge)
{
	free(bridge->url);
	free(bridge->client_id);
	free(bridge);
}

struct bridge *bridge_new(uv_loop_t *loop, const char *url, const char *client_id,
    struct tls_watch *watch, size_t max_message, const struct bridge_calls *calls, void *ctx,
    struct err *err)
{
	struct bridge *bridge = mem_alloc(sizeof *bridge);

	/* before any thread is there that could read the environment */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	bridge->calls = calls;
	bridge->ctx = ctx;
	bridge->watch = watch;
	bridge->max_message = max_message;
	bridge->url = mem_strdup(url);
	bridge->client_id = mem_strdup(client_id);
	bridge->end = &bridge->first;
	if (bridge_open(bridge, err) != 0) {
		free_memory(bridge);
		return NULL;
	}
	must(uv_mutex_init(&bridge->mutex) == 0);
	must(uv_async_init(loop, &bridge->wake, on_wake) == 0);
	bridge->wake.data = bridge;
	return bridge;
}

static void on_closed(uv_handle_t *handle)
{
	struct bridge *bridge = handle->data;

	uv_mutex_destroy(&bridge->mutex);
	if (bridge->freed)
		bridge->freed(bridge->ctx);
	free_memory(bridge);
}

void bridge_free(struct bridge *bridge, void (*freed)(void *ctx))
{
	bridge->freed = freed;
	uv_close((uv_handle_t *)&bridge->wake, on_closed);
}

static MQTTAsync_SSLOptions tls_options(struct bridge *bridge, const struct bridge_connect *options)
{
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;

	tls.enableServerCertAuth = 1;
	tls.verify = 1;
	tls.trustStore = options->ca[0] ? options->ca : NULL;
	tls.keyStore = options->cert[0] ? options->cert : NULL;
	tls.privateKey = options->key[0] ? options->key : NULL;
	tls.privateKeyPassword = "";
	tls.ssl_error_cb = tls_watch_error;
	tls.ssl_error_context = bridge->watch;
	return tls;
}

int bridge_connect(struct bridge *bridge, const struct bridge_connect *options)
{
	MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
	MQTTAsync_SSLOptions tls = tls_options(bridge, options);
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
	char *urls[1] = {mem_strdup(options->url)};
	sigset_t all, before;

	if (!bridge->handle) {
		free(urls[0]);
		return -1;
	}
	connect.MQTTVersion = MQTTVERSION_3_1_1;
	connect.keepAliveInterval = options->keepalive_s;
	connect.connectTimeout = options->timeout_s;
	connect.cleansession = options->clean;
	connect.maxInflight = MAX_IN_FLIGHT;
	connect.retryInterval = 0;
	connect.automaticReconnect = 0;
	connect.username = options->username;
	connect.binarypwd.data = options->password;
	connect.binarypwd.len = options->password ? (int)options->password_len : 0;
	connect.ssl = strncmp(options->url, "ssl:", 4) == 0 ? &tls : NULL;
	will.topicName = options->will_topic;
	will.message = options->will;
	will.retained = 1;
	will.qos = MQTT_QOS;
	connect.will = options->will_topic[0] ? &will : NULL;
	connect.serverURIs = urls;
	connect.serverURIcount = 1;
	connect.onSuccess = on_connected;
	connect.onFailure = on_connect_failed;
	connect.context = bridge;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = MQTTAsync_connect(bridge->handle, &connect);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(urls[0]);
	return rc == MQTTASYNC_SUCCESS ? 0 : -1;
}

int bridge_subscribe(struct bridge *bridge, const char *topic)
{
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

	response.onSuccess = on_subscribed;
	response.onFailure = on_subscribe_failed;
	response.context = bridge;
	if (!bridge->handle ||
	    MQTTAsync_subscribe(bridge->handle, topic, MQTT_QOS, &response) != MQTTASYNC_SUCCESS)
		return -1;
	return 0;
}

int bridge_publish(struct bridge *bridge, const char *topic, const void *payload, size_t len,
    bool retained, void *token)
{
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

	if (!bridge->handle)
		return -1;
	struct delivery *delivery = mem_alloc(sizeof *delivery);
	delivery->bridge = bridge;
	delivery->node.event.token = token;
	delivery->next = bridge->deliveries;
	delivery->link = &bridge->deliveries;
	if (delivery->next)
		delivery->next->link = &delivery->next;
	bridge->deliveries = delivery;
	bridge->in_flight++;

	response.onSuccess = on_acked;
	response.onFailure = on_failed;
	response.context = delivery;
	if (MQTTAsync_send(bridge->handle, topic, (int)len, payload, MQTT_QOS, retained, &response) !=
	    MQTTASYNC_SUCCESS) {
		forget(bridge, delivery);
		return -1;
	}
	return 0;
}

int bridge_disconnect(struct bridge *bridge)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;

	options.timeout = 0;
	options.onSuccess = on_disconnected;
	options.onFailure = on_disconnect_failed;
	options.context = bridge;
	if (!bridge->handle || MQTTAsync_disconnect(bridge->handle, &options) != MQTTASYNC_SUCCESS)
		return -1;
	return 0;
}

size_t bridge_in_flight(const struct bridge *bridge)
{
	return bridge->in_flight;
}

/* --- the end of a handle --- */

static void work_destroy(uv_work_t *work)
{
	struct bridge *bridge = work->data;

	MQTTAsync_destroy(&bridge->dying);
}

static void after_destroy(uv_work_t *work, int status)
{
	struct bridge *bridge = work->data;

	(void)status;
	drain(bridge);
	give_back(bridge, false);
	bridge->destroyed(bridge->ctx);
}

void bridge_destroy(struct bridge *bridge, void (*done)(void *ctx))
{
	bridge->dying = bridge->spoiled ? NULL : bridge->handle;
	bridge->handle = NULL;
	if (bridge->spoiled)
		give_back(bridge, true);
	bridge->spoiled = false;
	bridge->destroyed = done;
	bridge->destroy.data = bridge;
	must(uv_queue_work(bridge->wake.loop, &bridge->destroy, work_destroy, after_destroy) == 0);
}
