/*
 * `neap drain`: everything that waits now is sent, and acknowledged when this ends well.
 *
 * The agent makes what waits its backlog (uplink_drain); what comes later is not waited for. A queue
 * is through when its backlog is gone and what was in flight then has come back, as delivered or as
 * lost.
 */
#include "core/agent/control.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/command/command.h"
#include "core/config/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS    200
#define TIMEOUT_MS (2 * 60 * 1000)
#define ANSWER_MS  5000
#define REASON_MAX 400

struct drained {
	char policy[POLICY_NAME_MAX + 1];
	int64_t
	    until; /* delivered and lost, when it will be through; -1: its backlog is not gone yet */
	int64_t left;
	bool through;
};

struct drain {
	const char *socket;
	struct drained *list;
	size_t count;
	bool listed;             /* the queues that there were at the beginning */
	char reason[REASON_MAX]; /* why the link is down, or "" */
};

static int64_t integer(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_INTEGER ? member->integer : 0;
}

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static void list_queues(struct drain *drain, const struct json *policies)
{
	for (const struct json *one = policies ? policies->child : NULL; one; one = one->next) {
		struct drained *queue;

		drain->list = mem_resize(drain->list, drain->count + 1, sizeof(*drain->list));
		queue = &drain->list[drain->count++];
		*queue = (struct drained){.until = -1};
		(void)snprintf(queue->policy, sizeof(queue->policy), "%s", text(one, "name"));
	}
	drain->listed = true;
}

static const struct json *find(const struct json *policies, const char *name)
{
	const struct json *one = policies ? policies->child : NULL;

	while (one && strcmp(text(one, "name"), name) != 0)
		one = one->next;
	return one;
}

static void look_at(struct drained *queue, const struct json *policy)
{
	const struct json *lost = json_member(policy, "lost");
	int64_t back = integer(policy, "delivered");

	for (const struct json *reason = lost ? lost->child : NULL; reason; reason = reason->next)
		back += reason->integer;
	if (queue->until < 0 && integer(policy, "backlog") == 0)
		queue->until = back + integer(policy, "in_flight");
	queue->left = integer(policy, "backlog") + integer(policy, "in_flight");
	queue->through = queue->until >= 0 && back >= queue->until;
}

static void look(struct drain *drain, const struct json *status)
{
	const struct json *policies = json_member(status, "policies");
	const struct json *link = json_member(status, "link");

	if (!drain->listed)
		list_queues(drain, policies);
	for (size_t i = 0; i < drain->count; i++) {
		struct drained *queue = &drain->list[i];
		const struct json *policy = find(policies, queue->policy);

		if (!queue->through && policy)
			look_at(queue, policy);
		else
			queue->through = true; /* it was empty, and went */
	}
	drain->reason[0] = '\0';
	if (strcmp(text(link, "state"), "connected") != 0)
		(void)snprintf(drain->reason, sizeof(drain->reason), "the link is %s%s%s",
		    text(link, "state"), *text(link, "reason") ? ": " : "", text(link, "reason"));
}

static int ask(struct drain *drain, struct err *err)
{
	struct buf answer = {0};
	size_t pos = 0;
	struct json_doc *doc = NULL;
	int rc = control_call(drain->socket, "{\"v\":1,\"cmd\":\"status\"}", ANSWER_MS, &answer, err);

	if (rc == 0) {
		doc = json_parse(answer.data, answer.len, &pos, CONTROL_MAX, err);
		rc = doc ? 0 : -1;
	}
	if (doc)
		look(drain, json_root(doc));
	json_free(doc);
	buf_free(&answer);
	return rc;
}

static bool is_through(const struct drain *drain)
{
	for (size_t i = 0; i < drain->count; i++) {
		if (!drain->list[i].through)
			return false;
	}
	return true;
}

/* 1: the time is over. */
static int wait_through(struct drain *drain, int64_t timeout_ms, struct err *err)
{
	static const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
	int64_t end = clock_io_ms() + timeout_ms;

	for (;;) {
		if (ask(drain, err) < 0)
			return -1;
		if (is_through(drain))
			return 0;
		if (clock_io_ms() >= end)
			return 1;
		(void)nanosleep(&poll, NULL);
	}
}

static int say(const struct drain *drain, int outcome, const struct err *err)
{
	if (outcome == 0) {
		puts("all that waited is acknowledged");
		return EXIT_DONE;
	}
	if (outcome < 0) {
		fprintf(stderr, "neap drain: %s\n", err->text);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < drain->count; i++) {
		if (!drain->list[i].through)
			printf(
			    "%s: %lld samples remain\n", drain->list[i].policy, (long long)drain->list[i].left);
	}
	fprintf(stderr, "neap drain: the time is over%s%s; what remains waits on disk\n",
	    drain->reason[0] ? ": " : "", drain->reason);
	return EXIT_FAILED;
}

int command_drain(const struct invocation *invocation)
{
	const char *timeout = invocation->options.timeout;
	int64_t timeout_ms = TIMEOUT_MS;
	struct drain drain = {0};
	struct buf answer = {0};
	struct config *config;
	struct err err = {0};
	int outcome;

	if (timeout && duration_parse(timeout, &timeout_ms) < 0) {
		fprintf(
		    stderr, "neap drain: --timeout: \"%s\" is no duration such as 30s or 2m\n", timeout);
		return EXIT_WRONG;
	}
	config = command_config(&invocation->options);
	if (!config)
		return EXIT_WRONG;
	drain.socket = config->control.socket;
	outcome = control_call(drain.socket, "{\"v\":1,\"cmd\":\"drain\"}", ANSWER_MS, &answer, &err);
	if (outcome == 0)
		outcome = wait_through(&drain, timeout_ms, &err);
	outcome = say(&drain, outcome, &err);
	buf_free(&answer);
	free(drain.list);
	config_free(config);
	return outcome;
}
