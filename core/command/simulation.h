/*
 * What scripts would send, over days, in seconds: the real scripts, policies, queues, encoders and
 * uplink on a virtual clock, with a model of the link (link_model.h) in the place of MQTT.
 *
 * Nothing reaches a device: what the test files beside the scripts fake at their top stands for
 * devices, and a read that nothing stands for gives values that are made up. The queues' files are
 * real, in memory where the system has a file system there; what their syncs would write is counted.
 */
#ifndef NEAP_CORE_SIMULATION_H
#define NEAP_CORE_SIMULATION_H

#include "core/base/problems.h"
#include "core/command/link_model.h"
#include "core/config/config.h"
#include "core/task/host.h"

#define SIMULATED_POLICIES_MAX 64

struct simulated_policy {
	char name[POLICY_NAME_MAX + 1];
	uint64_t samples, delivered, lost, waiting; /* waiting: at the end */
	uint64_t messages, bytes, wire;             /* of bodies; of all that it took, estimated */
	uint64_t flash_bytes, flash_writes;
	uint64_t peak; /* bytes of the queue at most */
};

struct simulation {
	int64_t length_ms;
	struct simulated_policy policies[SIMULATED_POLICIES_MAX];
	size_t count;
	uint64_t connects, pings, link_wire; /* link_wire: of these two */
	int64_t down_ms;
	struct problems notes;    /* what was made up, and why */
	struct problems warnings; /* of the scripts, each once */
	uint64_t warned;          /* lines of the log that were warnings or errors */
};

/* -1: why not; what is wrong with the scripts goes to `problems`, and the others run. */
int simulation_run(const struct config *config, const struct host_ops *ops,
    const struct link_model *link, int64_t length_ms, struct simulation *result,
    struct problems *problems, struct err *err);
void simulation_free(struct simulation *simulation);

#endif
