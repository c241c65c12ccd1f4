/* A queue opened over damaged files: what is left arrives, what is lost is counted, once. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "core/queue/record.h"
#include "queue_fixture.h"

enum { LOG_MAX = 8192, RECORD = RECORD_HEAD + 1, SAMPLES = 60 };

/* One segment of samples 0 to SAMPLES-1, each one byte of value, and the path twice in front. */
struct log {
	uint8_t bytes[LOG_MAX];
	size_t size;
};

static size_t read_all(const char *path, uint8_t *bytes, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t len = read(fd, bytes, room);
	assert_true(len >= 0 && (size_t)len < room);
	assert_int_equal(close(fd), 0);
	return (size_t)len;
}

static void write_all(const char *path, const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

static struct queue *open_queue(struct queue_fixture *fixture)
{
	fixture_open(fixture);
	return fixture_declare(fixture, "q", 0, FULL_DROP_OLDEST);
}

/* A fixture whose queue "q" has one segment, closed. */
static void make_log(struct queue_fixture *fixture, struct log *log, char path[256])
{
	fixture_init(fixture);
	struct queue *queue = open_queue(fixture);
	for (int i = 0; i < SAMPLES; i++)
		fixture_push(fixture, queue, "m.value", i);
	fixture_close(fixture);
	assert_true(fixture_find(fixture, "q", ".seg", path));
	log->size = read_all(path, log->bytes, sizeof log->bytes);
	assert_int_equal(log->size,
	    SEGMENT_DATA + 2 * (RECORD_PATH_HEAD + strlen("m.value")) + (size_t)SAMPLES * RECORD);
}

/* Everything that waits, as a mask of its values; they come in order. */
static uint64_t drain(struct queue *queue)
{
	struct record record;
	uint64_t seen = 0;
	int64_t before = -1;

	queue_mark_backlog(queue);
	while (queue_peek(queue, LANE_BACKLOG, &record)) {
		assert_true(record.sample.value.integer > before && record.sample.value.integer < 64);
		before = record.sample.value.integer;
		seen |= UINT64_C(1) << before;
		queue_advance(queue, LANE_BACKLOG);
	}
	struct range range = queue_take(queue, LANE_BACKLOG);
	if (range.count > 0)
		queue_ack(queue, &range);
	assert_int_equal(queue_figures(queue).waiting, 0);
	return seen;
}

static const uint64_t all = (UINT64_C(1) << SAMPLES) - 1;

/* The number of the sample that the byte belongs to, or -1. */
static int sample_at(size_t byte, size_t size)
{
	size_t from = size - (size_t)SAMPLES * RECORD;

	return byte < from ? -1 : (int)((byte - from) / RECORD);
}

static void every_byte_flipped(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];

	(void)state;
	make_log(&fixture, &log, path);
	for (size_t byte = 0; byte < log.size; byte++) {
		int hit = sample_at(byte, log.size);
		uint64_t expected = hit < 0 ? all : all & ~(UINT64_C(1) << hit);
		log.bytes[byte] ^= 0x55;
		write_all(path, log.bytes, log.size);
		log.bytes[byte] ^= 0x55;
		struct queue *queue = open_queue(&fixture);
		assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], hit >= 0);
		assert_int_equal(queue_figures(queue).waiting, SAMPLES - (hit >= 0));
		if (byte % 7 == 0) { /* the loss is not counted again */
			fixture_close(&fixture);
			queue = open_queue(&fixture);
			assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], hit >= 0);
		}
		assert_true(drain(queue) == expected);
		fixture_close(&fixture);
		assert_false(fixture_find(&fixture, "q", ".seg", path));
		(void)snprintf(path, sizeof path, "%s/q/cursor", fixture.dir);
		assert_int_equal(unlink(path), 0);
		(void)snprintf(path, sizeof path, "%s/q/%016x.seg", fixture.dir, 1);
	}
	fixture_free(&fixture);
}

