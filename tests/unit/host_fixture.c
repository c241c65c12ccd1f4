#include "host_fixture.h"

#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/config/config_load.h"
#include "core/queue/queue.h"
#include "lua/script.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill_path(const struct world *world, const char *name, char path[200])
{
	(void)snprintf(path, 200, "%s/%s", world->dir, name);
}

static void on_log(void *ctx, enum log_level level, const char *topic, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct world *world = ctx;
	buf_printf(&world->log, "%s %s: %s\n", names[level], topic, text);
}

struct world *world_new(void)
{
	const char *tmp = getenv("TMPDIR");
	struct world *world = mem_alloc(sizeof *world);
	(void)snprintf(world->dir, sizeof world->dir, "%.40s/neap-host-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(world->dir) != NULL);
	must(uv_loop_init(&world->loop) == 0);
	char path[200];
	fill_path(world, "scripts", path);
	must(mkdir(path, 0755) == 0);
	fill_path(world, "scripts/lib", path);
	must(mkdir(path, 0755) == 0);
	world->clock = clock_new_virtual(WORLD_WALL_MS);
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_tap(on_log, world);
	return world;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void world_free(struct world *world)
{
	if (world->host)
		world_close(world);
	log_tap(NULL, NULL);
	log_close();
	must(uv_loop_close(&world->loop) == 0);
	clock_free(world->clock);
	buf_free(&world->log);
	must(nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	free(world);
}

int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

void world_file(struct world *world, const char *name, const char *text)
{
	char path[200];
	fill_path(world, name, path);
	must(fileio_replace(path, text, strlen(text), 0644, NULL) == 0);
}

void world_script(struct world *world, const char *name, const char *text)
{
	char path[200];
	(void)snprintf(path, sizeof path, "scripts/%s", name);
	world_file(world, path, text);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void policies_changed(void *ctx)
{
	struct world *world = ctx;
	must(ingest_policies_changed(world->ingest, NULL) == 0);
}

static void configure(struct world *world)
{
	struct buf yaml = {0};
	struct problems problems = {0};
	buf_printf(&yaml,
	    "device: {serial: GW-1}\nbroker: {url: tcp://127.0.0.1:1883}\n"
	    "scripts: {dir: %s/scripts, memory: %s, budget: %s, watch: %s}\n"
	    "queue: {dir: %s/queue}\n%s",
	    world->dir, world->memory ? world->memory : "4MB", world->budget ? world->budget : "1s",
	    world->watch ? "true" : "false", world->dir, world->yaml ? world->yaml : "");
	world->config = config_parse("neap.yaml", yaml.data, yaml.len, &problems);
	for (size_t i = 0; i < problems.count; i++)
		(void)fprintf(stderr, "%s\n", problems.list[i].text);
	must(world->config != NULL);
	problems_free(&problems);
	buf_free(&yaml);
}

void world_open(struct world *world)
{
	char path[200];
	configure(world);
	world->catalog = catalog_new();
	world->policies = policies_new(world->config);
	struct queue_options options = {
	    .dir = world->config->queue.dir, .sync_ms = 5000, .memory = 256 << 10};
	world->queues = queue_set_open(&world->loop, world->clock, &options, NULL);
	must(world->queues != NULL);
	world->ingest = ingest_new(world->clock, world->queues, world->policies, nothing, NULL);
	policies_changed(world);
	fill_path(world, "settings.json", path);
	world->settings = store_open(path, NULL);
	must(world->settings != NULL);
	world->buses = buses_open(&world->loop, world->clock);
	world->stopped = false;
	struct services services = {
	    .loop = &world->loop,
	    .clock = world->clock,
	    .config = world->config,
	    .catalog = world->catalog,
	    .policies = world->policies,
	    .ingest = world->ingest,
	    .settings = world->settings,
	    .state_dir = world->dir,
	    .buses = world->buses,
	    .policies_changed = policies_changed,
	    .ctx = world,
	};
	world->host = script_host()->open(&services);
	script_host()->load(world->host, &world->problems);
}

void world_close(struct world *world)
{
	script_host()->close(world->host);
	world->host = NULL;
	buses_close(world->buses);
	ingest_free(world->ingest);
	queue_set_close(world->queues);
	(void)uv_run(&world->loop, UV_RUN_DEFAULT);
	store_close(world->settings);
	policies_free(world->policies);
	catalog_free(world->catalog);
	config_free(world->config);
	problems_free(&world->problems);
}

void world_start(struct world *world, const char *script)
{
	world_script(world, "machine.lua", script);
	world_open(world);
	if (world->problems.count)
		(void)fprintf(stderr, "%s", world_problems(world));
	must(world->problems.errors == 0);
	script_host()->start(world->host);
}

/* What files and syncs do takes real time; the virtual clock waits for the files. */
static void let_io_end(struct world *world)
{
	do {
		(void)uv_run(&world->loop, world->loop.active_reqs.count ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	} while (
	    world->loop.active_reqs.count || host_next(world->host) <= clock_mono_ms(world->clock));
}

void world_run(struct world *world, int64_t ms)
{
	int64_t end = clock_mono_ms(world->clock) + ms;
	for (;;) {
		let_io_end(world);
		int64_t now = clock_mono_ms(world->clock), next = host_next(world->host);
		if (next > end || world->stopped) {
			clock_advance(world->clock, end - now);
			return;
		}
		clock_advance(world->clock, next - now);
		host_run(world->host);
	}
}

void world_real(struct world *world)
{
	clock_free(world->clock);
	world->clock = clock_new(CLOCK_TRUST_DATE);
}

void world_wait(struct world *world, const char *text)
{
	int64_t until = clock_io_ms() + 120000;

	while (!world_logged(world, text)) {
		(void)uv_run(&world->loop, UV_RUN_NOWAIT);
		(void)usleep(500);
		if (clock_io_ms() < until)
			continue;
		(void)fprintf(stderr, "\"%s\" is not logged:\n%s", text, buf_str(&world->log));
		must(!"it is logged in time");
	}
}

static void on_stopped(void *ctx)
{
	struct world *world = ctx;
	world->stopped = true;
}

void world_stop(struct world *world, int64_t limit_ms)
{
	script_host()->stop(world->host, limit_ms, on_stopped, world);
	while (!world->stopped)
		world_run(world, 100);
}

static void add_value(struct buf *out, const struct value *value)
{
	char text[NUMBER_TEXT];
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		buf_add(out, text, number_from_int(text, value->integer));
		break;
	case VALUE_DOUBLE:
		buf_add(out, text, number_from_double(text, value->number));
		break;
	case VALUE_BOOLEAN:
		buf_text(out, value->boolean ? "true" : "false");
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
	default:
		buf_add(out, value->text.data, value->text.len);
	}
}

const char *world_take(struct world *world, const char *policy)
{
	static struct buf text; /* a test program may */
	struct queue *queue = NULL;
	text.len = 0;
	while ((queue = queue_next(world->queues, queue)) && strcmp(queue_name(queue), policy) != 0)
		;
	must(queue != NULL);
	struct record record;
	while (queue_peek(queue, LANE_FRESH, &record)) {
		buf_printf(&text, "%s=", record.sample.path);
		add_value(&text, &record.sample.value);
		buf_printf(&text, "@%lld\n", (long long)record.sample.time.mono_ms);
		queue_advance(queue, LANE_FRESH);
	}
	struct range range = queue_take(queue, LANE_FRESH);
	if (range.count)
		queue_ack(queue, &range);
	return buf_str(&text);
}

struct asked {
	struct job job;
	struct argument argument;
	char text[64];
	struct outcome *outcome;
};

static void on_done(
    struct job *job, bool ok, const struct sample *samples, size_t count, const char *why)
{
	struct asked *asked = job->ctx;
	struct outcome *outcome = asked->outcome;
	struct buf values = {0};
	for (size_t i = 0; i < count; i++) {
		buf_printf(&values, "%s%s=", i ? " " : "", samples[i].path);
		add_value(&values, &samples[i].value);
	}
	outcome->calls++;
	outcome->ok = ok;
	(void)snprintf(outcome->values, sizeof outcome->values, "%s", buf_str(&values));
	(void)snprintf(outcome->why, sizeof outcome->why, "%s", why ? why : "");
	buf_free(&values);
	free(asked);
}

void world_job(struct world *world, enum job_kind kind, const char *path, const char *text,
    struct outcome *outcome)
{
	const struct entry *entry = catalog_find(world->catalog, path);
	must(entry != NULL);
	struct asked *asked = mem_alloc(sizeof *asked);
	*outcome = (struct outcome){0};
	asked->outcome = outcome;
	struct value value = {.type = VALUE_STRING};
	if (text) {
		(void)snprintf(asked->text, sizeof asked->text, "%s", text);
		value.text.data = asked->text;
		value.text.len = strlen(asked->text);
	}
	if (kind == JOB_WRITE)
		must(value_fit(&value, entry->type, true, NULL) == 0);
	asked->argument = (struct argument){.name = "n", .value = value};
	asked->job = (struct job){.kind = kind,
	    .entry = entry,
	    .path = entry->path,
	    .value = value,
	    .arguments = &asked->argument,
	    .arguments_count = kind == JOB_COMMAND && text ? 1 : 0,
	    .done = on_done,
	    .ctx = asked};
	entry->owner->start(entry->owner, &asked->job);
}

bool world_logged(struct world *world, const char *text)
{
	return strstr(buf_str(&world->log), text) != NULL;
}

const char *world_problems(struct world *world)
{
	static struct buf text;
	text.len = 0;
	for (size_t i = 0; i < world->problems.count; i++)
		buf_printf(&text, "%s\n", world->problems.list[i].text);
	return buf_str(&text);
}
