/*
 * Which address of the broker comes next, and how long to wait before the next try.
 *
 * The addresses have their turns; the long delays come once a round, and longer ones yet when every
 * address of the round said no, because then a person has to change something. A connection counts
 * as a success only when it has lasted: two devices with one client id take the connection from
 * each other for ever, and each life is about as long as the other's delay, so "lasted" means twice
 * the present delay and ten seconds.
 *
 * Pure: the time (monotonic ms) and the random numbers are passed in.
 */
#ifndef NEAP_CORE_MQTT_PACE_H
#define NEAP_CORE_MQTT_PACE_H

#include "core/link/backoff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_pace {
	const char *const *urls; /* borrowed; NULL ends them */
	size_t url;
	struct backoff absent, refused;
	unsigned refusals;    /* in this round through the addresses */
	unsigned short_lives; /* in a row */
	int64_t since_ms;     /* up since then, or when the last try began */
};

struct mqtt_wait {
	bool refused; /* every address said no */
	int64_t delay_ms;
};

void mqtt_pace_init(
    struct mqtt_pace *pace, const char *const *urls, int64_t min_ms, int64_t max_ms);

/* A try begins: with this address. */
const char *mqtt_pace_begin(struct mqtt_pace *pace, int64_t now_ms);

/* It failed: the next address has its turn. */
struct mqtt_wait mqtt_pace_failed(struct mqtt_pace *pace, bool refused, uint64_t random);

/* The link is up. */
void mqtt_pace_up(struct mqtt_pace *pace, int64_t now_ms);

/* The link was lost; by_us: we ended it. Returns the delay. */
int64_t mqtt_pace_lost(struct mqtt_pace *pace, int64_t now_ms, bool by_us, uint64_t random);

/* Lost so many times in a row soon after it was made; 0: not often enough to mean something. */
unsigned mqtt_pace_short_lives(const struct mqtt_pace *pace);

/* Something has changed: no long delays any more. */
void mqtt_pace_hurry(struct mqtt_pace *pace);

#endif
