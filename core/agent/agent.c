#include "core/agent/agent.h"

#include "core/agent/console_control.h"
#include "core/agent/control.h"
#include "core/agent/log_control.h"
#include "core/agent/notes.h"
#include "core/agent/reload.h"
#include "core/agent/status.h"
#include "core/agent/tail.h"
#include "core/agent/task_control.h"
#include "core/agent/trace.h"
#include "core/agent/usage.h"
#include "core/base/events.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/restart.h"
#include "core/link/mqtt.h"
#include "core/link/uplink.h"
#include "core/task/inbox.h"
#include "core/task/losses.h"
#include "core/task/self.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define TICK_MS       1000 /* the clock is looked at, losses are told to the scripts */
#define STOP_HOST_MS  3000 /* for on("stop") handlers */
#define STOP_FLUSH_MS 3000 /* for what waits to be sent and acknowledged */
#define STOP_LINK_MS  500  /* for DISCONNECT */
#define STOP_POLL_MS  20

struct agent {
	const struct config *config;
	const struct host_ops *ops;
	uv_loop_t loop;
	uv_signal_t signals[3];
	uv_timer_t tick;
	uv_timer_t stop_poll;
	int lock, queue_lock; /* of the folders of state and queue */
	struct clock *clock;
	struct restart *restart;
	struct events *events;
	struct notes *notes;
	struct policies *policies;
	struct catalog *catalog;
	struct queue_set *queues;
	struct store *settings;
	struct self *self; /* NULL: agent.asset names none */
	struct ingest *ingest;
	struct losses *losses;
	struct usage *usage;
	struct buses *buses;
	struct mqtt *mqtt;
	struct uplink *uplink;
	struct inbox *inbox;
	struct host *host;
	struct control *control;
	struct log_control *log_control;
	struct observers observers;
	int64_t started_ms;
	int64_t stop_deadline_ms;
	bool stopping;
	bool settings_reported;
};

/* --- events between the parts --- */

static void on_committed(void *ctx)
{
	struct agent *agent = ctx;

	if (agent->uplink)
		uplink_wake(agent->uplink);
}

static void on_policies_changed(void *ctx)
{
	struct agent *agent = ctx;
	struct err err;

	if (ingest_policies_changed(agent->ingest, &err) < 0)
		log_error("queue", "%s", err.text);
	if (agent->self)
		self_refresh(agent->self);
	if (agent->uplink)
		uplink_wake(agent->uplink);
}

/* Once for each start and each reload, as soon as there is a link. */
static void report_settings(struct agent *agent)
{
	if (agent->settings_reported || mqtt_status(agent->mqtt)->state != LINK_CONNECTED)
		return;
	inbox_report_settings(agent->inbox);
	agent->settings_reported = true;
}

static void on_reloading(void *ctx, bool waits)
{
	struct agent *agent = ctx;

	inbox_pause(agent->inbox, waits);
	/* what is new or has another default is the server's to know */
	agent->settings_reported = false;
	if (!waits)
		report_settings(agent);
}

static void on_link(void *ctx, const struct link_status *status)
{
	struct agent *agent = ctx;

	uplink_link(agent->uplink, status);
	notes_link(agent->notes, status);
	if (agent->stopping)
		return;
	if (status->state == LINK_CONNECTED) {
		report_settings(agent);
		agent->ops->event(agent->host, "connected", "");
	} else if (status->state == LINK_WAITING || status->state == LINK_REFUSED) {
		agent->ops->event(agent->host, "disconnected", status->reason);
	}
}

static void on_acked(void *ctx, void *token)
{
	struct agent *agent = ctx;

	uplink_acked(agent->uplink, token);
}

static void on_failed(void *ctx, void *token)
{
	struct agent *agent = ctx;

	uplink_failed(agent->uplink, token);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, uint64_t id)
{
	struct agent *agent = ctx;

	(void)topic; /* there is one subscription */
	inbox_message(agent->inbox, payload, len, id);
}

