#include "core/command/simulation.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/command/rig.h"
#include "core/link/uplink.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_WALL_MS INT64_C(1767225600000) /* 2026-01-01 */
#define PUBACK_MS     200                    /* after the message */
#define WARNINGS_MAX  20
#define TEST          "_test.lua"

/* A message on its way; they come back in order. */
struct sent {
	void *token;
	int64_t due_ms;
	struct sent *next;
};

struct run {
	struct observer observer; /* first */
	struct simulation *result;
	const struct config *config;
	const struct link_model *link;
	struct rig *rig;
	struct uplink *uplink;
	struct sent *first, **last;
	struct link_status status;
	int64_t sync_ms;   /* when the next sync is due; INT64_MAX: nothing to sync */
	int64_t active_ms; /* when the link was used last */
	unsigned syncing;
};

static int64_t now_of(const struct run *run)
{
	return clock_mono_ms(run->rig->clock);
}

static struct simulated_policy *policy_of(struct simulation *result, const char *name)
{
	struct simulated_policy *policy = result->policies;

	while (policy < result->policies + result->count && strcmp(policy->name, name) != 0)
		policy++;
	if (policy < result->policies + result->count)
		return policy;
	if (result->count == SIMULATED_POLICIES_MAX)
		return &result->policies[0];
	strncpy(policy->name, name, POLICY_NAME_MAX);
	result->count++;
	return policy;
}

/* --- what the scripts do --- */

static void see(struct observer *observer, const struct sighting *sighting)
{
	const struct run *run = (struct run *)observer; /* its first member */

	if (sighting->what == SIGHT_QUEUED || sighting->what == SIGHT_LOST)
		policy_of(run->result, sighting->queue)->samples++;
}

static void on_log(void *ctx, enum log_level level, const char *topic, const char *text)
{
	struct run *run = ctx;
	struct problems *to = &run->result->warnings;

	if (strcmp(topic, "invented") == 0) {
		problems_add(&run->result->notes, true, "%s", text);
		return;
	}
	if (level > LOG_LEVEL_WARN)
		return;
	run->result->warned++;
	for (size_t i = 0; i < to->count; i++)
		if (strstr(to->list[i].text, text))
			return;
	if (to->count < WARNINGS_MAX)
		problems_add(to, true, "%s: %s", topic, text);
}

static void on_committed(void *ctx)
{
	const struct run *run = ctx;

	if (run->uplink)
		uplink_wake(run->uplink);
}

/* --- the link --- */

static int publish(void *ctx, const struct uplink_message *message)
{
	struct run *run = ctx;
	struct simulated_policy *policy = policy_of(run->result, message->policy);
	struct sent *sent;

	if (run->status.state != LINK_CONNECTED)
		return -1;
	sent = mem_alloc(sizeof(*sent));
	sent->token = message->token;
	sent->due_ms = now_of(run) + PUBACK_MS;
	*run->last = sent;
	run->last = &sent->next;
	run->active_ms = now_of(run);
	policy->messages++;
	policy->bytes += message->len;
	policy->wire += link_model_publish(run->link, strlen(message->topic), message->len);
	return 0;
}

/* Bodies that a broker hangs up on are none of the model's. */
static void drop_session(void *ctx)
{
	(void)ctx;
}

/* After an outage what was on its way is sent again, and comes back as late. */
static void set_link(struct run *run, bool up)
{
	run->status.state = up ? LINK_CONNECTED : LINK_WAITING;
	run->status.since_mono_ms = now_of(run);
	if (up) {
		run->result->connects++;
		run->result->link_wire += link_model_connect(run->link);
		run->active_ms = now_of(run);
		for (struct sent *sent = run->first; sent; sent = sent->next)
			sent->due_ms = now_of(run) + PUBACK_MS;
	} else {
		run->status.losses++;
	}
	uplink_link(run->uplink, &run->status);
	run->rig->ops->event(run->rig->host, up ? "connected" : "disconnected", up ? "" : "outage");
}

