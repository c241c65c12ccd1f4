/* What `neap status` tells, as JSON: docs/status.md describes each member. Only reads; loop thread.
 */
#ifndef NEAP_CORE_STATUS_H
#define NEAP_CORE_STATUS_H

#include "core/agent/usage.h"
#include "core/base/clock.h"
#include "core/config/config.h"
#include "core/link/mqtt.h"
#include "core/link/uplink.h"
#include "core/queue/queue.h"
#include "core/task/host.h"
#include "core/task/inbox.h"

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