/* PAHO'S THREAD. */
static int on_arrived(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id)
{
	struct agent *agent = ctx;

	(void)topic;
	return inbox_arrived(agent->inbox, payload, len, id);
}

static int publish(void *ctx, const struct uplink_message *message)
{
	const struct agent *agent = ctx;

	return mqtt_publish(
	    agent->mqtt, message->topic, message->payload, message->len, message->token);
}

static void drop_session(void *ctx)
{
	const struct agent *agent = ctx;

	mqtt_drop_session(agent->mqtt);
}

static const struct mqtt_events mqtt_events = {
    .state = on_link,
    .acked = on_acked,
    .failed = on_failed,
    .message = on_message,
    .arrived = on_arrived,
};

/* --- once a second --- */

static void watch_clock(struct agent *agent)
{
	struct clock_change change = clock_poll(agent->clock);

	notes_clock(agent->notes, &change);
	if (change.became_set) {
		log_info("clock", "the clock is set: samples that waited for it get their time");
		agent->ops->event(agent->host, "clock", "set");
		uplink_wake(agent->uplink);
		mqtt_retry_now(agent->mqtt); /* certificates may be valid by now */
	}
	if (change.step_ms != 0) {
		log_info("clock", "the time of day jumped by %+.3f s", (double)change.step_ms / 1000);
		agent->ops->event(agent->host, "clock", "step");
	}
}

static void count_usage(struct agent *agent)
{
	const struct link_status *link = mqtt_status(agent->mqtt);

	mqtt_count(agent->mqtt);
	usage_tick(agent->usage, link->tcp_out, link->tcp_in);
}

static void on_tick(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	bool connected = mqtt_status(agent->mqtt)->state == LINK_CONNECTED;

	watch_clock(agent);
	inbox_tick(agent->inbox);
	if (agent->self)
		self_report_held(agent->self, agent->ingest, inbox_figures(agent->inbox).held_ms > 0);
	notes_disk(agent->notes, agent->queues);
	events_tick(agent->events);
	count_usage(agent);
	log_control_tick(agent->log_control);
	observe_tell(&agent->observers, &(struct sighting){.what = SIGHT_SECOND});
	if (losses_tick(agent->losses, connected))
		agent->ops->event(agent->host, "full", "samples were lost");
}

static void write_status(void *ctx, struct buf *json)
{
	struct agent *agent = ctx;
	const struct status_parts parts = {
	    .config = agent->config,
	    .clock = agent->clock,
	    .queues = agent->queues,
	    .policies = agent->policies,
	    .mqtt = agent->mqtt,
	    .uplink = agent->uplink,
	    .inbox = agent->inbox,
	    .usage = agent->usage,
	    .host = agent->host,
	    .ops = agent->ops,
	    .started_mono_ms = agent->started_ms,
	};

	status_write(&parts, json);
}

/* --- the control socket --- */

static int drop_queue(
    struct agent *agent, const struct json *policy, struct buf *result, struct err *err)
{
	const char *name = policy && policy->kind == JSON_STRING ? policy->string.data : "";

	for (struct queue *queue = queue_next(agent->queues, NULL); queue;
	     queue = queue_next(agent->queues, queue)) {
		if (strcmp(queue_name(queue), name) != 0)
			continue;
		uint64_t dropped = queue_drop_all(queue);
		log_warn("queue", "%s: %llu samples dropped by hand", name, (unsigned long long)dropped);
		buf_printf(result, "%llu", (unsigned long long)dropped);
		return 0;
	}
	return err_set(err, "there is no queue of a policy \"%s\"", name);
}

static int ask_live(
    struct agent *agent, const struct json *request, struct buf *result, struct err *err)
{
	const struct live live = {
	    .control = agent->control,
	    .observers = &agent->observers,
	    .clock = agent->clock,
	    .catalog = agent->catalog,
	    .queues = agent->queues,
	    .uplink = agent->uplink,
	    .host = agent->host,
	    .ops = agent->ops,
	};