static void cut_at_every_byte_of_the_last_two_records(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];

	(void)state;
	make_log(&fixture, &log, path);
	for (size_t size = log.size - 2 * RECORD; size < log.size; size++) {
		uint64_t whole = (size - (log.size - (size_t)SAMPLES * RECORD)) / RECORD;
		bool torn = (log.size - size) % RECORD != 0;
		struct stat st;
		write_all(path, log.bytes, size);
		struct queue *queue = open_queue(&fixture);
		assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], torn);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, log.size - (SAMPLES - whole) * RECORD);
		fixture_push(&fixture, queue, "m.value", 62); /* and it goes on */
		queue_commit(fixture.set);
		fixture_close(&fixture);
		queue = open_queue(&fixture);
		assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], torn);
		assert_true(drain(queue) == (((UINT64_C(1) << whole) - 1) | UINT64_C(1) << 62));
		fixture_close(&fixture);
		char cursor[256];
		(void)snprintf(cursor, sizeof cursor, "%s/q/cursor", fixture.dir);
		assert_int_equal(unlink(cursor), 0);
	}
	fixture_free(&fixture);
}

/* Several damaged places, each worth what it held. */
static void many_damages_add_up(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];
	uint64_t expected = all;

	(void)state;
	make_log(&fixture, &log, path);
	for (int i = 3; i < SAMPLES; i += 10) {
		size_t at = log.size - (size_t)(SAMPLES - i) * RECORD;
		memset(log.bytes + at + 10, 0, 2 * (size_t)RECORD - 10);
		expected &= ~(UINT64_C(3) << i);
	}
	write_all(path, log.bytes, log.size);
	struct queue *queue = open_queue(&fixture);
	assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], 12);
	assert_true(drain(queue) == expected);
	fixture_free(&fixture);
}

/* What was acknowledged already is no loss. */
static void damage_to_what_is_done_is_no_loss(void **state)
{
	struct queue_fixture fixture;
	struct record record;
	char path[256];
	static uint8_t bytes[LOG_MAX];

	(void)state;
	fixture_init(&fixture);
	struct queue *queue = open_queue(&fixture);
	for (int i = 0; i < SAMPLES; i++)
		fixture_push(&fixture, queue, "m.value", i);
	for (int i = 0; i < 30 && queue_peek(queue, LANE_FRESH, &record); i++)
		queue_advance(queue, LANE_FRESH);
	struct range range = queue_take(queue, LANE_FRESH);
	queue_ack(queue, &range);
	fixture_close(&fixture);
	assert_true(fixture_find(&fixture, "q", ".seg", path));
	size_t size = read_all(path, bytes, sizeof bytes);
	bytes[size - (size_t)(SAMPLES - 10) * RECORD + 9] ^= 1;
	bytes[size - (size_t)(SAMPLES - 40) * RECORD + 9] ^= 1;
	write_all(path, bytes, size);
	queue = open_queue(&fixture);
	assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], 1);
	assert_true(drain(queue) == (all & ~((UINT64_C(1) << 30) - 1) & ~(UINT64_C(1) << 40)));
	fixture_free(&fixture);
}

/* Both copies of the header are gone: the file is kept under another name, the queue goes on. */
static void a_file_that_is_no_segment_is_set_aside(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];

	(void)state;
	make_log(&fixture, &log, path);
	memset(log.bytes, 'x', SEGMENT_DATA);
	write_all(path, log.bytes, log.size);
	struct queue *queue = open_queue(&fixture);
	assert_true(queue_figures(queue).lost[LOSS_DAMAGED] > 0);
	assert_int_equal(queue_figures(queue).waiting, 0);
	assert_true(fixture_find(&fixture, "q", ".damaged", path));
	assert_false(fixture_find(&fixture, "q", ".seg", path));
	uint64_t lost = queue_figures(queue).lost[LOSS_DAMAGED];
	fixture_push(&fixture, queue, "m.value", 5);
	fixture_close(&fixture);
	queue = open_queue(&fixture);
	assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], lost);
	assert_true(drain(queue) == UINT64_C(1) << 5);
	fixture_free(&fixture);
}

