#include "core/offline.h"

#include "core/fileio.h"
#include "core/inbox.h"
#include "core/json.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_MAX (16 * 1024 * 1024) /* of one file of the state */

struct offline {
	struct config config; /* the user's, but for the folders */
	const struct host_ops *ops;
	uv_loop_t loop;
	struct buf dir, state, queue;
	struct clock *clock;
	struct policies *policies;
	struct catalog *catalog;
	struct queue_set *queues;
	struct store *settings;
	struct ingest *ingest;
	struct inbox *inbox;
	struct host *host;
	struct buf *answer; /* of the chunk that runs */
	bool done, interrupted;
};

/* --- the copy --- */

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
	(void)info;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* The payloads that the agent has not done yet stay the agent's. */
static bool is_copied(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0 &&
	       strcmp(entry->d_name, "intake") != 0;
}

static void copy_file(const char *from, const char *to, const char *name)
{
	struct buf source = {0}, target = {0}, content = {0};
	struct stat info;

	buf_printf(&source, "%s/%s", from, name);
	buf_printf(&target, "%s/%s", to, name);
	if (stat(buf_str(&source), &info) == 0 && S_ISREG(info.st_mode) &&
	    fileio_read(buf_str(&source), COPY_MAX, &content, NULL) == 0)
		(void)fileio_replace(buf_str(&target), content.data, content.len, 0600, NULL);
	buf_free(&source);
	buf_free(&target);
	buf_free(&content);
}

static void copy_folder(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_copied(entry))
			copy_file(from, to, entry->d_name);
	if (dir)
		closedir(dir);
}