	int rc = tail_control(&live, request, result, err);

	return rc > 0 ? trace_control(&live, request, result, err) : rc;
}

static int on_control(void *ctx, const struct json *request, struct buf *result, struct err *err)
{
	struct agent *agent = ctx;
	const struct json *cmd = json_member(request, "cmd");

	if (!cmd || cmd->kind != JSON_STRING)
		return err_set(err, "a request needs \"cmd\": a string");
	if (strcmp(cmd->string.data, "status") == 0) {
		write_status(agent, result);
		return 0;
	}
	if (strcmp(cmd->string.data, "reload") == 0) {
		reload_serve(agent->ops, agent->host, agent->control, request, result);
		return 0;
	}
	if (strcmp(cmd->string.data, "queue-drop") == 0)
		return drop_queue(agent, json_member(request, "policy"), result, err);
	if (strcmp(cmd->string.data, "drain") == 0) {
		uplink_drain(agent->uplink);
		return 0;
	}
	if (strcmp(cmd->string.data, "clock-set") == 0) {
		clock_declare_set(agent->clock);
		watch_clock(agent);
		return 0;
	}
	int rc = task_control(agent->inbox, agent->control, request, result, err);
	if (rc > 0)
		rc =
		    console_control(agent->ops->console, agent->host, agent->control, request, result, err);
	if (rc > 0)
		rc = log_control(agent->log_control, agent->control, request, err);
	if (rc > 0)
		rc = ask_live(agent, request, result, err);
	return rc <= 0 ? rc : err_set(err, "there is no command \"%s\"", cmd->string.data);
}

/* --- stop --- */

static void close_handles(struct agent *agent)
{
	control_free(agent->control);
	for (size_t i = 0; i < sizeof(agent->signals) / sizeof(agent->signals[0]); i++)
		uv_close((uv_handle_t *)&agent->signals[i], NULL);
	uv_close((uv_handle_t *)&agent->tick, NULL);
	uv_close((uv_handle_t *)&agent->stop_poll, NULL);
}

static void on_link_stopped(void *ctx)
{
	struct agent *agent = ctx;

	count_usage(agent);
	close_handles(agent);
	uv_stop(&agent->loop); /* the parts that are still open are closed by close_parts */
}

static bool all_sent(const struct agent *agent)
{
	if (mqtt_status(agent->mqtt)->state != LINK_CONNECTED)
		return true; /* it waits on disk for the next start */
	for (struct queue *queue = queue_next(agent->queues, NULL); queue;
	     queue = queue_next(agent->queues, queue)) {
		struct queue_figures figures = queue_figures(queue);

		if (figures.waiting > 0 || figures.in_flight > 0)
			return false;
	}
	return true;
}

static void on_stop_poll(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	if (!all_sent(agent) && clock_mono_ms(agent->clock) < agent->stop_deadline_ms)
		return;
	uv_timer_stop(timer);
	mqtt_stop(agent->mqtt, STOP_LINK_MS, on_link_stopped);
}

static void on_host_stopped(void *ctx)
{
	struct agent *agent = ctx;

	uplink_flush(agent->uplink);
	agent->stop_deadline_ms = clock_mono_ms(agent->clock) + STOP_FLUSH_MS;
	uv_timer_start(&agent->stop_poll, on_stop_poll, 0, STOP_POLL_MS);
}

static void on_stop_signal(uv_signal_t *handle, int signum)
{
	struct agent *agent = handle->data;

	if (agent->stopping)
		return;
	agent->stopping = true;
	log_info("agent", "stops: %s", strsignal(signum));
	events_note(agent->events, EVENT_STOP, "%s", strsignal(signum));
	uv_timer_stop(&agent->tick);
	inbox_stop(agent->inbox);
	agent->ops->stop(agent->host, STOP_HOST_MS, on_host_stopped, agent);
}

static void on_hangup(uv_signal_t *handle, int signum)
{
	struct agent *agent = handle->data;

	(void)signum;
	mqtt_retry_now(agent->mqtt);
	agent->ops->reload(agent->host, &(struct reload_request){.reason = "signal"});
}

