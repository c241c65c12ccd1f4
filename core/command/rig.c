#include "core/command/rig.h"

#include "core/base/fileio.h"
#include "core/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY   "/dev/shm"
#define NEVER_MS 86400000 /* of real time: whoever owns the virtual clock syncs */
#define REST_MS  60000
#define COPY_MAX (16 * 1024 * 1024) /* of one file of the state */

/* --- the folder --- */

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

static int make_folders(struct rig *rig, const struct rig_options *options, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || !*tmp)
		tmp = options->in_memory && access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp";
	buf_printf(&rig->dir, "%s/neap-%s-XXXXXX", tmp, options->name);
	(void)buf_str(&rig->dir);
	if (!mkdtemp(rig->dir.data)) {
		int why = errno;

		err_sys(err, why, "a temporary folder, %s", buf_str(&rig->dir));
		rig->dir.len = 0;
		return -1;
	}
	buf_printf(&rig->state, "%s/state", buf_str(&rig->dir));
	buf_printf(&rig->queue, "%s/queue", buf_str(&rig->dir));
	if (fileio_mkdirs(buf_str(&rig->state), 0700, err) < 0)
		return -1;
	if (options->copy_state)
		copy_folder(options->config->state.dir, rig->state.data);
	rig->config = *options->config;
	rig->config.state.dir = rig->state.data;
	rig->config.queue.dir = buf_str(&rig->queue);
	return 0;
}

/* --- the parts --- */

static void on_committed(void *ctx)
{
	struct rig *rig = ctx;

	if (rig->committed)
		rig->committed(rig->ctx);
}

static void on_policies_changed(void *ctx)
{
	struct rig *rig = ctx;

	(void)ingest_policies_changed(rig->ingest, NULL);
}

static int open_parts(struct rig *rig, struct err *err)
{
	const struct config *config = &rig->config;
	const struct queue_options options = {
	    .dir = config->queue.dir,
	    .sync_ms = rig->is_virtual ? NEVER_MS : config->queue.sync_ms,
	    .memory = config->queue.memory,
	    .limit = config->queue.limit,
	};
	struct buf path = {0};

	rig->policies = policies_new(config);
	rig->catalog = catalog_new();
	buf_printf(&path, "%s/settings.json", config->state.dir);
	rig->settings = store_open(buf_str(&path), err);
	buf_free(&path);
	if (!rig->settings)
		return -1;
	rig->queues = queue_set_open(&rig->loop, rig->clock, &options, err);
	if (!rig->queues)
		return -1;
	rig->ingest = ingest_new(rig->clock, rig->queues, rig->policies, on_committed, rig);
	ingest_observed(rig->ingest, &rig->observers);
	rig->inbox = inbox_new(rig->clock, config, rig->catalog, rig->ingest, err);
	return rig->inbox ? 0 : -1;
}

static void open_host(struct rig *rig, const struct rig_options *options)
{
	const struct services services = {
	    .loop = &rig->loop,
	    .clock = rig->clock,
	    .config = &rig->config,
	    .catalog = rig->catalog,
	    .policies = rig->policies,
	    .ingest = rig->ingest,
	    .settings = rig->settings,
	    .inbox = rig->inbox,
	    .state_dir = rig->config.state.dir,
	    .observers = &rig->observers,
	    .only = options->only,
	    .faked = options->faked,
	    .invented = options->invented,
	    .policies_changed = on_policies_changed,
	    .ctx = rig,
	};

	rig->host = rig->ops->open(&services);
	on_policies_changed(rig);
}

struct rig *rig_open(const struct rig_options *options, struct err *err)
{
	struct rig *rig = mem_alloc(sizeof(*rig));

	rig->ops = options->ops;
	rig->is_virtual = options->is_virtual;
	rig->committed = options->committed;
	rig->ctx = options->ctx;
	rig->clock = options->is_virtual ? clock_new_virtual(options->wall_ms)
	                                 : clock_new(options->config->clock.trust);
	signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is the script's error (EPIPE) */
	must(uv_loop_init(&rig->loop) == 0);
	if (make_folders(rig, options, err) < 0 || open_parts(rig, err) < 0) {
		rig_close(rig);
		return NULL;
	}
	open_host(rig, options);
	return rig;
}

void rig_close(struct rig *rig)
{
	if (rig->host)
		rig->ops->close(rig->host);
	inbox_free(rig->inbox);
	ingest_free(rig->ingest);
	if (rig->queues)
		queue_set_close(rig->queues);
	store_close(rig->settings);
	catalog_free(rig->catalog);
	policies_free(rig->policies);
	uv_run(&rig->loop, UV_RUN_DEFAULT); /* handles that close */
	must(uv_loop_close(&rig->loop) == 0);
	clock_free(rig->clock);
	if (rig->dir.len > 0)
		(void)nftw(buf_str(&rig->dir), remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_free(&rig->dir);
	buf_free(&rig->state);
	buf_free(&rig->queue);
	free(rig);
}

/* --- signals --- */

static void mask_signals(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(how, &set, NULL);
}

void rig_hold_signals(void)
{
	mask_signals(SIG_BLOCK);
}

bool rig_interrupted(void)
{
	sigset_t set;

	return sigpending(&set) == 0 &&
	       (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) || sigismember(&set, SIGHUP));
}

void rig_release_signals(void)
{
	mask_signals(SIG_UNBLOCK);
}

/* --- time --- */

bool rig_settle(struct rig *rig)
{
	int64_t until_ms = clock_io_ms() + REST_MS;
	bool waits;

	do {
		if (clock_io_ms() > until_ms || rig_interrupted())
			return false;
		waits = rig->ops->waits(rig->host) || rig->loop.active_reqs.count > 0;
		(void)uv_run(&rig->loop, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT);
		if (rig->ops->next(rig->host) <= clock_mono_ms(rig->clock))
			rig->ops->run(rig->host);
	} while (waits || rig->ops->next(rig->host) <= clock_mono_ms(rig->clock));
	return true;
}

void rig_advance(struct rig *rig, int64_t to_mono_ms)
{
	clock_advance(rig->clock, to_mono_ms - clock_mono_ms(rig->clock));
}
