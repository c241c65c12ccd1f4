/*
 *   start -> look-up -> paho's connect -> connected
 *               \             \
 *                `-> failed     `-> knock -> failed
 *
 * What paho reports of a failed connect is mostly "-1": the rest of the story comes from CONNACK, from
 * TLS (mqtt_tls.h), and where those are silent from a bare TCP connection to the same address.
 */
#include "core/link/mqtt_try.h"

#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/link/mqtt_dial.h"
#include "core/link/mqtt_reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	CONNECT_MIN_S = 5, /* paho looks at its time-outs every 3 s */
	KNOCK_MS = 3 * 1000,
	PASSWORD_MAX = 4096,
	URL_MAX = 300,
};

struct mqtt_try {
	uv_loop_t *loop;
	const struct clock *clock;
	const struct config *config;
	struct bridge *bridge;
	struct tls_watch *watch;
	void (*done)(void *ctx, const struct mqtt_try_result *result);
	void *ctx;

	bool connecting; /* paho is at work */
	bool clean;
	struct dial *dial; /* a look-up, or a knock */
	char url[URL_MAX], host[256];
	int port;
	struct sockaddr_storage address;
	int64_t since_ms; /* of paho's connect */
	struct mqtt_failure failure;
};

/* --- the end of a try --- */

static void fail(struct mqtt_try *attempt)
{
	struct mqtt_try_result result = {0};
	time_t wall = (time_t)(clock_wall_ms(attempt->clock) / 1000);
	char now[24] = "";
	struct tm tm;

	if (gmtime_r(&wall, &tm) && strftime(now, sizeof now, "%Y-%m-%d %H:%M", &tm) == 0)
		now[0] = '\0';
	attempt->failure.now = now;
	attempt->failure.clock_set = clock_is_set(attempt->clock);
	result.refused = mqtt_reason_of_failure(
	    &attempt->failure, attempt->config, result.reason, sizeof result.reason);
	attempt->done(attempt->ctx, &result);
}

static void fail_locally(struct mqtt_try *attempt, const char *why)
{
	attempt->failure.local = why;
	fail(attempt);
}

/* --- finding out why --- */

static void on_knock(void *ctx, int status, const struct sockaddr *address)
{
	struct mqtt_try *attempt = ctx;
	struct err err;

	(void)address;
	attempt->dial = NULL;
	attempt->failure.knocked = true;
	attempt->failure.knock = status;
	if (status == 0 && attempt->failure.tls && tls_check_files(attempt->config, &err) != 0)
		fail_locally(attempt, err.text);
	else
		fail(attempt);
}

/* code: CONNACK's if above 0 */
static void connect_failed(struct mqtt_try *attempt, int code)
{
	struct mqtt_failure *failure = &attempt->failure;

	attempt->connecting = false;
	failure->waited_ms = clock_mono_ms(attempt->clock) - attempt->since_ms;
	failure->connack = code > 0 ? code : 0;
	failure->evidence = tls_watch_evidence(attempt->watch);
	if (failure->connack || failure->evidence.verify_error || failure->evidence.alert >= 0)
		fail(attempt);
	else
		attempt->dial = dial_knock(
		    attempt->loop, (const struct sockaddr *)&attempt->address, KNOCK_MS, on_knock, attempt);
}

/* --- connecting --- */

/* "tcp://HOST:PORT", HOST in brackets if it holds colons (config.h). */
static void split_url(struct mqtt_try *attempt)
{
	const char *host = strstr(attempt->url, "://") ? strstr(attempt->url, "://") + 3 : attempt->url;
	const char *colon = strrchr(host, ':');
	size_t len = colon ? (size_t)(colon - host) : strlen(host);

	attempt->port = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	snprintf(attempt->host, sizeof attempt->host, "%.*s", (int)len, host);
}

/* The numeric address for paho, so that it looks nothing up; over TLS it needs the name. */
static void paho_url(const struct mqtt_try *attempt, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "";
	const struct sockaddr *address = (const struct sockaddr *)&attempt->address;

	if (attempt->failure.tls) {
		snprintf(out, size, "%s", attempt->url);
		return;
	}
	uv_ip_name(address, ip, sizeof ip);
	snprintf(out, size, address->sa_family == AF_INET6 ? "tcp://[%s]:%d" : "tcp://%s:%d", ip,
	    attempt->port);
}

