#include "queue_fixture.h"

#include "core/base/log.h"
#include "core/base/mem.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fixture_init(struct queue_fixture *fixture)
{
	const char *tmp = getenv("TMPDIR");
	const char *fast = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	memset(fixture, 0, sizeof *fixture);
	log_set_topic("queue", LOG_LEVEL_ERROR); /* damage and trouble are what the tests are about */
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%.40s/neap-queue-XXXXXX", tmp ? tmp : fast);
	must(mkdtemp(fixture->dir) != NULL);
	must(uv_loop_init(&fixture->loop) == 0);
	fixture->clock = clock_new_virtual(INT64_C(1767225600000));
	fixture->options = (struct queue_options){
	    .dir = fixture->dir, .sync_ms = 5000, .memory = 256 * 1024, .limit = 0};
}

void fixture_open(struct queue_fixture *fixture)
{
	struct err err = {0};

	fixture->set = queue_set_open(&fixture->loop, fixture->clock, &fixture->options, &err);
	if (!fixture->set)
		(void)fprintf(stderr, "%s\n", err.text);
	must(fixture->set != NULL);
}

void fixture_close(struct queue_fixture *fixture)
{
	queue_set_close(fixture->set);
	fixture->set = NULL;
	(void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void fixture_free(struct queue_fixture *fixture)
{
	if (fixture->set)
		fixture_close(fixture);
	must(uv_loop_close(&fixture->loop) == 0);
	clock_free(fixture->clock);
	must(nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

struct queue *fixture_declare(
    struct queue_fixture *fixture, const char *name, uint64_t limit, enum policy_full full)
{
	struct policy policy;

	policy_init(&policy, name);
	policy.limit = limit;
	policy.full = full;
	struct queue *queue = queue_declare(fixture->set, &policy, NULL);
	must(queue != NULL);
	return queue;
}

struct wait {
	bool done;
	int error;
};

static void on_synced(void *ctx, int error)
{
	struct wait *wait = ctx;

	wait->done = true;
	wait->error = error;
}

int fixture_sync(struct queue_fixture *fixture)
{
	struct wait wait = {0};

	queue_sync(fixture->set, on_synced, &wait);
	while (!wait.done)
		(void)uv_run(&fixture->loop, UV_RUN_ONCE);
	return wait.error;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* The set's own timer keeps no loop alive: this one does. */
bool fixture_run_until(
    struct queue_fixture *fixture, bool (*done)(const void *ctx), const void *ctx)
{
	uv_timer_t tick;
	uint64_t end = uv_hrtime() + UINT64_C(20000000000);

	must(uv_timer_init(&fixture->loop, &tick) == 0);
	must(uv_timer_start(&tick, on_tick, 1, 1) == 0);
	while (!done(ctx) && uv_hrtime() < end)
		(void)uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&tick, NULL);
	(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
	return done(ctx);
}

void fixture_push(
    struct queue_fixture *fixture, struct queue *queue, const char *path, int64_t value)
{
	struct sample sample = {
	    .path = path,
	    .value = {.type = VALUE_INT, .integer = value},
	    .time = clock_stamp(fixture->clock),
	};

	must(queue_append(queue, &sample, NULL) == 0);
}

bool fixture_find(
    const struct queue_fixture *fixture, const char *queue, const char *suffix, char path[256])
{
	char folder[128], found[64] = "";
	struct dirent *entry;

	(void)snprintf(folder, sizeof folder, "%s/%s", fixture->dir, queue);
	DIR *dir = opendir(folder);
	while (dir && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name), end = strlen(suffix);
		if (len < sizeof found && len >= end && strcmp(entry->d_name + len - end, suffix) == 0 &&
		    entry->d_name[0] != '.' && (found[0] == '\0' || strcmp(entry->d_name, found) < 0))
			memcpy(found, entry->d_name, len + 1);
	}
	if (dir)
		(void)closedir(dir);
	(void)snprintf(path, 256, "%s/%s", folder, found);
	return found[0] != '\0';
}