/* --- start --- */

static int lock_folder(const char *dir, const char *name, struct err *err)
{
	struct buf path = {0};
	int fd;

	buf_printf(&path, "%s/%s", dir, name);
	fd = fileio_lock(buf_str(&path), err);
	buf_free(&path);
	return fd;
}

/* A queue folder that cannot be used is no reason not to start; one that is another agent's is. */
static int lock_queue(struct agent *agent, struct err *err)
{
	const char *dir = agent->config->queue.dir;
	struct err why = {0};

	if (fileio_mkdirs(dir, 0700, &why) == 0)
		agent->queue_lock = lock_folder(dir, "queue.lock", &why);
	if (agent->queue_lock >= 0 || why.code != 0)
		return 0;
	return err_set(err, "%s", why.text);
}

static int open_folders(struct agent *agent, struct err *err)
{
	const struct config *config = agent->config;
	struct buf path = {0};

	if (fileio_mkdirs(config->state.dir, 0700, err) < 0)
		return -1;
	agent->lock = lock_folder(config->state.dir, "lock", err);
	if (agent->lock < 0 || lock_queue(agent, err) < 0)
		return -1;
	buf_printf(&path, "%s/settings.json", config->state.dir);
	agent->settings = store_open(buf_str(&path), err);
	buf_free(&path);
	return agent->settings ? 0 : -1;
}

static int open_parts(struct agent *agent, struct err *err)
{
	const struct config *config = agent->config;
	const struct queue_options queue_options = {
	    .dir = config->queue.dir,
	    .sync_ms = config->queue.sync_ms,
	    .memory = config->queue.memory,
	    .limit = config->queue.limit,
	};

	agent->clock = clock_new(config->clock.trust);
	agent->started_ms = clock_mono_ms(agent->clock);
	agent->events = events_open(config->state.dir, &agent->loop, agent->clock);
	agent->notes = notes_new(agent->events);
	agent->usage = usage_new(&agent->loop, config->state.dir, agent->clock);
	agent->policies = policies_new(config);
	agent->catalog = catalog_new();
	if (*config->agent_asset)
		agent->self = self_new(config->agent_asset, agent->clock, agent->catalog, agent->policies,
		    agent->settings, on_policies_changed, agent);
	agent->queues = queue_set_open(&agent->loop, agent->clock, &queue_options, err);
	if (!agent->queues)
		return -1;
	agent->buses = buses_open(&agent->loop, agent->clock);
	agent->ingest = ingest_new(agent->clock, agent->queues, agent->policies, on_committed, agent);
	agent->losses = losses_new(&(struct losses_parts){.loop = &agent->loop,
	    .state_dir = config->state.dir,
	    .clock = agent->clock,
	    .queues = agent->queues,
	    .ingest = agent->ingest,
	    .self = agent->self,
	    .events = agent->events});
	agent->inbox = inbox_new(agent->clock, config, agent->catalog, agent->ingest, err);
	if (!agent->inbox)
		return -1;
	agent->mqtt = mqtt_new(&agent->loop, agent->clock, config, &mqtt_events, agent, err);
	if (!agent->mqtt)
		return -1;
	agent->uplink = uplink_new(&agent->loop, agent->clock, config, agent->catalog, agent->queues,
	    agent->policies,
	    &(struct uplink_link){.publish = publish, .drop_session = drop_session, .ctx = agent});
	ingest_observed(agent->ingest, &agent->observers);
	uplink_observed(agent->uplink, &agent->observers);
	agent->log_control = log_control_new(agent->clock);
	agent->control = control_new(&agent->loop, config->control.socket, on_control, agent, err);
	return agent->control ? 0 : -1;
}

