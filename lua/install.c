#include "lua/install.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/nearest.h"
#include "core/problems.h"
#include "lua/fiber.h"
#include "lua/job.h"
#include "lua/library.h"
#include "lua/limits.h"
#include "lua/point.h"
#include "lua/timer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CULPRIT_TIMES 2 /* then a script is set aside */

void install_end(struct script *script)
{
	script->closing = true;
	fiber_close_all(script);
	job_close_all(script);
	ticker_close_all(script);
	point_free_all(script);
	script_drop_state(script);
}

/* --- problems --- */

/* Does it begin with a place in a script, "machine.lua:" or "lib/util.lua:"? */
static bool is_of_folder(const char *text)
{
	size_t name = strcspn(text, ":");
	return text[0] != '/' && name > 4 && strncmp(text + name - 4, ".lua", 4) == 0;
}

/* Places in scripts are told as the user would open them; the text is the script's first trouble.
 */
static void tell(struct script *script, struct problems *problems, bool warning, const char *text)
{
	const char *dir = script->host->services.config->scripts.dir;
	struct buf whole = {0};
	if (is_of_folder(text))
		buf_printf(&whole, "%s/", dir);
	buf_text(&whole, text);
	problems_add(problems, warning, "%s", buf_str(&whole));
	if (!warning && !script->trouble)
		script_set_trouble(script, buf_str(&whole));
	buf_free(&whole);
}

static void tell_all(struct script *script, struct problems *problems, struct problems *from)
{
	for (size_t i = 0; i < from->count; i++)
		tell(script, problems, from->list[i].warning, from->list[i].text);
	problems_free(from);
}

/* --- loading --- */

static bool is_script(const char *dir, const char *file)
{
	size_t len = strlen(file);
	if (file[0] == '.' || len <= 4 || strcmp(file + len - 4, ".lua") != 0)
		return false;
	if (len >= 9 && strcmp(file + len - 9, "_test.lua") == 0)
		return false;
	struct buf path = {0};
	struct stat stat_buf;
	buf_printf(&path, "%s/%s", dir, file);
	bool regular = stat(buf_str(&path), &stat_buf) == 0 && S_ISREG(stat_buf.st_mode);
	buf_free(&path);
	return regular;
}

const char *install_culprits(struct host *host)
{
	struct buf path = {0};
	if (!host->services.state_dir)
		return NULL;
	buf_printf(&path, "%s/culprits", host->services.state_dir);
	host->culprits = mem_strdup(buf_str(&path));
	buf_free(&path);
	return host->culprits;
}

/* A script that ended the process again and again is not loaded. */
static int check_culprit(const struct script *script, struct err *err)
{
	const char *file = script->host->culprits;
	int times = file ? limits_culprit(file, script->name) : 0;
	if (times < CULPRIT_TIMES)
		return 0;
	return err_set(err,
	    "set aside: it brought neap down %d times, by a function that did not come back; mend it, "
	    "then `neap reload %s` brings it back",
	    times, script->name);
}

static void load_script(struct host *host, const char *file, struct problems *problems)
{
	char *name = mem_strndup(file, strlen(file) - 4);
	struct script *script = script_new(host, name);
	free(name);
	struct script **end = &host->scripts;
	while (*end)
		end = &(*end)->next;
	*end = script;

	struct err err;
	script->owner.start = job_start;
	script->draft = draft_new(&script->owner);
	int result = -1;
	if (!script->L)
		(void)err_set(&err, "not enough memory");
	else
		result = check_culprit(script, &err);
	if (result == 0)
		result = library_open(script, &err);
	if (result == 0)
		result = library_run(script, &err);
	if (script->L)
		(void)lua_gc(script->L, LUA_GCCOLLECT); /* what compiling left */
	script->loading = false;
	if (result < 0) {
		const char *yaml = host->services.config->path;
		if (strcmp(err.text, "not enough memory") == 0)
			(void)err_set(
			    &err, "%s: needs more memory than scripts.memory in neap.yaml gives", file);
		else if (!is_of_folder(err.text) && strncmp(err.text, yaml, strlen(yaml)) != 0)
			err_prefix(&err, "%s: ", file);
		tell(script, problems, false, err.text);
		install_end(script);
	}
}

static void load_folder(struct host *host, struct problems *problems)
{
	const char *dir = host->services.config->scripts.dir;
	struct dirent **list = NULL;
	int count = scandir(dir, &list, NULL, alphasort);
	if (count < 0) {
		problems_add(problems, false, "%s: the script folder (scripts.dir) cannot be read: %s", dir,
		    strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		if (is_script(dir, list[i]->d_name))
			load_script(host, list[i]->d_name, problems);
		free(list[i]);
	}
	free(list);
	if (!host->scripts)
		problems_add(problems, true, "%s: no scripts (*.lua) are there", dir);
}

/* --- installing --- */

static void take_out(struct script *script)
{
	struct services *services = &script->host->services;
	install_end(script);
	policies_remove(services->policies, script->name);
	catalog_remove(services->catalog, &script->owner);
}

static void put_in(struct script *script, struct problems *problems)
{
	struct services *services = &script->host->services;
	struct problems found = {0};
	struct draft *draft = script->draft;
	script->draft = NULL;
	int result = catalog_install(services->catalog, draft, &found);
	tell_all(script, problems, &found);
	if (result < 0)
		take_out(script);
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

/* True if a variable of the script names a policy that nobody declares. */
static bool misses_policy(struct script *script, struct problems *problems)
{
	const struct services *services = &script->host->services;
	bool misses = false;
	for (const struct entry *entry = NULL; (entry = catalog_next(services->catalog, entry));) {
		if (entry->owner != &script->owner || !*entry->policy ||
		    policies_find(services->policies, entry->policy))
			continue;
		struct err err;
		const char *meant = nearest_policy(services->policies, entry->policy);
		(void)err_set(&err, "%s: %s: no policy is called \"%.60s\"%s%s%s", entry->where,
		    entry->path, entry->policy, meant ? " (did you mean \"" : "", meant ? meant : "",
		    meant ? "\"?)" : "");
		tell(script, problems, false, err.text);
		misses = true;
	}
	return misses;
}

/* A script that goes may take the policy of another one with it: until nothing changes. */
static void check_policies(struct host *host, struct problems *problems)
{
	bool changed = true;
	while (changed) {
		changed = false;
		for (struct script *script = host->scripts; script; script = script->next) {
			if (script->L && misses_policy(script, problems)) {
				take_out(script);
				changed = true;
			}
		}
	}
}

static void check_params(struct host *host, struct problems *problems)
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

void install_all(struct host *host, struct problems *problems)
{
	struct services *services = &host->services;
	load_folder(host, problems);
	for (struct script *script = host->scripts; script; script = script->next) {
		struct problems found = {0};
		if (!script->L)
			continue;
		int result = policies_install(
		    services->policies, script->name, script->policies, script->policies_count, &found);
		tell_all(script, problems, &found);
		if (result < 0)
			install_end(script);
	}
	for (struct script *script = host->scripts; script; script = script->next)
		if (script->L)
			put_in(script, problems);
	check_policies(host, problems);
	check_params(host, problems);
	for (struct script *script = host->scripts; script; script = script->next)
		point_install(script);
	if (services->policies_changed)
		services->policies_changed(services->ctx);
}
