/* Limits on disk and in memory: they hold, and what they cost is counted to the sample. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "queue_fixture.h"

static uint64_t lost_in_all(const struct queue *queue)
{
	struct queue_figures figures = queue_figures(queue);
	uint64_t lost = 0;

	for (int i = 0; i < LOSS_REASONS; i++)
		lost += figures.lost[i];
	return lost;
}

static struct range take(struct queue *queue, enum queue_lane lane, unsigned most)
{
	struct record record;

	while (most-- > 0 && queue_peek(queue, lane, &record))
		queue_advance(queue, lane);
	return queue_take(queue, lane);
}

/* Acknowledges all that waits; returns how many, and the first and last value. */
static uint64_t drain(struct queue *queue, int64_t *first, int64_t *last)
{
	struct record record;
	uint64_t count = 0;

	queue_mark_backlog(queue);
	while (queue_peek(queue, LANE_BACKLOG, &record)) {
		if (count++ == 0)
			*first = record.sample.value.integer;
		*last = record.sample.value.integer;
		queue_advance(queue, LANE_BACKLOG);
	}
	struct range range = queue_take(queue, LANE_BACKLOG);
	if (range.count > 0)
		queue_ack(queue, &range);
	assert_int_equal(range.count, count);
	return count;
}

static void drop_oldest(void **state)
{
	struct queue_fixture fixture;
	int64_t first = 0, last = 0;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 64 * 1024, FULL_DROP_OLDEST);
	for (int i = 0; i < 20000; i++) {
		fixture_push(&fixture, queue, "m.value", i);
		if (i % 100 == 0)
			queue_commit(fixture.set);
		assert_true(queue_figures(queue).bytes <= 64 * 1024);
	}
	assert_true(queue_figures(queue).bytes > 48 * 1024);
	uint64_t lost = queue_figures(queue).lost[LOSS_OLDEST];
	fixture_close(&fixture);
	fixture_open(&fixture);
	queue = fixture_declare(&fixture, "q", 64 * 1024, FULL_DROP_OLDEST);
	assert_int_equal(queue_figures(queue).lost[LOSS_OLDEST], lost);
	uint64_t count = drain(queue, &first, &last);
	assert_int_equal(count + lost, 20000);
	assert_int_equal(last, 19999);
	assert_int_equal(first, (int64_t)lost);
	fixture_free(&fixture);
}

static void drop_newest(void **state)
{
	struct queue_fixture fixture;
	int64_t first = 0, last = 0;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 64 * 1024, FULL_DROP_NEWEST);
	for (int i = 0; i < 20000; i++) {
		fixture_push(&fixture, queue, "m.value", i);
		assert_true(queue_figures(queue).bytes <= 64 * 1024);
	}
	uint64_t lost = queue_figures(queue).lost[LOSS_NEWEST];
	uint64_t count = drain(queue, &first, &last);
	assert_int_equal(count + lost, 20000);
	assert_int_equal(first, 0);
	assert_int_equal(last, (int64_t)count - 1);
	fixture_push(&fixture, queue, "m.value", 1); /* there is room again */
	assert_int_equal(queue_figures(queue).waiting, 1);
	fixture_free(&fixture);
}

/* Limits below a segment, a record, a header; they end, and count. */
static void tiny_limits(void **state)
{
	(void)state;
	for (int full = FULL_DROP_OLDEST; full <= FULL_THIN; full++) {
		for (uint64_t limit = 1; limit < 6000; limit = limit * 3 / 2 + 1) {
			struct queue_fixture fixture;
			int64_t first = 0, last = 0;
			fixture_init(&fixture);
			fixture_open(&fixture);
			struct queue *queue = fixture_declare(&fixture, "q", limit, (enum policy_full)full);
			for (int i = 0; i < 400; i++) {
				fixture_push(&fixture, queue, "m.value", i);
				if (i % 10 == 0)
					queue_commit(fixture.set);
				assert_true(queue_figures(queue).bytes <= limit);
			}
			assert_int_equal(drain(queue, &first, &last) + lost_in_all(queue), 400);
			fixture_free(&fixture);
		}
	}
}

/* What was in flight when its segment went: delivered if it is acknowledged, lost if it comes back.
 */