static int make_folders(struct offline *offline, const struct config *config, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	buf_printf(&offline->dir, "%s/neap-repl-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	(void)buf_str(&offline->dir);
	if (!mkdtemp(offline->dir.data)) {
		int why = errno;

		err_sys(err, why, "a folder for a copy of the state: %s", buf_str(&offline->dir));
		offline->dir.len = 0;
		return -1;
	}
	buf_printf(&offline->state, "%s/state", buf_str(&offline->dir));
	buf_printf(&offline->queue, "%s/queue", buf_str(&offline->dir));
	if (fileio_mkdirs(buf_str(&offline->state), 0700, err) < 0)
		return -1;
	copy_folder(config->state.dir, offline->state.data);
	offline->config = *config;
	offline->config.state.dir = offline->state.data;
	offline->config.queue.dir = buf_str(&offline->queue);
	return 0;
}

/* --- the parts --- */

static void ignore(void *ctx)
{
	(void)ctx;
}

static void on_policies_changed(void *ctx)
{
	struct offline *offline = ctx;

	(void)ingest_policies_changed(offline->ingest, NULL);
}

static int open_parts(struct offline *offline, struct err *err)
{
	const struct config *config = &offline->config;
	const struct queue_options options = {
	    .dir = config->queue.dir,
	    .sync_ms = config->queue.sync_ms,
	    .memory = config->queue.memory,
	    .limit = config->queue.limit,
	};
	struct buf path = {0};

	offline->clock = clock_new(config->clock.trust);
	offline->policies = policies_new(config);
	offline->catalog = catalog_new();
	buf_printf(&path, "%s/settings.json", config->state.dir);
	offline->settings = store_open(buf_str(&path), err);
	buf_free(&path);
	if (!offline->settings)
		return -1;
	offline->queues = queue_set_open(&offline->loop, offline->clock, &options, err);
	if (!offline->queues)
		return -1;
	offline->ingest =
	    ingest_new(offline->clock, offline->queues, offline->policies, ignore, offline);
	offline->inbox = inbox_new(offline->clock, config, offline->catalog, offline->ingest, err);
	return offline->inbox ? 0 : -1;
}

static void load(struct offline *offline, struct problems *problems)
{
	const struct services services = {
	    .loop = &offline->loop,
	    .clock = offline->clock,
	    .config = &offline->config,
	    .catalog = offline->catalog,
	    .policies = offline->policies,
	    .ingest = offline->ingest,
	    .settings = offline->settings,
	    .inbox = offline->inbox,
	    .state_dir = offline->config.state.dir,
	    .policies_changed = on_policies_changed,
	    .ctx = offline,
	};

	offline->host = offline->ops->open(&services);
	on_policies_changed(offline);
	offline->ops->load(offline->host, problems);
	offline->ops->start(offline->host);
	offline->ops->console->arm(offline->host, INT64_MAX);
}

struct offline *offline_open(const struct config *config, const struct host_ops *ops,
    struct problems *problems, struct err *err)
{
	struct offline *offline = mem_alloc(sizeof(*offline));

	offline->ops = ops;
	must(uv_loop_init(&offline->loop) == 0);
	if (make_folders(offline, config, err) < 0 || open_parts(offline, err) < 0) {
		offline_close(offline);
		return NULL;
	}
	load(offline, problems);
	return offline;
}

void offline_close(struct offline *offline)
{
	if (offline->host)
		offline->ops->close(offline->host);
	inbox_free(offline->inbox);
	ingest_free(offline->ingest);
	if (offline->queues)
		queue_set_close(offline->queues);
	store_close(offline->settings);
	catalog_free(offline->catalog);
	policies_free(offline->policies);
	uv_run(&offline->loop, UV_RUN_DEFAULT); /* handles that close */
	must(uv_loop_close(&offline->loop) == 0);
	clock_free(offline->clock);
	if (offline->dir.len > 0)
		(void)nftw(buf_str(&offline->dir), remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_free(&offline->dir);
	buf_free(&offline->state);
	buf_free(&offline->queue);
	free(offline);
}

/* --- the console's side --- */

static void on_done(void *ctx, struct buf *json)
{
	struct offline *offline = ctx;

	offline->answer->len = 0;
	if (json)
		buf_add(offline->answer, json->data, json->len);
	offline->done = true;
}

static void on_interrupt(uv_poll_t *poll, int status, int events)
{
	struct offline *offline = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	offline->interrupted = true;
	offline->ops->console->stop(offline->host);
}

static int eval(void *ctx, const char *chunk, int interrupt, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;
	uv_poll_t poll = {.data = offline};

	offline->done = offline->interrupted = false;
	offline->answer = answer;
	if (offline->ops->console->eval(offline->host, chunk, strlen(chunk), on_done, offline, err) < 0)
		return -1;
	if (interrupt >= 0) {
		must(uv_poll_init(&offline->loop, &poll, interrupt) == 0);
		poll.data = offline;
		uv_poll_start(&poll, UV_READABLE, on_interrupt);
	}
	while (!offline->done)
		uv_run(&offline->loop, UV_RUN_ONCE);
	if (interrupt >= 0) {
		uv_close((uv_handle_t *)&poll, NULL);
		uv_run(&offline->loop, UV_RUN_NOWAIT);
	}
	if (!offline->interrupted)
		return 0;
	err_set(err, "stopped");
	err->code = -ECANCELED;
	return -1;
}

static int complete(void *ctx, const char *text, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;

	return offline->ops->console->complete(offline->host, text, strlen(text), answer, err);
}

static int ask(void *ctx, const char *request, struct buf *answer, struct err *err)
{
	struct offline *offline = ctx;
	size_t pos = 0;
	struct json_doc *doc = json_parse(request, strlen(request), &pos, 100, err);
	const struct json *cmd = doc ? json_member(json_root(doc), "cmd") : NULL;
	bool sensors = cmd && strcmp(cmd->string.data, "sensors") == 0;

	json_free(doc);
	if (!sensors)
		return err_set(err, "offline there is no agent to ask: all runs here, on a copy");
	offline->ops->console->sensors(offline->host, answer);
	return 0;
}

struct console_side offline_side(struct offline *offline)
{
	return (struct console_side){.ctx = offline,
	    .eval = eval,
	    .complete = complete,
	    .ask = ask,
	    .greeting = "neap " NEAP_VERSION ", offline, on a copy of the state: all runs, nothing "
	                "is\nsent or kept. Lua, or :help"};
}
