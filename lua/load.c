#include "lua/load.h"

#include "core/base/mem.h"
#include "lua/fiber.h"
#include "lua/job.h"
#include "lua/library.h"
#include "lua/limits.h"
#include "lua/point.h"
#include "lua/timer.h"
#include "lua/trial.h"
#include "lua/undefined.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CULPRIT_TIMES 2 /* then a script is set aside */

/* --- problems --- */

/* Does it begin with a place in a script, "machine.lua:" or "lib/util.lua:"? */
static bool is_of_folder(const char *text)
{
	size_t name = strcspn(text, ":");
	return text[0] != '/' && name > 4 && strncmp(text + name - 4, ".lua", 4) == 0;
}

/* Places in scripts are told as the user would open them. */
void load_tell(
    const struct host *host, struct problems *problems, struct problems *found, char **trouble)
{
	const char *dir = host->services.config->scripts.dir;
	for (size_t i = 0; i < found->count; i++) {
		const struct problem *problem = &found->list[i];
		struct buf whole = {0};
		if (is_of_folder(problem->text))
			buf_printf(&whole, "%s/", dir);
		buf_text(&whole, problem->text);
		problems_add(problems, problem->warning, "%s", buf_str(&whole));
		if (!problem->warning && !*trouble)
			*trouble = mem_strdup(buf_str(&whole));
		buf_free(&whole);
	}
	problems_free(found);
}

/* --- the folder --- */

static bool is_wanted(const struct host *host, const char *file, size_t len)
{
	const char *const *name = host->services.only;
	while (name && *name && (strlen(*name) != len || strncmp(*name, file, len) != 0))
		name++;
	return !name || *name;
}

static bool is_script(const struct host *host, const char *dir, const char *file)
{
	size_t len = strlen(file);
	if (file[0] == '.' || len <= 4 || strcmp(file + len - 4, ".lua") != 0)
		return false;
	if (!is_wanted(host, file, len - 4))
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

int load_names(const struct host *host, char ***names, struct problems *problems)
{
	const char *dir = host->services.config->scripts.dir;
	struct dirent **list = NULL;
	size_t found = 0;
	int count = scandir(dir, &list, NULL, alphasort);
	if (count < 0) {
		problems_add(problems, false, "%s: the script folder (scripts.dir) cannot be read: %s", dir,
		    strerror(errno));
		return -1;
	}
	*names = mem_alloc(((size_t)count + 1) * sizeof **names);
	for (int i = 0; i < count; i++) {
		const char *file = list[i]->d_name;
		if (is_script(host, dir, file))
			(*names)[found++] = mem_strndup(file, strlen(file) - 4);
		free(list[i]);
	}
	free(list);
	return 0;
}

void load_free_names(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

/* --- culprits --- */

const char *load_culprits(struct host *host)
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
static int check_culprit(struct script *script, struct err *err)
{
	const char *file = script->host->culprits;
	int times = file ? limits_culprit(file, script->name) : 0;
	if (times < CULPRIT_TIMES)
		return 0;
	script->aside = true;
	return err_set(err,
	    "set aside: it brought neap down %d times, by a function that did not come back; mend it, "
	    "then `neap reload %s` brings it back",
	    times, script->name);
}

/* --- a script --- */

/* What the error lacks to be understood. */
static void explain(const struct script *script, struct err *err)
{
	const char *yaml = script->host->services.config->path;
	if (strcmp(err->text, "not enough memory") == 0)
		(void)err_set(
		    err, "%s.lua: needs more memory than scripts.memory in neap.yaml gives", script->name);
	else if (!is_of_folder(err->text) && strncmp(err->text, yaml, strlen(yaml)) != 0)
		err_prefix(err, "%s.lua: ", script->name);
}

/* A read of an undefined global may have been found already. */
static void add_unless_told(struct problems *found, const char *text)
{
	for (size_t i = 0; i < found->count; i++)
		if (strcmp(found->list[i].text, text) == 0 && !found->list[i].warning)
			return;
	problems_add(found, false, "%s", text);
}

struct script *load_script(
    struct host *host, const char *name, struct source *given, struct problems *problems)
{
	struct script *script = script_new(host, name);
	struct problems found = {0};
	struct err err;
	int result = -1;
	script->sources = given;
	script->owner.start = job_start;
	script->draft = draft_new(&script->owner);
	script->cautions = &found;
	if (!script->L)
		(void)err_set(&err, "not enough memory");
	else
		result = check_culprit(script, &err);
	if (result == 0)
		result = library_open(script, &err);
	if (result == 0)
		result = library_run(script, script->name, &err);
	if (script->L && (result == 0 || !host->services.ingest))
		undefined_find(script, host->services.ingest != NULL, &found);
	if (script->L)
		(void)lua_gc(script->L, LUA_GCCOLLECT); /* what compiling left */
	script->loading = false;
	script->cautions = NULL;
	if (result < 0) {
		explain(script, &err);
		add_unless_told(&found, err.text);
	}
	load_tell(host, problems, &found, &script->trouble);
	if (result < 0)
		load_end(script);
	return script;
}

void load_end(struct script *script)
{
	script->closing = true;
	trial_close(script);
	fiber_close_all(script);
	job_close_all(script);
	ticker_close_all(script);
	point_free_all(script);
	script_drop_state(script);
}
