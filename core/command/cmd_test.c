/* `neap test`: test files, each case in a world of its own, as TAP (testanything.org). */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/command/command.h"
#include "core/command/rig.h"
#include "core/config/config_load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX        "_test.lua"
#define NODES_MAX     100000
#define SCRIPTS_MAX   32
#define BEGIN_WALL_MS INT64_C(1767225600000) /* 2026-01-01 */

#define NO_REST \
	"the scripts do not come to rest: one does the same again and again, without time passing"

struct session {
	const struct host_ops *ops;
	unsigned number, failed; /* cases so far */
	bool wrong;              /* a file cannot be run */
};

struct file {
	char *path, *dir, *name; /* name: without .lua */
};

/* --- files --- */

static bool ends_so(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static struct file file_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	return (struct file){
	    .path = mem_strdup(path),
	    .dir =
	        slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup("."),
	    .name = mem_strndup(base, strlen(base) - strlen(".lua")),
	};
}

static void free_file(struct file *file)
{
	free(file->path);
	free(file->dir);
	free(file->name);
}

/* --- a world --- */

static struct config *config_of(const struct file *file, const char *more)
{
	struct problems problems = {0};
	struct config *config;
	struct buf yaml = {0}, name = {0};

	if (!strstr(more, "device:"))
		buf_text(&yaml, "device: {serial: TEST}\n");
	if (!strstr(more, "broker:"))
		buf_text(&yaml, "broker: {url: \"tcp://127.0.0.1:1883\"}\n");
	buf_text(&yaml, more);
	buf_printf(&name, "%s's neap.yaml", file->path);
	config = config_parse(buf_str(&name), buf_str(&yaml), yaml.len, &problems);
	if (!config)
		command_say(&problems);
	problems_free(&problems);
	buf_free(&yaml);
	buf_free(&name);
	return config;
}

/* With the test file loaded; NULL: why not is said. */
static struct rig *open_world(const struct session *session, const struct file *file,
    const struct config *config, const char *const *scripts, int64_t wall_ms)
{
	struct config ours = *config;
	const struct rig_options options = {
	    .name = "test",
	    .config = &ours,
	    .ops = session->ops,
	    .is_virtual = true,
	    .wall_ms = wall_ms,
	    .only = scripts,
	    .faked = true,
	    .in_memory = true,
	};
	struct err err;
	struct rig *rig;

	ours.scripts.dir = file->dir;
	rig = rig_open(&options, &err);
	if (rig && session->ops->test->load(rig->host, file->name, &err) == 0)
		return rig;
	fprintf(stderr, "%s%s%s\n", rig ? file->dir : "neap test: ", rig ? "/" : "", err.text);
	if (rig)
		rig_close(rig);
	return NULL;
}

/* --- a case --- */

struct verdict {
	bool done;
	struct buf why, notes, log;
};

static void on_done(void *ctx, const struct test_result *result)
{
	struct verdict *verdict = ctx;

	buf_text(&verdict->why, result->why);
	buf_text(&verdict->notes, result->notes);
	buf_text(&verdict->log, result->log);
	verdict->done = true;
}

/* Time passes as far as the case wants; where it waits for nothing in particular, to what is next. */
static void drive(struct rig *rig, const struct verdict *verdict)
{
	const struct test_ops *test = rig->ops->test;

	while (!verdict->done) {
		int64_t next, until;
		bool rests = rig_settle(rig);

		if (verdict->done)
			return;
		next = rig->ops->next(rig->host);
		until = test->until(rig->host);
		if (!rests) {
			test->end(rig->host, rig_interrupted() ? "it was interrupted" : NO_REST);
		} else if (until == INT64_MAX && next == INT64_MAX) {
			test->end(rig->host, "it waits for something that will not happen any more");
		} else if (next <= until) {
			rig_advance(rig, next);
		} else {
			rig_advance(rig, until);
			test->arrive(rig->host);
		}
	}
}

static void print_lines(const char *indent, const struct buf *text)
{
	const char *line = text->data;

	for (size_t len; line && *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		printf("# %s%.*s\n", indent, (int)len, line);
	}
}

static void print_verdict(
    struct session *session, const struct file *file, const char *name, struct verdict *verdict)
{
	bool passed = verdict->why.len == 0;

	session->number++;
	session->failed += !passed;
	printf("%sok %u - %s: %s\n", passed ? "" : "not ", session->number, file->name, name);
	(void)buf_str(&verdict->notes);
	print_lines("", &verdict->notes);
	if (!passed) {
		(void)buf_str(&verdict->why);
		(void)buf_str(&verdict->log);
		print_lines("", &verdict->why);
		if (verdict->log.len > 0)
			puts("# the log:");
		print_lines("  ", &verdict->log);
	}
	(void)fflush(stdout);
}

