/* What `neap status` tells, as JSON: docs/status.md describes each member. Only reads; loop thread.
 */
#ifndef NEAP_CORE_STATUS_H
#define NEAP_CORE_STATUS_H

#include "core/clock.h"
#include "core/config.h"
#include "core/host.h"
#include "core/inbox.h"
#include "core/mqtt.h"
#include "core/queue.h"
#include "core/uplink.h"
#include "core/usage.h"

struct status_parts {
	const struct config *config;
	struct clock *clock;
	struct queue_set *queues;
	struct policies *policies;
	struct mqtt *mqtt;
	struct uplink *uplink;
	struct inbox *inbox;
	struct usage *usage;
	struct host *host;
	const struct host_ops *ops;
	int64_t started_mono_ms;
};

void status_write(const struct status_parts *parts, struct buf *json);

#endif
