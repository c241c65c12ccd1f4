/*
 * neap.yaml: read, checked, typed. Everything in the struct has its default already; strings are
 * never NULL unless said.
 *
 * All errors of a file come in one list, each "file:line:column: key: what is wrong (did you mean
 * ...?)". Bounded: 256 KB, depth 32, no anchors, aliases, tags, duplicate keys or second document.
 * ${ENV} is expanded in values.
 */
#ifndef NEAP_CORE_CONFIG_H
#define NEAP_CORE_CONFIG_H

#include "core/clock.h"
#include "core/err.h"
#include "core/log.h"
#include "core/policy.h"
#include "core/problems.h"

#include <stddef.h>

/* A value of `params`, which belongs to the scripts: a tree as written. */
enum config_kind { CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };
struct config_node {
	enum config_kind kind;
	bool quoted;                     /* a scalar in quotes is always text */
	const char *key;                 /* in a map */
	const char *text;                /* a scalar */
	const struct config_node *child; /* list, map */
	const struct config_node *next;
	int line, column; /* from 1 */
};

/* One field of one policy, as `policies:` overrides it. */
struct config_policy_field {
	const char *policy, *field, *value;
	int line, column;
};

struct config {
	const char *path; /* of the file, as given */
	struct {
		const char *serial; /* from serial or serial_file */
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
		uint64_t max_bytes;
	} tasks;
	struct {
		bool form_a, native_values, milliseconds,
		    acks; /* picked by dialect, each its own setting: payload.form, .values, .timestamps,
		             .acks */
		uint64_t max_bytes; /* of a body */
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
		const char *data, *tasks, *acks; /* {username} is already replaced */
	} topics;
	struct {
		const char *socket;
	} control;
	struct {
		enum log_level level;
		enum log_target target;
	} log;
	const char *agent_asset;          /* "" : none */
	const char *dialect;              /* "tutorial" or "current" */
	const struct config_node *params; /* a map by script name, or NULL */
	const struct config_policy_field *policies;
	size_t policies_count;
};

struct config *config_load(
    const char *path, struct problems *problems); /* NULL if problems->errors is not 0 */
void config_free(struct config *config);

#endif
