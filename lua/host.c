#include "core/base/events.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/console.h"
#include "lua/event.h"
#include "lua/help.h"
#include "lua/install.h"
#include "lua/kept.h"
#include "lua/limits.h"
#include "lua/load.h"
#include "lua/point.h"
#include "lua/reload.h"
#include "lua/script.h"
#include "lua/test.h"
#include "lua/timer.h"
#include "lua/trial.h"
#include "lua/watch.h"

#include <stdlib.h>
#include <string.h>

/* --- stop --- */

static bool is_busy(const struct host *host)
{
	if (host->holding)
		return true;
	for (const struct script *script = host->scripts; script; script = script->next)
		if (script->jobs)
			return true;
	return false;
}

static void end_all(struct host *host)
{
	console_end(host);
	test_end(host);
	for (struct script *script = host->scripts; script; script = script->next) {
		if (host->started)
			kept_end(script);
		load_end(script);
	}
	host_commit(host);
}

static void on_stop_limit(struct timer *timer)
{
	struct host *host = (struct host *)((char *)timer - offsetof(struct host, stop.limit));
	host->stop.over = true;
}

static void note_limits(struct script *script)
{
	if (script->time.limit_hits > script->time.hits_noted)
		events_note(script->host->services.events, EVENT_LIMIT,
		    "%s: a handler was ended: it took more than scripts.budget", script->name);
	script->time.hits_noted = script->time.limit_hits;
}

/* Lua is not on the stack here. */
static void on_turn_end(void *ctx)
{
	struct host *host = ctx;
	host_commit(host);
	for (struct script *script = host->scripts; script; script = script->next) {
		note_limits(script);
		trial_look(script);
	}
	reload_look(host);
	if (!host->services.faked) /* on a virtual clock the next turn is at once */
		limits_idle(host->limits);
	if (!host->stop.asked || (is_busy(host) && !host->stop.over))
		return;
	if (is_busy(host))
		log_warn("scripts", "handlers did not end in time for the stop; they are ended now");
	scheduler_cancel(host->scheduler, &host->stop.limit);
	void (*stopped)(void *) = host->stop.stopped;
	host->stop.asked = false;
	end_all(host);
	stopped(host->stop.ctx); /* may close the host */
}

static void host_stop(struct host *host, int64_t limit_ms, void (*stopped)(void *ctx), void *ctx)
{
	reload_cancel(host);
	host->stop.stopped = stopped;
	host->stop.ctx = ctx;
	host->stop.asked = true;
	host->stop.over = false;
	host->stop.limit.fire = on_stop_limit;
	for (struct script *script = host->scripts; script; script = script->next) {
		ticker_stop_all(script);
		event_fire(script, "stop", NULL, true);
	}
	if (!is_busy(host))
		limit_ms = 0; /* still from the loop, not from here */
	scheduler_add(
	    host->scheduler, &host->stop.limit, clock_mono_ms(host->services.clock) + limit_ms);
}

/* --- the other operations --- */

static struct host *host_open(const struct services *services)
{
	struct host *host = mem_alloc(sizeof *host);
	host->services = *services;
	host->scheduler = scheduler_new(services->loop, services->clock, on_turn_end, host);
	host->limits = limits_new(services->config->scripts.slice_ms,
	    services->config->scripts.budget_ms, load_culprits(host), services->restart);
	return host;
}

static void host_start(struct host *host)
{
	host->started = true;
	for (struct script *script = host->scripts; script; script = script->next)
		install_begin(script, NULL);
	if (host->services.config->scripts.watch)
		host->watch = watch_new(host);
}

static void host_event(struct host *host, const char *name, const char *reason)
{
	if (strcmp(name, "connected") == 0 || strcmp(name, "disconnected") == 0)
		host->connected = name[0] == 'c';
	for (struct script *script = host->scripts; script; script = script->next)
		event_fire(script, name, reason, false);
}

static void host_close(struct host *host)
{
	if (!host)
		return;
	reload_cancel(host);
	watch_free(host->watch);
	end_all(host);
	while (host->scripts) {
		struct script *script = host->scripts;
		host->scripts = script->next;
		catalog_remove(host->services.catalog, &script->owner);
		policies_remove(host->services.policies, script->name);
		script_free(script);
	}
	kept_close(host);
	scheduler_free(host->scheduler);
	limits_free(host->limits);
	free(host->culprits);
	buf_free(&host->status_text);
	free(host);
}

static void add_field(struct buf *json, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(json, ",\"%s\":", name);
	json_add_text(json, text);
}

static void add_script(struct buf *json, const struct script *script)
{
	const char *separator = "";
	buf_text(json, "{\"name\":");
	json_add_text(json, script->name);
	buf_printf(json, ",\"state\":\"%s\",\"memory\":%zu,\"memory_limit\":%zu,\"paths\":%zu",
	    script->aside     ? "set aside"
	    : script->trouble ? "failed"
	    : script->L       ? "running"
	                      : "stopped",
	    script->memory, script->memory_max, script->points_count);
	buf_printf(json, ",\"cpu_ms\":%lld,\"slowest_ms\":%lld,\"limit_hits\":%u",
	    (long long)script->time.total_us / 1000, (long long)script->time.slowest_us / 1000,
	    script->time.limit_hits);
	buf_printf(json, ",\"errors\":%u", script->errors);
	if (script->last_error)
		buf_printf(json, ",\"last_error_s\":%lld",
		    (long long)(clock_mono_ms(script->host->services.clock) - script->last_error_ms) /
		        1000);
	add_field(json, "last_error", script->last_error);
	add_field(json, "error", script->trouble);
	add_field(json, "refused", script->newer);
	add_field(json, "back", script->back);
	if (script->trial)
		buf_printf(json, ",\"trial_left_s\":%lld", (long long)trial_left_ms(script) / 1000);
	buf_text(json, ",\"bad\":[");
	for (size_t i = 0; i < script->points_count; i++) {
		if (!script->points[i].bad)
			continue;
		buf_text(json, separator);
		json_add_text(json, script->points[i].path);
		separator = ",";
	}
	buf_text(json, "]}");
}

static void host_status(struct host *host, struct buf *json)
{
	buf_char(json, '[');
	for (const struct script *script = host->scripts; script; script = script->next) {
		if (script != host->scripts)
			buf_char(json, ',');
		add_script(json, script);
	}
	buf_char(json, ']');
}

static unsigned host_confirm(struct host *host, const char *name)
{
	unsigned count = 0;
	for (struct script *script = host->scripts; script; script = script->next)
		if (!name || strcmp(script->name, name) == 0)
			count += trial_confirm(script);
	return count;
}

int64_t host_next(const struct host *host)
{
	return scheduler_next(host->scheduler);
}

void host_run(struct host *host)
{
	scheduler_run(host->scheduler, clock_mono_ms(host->services.clock));
}

static bool host_waits(const struct host *host)
{
	return host->syncing > 0;
}

static bool host_waits_outside(const struct host *host)
{
	return host->outside > 0;
}

const struct host_ops *script_host(void)
{
	static const struct host_ops ops = {
	    .open = host_open,
	    .load = install_all,
	    .start = host_start,
	    .event = host_event,
	    .reload = reload_start,
	    .confirm = host_confirm,
	    .stop = host_stop,
	    .close = host_close,
	    .status = host_status,
	    .next = host_next,
	    .run = host_run,
	    .waits = host_waits,
	    .waits_outside = host_waits_outside,
	    .help = help_find,
	    .console = &console_ops,
	    .test = &test_ops,
	};
	return &ops;
}