static void dropped_while_in_flight(void **state)
{
	struct queue_fixture fixture;
	int64_t first = 0, last = 0;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 32 * 1024, FULL_DROP_OLDEST);
	for (int i = 0; i < 100; i++)
		fixture_push(&fixture, queue, "m.value", i);
	struct range a = take(queue, LANE_FRESH, 30), b = take(queue, LANE_FRESH, 30);
	for (int i = 100; i < 10000; i++)
		fixture_push(&fixture, queue, "m.value", i);
	uint64_t lost = queue_figures(queue).lost[LOSS_OLDEST];
	assert_true(lost >= 40);
	assert_int_equal(queue_figures(queue).in_flight, 60);
	queue_ack(queue, &a);
	assert_int_equal(queue_figures(queue).delivered, 30);
	assert_int_equal(queue_figures(queue).lost[LOSS_OLDEST], lost);
	queue_release(queue, &b);
	assert_int_equal(queue_figures(queue).lost[LOSS_OLDEST], lost + 30);
	assert_int_equal(queue_figures(queue).in_flight, 0);
	assert_int_equal(drain(queue, &first, &last) + lost + 30 + 30, 10000);
	fixture_free(&fixture);
}

/* Over all queues the lowest priority gives way, and there the one that has most. */
static void the_lowest_priority_gives_way(void **state)
{
	struct queue_fixture fixture;
	static const char *const names[] = {"high", "normal", "low", "low2"};
	struct queue *queues[4];

	(void)state;
	fixture_init(&fixture);
	fixture.options.limit = 128 * 1024;
	fixture_open(&fixture);
	for (int i = 0; i < 4; i++) {
		struct policy policy;
		policy_init(&policy, names[i]);
		policy.limit = 1024 * 1024;
		policy.priority = i < 2 ? (enum policy_priority)i : PRIORITY_LOW;
		queues[i] = queue_declare(fixture.set, &policy, NULL);
	}
	for (int i = 0; i < 1000; i++)
		fixture_push(&fixture, queues[1], "m.value", i);
	for (int i = 0; i < 2000; i++)
		fixture_push(&fixture, queues[2], "m.value", i);
	for (int i = 0; i < 500; i++)
		fixture_push(&fixture, queues[3], "m.value", i);
	for (int i = 0; i < 1500; i++)
		fixture_push(&fixture, queues[0], "m.value", i);
	queue_commit(fixture.set);
	assert_int_equal(lost_in_all(queues[0]), 0);
	assert_int_equal(lost_in_all(queues[1]), 0);
	assert_int_equal(lost_in_all(queues[3]), 0);
	assert_true(lost_in_all(queues[2]) > 0);
	for (int i = 0; i < 3500; i++)
		fixture_push(&fixture, queues[0], "m.value", i);
	assert_true(lost_in_all(queues[0]) > 300 && lost_in_all(queues[0]) < 1500);
	assert_int_equal(queue_figures(queues[1]).waiting + queue_figures(queues[2]).waiting +
	                     queue_figures(queues[3]).waiting,
	    0);
	/* and where all the others are above it, it is its own sample that finds no room */
	fixture_push(&fixture, queues[2], "m.value", 7);
	uint64_t bytes = 0;
	for (int i = 0; i < 4; i++)
		bytes += queue_figures(queues[i]).bytes;
	assert_true(bytes <= 128 * 1024);
	fixture_free(&fixture);
}

static void drop_all(void **state)
{
	struct queue_fixture fixture;
	char path[256];

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 1024 * 1024, FULL_DROP_OLDEST);
	for (int i = 0; i < 20000; i++)
		fixture_push(&fixture, queue, "m.value", i);
	struct range range = take(queue, LANE_FRESH, 500);
	queue_commit(fixture.set);
	assert_int_equal(queue_drop_all(queue), 19500);
	assert_int_equal(queue_figures(queue).waiting, 0);
	assert_int_equal(queue_figures(queue).bytes, 0);
	assert_int_equal(queue_figures(queue).lost[LOSS_DROPPED], 19500);
	assert_false(fixture_find(&fixture, "q", ".seg", path));
	queue_release(queue, &range);
	assert_int_equal(queue_figures(queue).lost[LOSS_DROPPED], 20000);
	assert_int_equal(queue_figures(queue).in_flight, 0);
	fixture_free(&fixture);
}

/* --- thinning --- */

