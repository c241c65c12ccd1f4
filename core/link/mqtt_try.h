/*
 * One try to connect: the name's look-up, paho's connect, and if that failed, finding out why. Loop
 * thread.
 */
#ifndef NEAP_CORE_MQTT_TRY_H
#define NEAP_CORE_MQTT_TRY_H

#include "core/base/clock.h"
#include "core/config/config.h"
#include "core/link/mqtt_bridge.h"

#include <stdbool.h>
#include <uv.h>

struct mqtt_try_result {
	bool connected;
	bool session_present; /* the broker knew the session */
	bool refused;         /* the other side said no: try seldom */
	char reason[400];     /* "" if connected */
};

struct mqtt_try;

/* `done` ends each try that was started and not cancelled, once; never from within a call of ours. */
struct mqtt_try *mqtt_try_new(uv_loop_t *loop, const struct clock *clock,
    const struct config *config, struct bridge *bridge, struct tls_watch *watch,
    void (*done)(void *ctx, const struct mqtt_try_result *result), void *ctx);
void mqtt_try_free(struct mqtt_try *attempt);

/* url: one of broker.url. clean: the broker is to drop the session. */
void mqtt_try_start(struct mqtt_try *attempt, const char *url, bool clean);
void mqtt_try_cancel(struct mqtt_try *attempt); /* none running is fine */

/* What the bridge reports while the try runs. */
void mqtt_try_event(struct mqtt_try *attempt, const struct bridge_event *event);

/* It has taken too long: fails now. */
void mqtt_try_expire(struct mqtt_try *attempt);

int mqtt_try_port(const struct mqtt_try *attempt); /* of the present or last url */

#endif
