/*
 * What neap.yaml says, and the table of its keys. config_load.h reads it; config_tree.h has the
 * bounds of the file, config_text.h how ${ENV} is expanded, config_check.h what keys must be
 * together. In a struct that was loaded everything has its default already; strings are never NULL
 * unless said.
 */
#ifndef NEAP_CORE_CONFIG_H
#define NEAP_CORE_CONFIG_H

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/problems.h"
#include "core/config/config_tree.h"
#include "core/config/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_key;

/* One field of one policy, as `policies:` overrides it. */
struct config_policy_field {
	const char *policy, *field, *value;
	int line, column;
};

struct config {
	const char *path; /* of the file, as given */
	struct {
		const char *serial;      /* from serial or serial_file */
		const char *serial_file; /* "" if not set */
	} device;
	struct {
		const char *const *urls;              /* NULL-terminated, one at least */
		const char *username;                 /* the serial by default */
		const char *client_id;                /* the serial by default */
		const char *password, *password_file; /* "" if not set; the file is read at each connect */
		struct {
			const char *ca, *cert, *key; /* "" if not set */
		} tls;
		int64_t keepalive_ms, reconnect_min_ms, reconnect_max_ms, puback_timeout_ms;
	} broker;
	struct {
		bool strict, sync;
		bool hold_refuses; /* while tasks are held: refused, not kept waiting */
		uint64_t max_bytes;
		uint32_t queue; /* tasks that are not done yet */
	} tasks;
	struct {
		bool form_a, native_values, milliseconds,
		    acks; /* picked by dialect, each its own setting: payload.form, .values, .timestamps,
		             .acks */
		uint64_t max_bytes;    /* of a body */
		const char *ack_error; /* the status of a task that failed */
	} payload;
	struct {
		uint32_t messages; /* in flight */
		uint64_t bytes;
		double fresh; /* drain.fresh: share of the link for fresh samples after an outage, 0 to 1 */
	} window;
	struct {
		enum clock_trust trust;
		int64_t deadline_ms; /* after that, samples of unknown time leave untimed */
	} clock;
	struct {
		const char *dir;
	} state;
	struct {
		const char *dir;
		int64_t sync_ms;
		uint64_t memory, limit; /* of all policies: RAM when the disk fails; bytes on disk */
	} queue;
	struct {
		const char *dir;
		uint64_t memory;
		int64_t slice_ms, budget_ms;
		bool watch;
	} scripts;
	struct {
		const char *data, *ts, *tsz, *tasks, *acks; /* {username} is already replaced */
		const char *presence;                       /* likewise; "" : none */
	} topics;
	struct {
		const char *online, *offline; /* the payloads on topics.presence */
	} presence;
	struct {
		const char *socket;
	} control;
	struct {
		enum log_level level;
		enum log_target target;
	} log;
	const char *agent_asset;          /* "" : none */
	const char *dialect;              /* "tutorial" or "current" */
	const struct config_node *params; /* a map of maps by script name, or NULL: it belongs to the
	                                     scripts, as written */
	const struct config_policy_field *policies;
	size_t policies_count;
	struct arena memory; /* all that the pointers above point to */
};

void config_free(struct config *config); /* NULL is nothing */

/* The table of all keys, ended by a NULL path. */
const struct config_key *config_keys(void);

#endif
