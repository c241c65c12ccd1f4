/* What sensors cost: 1,000 of one script, read each second, through to the queue on disk; the CPU of the
 * process, and how late each value is taken. All are due at the same moment, which is the worst.
 * usage: sensors_bench [SECONDS [FOLDER]]    (10; a folder on the disk that matters: the current one) */
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/config/config_load.h"
#include "core/task/host.h"
#include "lua/script.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SENSORS = 1000, PERIOD_MS = 1000 };

struct bench {
	struct observer observer;
	struct observers observers;
	char dir[300];
	uv_loop_t loop;
	struct clock *clock;
	struct config *config;
	struct catalog *catalog;
	struct policies *policies;
	struct queue_set *queues;
	struct ingest *ingest;
	struct host *host;
	uv_timer_t alive; /* the scripts' timers do not hold the loop */
	int64_t began_ms;
	int32_t *late_us; /* of each sample */
	size_t count, room;
};

static double cpu_seconds(void)
{
	struct timespec ts;
	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void on_alive(uv_timer_t *timer)
{
	(void)timer;
}

static void policies_changed(void *ctx)
{
	struct bench *bench = ctx;
	must(ingest_policies_changed(bench->ingest, NULL) == 0);
}

static void on_sight(struct observer *observer, const struct sighting *sighting)
{
	struct bench *bench = (struct bench *)observer; /* its first member */
	if (sighting->what != SIGHT_QUEUED)
		return;
	if (bench->count == bench->room)
		return;
	int64_t since_us = clock_mono_us(bench->clock) - bench->began_ms * 1000;
	bench->late_us[bench->count++] = (int32_t)(since_us % (PERIOD_MS * INT64_C(1000)));
}

static void write_script(const struct bench *bench, const char *report)
{
	struct buf path = {0}, text = {0};
	buf_printf(&path, "%s/scripts", bench->dir);
	must(fileio_mkdirs(buf_str(&path), 0755, NULL) == 0);
	buf_text(&path, "/bench.lua");
	buf_printf(&text,
	    "local machine = asset('machine')\n"
	    "for i = 1, %d do\n"
	    "  local value = i\n"
	    "  machine:variable('sensor' .. i, { every = %g, %s read = function()\n"
	    "    value = value + 0.5\n"
	    "    return value\n"
	    "  end })\n"
	    "end\n",
	    SENSORS, PERIOD_MS / 1000.0, report);
	must(fileio_replace(buf_str(&path), text.data, text.len, 0644, NULL) == 0);
	buf_free(&path);
	buf_free(&text);
}

static void configure(struct bench *bench)
{
	struct buf yaml = {0};
	struct problems problems = {0};
	buf_printf(&yaml,
	    "device: {serial: BENCH}\nbroker: {url: 'tcp://127.0.0.1:1883'}\n"
	    "scripts: {dir: %s/scripts, memory: 8MB}\nqueue: {dir: %s/queue}\npolicies: {default: "
	    "{limit: 64MB}}\n",
	    bench->dir, bench->dir);
	bench->config = config_parse("neap.yaml", yaml.data, yaml.len, &problems);
	must(bench->config != NULL);
	problems_free(&problems);
	buf_free(&yaml);
}

static void open_all(struct bench *bench)
{
	struct problems problems = {0};
	must(uv_loop_init(&bench->loop) == 0);
	must(uv_timer_init(&bench->loop, &bench->alive) == 0);
	(void)uv_timer_start(&bench->alive, on_alive, PERIOD_MS / 2, PERIOD_MS / 2);
	configure(bench);
	bench->clock = clock_new(CLOCK_TRUST_DATE);
	bench->catalog = catalog_new();
	bench->policies = policies_new(bench->config);
	const struct queue_options options = {
	    .dir = bench->config->queue.dir, .sync_ms = 5000, .memory = 256 << 10};
	bench->queues = queue_set_open(&bench->loop, bench->clock, &options, NULL);
	must(bench->queues != NULL);
	bench->ingest = ingest_new(bench->clock, bench->queues, bench->policies, nothing, NULL);
	bench->observer.see = on_sight;
	ingest_observed(bench->ingest, &bench->observers);
	policies_changed(bench);
	const struct services services = {
	    .loop = &bench->loop,
	    .clock = bench->clock,
	    .config = bench->config,
	    .catalog = bench->catalog,
	    .policies = bench->policies,
	    .ingest = bench->ingest,
	    .policies_changed = policies_changed,
	    .ctx = bench,
	};
	bench->host = script_host()->open(&services);
	script_host()->load(bench->host, &problems);
	for (size_t i = 0; i < problems.count; i++)
		(void)fprintf(stderr, "%s\n", problems.list[i].text);
	must(problems.count == 0);
}

static void close_all(struct bench *bench)
{
	script_host()->close(bench->host);
	ingest_free(bench->ingest);
	queue_set_close(bench->queues);
	uv_close((uv_handle_t *)&bench->alive, NULL);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	policies_free(bench->policies);
	catalog_free(bench->catalog);
	config_free(bench->config);
	clock_free(bench->clock);
	must(uv_loop_close(&bench->loop) == 0);
	must(nftw(bench->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static int compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

/* The first round, in which memory grows, does not count. */
static void measure(struct bench *bench, int seconds, bool all_sent)
{
	bench->room = (size_t)SENSORS * (size_t)seconds;
	bench->late_us = mem_alloc(bench->room * sizeof *bench->late_us);
	bench->began_ms = clock_mono_ms(bench->clock);
	script_host()->start(bench->host);
	double cpu = 0;
	int64_t middle = bench->began_ms + PERIOD_MS / 2;
	for (int64_t end = middle; end <= middle + seconds * INT64_C(1000); end += 1000) {
		while (clock_mono_ms(bench->clock) < end)
			(void)uv_run(&bench->loop, UV_RUN_ONCE);
		if (end == middle) {
			cpu = cpu_seconds();
			observe_begin(&bench->observers, &bench->observer);
		}
	}
	cpu = cpu_seconds() - cpu;
	observe_end(&bench->observers, &bench->observer);
	qsort(bench->late_us, bench->count, sizeof *bench->late_us, compare);
	printf("%6.2f us CPU a read   (target 2)", cpu * 1e6 / (double)bench->room);
	size_t middle_one = bench->count / 2, late_one = bench->count * 99 / 100;
	if (all_sent)
		printf("; late by %.1f ms median, %.1f ms 99%%   (target 5), %.1f ms at most",
		    bench->late_us[middle_one] / 1e3, bench->late_us[late_one] / 1e3,
		    bench->late_us[bench->count - 1] / 1e3);
	putchar('\n');
	free(bench->late_us);
}

static void run(const char *what, const char *report, int seconds, const char *where)
{
	struct bench bench = {.count = 0};
	(void)snprintf(bench.dir, sizeof bench.dir, "%.200s/sensors-bench-XXXXXX", where);
	must(mkdtemp(bench.dir) != NULL);
	write_script(&bench, report);
	open_all(&bench);
	printf("%-24s", what);
	(void)fflush(stdout);
	measure(&bench, seconds, !*report);
	close_all(&bench);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10;
	const char *where = argc > 2 ? argv[2] : ".";
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_WARN);
	printf("%d sensors each %d ms, %d s\n", SENSORS, PERIOD_MS, seconds);
	run("each value is sent", "", seconds, where);
	run("change = 1000", "report = { change = 1000 },", seconds, where);
	run("window = 5s", "report = { window = '5s', values = { 'mean', 'max' } },", seconds, where);
	log_close();
	return 0;
}
