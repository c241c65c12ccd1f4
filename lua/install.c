#include "lua/install.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"
#include "lua/event.h"
#include "lua/load.h"
#include "lua/point.h"
#include "lua/timer.h"
#include "lua/trial_file.h"

#include <stdlib.h>
#include <string.h>

/* --- changes --- */

struct change *change_new(const char *name, struct script *old, struct script *new)
{
	struct change *change = mem_alloc(sizeof *change);
	*change = (struct change){
	    .name = mem_strdup(name), .old = old, .new = new, .refused = new && !new->L};
	return change;
}

void change_free_all(struct change *list)
{
	while (list) {
		struct change *next = list->next;
		if (list->new && !list->done) {
			load_end(list->new);
			script_free(list->new);
		}
		free(list->name);
		free(list);
		list = next;
	}
}

/* --- the check: all that will be in force, in a catalog and policies of its own --- */

struct check {
	struct host *host;
	struct change *changes;
	struct catalog *catalog;
	struct policies *policies;
	struct problems *problems;
};

/* The next one that comes, if all goes well; NULL: the first. */
static struct change *next_new(const struct check *check, const struct change *after)
{
	struct change *change = after ? after->next : check->changes;
	while (change && (!change->new || change->refused))
		change = change->next;
	return change;
}

/* Does it go, if all goes well? */
static bool goes(const struct check *check, const struct script *script)
{
	const struct change *change = check->changes;
	while (change && (change->old != script || change->refused))
		change = change->next;
	return change != NULL;
}

static void refuse(const struct check *check, struct change *change, struct problems *found)
{
	struct script *culprit = change->new ? change->new : change->old;
	change->refused = true;
	load_tell(
	    check->host, check->problems, found, change->new ? &culprit->trouble : &culprit->newer);
	if (change->new)
		load_end(change->new);
}

static const char *nearest_policy(const struct policies *policies, const char *name)
{
	const char *names[64];
	size_t count = 0;
	const struct policy *policy = NULL;
	while (count < 63 && (policy = policies_next(policies, policy)))
		names[count++] = policy->name;
	names[count] = NULL;
	return nearest_name(name, names);
}

static bool declares(const struct script *script, const char *policy)
{
	for (size_t i = 0; i < script->policies_count; i++)
		if (strcmp(script->policies[i].policy.name, policy) == 0)
			return true;
	return false;
}

/* Whose change takes the policy away from the others? */
static struct change *who_drops(const struct check *check, const char *policy)
{
	struct change *change = check->changes;
	while (change && (change->refused || !change->old || !declares(change->old, policy)))
		change = change->next;
	return change;
}

/* An entry whose policy nobody declares: of a new script, or of one that another one leaves so. */
static bool refuse_missing(const struct check *check, const struct entry *entry)
{
	struct problems found = {0};
	struct change *change = next_new(check, NULL);
	while (change && &change->new->owner != entry->owner)
		change = next_new(check, change);
	const char *meant = nearest_policy(check->policies, entry->policy);
	if (change) {
		problems_add(&found, false, "%s: %s: no policy is called \"%.60s\"%s%s%s", entry->where,
		    entry->path, entry->policy, meant ? " (did you mean \"" : "", meant ? meant : "",
		    meant ? "\"?)" : "");
	} else {
		change = who_drops(check, entry->policy);
		if (!holds(change != NULL))
			return false;
		problems_add(&found, false,
		    "%s.lua: it declares the policy \"%.60s\" no more, which %s needs for %s", change->name,
		    entry->policy, entry->where, entry->path);
	}
	refuse(check, change, &found);
	return true;
}

static bool all_policies_agree(const struct check *check)
{
	struct problems found = {0};
	for (struct script *script = check->host->scripts; script; script = script->next)
		if (script->L && !goes(check, script))
			must(policies_install(check->policies, script->name, script->policies,
			         script->policies_count, &found) == 0);
	for (struct change *change = NULL; (change = next_new(check, change));) {
		if (policies_install(check->policies, change->name, change->new->policies,
		        change->new->policies_count, &found) == 0)
			continue;
		refuse(check, change, &found);
		return false;
	}
	return true;
}

static bool no_path_comes_twice(const struct check *check)
{
	struct problems found = {0};
	for (struct script *script = check->host->scripts; script; script = script->next)
		if (goes(check, script))
			catalog_remove(check->catalog, &script->owner);
	for (struct change *change = NULL; (change = next_new(check, change));) {
		if (catalog_install(check->catalog, draft_hold(change->new->draft), &found) == 0)
			continue;
		refuse(check, change, &found);
		return false;
	}
	return true;
}

