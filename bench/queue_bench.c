/* What the queue costs: append, sync, recovery by size, reading back. Prints a table.
 * usage: queue_bench [FOLDER]    (a folder on the disk that matters; default: the current one) */
#include "core/base/mem.h"
#include "core/queue/queue.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PATHS = 20, PER_COMMIT = 100, MESSAGE = 500 };

struct bench {
	uv_loop_t loop;
	struct clock *clock;
	struct queue_set *set;
	struct queue *queue;
	char dir[256];
	char paths[PATHS][40];
};

static double seconds(clockid_t id)
{
	struct timespec ts;

	must(clock_gettime(id, &ts) == 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void open_queue(struct bench *bench)
{
	const struct queue_options options = {
	    .dir = bench->dir, .sync_ms = 5000, .memory = 256 * 1024, .limit = 0};
	struct policy policy;
	struct err err = {0};

	bench->set = queue_set_open(&bench->loop, bench->clock, &options, &err);
	must(bench->set != NULL);
	policy_init(&policy, "bench");
	policy.limit = 0;
	bench->queue = queue_declare(bench->set, &policy, &err);
}

static void close_queue(struct bench *bench)
{
	queue_set_close(bench->set);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
}

static void begin(struct bench *bench, const char *where)
{
	memset(bench, 0, sizeof *bench);
	(void)snprintf(bench->dir, sizeof bench->dir, "%.200s/queue-bench-XXXXXX", where);
	must(mkdtemp(bench->dir) != NULL);
	must(uv_loop_init(&bench->loop) == 0);
	bench->clock = clock_new(CLOCK_TRUST_DATE);
	for (int i = 0; i < PATHS; i++)
		(void)snprintf(bench->paths[i], sizeof bench->paths[i], "machine.line%d.temperature", i);
	open_queue(bench);
}

static void end(struct bench *bench)
{
	close_queue(bench);
	clock_free(bench->clock);
	must(uv_loop_close(&bench->loop) == 0);
	must(nftw(bench->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void append(struct bench *bench, unsigned count)
{
	struct stamp now = clock_stamp(bench->clock);

	for (unsigned i = 0; i < count; i++) {
		struct sample sample = {
		    .path = bench->paths[i % PATHS],
		    .value = {.type = VALUE_DOUBLE, .number = 20 + i * 0.25},
		    .time = now,
		};
		must(queue_append(bench->queue, &sample, NULL) == 0);
		if (i % PER_COMMIT == PER_COMMIT - 1)
			queue_commit(bench->set);
	}
	queue_commit(bench->set);
}

static unsigned long long bytes_handed_over(void)
{
	unsigned long long bytes = 0;
	char line[128];
	FILE *io = fopen("/proc/self/io", "re");

	while (io && fgets(line, sizeof line, io)) {
		if (strncmp(line, "wchar: ", 7) == 0)
			bytes = strtoull(line + 7, NULL, 10);
	}
	if (io)
		(void)fclose(io);
	return bytes;
}

static unsigned long long bytes_to_disk(void)
{
	unsigned long long bytes = 0;
	char line[128];
	FILE *io = fopen("/proc/self/io", "re");

	while (io && fgets(line, sizeof line, io)) {
		if (strncmp(line, "write_bytes: ", 13) == 0)
			bytes += strtoull(line + 13, NULL, 10);
		if (strncmp(line, "cancelled_write_bytes: ", 23) == 0)
			bytes -= strtoull(line + 23, NULL, 10);
	}
	if (io)
		(void)fclose(io);
	return bytes;
}

static void bench_append(const char *where)
{
	const unsigned count = 1000000;
	struct bench bench;

	begin(&bench, where);
	unsigned long long before = bytes_handed_over();
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	append(&bench, count);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	unsigned long long written = bytes_handed_over() - before;
	printf("append, commit each %d       %8.3f us CPU a sample   (target 0.4)\n", PER_COMMIT,
	    cpu / count * 1e6);
	/* 34: head and value of a double's record */
	printf("bytes handed to the kernel    %8.1f a sample, %.2f of a record   (target 1.3)\n",
	    (double)written / count, (double)written / count / 34);
	end(&bench);
}

static void on_synced(void *ctx, int error)
{
	*(int *)ctx = error ? -1 : 1;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void bench_sync(const char *where)
{
	enum { SYNCS = 200 };
	struct bench bench;
	double took[SYNCS];

	begin(&bench, where);
	for (int i = 0; i < SYNCS; i++) {
		int done = 0;
		append(&bench, 100);
		double from = seconds(CLOCK_MONOTONIC);
		queue_sync(bench.set, on_synced, &done);
		while (done == 0)
			(void)uv_run(&bench.loop, UV_RUN_ONCE);
		took[i] = seconds(CLOCK_MONOTONIC) - from;
	}
	qsort(took, SYNCS, sizeof took[0], compare);
	printf("sync of 100 samples           %8.3f ms median, %.3f ms 99%%\n", took[SYNCS / 2] * 1e3,
	    took[SYNCS * 99 / 100] * 1e3);
	end(&bench);
}

static long peak_kb(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void drain(struct bench *bench, unsigned expected)
{
	struct record record;
	unsigned count = 0;
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), sum = 0;

	for (;;) {
		unsigned taken = 0;
		while (taken < MESSAGE && queue_peek(bench->queue, LANE_BACKLOG, &record)) {
			sum += record.sample.value.number;
			queue_advance(bench->queue, LANE_BACKLOG);
			taken++;
		}
		struct range range = queue_take(bench->queue, LANE_BACKLOG);
		if (range.count == 0)
			break;
		queue_ack(bench->queue, &range);
		count += taken;
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	must(count == expected && sum > 0);
	printf("  read, take, ack by %d      %8.3f us CPU a sample\n", MESSAGE, cpu / count * 1e6);
}

static void bench_recovery(const char *where, unsigned count)
{
	struct bench bench;

	begin(&bench, where);
	append(&bench, count);
	close_queue(&bench);
	double from = seconds(CLOCK_MONOTONIC);
	open_queue(&bench);
	double took = seconds(CLOCK_MONOTONIC) - from;
	printf("open with %7u samples     %8.2f ms%s, peak RSS so far %ld KB\n", count, took * 1e3,
	    count == 1000000 ? "   (target 300)" : "", peak_kb());
	must(queue_figures(bench.queue).backlog == count);
	drain(&bench, count);
	end(&bench);
}

/* Batches that are acknowledged before the sync: what reaches the disk of a device that is online.
 */
static void bench_online(const char *where)
{
	enum { BATCHES = 2000, BATCH = 50 };
	struct bench bench;
	struct record record;

	begin(&bench, where);
	unsigned long long before = bytes_to_disk();
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < BATCHES; i++) {
		append(&bench, BATCH);
		while (queue_peek(bench.queue, LANE_FRESH, &record))
			queue_advance(bench.queue, LANE_FRESH);
		struct range range = queue_take(bench.queue, LANE_FRESH);
		must(range.count == BATCH);
		queue_ack(bench.queue, &range);
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	close_queue(&bench);
	printf("online, batches of %d         %8.3f us CPU a sample through the queue\n", BATCH,
	    cpu / (BATCHES * BATCH) * 1e6);
	printf("  bytes that reached the disk %8lld of %d samples\n",
	    (long long)(bytes_to_disk() - before), BATCHES * BATCH);
	open_queue(&bench);
	end(&bench);
}

int main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : ".";

	bench_append(where);
	bench_online(where);
	bench_sync(where);
	bench_recovery(where, 10000);
	bench_recovery(where, 100000);
	bench_recovery(where, 1000000);
	return 0;
}
