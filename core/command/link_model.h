/*
 * A link for simulations: up but for its outages; and what its traffic costs on the wire. Pure: the
 * time is passed in, in ms from the simulation's beginning.
 *
 * The cost is an estimate: MQTT 3.1.1's own bytes are exact; TCP/IP is counted as 52 bytes for each
 * segment of 1,400 and each acknowledgement of one (IPv4, TCP with timestamps), TLS as 29 bytes for
 * each record and 6,000 for a handshake.
 */
#ifndef NEAP_CORE_LINK_MODEL_H
#define NEAP_CORE_LINK_MODEL_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTAGES_MAX 64

struct outage {
	int64_t from_ms, length_ms;
	int64_t every_ms; /* again and again; 0: once */
};

struct link_model {
	struct outage outages[OUTAGES_MAX];
	size_t count;
	bool tls;
};

/* "1d+6h" (at 1d, for 6h) and "2h/1d" (2h in each day, in its middle), separated by commas; added to
 * those that are there. */
int link_model_parse(struct link_model *model, const char *text, struct err *err);
bool link_model_is_up(const struct link_model *model, int64_t now_ms);
int64_t link_model_next(
    const struct link_model *model, int64_t now_ms); /* change; INT64_MAX: none */

/* Bytes in both directions: of a message at QoS 1 with its PUBACK, of a ping with its answer, of
 * connecting. */
uint64_t link_model_publish(const struct link_model *model, size_t topic_len, size_t body_len);
uint64_t link_model_ping(const struct link_model *model);
uint64_t link_model_connect(const struct link_model *model);

#endif