/* Power cuts may leave one each time. */
static void files_set_aside_do_not_fill_the_disk(void **state)
{
	struct queue_fixture fixture;
	char path[256];
	unsigned left = 0;

	(void)state;
	fixture_init(&fixture);
	(void)snprintf(path, sizeof path, "%s/q", fixture.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned i = 1; i <= 10; i++) {
		static const uint8_t zeros[1000];
		(void)snprintf(path, sizeof path, "%s/q/%016x.seg", fixture.dir, i);
		write_all(path, zeros, sizeof zeros);
	}
	for (int i = 0; i < 2; i++) {
		(void)open_queue(&fixture);
		fixture_close(&fixture);
	}
	for (unsigned i = 1; i <= 10; i++) {
		(void)snprintf(path, sizeof path, "%s/q/%016x.seg.damaged", fixture.dir, i);
		left += access(path, F_OK) == 0;
	}
	assert_int_equal(left, 3);
	fixture_free(&fixture);
}

static void empty_and_foreign_files_do_not_matter(void **state)
{
	static const char *const names[] = {"0000000000000500.seg", "x.seg", "0000000000000001.tmp",
	    "0000000000000001.seg.bak", "ffffffffffffffff.seg", "0000000000000000.seg"};
	struct queue_fixture fixture;
	struct log log;
	char path[256], other[300];

	(void)state;
	make_log(&fixture, &log, path);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(other, sizeof other, "%s/q/%s", fixture.dir, names[i]);
		write_all(other, log.bytes, i % 2 ? 200 : 0);
	}
	(void)snprintf(other, sizeof other, "%s/boots", fixture.dir);
	write_all(other, log.bytes, 100);
	struct queue *queue = open_queue(&fixture);
	assert_true(drain(queue) == all);
	fixture_push(&fixture, queue, "m.value", 1);
	assert_true(drain(queue) == 2);
	fixture_free(&fixture);
}

/* Two files with the same samples (a copy by hand): none arrives twice, none is lost. */
static void an_overlapping_segment_is_set_aside(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];

	(void)state;
	make_log(&fixture, &log, path);
	(void)snprintf(path, sizeof path, "%s/q/%016x.seg", fixture.dir, 7);
	write_all(path, log.bytes, log.size);
	struct queue *queue = open_queue(&fixture);
	assert_true(drain(queue) == all);
	assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], 0);
	fixture_free(&fixture);
}

static void a_damaged_cursor_sends_again(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256], cursor[256];
	static const uint8_t rubbish[9000] = {1, 2, 3};

	(void)state;
	make_log(&fixture, &log, path);
	(void)snprintf(cursor, sizeof cursor, "%s/q/cursor", fixture.dir);
	write_all(cursor, rubbish, sizeof rubbish);
	struct queue *queue = open_queue(&fixture);
	assert_true(drain(queue) == all);
	fixture_free(&fixture);
}

static void a_newer_format_is_kept_whole(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256], folder[256];

	(void)state;
	make_log(&fixture, &log, path);
	for (int i = 0; i < 2; i++) {
		uint8_t *copy = log.bytes + (size_t)i * SEGMENT_HEADER;
		put_le16(copy + 8, SEGMENT_VERSION + 1);
		put_le32(copy + SEGMENT_HEADER - 4, crc32c(0, copy, SEGMENT_HEADER - 4));
	}
	write_all(path, log.bytes, log.size);
	struct queue *queue = open_queue(&fixture);
	assert_int_equal(queue_figures(queue).waiting, 0);
	assert_int_equal(queue_figures(queue).bytes, 0);
	assert_int_equal(queue_figures(queue).unsynced, 0);
	(void)snprintf(folder, sizeof folder, "q.v%d", SEGMENT_VERSION + 1);
	assert_true(fixture_find(&fixture, folder, ".seg", path));
	fixture_push(&fixture, queue, "m.value", 3);
	fixture_close(&fixture);
	queue = open_queue(&fixture); /* it is left alone, and the new queue is there */
	assert_true(fixture_find(&fixture, folder, ".seg", path));
	assert_true(drain(queue) == 8);
	assert_ptr_equal(queue_next(fixture.set, NULL), queue);
	assert_null(queue_next(fixture.set, queue));
	/* what an older one set aside for this one is read */
	for (int i = 0; i < 2; i++) {
		uint8_t *copy = log.bytes + (size_t)i * SEGMENT_HEADER;
		put_le16(copy + 8, SEGMENT_VERSION);
		put_le32(copy + SEGMENT_HEADER - 4, crc32c(0, copy, SEGMENT_HEADER - 4));
	}
	fixture_close(&fixture);
	(void)snprintf(path, sizeof path, "%s/q.v%d", fixture.dir, SEGMENT_VERSION);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/q.v%d/%016x.seg", fixture.dir, SEGMENT_VERSION, 1);
	write_all(path, log.bytes, log.size);
	fixture_open(&fixture);
	queue = queue_next(fixture.set, NULL);
	while (queue && queue_figures(queue).waiting == 0)
		queue = queue_next(fixture.set, queue);
	assert_non_null(queue);
	assert_true(drain(queue) == all);
	fixture_free(&fixture);
}

