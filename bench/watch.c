/*
 * usage: watch SOCKET POLICY SAMPLES [backlog]
 *
 * Watches a running agent deliver: polls its status until SAMPLES samples of POLICY are
 * acknowledged. Prints the seconds from the last poll before the first sample was accepted (with
 * "backlog": before the link came up) to that, the CPU seconds of the agent meanwhile, and its
 * largest resident size in KB. The polls cost the agent a little too: what is printed is no less
 * than the truth.
 */
#include "core/agent/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS   5
#define LIMIT_S   120
#define NODES_MAX 20000

struct moment {
	double asked_s, answered_s, cpu_s;
	int64_t accepted, delivered;
	bool connected;
	int pid;
};

static double now_s(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t integer(const struct json *object, const char *key)
{
	const struct json *member = object ? json_member(object, key) : NULL;

	return member && member->kind == JSON_INTEGER ? member->integer : 0;
}

static bool is_connected(const struct json *status)
{
	const struct json *link = json_member(status, "link");
	const struct json *state = link ? json_member(link, "state") : NULL;

	return state && state->kind == JSON_STRING && strcmp(state->string.data, "connected") == 0;
}

static const struct json *policy_of(const struct json *status, const char *name)
{
	const struct json *list = json_member(status, "policies");

	for (const struct json *policy = list ? list->child : NULL; policy; policy = policy->next) {
		const struct json *member = json_member(policy, "name");
		if (member && member->kind == JSON_STRING && strcmp(member->string.data, name) == 0)
			return policy;
	}
	return NULL;
}

/* -1: the agent does not answer (yet). */
static int look(const char *socket, const char *name, struct moment *moment)
{
	struct buf answer = {0};
	size_t pos = 0;
	clockid_t clock;
	double asked_s = now_s(CLOCK_MONOTONIC);

	if (control_call(socket, "{\"v\":1,\"cmd\":\"status\"}", 5000, &answer, NULL) < 0)
		return -1;
	struct json_doc *doc = json_parse(answer.data, answer.len, &pos, NODES_MAX, NULL);
	buf_free(&answer);
	if (!doc)
		return -1;
	const struct json *policy = policy_of(json_root(doc), name);
	*moment = (struct moment){
	    .asked_s = asked_s,
	    .answered_s = now_s(CLOCK_MONOTONIC),
	    .accepted = integer(policy, "accepted"),
	    .delivered = integer(policy, "delivered"),
	    .connected = is_connected(json_root(doc)),
	    .pid = (int)integer(json_root(doc), "pid"),
	};
	json_free(doc);
	if (clock_getcpuclockid(moment->pid, &clock) == 0)
		moment->cpu_s = now_s(clock);
	return 0;
}

static long resident_kb(int pid)
{
	char name[64], line[256];
	long kb = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/status", pid);
	FILE *file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	}
	if (file)
		fclose(file);
	return kb;
}

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	struct moment begin = {0}, moment = {0};
	int64_t samples = argc >= 4 ? strtoll(argv[3], NULL, 10) : 0;
	bool backlog = argc == 5 && strcmp(argv[4], "backlog") == 0;
	double limit = now_s(CLOCK_MONOTONIC) + LIMIT_S;

	if (samples <= 0 || argc > (backlog ? 5 : 4)) {
		fprintf(stderr, "usage: watch SOCKET POLICY SAMPLES [backlog]\n");
		return 2;
	}
	while (moment.delivered < samples && now_s(CLOCK_MONOTONIC) < limit) {
		if (look(argv[1], argv[2], &moment) == 0 &&
		    (backlog ? !moment.connected : moment.accepted == 0))
			begin = moment;
		nanosleep(&pause, NULL);
	}
	if (moment.delivered < samples || begin.pid == 0) {
		fprintf(stderr, "watch: %" PRId64 " of %" PRId64 " delivered%s\n", moment.delivered,
		    samples, begin.pid == 0 ? ", and the begin was missed" : "");
		return 1;
	}
	printf("%.6f %.6f %ld\n", moment.answered_s - begin.asked_s, moment.cpu_s - begin.cpu_s,
	    resident_kb(moment.pid));
	return 0;
}
