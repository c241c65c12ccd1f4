/*
 * A queue on a leash, for tests that break the disk or kill the process.
 * usage: queue_driver DIR [memory=N] [limit=N] [full=RULE] [sync=MS]
 *
 * Reads commands from standard input, a line each, and answers each with one line. Samples are ints
 * that count from 0, on three paths. The clock is virtual and stands still but for `advance`.
 *
 *   append N     appends and commits N samples       append FIRST LAST
 *   next N       the next sample's number is N       next
 *   sync         queue_sync, awaited                 sync ERRNO STALL_MS (the longest the loop stood)
 *   advance MS   the clock, then a commit            advance
 *   run MS       lets the loop run, in real time     run STALL_MS
 *   take N       takes up to N, of the backlog first, and acknowledges them  take FIRST-LAST ...
 *   figures                                          figures waiting=.. lost_damaged=.. trouble=.. ...
 *   close        closes and opens again              close
 *   quit
 */
#include "core/base/mem.h"
#include "core/queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct driver {
	uv_loop_t loop;
	uv_timer_t tick; /* sees how long the loop stood */
	uint64_t ticked, stall;
	struct clock *clock;
	struct queue_options options;
	struct policy policy;
	struct queue_set *set;
	struct queue *queue;
	int64_t number;
};

static void on_tick(uv_timer_t *timer)
{
	struct driver *driver = timer->data;
	uint64_t now = uv_hrtime() / 1000000;

	if (now - driver->ticked > driver->stall)
		driver->stall = now - driver->ticked;
	driver->ticked = now;
}

static void start_tick(struct driver *driver)
{
	driver->stall = 0;
	driver->ticked = uv_hrtime() / 1000000;
	must(uv_timer_start(&driver->tick, on_tick, 5, 5) == 0);
}

static void open_queues(struct driver *driver)
{
	struct err err = {0};

	driver->set = queue_set_open(&driver->loop, driver->clock, &driver->options, &err);
	if (!driver->set) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	driver->queue = queue_declare(driver->set, &driver->policy, &err);
	must(driver->queue != NULL);
}

static void append(struct driver *driver, int64_t count)
{
	static const char *const paths[] = {"m.a", "m.b", "m.c"};

	printf("append %lld ", (long long)driver->number);
	for (; count > 0; count--, driver->number++) {
		struct sample sample = {
		    .path = paths[driver->number % 3],
		    .value = {.type = VALUE_INT, .integer = driver->number},
		    .time = clock_stamp(driver->clock),
		};
		must(queue_append(driver->queue, &sample, NULL) == 0);
	}
	queue_commit(driver->set);
	printf("%lld\n", (long long)driver->number - 1);
}

static void on_synced(void *ctx, int error)
{
	*(int *)ctx = error;
}

static void sync_now(struct driver *driver)
{
	int error = -1;

	start_tick(driver);
	queue_sync(driver->set, on_synced, &error);
	while (error < 0)
		(void)uv_run(&driver->loop, UV_RUN_ONCE);
	(void)uv_timer_stop(&driver->tick);
	printf("sync %d %llu\n", error, (unsigned long long)driver->stall);
}

static void run(struct driver *driver, int64_t ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;

	start_tick(driver);
	while (uv_hrtime() < end)
		(void)uv_run(&driver->loop, UV_RUN_ONCE);
	(void)uv_timer_stop(&driver->tick);
	printf("run %llu\n", (unsigned long long)driver->stall);
}

/* Numbers as ranges, in the order in which they come. */
static int64_t take_lane(struct driver *driver, enum queue_lane lane, int64_t most)
{
	struct record record;
	int64_t first = -1, last = -1, count = 0;

	while (count < most && queue_peek(driver->queue, lane, &record)) {
		int64_t number = record.sample.value.integer;
		must(record.sample.path[2] == 'a' + number % 3);
		if (first >= 0 && number != last + 1)
			printf(" %lld-%lld", (long long)first, (long long)last);
		if (first < 0 || number != last + 1)
			first = number;
		last = number;
		count++;
		queue_advance(driver->queue, lane);
	}
	if (first >= 0)
		printf(" %lld-%lld", (long long)first, (long long)last);
	struct range range = queue_take(driver->queue, lane);
	must(range.count == count);
	(void)fflush(stdout); /* whoever kills us knows what was delivered */
	if (count > 0)
		queue_ack(driver->queue, &range);
	return count;
}