static void run_loop(struct queue_fixture *fixture)
{
	(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

/* Three paths in turn; after a long outage old samples are sparse, new ones whole, in order per
 * path, and the first is old. */
static void thin_loses_resolution_first(void **state)
{
	enum { COUNT = 30000, LIMIT = 128 * 1024 };
	static const char *const paths[] = {"m.a", "m.b", "m.c"};
	struct queue_fixture fixture;
	struct record record;
	int64_t last[3] = {-1, -1, -1}, first = -1;
	unsigned count = 0, old = 0;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", LIMIT, FULL_THIN);
	for (int i = 0; i < COUNT; i++) {
		fixture_push(&fixture, queue, paths[i % 3], i);
		if (i % 50 == 0) {
			queue_commit(fixture.set);
			(void)fixture_sync(&fixture); /* lets a thinning end */
		}
		assert_true(queue_figures(queue).bytes <= LIMIT);
	}
	struct queue_figures figures = queue_figures(queue);
	assert_true(figures.lost[LOSS_THINNED] > 0);
	assert_int_equal(figures.waiting + lost_in_all(queue), COUNT);
	fixture_close(&fixture);
	fixture_open(&fixture);
	queue = fixture_declare(&fixture, "q", LIMIT, FULL_THIN);
	figures = queue_figures(queue); /* the close may have ended one more thinning */
	assert_int_equal(figures.waiting + lost_in_all(queue), COUNT);
	assert_int_equal(figures.lost[LOSS_DAMAGED], 0);
	while (queue_peek(queue, LANE_BACKLOG, &record)) {
		int64_t value = record.sample.value.integer;
		int path = record.sample.path[2] - 'a';
		assert_int_equal(value % 3, path);
		assert_true(value > last[path]);
		last[path] = value;
		first = first < 0 ? value : first;
		old += value < COUNT - (int64_t)figures.waiting;
		count++;
		queue_advance(queue, LANE_BACKLOG);
	}
	assert_int_equal(count, figures.waiting);
	assert_true(last[2] >= COUNT - 3);
	/* without thinning the oldest one kept would be COUNT - waiting or later */
	assert_true(first < COUNT - 2 * (int64_t)figures.waiting);
	assert_true(old > count / 8);
	fixture_free(&fixture);
}

/* Thinning while samples are taken, acknowledged and released: the sum is right to the sample. */
static void thin_under_traffic(void **state)
{
	(void)state;
	uint64_t thinned = 0;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct queue_fixture fixture;
		struct range flights[8] = {0};
		unsigned random = seed;
		uint64_t pushed = 0;
		int64_t first, last;
		fixture_init(&fixture);
		fixture_open(&fixture);
		struct queue *queue =
		    fixture_declare(&fixture, "q", 48 * 1024, seed % 2 ? FULL_THIN : FULL_DROP_OLDEST);
		for (int step = 0; step < 3000; step++) {
			random = random * 1103515245u + 12345u;
			struct range *flight = &flights[(random >> 8) % 8];
			for (unsigned i = 0; i < (random >> 12) % 20; i++)
				fixture_push(&fixture, queue, i % 2 ? "m.a" : "m.b", (int64_t)pushed++);
			if (flight->count == 0)
				*flight =
				    take(queue, (random >> 16) % 2 ? LANE_FRESH : LANE_BACKLOG, (random >> 20) % 8);
			else if ((random >> 11) % 3 == 0)
				queue_release(queue, flight), flight->count = 0;
			else if ((random >> 11) % 3 == 1)
				queue_ack(queue, flight), flight->count = 0;
			if (step % 5 == 0)
				queue_commit(fixture.set);
			if (step % 100 == 0)
				queue_mark_backlog(queue);
			run_loop(&fixture);
			struct queue_figures f = queue_figures(queue);
			if (f.waiting + f.in_flight + f.delivered + lost_in_all(queue) != pushed)
				fail_msg("seed %u, step %d: %llu + %llu + %llu + %llu is not %llu", seed, step,
				    (unsigned long long)f.waiting, (unsigned long long)f.in_flight,
				    (unsigned long long)f.delivered, (unsigned long long)lost_in_all(queue),
				    (unsigned long long)pushed);
		}
		for (int i = 0; i < 8; i++) {
			if (flights[i].count > 0)
				queue_release(queue, &flights[i]);
		}
		uint64_t before = queue_figures(queue).waiting;
		assert_int_equal(drain(queue, &first, &last), before);
		assert_int_equal(queue_figures(queue).waiting, 0);
		assert_int_equal(queue_figures(queue).delivered + lost_in_all(queue), pushed);
		assert_int_equal(fixture_sync(&fixture), 0);
		assert_int_equal(queue_figures(queue).bytes, 0);
		thinned += queue_figures(queue).lost[LOSS_THINNED];
		fixture_free(&fixture);
	}
	assert_true(thinned > 0); /* how often, depends on the disk thread's pace */
}

/* --- the disk refuses: a file lies where the queue's folder should be --- */

static void block(struct queue_fixture *fixture)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/q", fixture->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static void unblock(struct queue_fixture *fixture)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/q", fixture->dir);
	assert_int_equal(unlink(path), 0);
}

