/* What the streams of the control socket that tell of datapoints (tail.h, trace.h) are given. All of
 * it outlives the control socket. */
#ifndef NEAP_CORE_LIVE_H
#define NEAP_CORE_LIVE_H

#include "core/agent/control.h"
#include "core/link/uplink.h"
#include "core/task/host.h"

struct live {
	struct control *control;
	struct observers *observers;
	const struct clock *clock;
	const struct catalog *catalog;
	struct queue_set *queues;
	struct uplink *uplink;
	struct host *host;
	const struct host_ops *ops;
};

#endif