/* Damage that appears under the running process. */
static void damage_while_running(void **state)
{
	struct queue_fixture fixture;
	struct log log;
	char path[256];

	(void)state;
	make_log(&fixture, &log, path);
	struct queue *queue = open_queue(&fixture);
	log.bytes[log.size - 20 * (size_t)RECORD + 8] ^= 4;
	log.bytes[log.size - 19 * (size_t)RECORD + 8] ^= 4;
	log.bytes[log.size - 2] ^= 4;
	write_all(path, log.bytes, log.size);
	uint64_t seen = drain(queue);
	assert_true(seen == (all & ~(UINT64_C(3) << 40) & ~(UINT64_C(1) << 59)));
	assert_int_equal(queue_figures(queue).lost[LOSS_DAMAGED], 3);
	fixture_free(&fixture);
}

/* The process dies without a close, at some time after a commit. */
static void kill_9_loses_nothing_committed(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	for (int round = 0; round < 20; round++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct queue *queue = open_queue(&fixture);
			fixture_push(&fixture, queue, "m.value", 2 * round);
			fixture_push(&fixture, queue, "m.value", 2 * round + 1);
			queue_commit(fixture.set);
			fixture_push(&fixture, queue, "m.value", 63); /* nobody was told of this one */
			(void)raise(SIGKILL);
		}
		int status = -1;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	struct queue *queue = open_queue(&fixture);
	assert_true(drain(queue) == (UINT64_C(1) << 40) - 1);
	fixture_free(&fixture);
}

/* All was acknowledged and unlinked, the cursor says so, and the process dies: what comes then must
 * not look acknowledged. */
static void sequences_are_not_used_again(void **state)
{
	struct queue_fixture fixture;

	(void)state;
	fixture_init(&fixture);
	uint64_t before = 0;
	for (int round = 0; round < 4; round++) {
		struct queue *queue = open_queue(&fixture);
		struct record record;
		fixture_push(&fixture, queue, "m.value", round);
		queue_mark_backlog(queue);
		assert_true(queue_peek(queue, LANE_BACKLOG, &record));
		assert_true(record.seq > before);
		before = record.seq;
		assert_true(drain(queue) == UINT64_C(1) << round);
		fixture_close(&fixture);
	}
	fixture_free(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_byte_flipped),
	    cmocka_unit_test(cut_at_every_byte_of_the_last_two_records),
	    cmocka_unit_test(many_damages_add_up),
	    cmocka_unit_test(damage_to_what_is_done_is_no_loss),
	    cmocka_unit_test(a_file_that_is_no_segment_is_set_aside),
	    cmocka_unit_test(files_set_aside_do_not_fill_the_disk),
	    cmocka_unit_test(empty_and_foreign_files_do_not_matter),
	    cmocka_unit_test(an_overlapping_segment_is_set_aside),
	    cmocka_unit_test(a_damaged_cursor_sends_again),
	    cmocka_unit_test(a_newer_format_is_kept_whole),
	    cmocka_unit_test(damage_while_running),
	    cmocka_unit_test(kill_9_loses_nothing_committed),
	    cmocka_unit_test(sequences_are_not_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
