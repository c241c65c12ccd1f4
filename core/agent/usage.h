/*
 * What costs: bytes over the network, bytes written to flash, this day, this month (UTC), and since the start.
 *
 * Day and month are kept in state.dir/usage.json over restarts, written once an hour and at a stop: a
 * power cut forgets an hour at most. What was counted before the clock was set goes to the day on which it
 * became so. Loop thread.
 *
 * The network's are what TCP carried for the connection to the broker (mqtt_socket.h), TLS and MQTT
 * included, the headers of TCP and IP and what it sent twice not; of a connection that was not completed,
 * nothing. The flash's are what the process handed to file systems that have a device (/proc/self/io:
 * write_bytes): whole pages, not what the flash's own layers make of them.
 */
#ifndef NEAP_CORE_USAGE_H
#define NEAP_CORE_USAGE_H

#include "core/base/clock.h"

#include <uv.h>

enum usage_kind { USAGE_OUT, USAGE_IN, USAGE_FLASH, USAGE_KINDS };
const char *usage_name(enum usage_kind kind); /* "out" "in" "flash" */

struct usage_figures {
	uint64_t start[USAGE_KINDS], day[USAGE_KINDS], month[USAGE_KINDS];
	bool has_flash; /* the kernel counts it */
	bool dated;     /* the clock is set: day and month are known */
};

struct usage;

/* loop NULL: it is written in place. */
struct usage *usage_new(uv_loop_t *loop, const char *state_dir, const struct clock *clock);
void usage_free(struct usage *usage); /* writes; NULL is fine */
/* About once a second. Both counters are of the process and only grow. */
void usage_tick(struct usage *usage, uint64_t out, uint64_t in);
const struct usage_figures *usage_figures(const struct usage *usage);

#endif