static bool no_policy_is_missing(const struct check *check)
{
	for (const struct entry *entry = NULL; (entry = catalog_next(check->catalog, entry));)
		if (*entry->policy && !policies_find(check->policies, entry->policy) &&
		    refuse_missing(check, entry))
			return false;
	return true;
}

/* One that is refused may be what another one needs: again, until all is well. */
void install_check(struct host *host, struct change *list, struct problems *problems)
{
	struct check check = {.host = host, .changes = list, .problems = problems};
	bool well = false;
	while (!well) {
		check.catalog = catalog_copy(host->services.catalog);
		check.policies = policies_new(host->services.config);
		well = all_policies_agree(&check) && no_path_comes_twice(&check) &&
		       no_policy_is_missing(&check);
		catalog_free(check.catalog);
		policies_free(check.policies);
	}
}

/* --- in force --- */

static void put_in(struct host *host, struct script *script)
{
	struct problems none = {0};
	must(policies_install(host->services.policies, script->name, script->policies,
	         script->policies_count, &none) == 0);
	must(catalog_install(host->services.catalog, draft_hold(script->draft), &none) == 0);
	point_install(script);
}

/* Takes the place of the old one in the list, or one by its name. */
static void replace(struct host *host, const struct change *change)
{
	struct script **at = &host->scripts;
	while (*at && *at != change->old && (change->old || strcmp((*at)->name, change->name) < 0))
		at = &(*at)->next;
	struct script *after = change->old ? change->old->next : *at;
	if (change->new)
		change->new->next = after;
	*at = change->new ? change->new : after;
}

/* A refused one without a predecessor that runs stays in the list, for the status. */
static bool comes(const struct change *change)
{
	return !change->refused || (change->new && !(change->old && change->old->L));
}

void install_swap(struct host *host, struct change *list)
{
	const struct services *services = &host->services;
	for (struct change *change = list; change; change = change->next) {
		if (!change->old || !comes(change))
			continue;
		policies_remove(services->policies, change->name);
		catalog_remove(services->catalog, &change->old->owner);
	}
	for (struct change *change = list; change; change = change->next) {
		if (!comes(change))
			continue;
		replace(host, change);
		if (change->new && change->new->L)
			put_in(host, change->new);
		change->done = true;
	}
	if (services->policies_changed)
		services->policies_changed(services->ctx);
}

/* --- the start --- */

void install_begin(struct script *script, const char *reason)
{
	if (!script->L)
		return;
	event_fire(script, EVENT_AT_START, NULL, false);
	event_fire(script, "start", reason, false);
	if (script->host->connected)
		event_fire(script, "connected", reason, false);
	ticker_start_all(script);
}

void install_check_params(struct host *host, struct problems *problems)
{
	const struct config *config = host->services.config;
	const struct config_node *node = config->params ? config->params->child : NULL;
	for (; node; node = node->next) {
		const struct script *script = host->scripts;
		while (script && strcmp(script->name, node->key) != 0)
			script = script->next;
		if (!script)
			problems_at(problems, true, config->path, node->line, node->column,
			    "params.%s: there is no script %s.lua in %s", node->key, node->key,
			    config->scripts.dir);
		else if (script->L && !script->params_taken)
			problems_at(problems, true, config->path, node->line, node->column,
			    "params.%s: the script %s.lua does not ask for them: it has no params{...}",
			    node->key, node->key);
	}
}

/* A trial that was not confirmed before the process ended has failed. */
static struct script *load_first(struct host *host, const char *name, struct problems *problems)
{
	struct source *tried = NULL, *before = trial_file_read(host, name, &tried);
	struct script *script = load_script(host, name, before, problems);
	if (before) {
		script->tried = tried;
		script->back = mem_strdup("neap ended before the trial was confirmed");
		log_warn(script->topic, "the version from before the trial is loaded: %s", script->back);
	}
	return script;
}

void install_all(struct host *host, struct problems *problems)
{
	struct change *list = NULL, **end = &list;
	char **names = NULL;
	if (load_names(host, &names, problems) == 0 && !*names)
		problems_add(
		    problems, true, "%s: no scripts (*.lua) are there", host->services.config->scripts.dir);
	for (char **name = names; name && *name; name++) {
		*end = change_new(*name, NULL, load_first(host, *name, problems));
		end = &(*end)->next;
	}
	load_free_names(names);
	install_check(host, list, problems);
	install_swap(host, list);
	change_free_all(list);
	install_check_params(host, problems);
}