/* A script that does not load is said and left out: the others and the link do their work. */
static void load_scripts(struct agent *agent)
{
	struct problems problems = {0};
	const struct services services = {
	    .loop = &agent->loop,
	    .clock = agent->clock,
	    .config = agent->config,
	    .catalog = agent->catalog,
	    .policies = agent->policies,
	    .ingest = agent->ingest,
	    .settings = agent->settings,
	    .inbox = agent->inbox,
	    .state_dir = agent->config->state.dir,
	    .restart = agent->restart,
	    .buses = agent->buses,
	    .events = agent->events,
	    .observers = &agent->observers,
	    .policies_changed = on_policies_changed,
	    .reloading = on_reloading,
	    .status = write_status,
	    .ctx = agent,
	};

	agent->host = agent->ops->open(&services);
	on_policies_changed(agent);
	agent->ops->load(agent->host, &problems);
	for (size_t i = 0; i < problems.count; i++) {
		log_line(problems.list[i].warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "scripts", "%s",
		    problems.list[i].text);
		if (!problems.list[i].warning)
			events_note(agent->events, EVENT_SCRIPT, "%s", problems.list[i].text);
	}
	problems_free(&problems);
}

static void watch_signals(struct agent *agent)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		must(uv_signal_init(&agent->loop, &agent->signals[i]) == 0);
		agent->signals[i].data = agent;
		uv_signal_start(
		    &agent->signals[i], signals[i] == SIGHUP ? on_hangup : on_stop_signal, signals[i]);
	}
	must(uv_timer_init(&agent->loop, &agent->tick) == 0);
	must(uv_timer_init(&agent->loop, &agent->stop_poll) == 0);
	agent->tick.data = agent;
	agent->stop_poll.data = agent;
	uv_timer_start(&agent->tick, on_tick, TICK_MS, TICK_MS);
}

static void start(struct agent *agent)
{
	load_scripts(agent);
	watch_signals(agent);
	mqtt_start(agent->mqtt);
	agent->ops->start(agent->host);
	inbox_replay(agent->inbox);
	log_info("agent", "neap %s runs as %s, pid %d", NEAP_VERSION, agent->config->device.serial,
	    getpid());
}

/* In the opposite order of their making; what never came to be is NULL. */
static void close_parts(struct agent *agent)
{
	if (agent->host)
		agent->ops->close(agent->host);
	if (agent->buses)
		buses_close(agent->buses);
	log_control_free(agent->log_control);
	uplink_free(agent->uplink);
	mqtt_free(agent->mqtt);
	inbox_free(agent->inbox);
	ingest_free(agent->ingest);
	queue_set_close(agent->queues);
	losses_free(agent->losses);
	self_free(agent->self);
	catalog_free(agent->catalog);
	policies_free(agent->policies);
	store_close(agent->settings);
	notes_free(agent->notes);
	usage_free(agent->usage);
	events_close(agent->events);
	uv_run(&agent->loop, UV_RUN_DEFAULT); /* the closing handles */
	clock_free(agent->clock);
	if (agent->queue_lock >= 0)
		close(agent->queue_lock);
	if (agent->lock >= 0)
		close(agent->lock);
}

/* glibc raises these by itself after one large block, and then keeps as much for good: 20 MB after
 * one payload of 10 MB. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
#endif
}

int agent_run(const struct config *config, const struct host_ops *ops)
{
	struct agent *agent = mem_alloc(sizeof(*agent));
	struct err err = {0};
	int status = 0;

	agent->config = config;
	agent->ops = ops;
	agent->lock = agent->queue_lock = -1;
	agent->restart = restart_new();
	give_memory_back();
	signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error of its write (EPIPE) */
	must(uv_loop_init(&agent->loop) == 0);
	if (open_folders(agent, &err) < 0 || open_parts(agent, &err) < 0) {
		log_error("agent", "cannot start: %s", err.text);
		status = 1;
	} else {
		start(agent);
		uv_run(&agent->loop, UV_RUN_DEFAULT);
		log_info("agent", "stopped");
	}
	close_parts(agent);
	must(uv_loop_close(&agent->loop) == 0);
	restart_free(agent->restart);
	free(agent);
	return status;
}