static void run_case(struct session *session, const struct file *file, const struct json *plan,
    size_t index, const char *name)
{
	const struct json *wall = json_member(plan, "wall_ms");
	const struct json *list = json_member(plan, "scripts");
	const struct json *text = json_member(plan, "config");
	const char *scripts[SCRIPTS_MAX + 1] = {NULL};
	struct verdict verdict = {0};
	struct config *config = config_of(file, text->string.data);
	struct rig *rig = NULL;
	struct err err;
	size_t count = 0;

	for (const struct json *item = list->child; item && count < SCRIPTS_MAX; item = item->next)
		scripts[count++] = item->string.data;
	if (config)
		rig = open_world(session, file, config, scripts, wall ? wall->integer : BEGIN_WALL_MS);
	if (!rig)
		buf_text(&verdict.why, "it cannot be run, see standard error");
	else if (session->ops->test->begin(rig->host, index, on_done, &verdict, &err) < 0)
		buf_text(&verdict.why, err.text);
	else
		drive(rig, &verdict);
	print_verdict(session, file, name, &verdict);
	if (rig)
		rig_close(rig);
	config_free(config);
	buf_free(&verdict.why);
	buf_free(&verdict.notes);
	buf_free(&verdict.log);
}

/* --- a file --- */

/* Its cases, as the test file declares them; NULL: said. */
static struct json_doc *plan_of(const struct session *session, const struct file *file)
{
	static const char *const none[] = {NULL};
	struct config *config = config_of(file, "");
	struct rig *rig = config ? open_world(session, file, config, none, BEGIN_WALL_MS) : NULL;
	struct json_doc *doc = NULL;
	struct buf json = {0};
	size_t pos = 0;
	struct err err;

	if (rig) {
		session->ops->test->cases(rig->host, &json);
		doc = json_parse(json.data, json.len, &pos, NODES_MAX, &err);
		if (!doc)
			fprintf(stderr, "neap test: %s: %s\n", file->path, err.text);
		rig_close(rig);
	}
	config_free(config);
	buf_free(&json);
	return doc;
}

static void run_file(struct session *session, const char *path)
{
	struct file file = file_of(path);
	struct json_doc *doc = plan_of(session, &file);
	const struct json *plan = doc ? json_root(doc)->child : NULL;

	if (doc && !plan)
		fprintf(stderr, "%s: it declares no case: test.case(\"name\", function() ... end)\n", path);
	session->wrong |= !plan;
	for (size_t index = 0; plan && !rig_interrupted(); plan = plan->next, index++)
		run_case(session, &file, plan, index, json_member(plan, "name")->string.data);
	json_free(doc);
	free_file(&file);
}

static int is_test(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ends_so(entry->d_name, SUFFIX);
}

static void run_folder(struct session *session, const char *path)
{
	struct dirent **list = NULL;
	int count = scandir(path, &list, is_test, alphasort);

	if (count <= 0) {
		fprintf(stderr, "neap test: %s: no test files (*" SUFFIX ") are there\n", path);
		session->wrong = true;
	}
	for (int i = 0; i < count && !rig_interrupted(); i++) {
		struct buf file = {0};

		buf_printf(
		    &file, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", list[i]->d_name);
		run_file(session, buf_str(&file));
		buf_free(&file);
	}
	for (int i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void run_path(struct session *session, const char *path)
{
	struct stat info;

	if (stat(path, &info) < 0) {
		perror(path);
		session->wrong = true;
	} else if (S_ISDIR(info.st_mode)) {
		run_folder(session, path);
	} else if (!ends_so(path, SUFFIX)) {
		fprintf(stderr, "neap test: %s: a test file is called *" SUFFIX "\n", path);
		session->wrong = true;
	} else {
		run_file(session, path);
	}
}

int command_test(const struct invocation *invocation)
{
	struct session session = {.ops = invocation->host};

	if (invocation->options.count == 0) {
		fprintf(stderr, "usage: neap test %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	log_open(LOG_TARGET_TAP, LOG_LEVEL_INFO);
	rig_hold_signals();
	for (char **path = invocation->options.args; *path && !rig_interrupted(); path++)
		run_path(&session, *path);
	rig_release_signals();
	printf("1..%u\n", session.number);
	log_close();
	if (session.wrong)
		return EXIT_WRONG;
	return session.failed > 0 ? EXIT_FAILED : EXIT_DONE;
}
