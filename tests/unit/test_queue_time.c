/* Samples taken before the clock was set, syncs shared, queues that nobody declares any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "queue_fixture.h"

static const int64_t wrong = INT64_C(86400000), right = INT64_C(1767225600000);

/* A new boot: other id (it comes from the start time), clock not set, at an old date. */
static void boot(struct queue_fixture *fixture, int64_t number)
{
	clock_free(fixture->clock);
	fixture->clock = clock_new_virtual(wrong + number);
	clock_step(fixture->clock, 0, false);
	fixture_open(fixture);
}

static struct record peek(struct queue *queue)
{
	struct record record;

	queue_mark_backlog(queue);
	assert_true(queue_peek(queue, LANE_BACKLOG, &record));
	return record;
}

static void ack_one(struct queue *queue)
{
	(void)peek(queue);
	queue_advance(queue, LANE_BACKLOG);
	struct range range = queue_take(queue, LANE_BACKLOG);
	queue_ack(queue, &range);
}

static void waits_and_gets_its_true_time(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	boot(&fixture, 1);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	clock_advance(fixture.clock, 5000);
	fixture_push(&fixture, queue, "m.v", 1);
	clock_advance(fixture.clock, 60000);
	assert_int_equal(peek(queue).time, TIME_WAITS);
	assert_int_equal(queue_figures(queue).oldest_wall_ms, 0);
	clock_step(fixture.clock, right - clock_wall_ms(fixture.clock), true);
	struct record record = peek(queue);
	assert_int_equal(record.time, TIME_KNOWN);
	assert_true(record.sample.time.wall_valid);
	assert_true(record.sample.time.wall_ms == right - 60000);
	assert_true(queue_figures(queue).oldest_wall_ms == right - 60000);
	clock_advance(fixture.clock, 1000);
	assert_true(peek(queue).sample.time.wall_ms == right - 60000);
	/* one that was right from the start is not touched by a later step */
	fixture_push(&fixture, queue, "m.v", 2);
	clock_step(fixture.clock, -3600000, true);
	ack_one(queue);
	assert_true(peek(queue).sample.time.wall_ms == right + 1000);
	fixture_free(&fixture);
}

/* Three boots: the first never sees a set clock, the second does, the third reads both. */
static void earlier_boots(void **state)
{
	struct queue_fixture fixture;
	char path[256];

	(void)state;
	fixture_init(&fixture);
	boot(&fixture, 1);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	fixture_push(&fixture, queue, "m.v", 1);
	fixture_close(&fixture);

	boot(&fixture, 2);
	queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	clock_advance(fixture.clock, 700);
	fixture_push(&fixture, queue, "m.v", 2);
	clock_advance(fixture.clock, 300);
	clock_step(fixture.clock, right - clock_wall_ms(fixture.clock), true);
	fixture_close(&fixture); /* notes the boot, though nobody read the sample */
	(void)snprintf(path, sizeof path, "%s/boots", fixture.dir);
	assert_int_equal(access(path, F_OK), 0);

	boot(&fixture, 3);
	queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	struct record record = peek(queue);
	assert_int_equal(record.sample.value.integer, 1);
	assert_int_equal(record.time, TIME_UNKNOWN);
	assert_false(record.sample.time.wall_valid);
	ack_one(queue);
	record = peek(queue);
	assert_int_equal(record.sample.value.integer, 2);
	assert_int_equal(record.time, TIME_KNOWN);
	assert_true(record.sample.time.wall_ms == right - 300);
	fixture_free(&fixture);
}

/* The same boot, another process: it waits as before. */
static void the_same_boot_after_a_restart(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	boot(&fixture, 1);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	fixture_push(&fixture, queue, "m.v", 1);
	clock_advance(fixture.clock, 10000);
	fixture_close(&fixture);
	fixture_open(&fixture);
	queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	assert_int_equal(peek(queue).time, TIME_WAITS);
	clock_step(fixture.clock, right - clock_wall_ms(fixture.clock), true);
	assert_true(peek(queue).sample.time.wall_ms == right - 10000);
	fixture_free(&fixture);
}

static bool is_there(const void *path)
{
	return access(path, F_OK) == 0;
}

static bool is_synced(const void *queue)
{
	return queue_figures(queue).unsynced == 0;
}

/* The boots file is written while the process runs, by the sync's timer. */
static void the_boot_is_noted_soon(void **state)
{
	struct queue_fixture fixture;
	char path[256];

	(void)state;
	fixture_init(&fixture);
	fixture.options.sync_ms = 5;
	boot(&fixture, 1);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	fixture_push(&fixture, queue, "m.v", 1);
	queue_commit(fixture.set);
	clock_step(fixture.clock, right, true);
	(void)snprintf(path, sizeof path, "%s/boots", fixture.dir);
	assert_true(fixture_run_until(&fixture, is_there, path));
	fixture_free(&fixture);
}

/* --- syncs --- */

struct calls {
	int count, error;
};

static void on_synced(void *ctx, int error)
{
	struct calls *calls = ctx;

	calls->count++;
	calls->error |= error;
}

static void waiting_calls_share_a_sync(void **state)
{
	struct queue_fixture fixture;
	struct calls calls = {0};

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	for (int i = 0; i < 100; i++) {
		fixture_push(&fixture, queue, "m.v", i);
		queue_sync(fixture.set, on_synced, &calls);
		assert_int_equal(calls.count, 0); /* never from within the call */
	}
	while (calls.count < 100)
		(void)uv_run(&fixture.loop, UV_RUN_ONCE);
	assert_int_equal(calls.error, 0);
	assert_int_equal(queue_figures(queue).unsynced, 0);
	/* and at the close nobody is forgotten */
	fixture_push(&fixture, queue, "m.v", 1);
	queue_sync(fixture.set, on_synced, &calls);
	queue_sync(fixture.set, on_synced, &calls);
	fixture_close(&fixture);
	assert_int_equal(calls.count, 102);
	assert_int_equal(calls.error, 0);
	fixture_free(&fixture);
}