static void take(struct driver *driver, int64_t most)
{
	printf("take");
	most -= take_lane(driver, LANE_BACKLOG, most);
	(void)take_lane(driver, LANE_FRESH, most);
	printf("\n");
}

static void print_figures(const struct driver *driver)
{
	struct queue_figures figures = queue_figures(driver->queue);

	printf("figures waiting=%llu in_flight=%llu bytes=%llu memory=%llu unsynced=%llu segments=%u",
	    (unsigned long long)figures.waiting, (unsigned long long)figures.in_flight,
	    (unsigned long long)figures.bytes, (unsigned long long)figures.memory_bytes,
	    (unsigned long long)figures.unsynced, figures.segments);
	for (int i = 0; i < LOSS_REASONS; i++)
		printf(" lost_%s=%llu", loss_name((enum loss)i), (unsigned long long)figures.lost[i]);
	printf(" trouble=%s\n", figures.trouble ? figures.trouble : "");
}

static void close_queues(struct driver *driver)
{
	queue_set_close(driver->set);
	(void)uv_run(&driver->loop, UV_RUN_DEFAULT);
}

static bool obey(struct driver *driver, const char *word, int64_t number)
{
	if (strcmp(word, "append") == 0) {
		append(driver, number);
	} else if (strcmp(word, "next") == 0) {
		driver->number = number;
		printf("next\n");
	} else if (strcmp(word, "sync") == 0) {
		sync_now(driver);
	} else if (strcmp(word, "advance") == 0) {
		clock_advance(driver->clock, number);
		queue_commit(driver->set);
		printf("advance\n");
	} else if (strcmp(word, "run") == 0) {
		run(driver, number);
	} else if (strcmp(word, "take") == 0) {
		take(driver, number);
	} else if (strcmp(word, "figures") == 0) {
		print_figures(driver);
	} else if (strcmp(word, "close") == 0) {
		close_queues(driver);
		open_queues(driver);
		printf("close\n");
	} else {
		return false;
	}
	(void)fflush(stdout);
	return true;
}

static void read_option(struct driver *driver, const char *text)
{
	const char *value = strchr(text, '=');
	struct err err;

	must(value != NULL);
	value++;
	if (strncmp(text, "memory=", 7) == 0)
		driver->options.memory = strtoull(value, NULL, 10);
	else if (strncmp(text, "sync=", 5) == 0)
		driver->options.sync_ms = strtoll(value, NULL, 10);
	else if (strncmp(text, "limit=", 6) == 0)
		driver->policy.limit = strtoull(value, NULL, 10);
	else if (strncmp(text, "full=", 5) == 0)
		must(policy_set(&driver->policy, "full", value, &err) == 0);
}

int main(int argc, char **argv)
{
	static struct driver driver;
	char line[256];

	if (argc < 2) {
		(void)fprintf(
		    stderr, "usage: queue_driver DIR [memory=N] [limit=N] [full=RULE] [sync=MS]\n");
		return 2;
	}
	driver.options = (struct queue_options){
	    .dir = argv[1], .sync_ms = 3600000, .memory = 1024 * 1024, .limit = 0};
	policy_init(&driver.policy, "q");
	for (int i = 2; i < argc; i++)
		read_option(&driver, argv[i]);
	must(uv_loop_init(&driver.loop) == 0);
	must(uv_timer_init(&driver.loop, &driver.tick) == 0);
	driver.tick.data = &driver;
	driver.clock = clock_new_virtual(INT64_C(1767225600000));
	open_queues(&driver);
	while (fgets(line, sizeof line, stdin)) {
		char *end = line + strcspn(line, " \n");
		int64_t number = *end == ' ' ? strtoll(end, NULL, 10) : 0;
		*end = '\0';
		if (!obey(&driver, line, number))
			break;
	}
	uv_close((uv_handle_t *)&driver.tick, NULL);
	close_queues(&driver);
	clock_free(driver.clock);
	must(uv_loop_close(&driver.loop) == 0);
	return 0;
}