/* 0, or -1 and the text of `err`. */
static int read_password(const struct config *config, struct buf *out, struct err *err)
{
	const char *file = config->broker.password_file;

	if (!file[0]) {
		buf_text(out, config->broker.password);
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

static int ask_paho(struct mqtt_try *attempt, const char *password, size_t password_len)
{
	const struct config *config = attempt->config;
	int64_t timeout_s = config->broker.puback_timeout_ms / 1000;
	char url[URL_MAX];

	paho_url(attempt, url, sizeof url);
	struct bridge_connect options = {
	    .url = url,
	    .username = config->broker.username,
	    .password = password_len > 0 ? password : NULL,
	    .password_len = password_len,
	    .ca = config->broker.tls.ca,
	    .cert = config->broker.tls.cert,
	    .key = config->broker.tls.key,
	    .will_topic = config->topics.presence,
	    .will = config->presence.offline,
	    .clean = attempt->clean,
	    .keepalive_s = (int)((config->broker.keepalive_ms + 999) / 1000),
	    .timeout_s = timeout_s < CONNECT_MIN_S ? CONNECT_MIN_S : (int)timeout_s,
	};
	return bridge_connect(attempt->bridge, &options);
}

static void connect_paho(struct mqtt_try *attempt)
{
	struct buf password = {0};
	struct err err = {0};
	int status = read_password(attempt->config, &password, &err);

	if (status != 0) {
		fail_locally(attempt, err.text);
	} else {
		tls_watch_begin(attempt->watch, attempt->host);
		attempt->since_ms = clock_mono_ms(attempt->clock);
		attempt->connecting = true;
		status = ask_paho(attempt, buf_str(&password), password.len);
		if (status != 0) {
			attempt->connecting = false;
			fail_locally(attempt, "the MQTT library is still busy with the last connection");
		}
	}
	buf_free(&password);
}

static void on_lookup(void *ctx, int status, const struct sockaddr *address)
{
	struct mqtt_try *attempt = ctx;

	attempt->dial = NULL;
	if (status != 0) {
		attempt->failure.lookup = status;
		fail(attempt);
		return;
	}
	memcpy(&attempt->address, address,
	    address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	connect_paho(attempt);
}

/* --- what mqtt.c calls --- */

struct mqtt_try *mqtt_try_new(uv_loop_t *loop, const struct clock *clock,
    const struct config *config, struct bridge *bridge, struct tls_watch *watch,
    void (*done)(void *ctx, const struct mqtt_try_result *result), void *ctx)
{
	struct mqtt_try *attempt = mem_alloc(sizeof *attempt);

	attempt->loop = loop;
	attempt->clock = clock;
	attempt->config = config;
	attempt->bridge = bridge;
	attempt->watch = watch;
	attempt->done = done;
	attempt->ctx = ctx;
	return attempt;
}

void mqtt_try_free(struct mqtt_try *attempt)
{
	if (attempt)
		mqtt_try_cancel(attempt);
	free(attempt);
}

void mqtt_try_start(struct mqtt_try *attempt, const char *url, bool clean)
{
	snprintf(attempt->url, sizeof attempt->url, "%s", url);
	attempt->clean = clean;
	split_url(attempt);
	attempt->failure = (struct mqtt_failure){.host = attempt->host,
	    .port = attempt->port,
	    .tls = strncmp(url, "ssl:", 4) == 0,
	    .evidence.alert = -1};
	attempt->dial = dial_lookup(attempt->loop, attempt->host, attempt->port, on_lookup, attempt);
}

void mqtt_try_cancel(struct mqtt_try *attempt)
{
	dial_cancel(attempt->dial);
	attempt->dial = NULL;
	attempt->connecting = false;
}

void mqtt_try_event(struct mqtt_try *attempt, const struct bridge_event *event)
{
	if (!attempt->connecting)
		return; /* such as the failure that follows the loss of a connection just made */
	if (event->kind == BRIDGE_CONNECTED) {
		struct mqtt_try_result result = {
		    .connected = true, .session_present = event->session_present};

		attempt->connecting = false;
		attempt->done(attempt->ctx, &result);
	} else {
		connect_failed(attempt, event->kind == BRIDGE_CONNECT_FAILED ? event->code : 0);
	}
}

void mqtt_try_expire(struct mqtt_try *attempt)
{
	mqtt_try_cancel(attempt);
	fail_locally(
	    attempt, "no end of the try came in time, from the name server or the MQTT library");
}

int mqtt_try_port(const struct mqtt_try *attempt)
{
	return attempt->port;
}