static void the_timer_syncs(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.options.sync_ms = 5;
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	fixture_push(&fixture, queue, "m.v", 1);
	queue_commit(fixture.set);
	assert_true(queue_figures(queue).unsynced > 0);
	assert_true(fixture_run_until(&fixture, is_synced, queue));
	fixture_free(&fixture);
}

/* What is acknowledged before the sync leaves no file. */
static void what_is_delivered_needs_no_sync(void **state)
{
	struct queue_fixture fixture;
	char path[256];

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	fixture_push(&fixture, queue, "m.v", 1);
	queue_commit(fixture.set);
	assert_true(fixture_find(&fixture, "q", ".seg", path));
	ack_one(queue);
	assert_int_equal(fixture_sync(&fixture), 0);
	assert_false(fixture_find(&fixture, "q", ".seg", path));
	fixture_free(&fixture);
}

/* --- queues without a policy --- */

static void an_undeclared_queue_drains_and_goes(void **state)
{
	struct queue_fixture fixture;
	char path[256];
	struct stat st;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	fixture_push(&fixture, fixture_declare(&fixture, "old", 0, FULL_DROP_OLDEST), "m.v", 1);
	fixture_push(&fixture, fixture_declare(&fixture, "new", 0, FULL_DROP_OLDEST), "m.v", 2);
	fixture_close(&fixture);
	fixture_open(&fixture);
	(void)fixture_declare(&fixture, "new", 0, FULL_DROP_OLDEST);
	struct queue *queue = queue_next(fixture.set, NULL);
	while (strcmp(queue_name(queue), "old") != 0)
		queue = queue_next(fixture.set, queue);
	assert_int_equal(queue_figures(queue).backlog, 1);
	ack_one(queue);
	for (queue = queue_next(fixture.set, NULL); queue; queue = queue_next(fixture.set, queue))
		assert_string_equal(queue_name(queue), "new");
	assert_int_equal(fixture_sync(&fixture), 0);
	(void)snprintf(path, sizeof path, "%s/old", fixture.dir);
	assert_int_equal(stat(path, &st), -1);
	queue = fixture_declare(&fixture, "old", 0, FULL_DROP_OLDEST); /* declared again, it works */
	fixture_push(&fixture, queue, "m.v", 3);
	assert_int_equal(fixture_sync(&fixture), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(peek(queue).sample.value.integer, 3);
	fixture_free(&fixture);
}

/* --- figures --- */

static void the_batch_has_a_first_sample(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	assert_int_equal(queue_figures(queue).first_mono_ms, 0);
	clock_advance(fixture.clock, 1000);
	fixture_push(&fixture, queue, "m.v", 1);
	clock_advance(fixture.clock, 1000);
	fixture_push(&fixture, queue, "m.v", 2);
	assert_int_equal(queue_figures(queue).first_mono_ms, 1000);
	queue_mark_backlog(queue);
	assert_int_equal(queue_figures(queue).first_mono_ms, 0);
	assert_int_equal(queue_figures(queue).backlog, 2);
	fixture_push(&fixture, queue, "m.v", 3);
	assert_int_equal(queue_figures(queue).first_mono_ms, 2000);
	assert_int_equal(queue_figures(queue).waiting, 3);
	struct record record;
	assert_true(queue_peek(queue, LANE_FRESH, &record));
	assert_int_equal(record.sample.value.integer, 3);
	queue_advance(queue, LANE_FRESH);
	struct range range = queue_take(queue, LANE_FRESH);
	assert_int_equal(queue_figures(queue).first_mono_ms, 0);
	queue_release(queue, &range);
	assert_true(queue_figures(queue).first_mono_ms > 0);
	assert_int_equal(queue_figures(queue).waiting, 3);
	fixture_free(&fixture);
}

static void refused_samples(void **state)
{
	struct queue_fixture fixture;
	struct err err;
	char long_path[300];
	struct sample sample = {.path = "", .value.type = VALUE_INT};

	(void)state;
	fixture_init(&fixture);
	fixture_open(&fixture);
	struct queue *queue = fixture_declare(&fixture, "q", 0, FULL_DROP_OLDEST);
	assert_int_equal(queue_append(queue, &sample, &err), -1);
	memset(long_path, 'x', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	sample.path = long_path;
	assert_int_equal(queue_append(queue, &sample, &err), -1);
	sample.path = "m.v";
	sample.time.wall_ms = INT64_MAX;
	assert_int_equal(queue_append(queue, &sample, &err), -1);
	assert_non_null(strstr(err.text, "m.v"));
	assert_int_equal(queue_figures(queue).accepted, 0);
	for (int i = 0; i < LOSS_REASONS; i++)
		assert_true(strlen(loss_name((enum loss)i)) > 3);
	fixture_free(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waits_and_gets_its_true_time),
	    cmocka_unit_test(earlier_boots),
	    cmocka_unit_test(the_same_boot_after_a_restart),
	    cmocka_unit_test(the_boot_is_noted_soon),
	    cmocka_unit_test(waiting_calls_share_a_sync),
	    cmocka_unit_test(the_timer_syncs),
	    cmocka_unit_test(what_is_delivered_needs_no_sync),
	    cmocka_unit_test(an_undeclared_queue_drains_and_goes),
	    cmocka_unit_test(the_batch_has_a_first_sample),
	    cmocka_unit_test(refused_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
