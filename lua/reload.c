#include "lua/reload.h"

#include "core/base/events.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"
#include "lua/carry.h"
#include "lua/event.h"
#include "lua/install.h"
#include "lua/kept.h"
#include "lua/limits.h"
#include "lua/load.h"
#include "lua/source.h"
#include "lua/timer.h"
#include "lua/trial.h"
#include "lua/trial_file.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_LIMIT_MS 10000

struct reload {
	struct change *changes;
	struct timer limit;
	bool over; /* the limit has passed */
	bool back; /* from a trial */
	struct reload_request request;
	struct problems problems;
};

/* --- what changes --- */

static struct script *find_script(const struct host *host, const char *name)
{
	struct script *script = host->scripts;
	while (script && strcmp(script->name, name) != 0)
		script = script->next;
	return script;
}

static bool is_in(char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* `again`: also what was refused and has not changed since */
static bool is_changed(const struct host *host, const struct script *script, bool again)
{
	const char *dir = host->services.config->scripts.dir;
	if (!script)
		return true;
	if (!again && !script->L)
		return source_changed(script->sources, dir);
	if (!again && script->tried && !source_changed(script->tried, dir))
		return false;
	return !script->L || source_changed(script->sources, dir);
}

static void add_change(
    struct reload *reload, struct host *host, const char *name, struct script *old, bool is_there)
{
	struct change **end = &reload->changes;
	while (*end)
		end = &(*end)->next;
	*end =
	    change_new(name, old, is_there ? load_script(host, name, NULL, &reload->problems) : NULL);
}

static void add_all(struct reload *reload, struct host *host, char *const *names, bool again)
{
	for (char *const *name = names; *name; name++) {
		struct script *old = find_script(host, *name);
		if (is_changed(host, old, again))
			add_change(reload, host, *name, old, true);
	}
	for (struct script *script = host->scripts; script; script = script->next)
		if (!is_in(names, script->name))
			add_change(reload, host, script->name, script, false);
}

static void no_such_script(struct reload *reload, const struct host *host, char *const *names)
{
	const char *name = reload->request.script;
	const char *meant = nearest_name(name, (const char *const *)names);
	problems_add(&reload->problems, false, "there is no script %s.lua in %s%s%s%s", name,
	    host->services.config->scripts.dir, meant ? " (did you mean \"" : "", meant ? meant : "",
	    meant ? "\"?)" : "");
}

static void add_changes(struct reload *reload, struct host *host, bool again)
{
	const char *name = reload->request.script;
	char **names = NULL;
	if (load_names(host, &names, &reload->problems) < 0)
		return;
	if (!name)
		add_all(reload, host, names, again);
	else if (is_in(names, name) || find_script(host, name))
		add_change(reload, host, name, find_script(host, name), is_in(names, name));
	else
		no_such_script(reload, host, names);
	load_free_names(names);
}

/* The old one goes on: it remembers what was refused, and why. */
static void keep_refusals(struct reload *reload)
{
	for (struct change *change = reload->changes; change; change = change->next) {
		struct script *old = change->old, *new = change->new;
		if (!change->refused || !old || !old->L || !new)
			continue;
		free(old->newer);
		source_free(old->tried);
		old->newer = mem_strdup(new->trouble);
		old->tried = new->sources;
		new->sources = NULL;
		source_forget_texts(old->tried);
	}
}

/* --- the swap --- */

static bool is_replaced(const struct change *change)
{
	return change->old && change->old->L && !change->refused;
}

static bool is_idle(const struct reload *reload)
{
	for (const struct change *change = reload->changes; change; change = change->next)
		if (is_replaced(change) && (change->old->fibers || change->old->jobs))
			return false;
	return true;
}

static void quiet(struct reload *reload)
{
	for (struct change *change = reload->changes; change; change = change->next) {
		if (!is_replaced(change))
			continue;
		ticker_stop_all(change->old);
		if (change->new)
			event_fire(change->old, "reload", reload->request.reason, true);
		else
			event_fire(change->old, "stop", "removed", true);
	}
}

static const char *result_of(const struct change *change)
{
	if (change->refused)
		return "refused";
	if (!change->new)
		return "removed";
	return change->old && change->old->L ? "reloaded" : "new";
}

/* What was before is the version that no trial has in question. */
static void settle_trial(const struct reload *reload, struct script *old, struct script *new)
{
	struct source *before = trial_take(old);
	if (reload->back && new) {
		new->back = old->back;
		old->back = NULL;
		new->tried = old->sources;
		old->sources = NULL;
		source_forget_texts(new->tried);
		source_free(before); /* it is what the new one was made of, a copy */
		return;
	}
	if (!before && old->L) {
		before = old->sources;
		old->sources = NULL;
	}
	if (reload->request.try_ms > 0 && before && new &&new->L) {
		trial_begin(new, before, reload->request.try_ms, reload_back);
		return;
	}
	source_free(before);
	trial_file_remove(old->host, old->name);
}

static void end_old(const struct reload *reload, struct change *change)
{
	struct script *old = change->old, *new = change->new;
	if (!change->done || !old)
		return;
	if (new &&new->L && old->L)
		carry_over(old, new);
	else
		kept_end(old);
	if (old->fibers || old->jobs)
		log_warn(old->topic, "handlers did not end in time for the reload; they are ended now");
	settle_trial(reload, old, new);
	load_end(old);
	script_free(old);
	change->old = NULL;
}

static void finish(struct host *host, struct reload *reload)
{
	struct buf changes = {0};
	const char *separator = "";
	buf_char(&changes, '[');
	for (const struct change *change = reload->changes; change; change = change->next) {
		buf_printf(&changes, "%s{\"script\":", separator);
		json_add_text(&changes, change->name);
		buf_printf(&changes, ",\"result\":\"%s\"}", change->result);
		separator = ",";
	}
	buf_char(&changes, ']');
	for (size_t i = 0; i < reload->problems.count; i++)
		log_line(reload->problems.list[i].warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "scripts",
		    "%s", reload->problems.list[i].text);
	host->reload = NULL;
	if (reload->request.done)
		reload->request.done(reload->request.ctx, &reload->problems, &changes);
	buf_free(&changes);
	problems_free(&reload->problems);
	change_free_all(reload->changes);
	free(reload);
}

static void swap(struct host *host)
{
	struct reload *reload = host->reload;
	scheduler_cancel(host->scheduler, &reload->limit);
	for (struct change *change = reload->changes; change; change = change->next) {
		change->result = result_of(change);
		if (!change->refused)
			log_info(
			    "scripts", "%s: %s (%s)", change->name, change->result, reload->request.reason);
		events_note(host->services.events, EVENT_SCRIPT, "%s: %s (%s)", change->name,
		    change->result, reload->request.reason);
	}
	install_swap(host, reload->changes);
	for (struct change *change = reload->changes; change; change = change->next)
		end_old(reload, change);
	for (struct change *change = reload->changes; change; change = change->next)
		if (change->done && change->new)
			install_begin(change->new, "reload");
	finish(host, reload);
	if (host->services.reloading)
		host->services.reloading(host->services.ctx, false);
}

void reload_look(struct host *host)
{
	if (host->reload && (host->reload->over || is_idle(host->reload)))
		swap(host);
}

static void on_limit(struct timer *timer)
{
	struct reload *reload =
	    (struct reload *)(void *)((char *)timer - offsetof(struct reload, limit));
	reload->over = true;
}

void reload_cancel(struct host *host)
{
	struct reload *reload = host->reload;
	if (!reload)
		return;
	scheduler_cancel(host->scheduler, &reload->limit);
	problems_add(&reload->problems, false, "the agent stops: nothing was reloaded");
	change_free_all(reload->changes);
	reload->changes = NULL;
	finish(host, reload);
}

/* --- the beginning --- */

/* The changes are loaded. */
static void go(struct host *host, struct reload *reload)
{
	install_check(host, reload->changes, &reload->problems);
	keep_refusals(reload);
	host->reload = reload;
	quiet(reload);
	if (is_idle(reload)) {
		swap(host);
		return;
	}
	reload->limit.fire = on_limit;
	scheduler_add(
	    host->scheduler, &reload->limit, clock_mono_ms(host->services.clock) + IDLE_LIMIT_MS);
	if (host->services.reloading)
		host->services.reloading(host->services.ctx, true);
}

static struct reload *new_reload(const struct reload_request *request)
{
	struct reload *reload = mem_alloc(sizeof *reload);
	reload->request = *request;
	return reload;
}

static void refuse(const struct reload_request *request, const char *why)
{
	struct problems problems = {0};
	problems_add(&problems, false, "%s", why);
	if (request->done)
		request->done(request->ctx, &problems, &(struct buf){.data = (char[]){"[]"}, .len = 2});
	problems_free(&problems);
}

void reload_start(struct host *host, const struct reload_request *request)
{
	if (host->reload || host->stop.asked) {
		refuse(request, host->reload
		                    ? "a reload waits for handlers to end: try again in a few seconds"
		                    : "the agent stops");
		return;
	}
	struct reload *reload = new_reload(request);
	if (request->script && host->culprits)
		limits_forgive(host->culprits, request->script);
	add_changes(reload, host, true);
	go(host, reload);
}

void reload_changed(struct host *host)
{
	struct reload *reload = new_reload(&(struct reload_request){.reason = "watch"});
	add_changes(reload, host, false);
	go(host, reload);
}

void reload_back(struct script *script)
{
	struct host *host = script->host;
	struct reload *reload = new_reload(&(struct reload_request){.reason = "trial"});
	struct script *new = load_script(host, script->name, trial_take(script), &reload->problems);
	reload->back = true;
	reload->changes = change_new(script->name, script, new);
	go(host, reload);
}