static void take_pubacks(struct run *run)
{
	while (run->first && run->first->due_ms <= now_of(run)) {
		struct sent *sent = run->first;

		run->first = sent->next;
		if (!run->first)
			run->last = &run->first;
		uplink_acked(run->uplink, sent->token);
		free(sent);
	}
}

/* --- the disk --- */

static bool has_unsynced(const struct run *run)
{
	for (struct queue *queue = queue_next(run->rig->queues, NULL); queue;
	     queue = queue_next(run->rig->queues, queue))
		if (queue_figures(queue).unsynced > 0)
			return true;
	return false;
}

static void on_synced(void *ctx, int error)
{
	struct run *run = ctx;

	(void)error;
	run->syncing--;
}

static void sync_queues(struct run *run)
{
	run->syncing++;
	queue_sync(run->rig->queues, on_synced, run);
	while (run->syncing > 0)
		(void)uv_run(&run->rig->loop, UV_RUN_ONCE);
	run->sync_ms = INT64_MAX;
}

static void note_peaks(struct run *run)
{
	for (struct queue *queue = queue_next(run->rig->queues, NULL); queue;
	     queue = queue_next(run->rig->queues, queue)) {
		struct simulated_policy *policy = policy_of(run->result, queue_name(queue));
		uint64_t bytes = queue_figures(queue).bytes;

		if (bytes > policy->peak)
			policy->peak = bytes;
	}
}

/* --- time --- */

static int64_t next_flush(const struct run *run)
{
	int64_t next = INT64_MAX;

	if (run->status.state != LINK_CONNECTED)
		return next;
	for (struct queue *queue = queue_next(run->rig->queues, NULL); queue;
	     queue = queue_next(run->rig->queues, queue)) {
		int64_t due = uplink_next_flush(run->uplink, queue);

		if (due > now_of(run) && due < next) /* what is due and stays waits for a PUBACK */
			next = due;
	}
	return next;
}

static int64_t next_ping(const struct run *run)
{
	return run->status.state == LINK_CONNECTED ? run->active_ms + run->config->broker.keepalive_ms
	                                           : INT64_MAX;
}

static int64_t next_of(const struct run *run, int64_t end_ms)
{
	const int64_t times[] = {
	    end_ms,
	    run->rig->ops->next(run->rig->host),
	    link_model_next(run->link, now_of(run)),
	    run->status.state == LINK_CONNECTED && run->first ? run->first->due_ms : INT64_MAX,
	    next_flush(run),
	    next_ping(run),
	    run->sync_ms,
	};
	int64_t next = times[0];

	for (size_t i = 1; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < next)
			next = times[i];
	return next > now_of(run) ? next : now_of(run);
}

static void do_due(struct run *run)
{
	bool up = link_model_is_up(run->link, now_of(run));

	if (up != (run->status.state == LINK_CONNECTED))
		set_link(run, up);
	if (next_ping(run) <= now_of(run)) {
		run->result->pings++;
		run->result->link_wire += link_model_ping(run->link);
		run->active_ms = now_of(run);
	}
	if (up)
		take_pubacks(run);
	uplink_wake(run->uplink);
	if (run->sync_ms <= now_of(run))
		sync_queues(run);
}

static int pass_time(struct run *run, int64_t end_ms, struct err *err)
{
	while (now_of(run) < end_ms) {
		int64_t before = now_of(run);

		if (!rig_settle(run->rig))
			return err_set(
			    err, "a script does not come to rest, see what it does without sleeping");
		note_peaks(run);
		if (run->sync_ms == INT64_MAX && has_unsynced(run))
			run->sync_ms = before + run->config->queue.sync_ms;
		rig_advance(run->rig, next_of(run, end_ms));
		if (run->status.state != LINK_CONNECTED)
			run->result->down_ms += now_of(run) - before;
		do_due(run);
	}
	return rig_settle(run->rig) ? 0 : -1;
}

