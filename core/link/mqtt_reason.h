/*
 * Why a connection failed, in words that say what to change. Pure: all that is known comes in.
 */
#ifndef NEAP_CORE_MQTT_REASON_H
#define NEAP_CORE_MQTT_REASON_H

#include "core/config/config.h"
#include "core/link/mqtt_tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a try that failed, in the order in which it is asked. */
struct mqtt_failure {
	const char *host;
	int port;
	bool tls;
	const char *local; /* something of ours: the password's file, a certificate's; or NULL */
	int lookup;        /* libuv's error, 0: the name was found */
	int connack;       /* MQTT 3.1.1, 3.2.2.3; 0: there was none, or a good one */
	struct tls_evidence evidence;
	bool knocked; /* then: */
	int knock;    /* libuv's error, 0: TCP connects */
	int64_t waited_ms;
	bool clock_set;
	const char *now; /* the device's clock, "2026-11-22 14:21" UTC */
};

/* Does the other side say no, so that only a person can change it? Then the next tries are rare. */
bool mqtt_reason_of_failure(
    const struct mqtt_failure *failure, const struct config *config, char *text, size_t size);

void mqtt_reason_of_suback(const struct config *config, char *text, size_t size);

/* Lost `times` times in a row soon after it was made. */
void mqtt_reason_of_short_lives(
    const struct config *config, unsigned times, bool in_flight, char *text, size_t size);

#endif