static void memory_holds(enum policy_full full, enum loss reason)
{
	struct queue_fixture fixture;
	int64_t first = 0, last = 0;

	fixture_init(&fixture);
	fixture.options.memory = 32 * 1024;
	fixture_open(&fixture);
	block(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 1024 * 1024, full);
	for (int i = 0; i < 10000; i++) {
		fixture_push(&fixture, queue, "m.value", i);
		queue_commit(fixture.set);
		assert_true(queue_figures(queue).memory_bytes <= 32 * 1024);
	}
	struct queue_figures figures = queue_figures(queue);
	assert_non_null(figures.trouble);
	assert_true(figures.lost[reason] > 0);
	assert_true(figures.memory_bytes > 16 * 1024);
	assert_int_equal(figures.waiting + lost_in_all(queue), 10000);
	assert_int_not_equal(fixture_sync(&fixture), 0);
	unblock(&fixture);
	for (int i = 0; i < 3; i++) {
		clock_advance(fixture.clock, 2000);
		queue_commit(fixture.set);
	}
	assert_null(queue_figures(queue).trouble);
	assert_int_equal(queue_figures(queue).memory_bytes, 0);
	assert_int_equal(fixture_sync(&fixture), 0);
	fixture_close(&fixture);
	fixture_open(&fixture);
	queue = fixture_declare(&fixture, "q", 1024 * 1024, full);
	assert_int_equal(lost_in_all(queue) + figures.waiting, 10000);
	assert_int_equal(drain(queue, &first, &last), figures.waiting);
	assert_true(full == FULL_DROP_NEWEST ? first == 0 : last == 9999);
	fixture_free(&fixture);
}

static void memory_drop_oldest(void **state)
{
	(void)state;
	memory_holds(FULL_DROP_OLDEST, LOSS_MEMORY);
}

static void memory_drop_newest(void **state)
{
	(void)state;
	memory_holds(FULL_DROP_NEWEST, LOSS_MEMORY);
}

static void memory_thin(void **state)
{
	(void)state;
	memory_holds(FULL_THIN, LOSS_THINNED);
}

/* Delivered straight from memory, without a file ever. */
static void from_memory_to_the_link(void **state)
{
	struct queue_fixture fixture;
	int64_t first = 0, last = 0;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	block(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 1024 * 1024, FULL_DROP_OLDEST);
	for (int i = 0; i < 5000; i++) {
		fixture_push(&fixture, queue, "m.value", i);
		queue_commit(fixture.set);
		if (i % 100 == 99) {
			struct range range = take(queue, LANE_FRESH, 1000);
			assert_int_equal(range.count, 100);
			queue_ack(queue, &range);
		}
	}
	assert_int_equal(queue_figures(queue).delivered, 5000);
	assert_int_equal(lost_in_all(queue), 0);
	assert_int_equal(drain(queue, &first, &last), 0);
	unblock(&fixture);
	fixture_free(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(drop_oldest),
	    cmocka_unit_test(drop_newest),
	    cmocka_unit_test(tiny_limits),
	    cmocka_unit_test(dropped_while_in_flight),
	    cmocka_unit_test(the_lowest_priority_gives_way),
	    cmocka_unit_test(drop_all),
	    cmocka_unit_test(thin_loses_resolution_first),
	    cmocka_unit_test(thin_under_traffic),
	    cmocka_unit_test(memory_drop_oldest),
	    cmocka_unit_test(memory_drop_newest),
	    cmocka_unit_test(memory_thin),
	    cmocka_unit_test(from_memory_to_the_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