/* --- begin and end --- */

static int is_test(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(TEST) && strcmp(entry->d_name + len - strlen(TEST), TEST) == 0;
}

/* The fakes of the test files beside the scripts. One that does not load is said. */
static void load_fakes(const struct run *run, struct problems *problems)
{
	const struct test_ops *test = run->rig->ops->test;
	const char *dir = run->config->scripts.dir;
	struct dirent **list = NULL;
	int count = scandir(dir, &list, is_test, alphasort);
	struct err err;

	if (test->load(run->rig->host, NULL, &err) < 0)
		problems_add(problems, false, "%s", err.text);
	for (int i = 0; i < count; i++) {
		char *name = mem_strndup(list[i]->d_name, strlen(list[i]->d_name) - strlen(".lua"));

		if (test->load(run->rig->host, name, &err) < 0)
			problems_add(problems, true, "%s/%s", dir, err.text);
		free(name);
		free(list[i]);
	}
	free(list);
}

static void begin(struct run *run, struct problems *problems)
{
	const struct rig *rig = run->rig;

	load_fakes(run, problems);
	run->observer.see = see;
	observe_begin(&run->rig->observers, &run->observer);
	log_tap(on_log, run);
	rig->ops->load(rig->host, problems);
	rig->ops->start(rig->host);
	if (link_model_is_up(run->link, 0))
		set_link(run, true);
	inbox_report_settings(rig->inbox);
}

static void conclude(struct run *run)
{
	for (struct queue *queue = queue_next(run->rig->queues, NULL); queue;
	     queue = queue_next(run->rig->queues, queue)) {
		struct simulated_policy *policy = policy_of(run->result, queue_name(queue));
		struct queue_figures figures = queue_figures(queue);

		policy->delivered = figures.delivered;
		policy->waiting = figures.waiting + figures.in_flight;
		policy->flash_bytes = figures.flash_bytes;
		policy->flash_writes = figures.flash_writes;
		for (int reason = 0; reason < LOSS_REASONS; reason++)
			policy->lost += figures.lost[reason];
	}
}

static void end(struct run *run)
{
	observe_end(&run->rig->observers, &run->observer);
	log_tap(NULL, NULL);
	while (run->first) {
		struct sent *sent = run->first;

		run->first = sent->next;
		uplink_failed(run->uplink, sent->token);
		free(sent);
	}
	uplink_free(run->uplink);
	run->uplink = NULL;
	rig_close(run->rig);
}

int simulation_run(const struct config *config, const struct host_ops *ops,
    const struct link_model *link, int64_t length_ms, struct simulation *result,
    struct problems *problems, struct err *err)
{
	struct run run = {.result = result, .config = config, .link = link, .sync_ms = INT64_MAX};
	const struct rig_options options = {
	    .name = "simulate",
	    .config = config,
	    .ops = ops,
	    .is_virtual = true,
	    .wall_ms = BEGIN_WALL_MS,
	    .faked = true,
	    .invented = true,
	    .in_memory = true,
	    .committed = on_committed,
	    .ctx = &run,
	};
	int rc;

	result->length_ms = length_ms;
	run.last = &run.first;
	run.status.state = LINK_WAITING;
	run.rig = rig_open(&options, err);
	if (!run.rig)
		return -1;
	run.uplink = uplink_new(&run.rig->loop, run.rig->clock, &run.rig->config, run.rig->catalog,
	    run.rig->queues, run.rig->policies,
	    &(struct uplink_link){.publish = publish, .drop_session = drop_session, .ctx = &run});
	begin(&run, problems);
	rc = pass_time(&run, length_ms, err);
	conclude(&run);
	end(&run);
	return rc;
}

void simulation_free(struct simulation *simulation)
{
	problems_free(&simulation->notes);
	problems_free(&simulation->warnings);
}
