/* The intake: nothing that went in is lost by a crash, a torn write or damage elsewhere. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/task/intake.h"

#define MAX 4096

static char folder[] = "/tmp/neap-intake-XXXXXX";
static char path[sizeof(folder) + 10];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/neap-intake-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/intake", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct intake *reopen(struct intake *intake)
{
	struct err err = {.text = ""};
	intake_close(intake);
	intake = intake_open(path, false, MAX, &err);
	assert_string_equal(err.text, "");
	return intake;
}

static uint64_t append(struct intake *intake, const char *payload)
{
	uint64_t id = 0;
	assert_int_equal(intake_append(intake, payload, strlen(payload), &id), 0);
	assert_true(id > 0);
	return id;
}

static void note(void *ctx, uint64_t id, const void *payload, size_t len)
{
	(void)id;
	buf_add(ctx, payload, len);
	buf_char(ctx, '\n');
}

static void expect_replay(struct intake *intake, const char *expected)
{
	struct buf got = {0};
	intake_replay(intake, note, &got);
	assert_string_equal(buf_str(&got), expected);
	buf_free(&got);
}

static off_t file_size(void)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void what_is_not_done_comes_again(void **state)
{
	(void)state;
	struct intake *intake = reopen(NULL);
	expect_replay(intake, "");
	append(intake, "one");
	uint64_t two = append(intake, "two");
	append(intake, "");
	intake_done(intake, two);
	intake = reopen(intake);
	assert_int_equal(intake_damaged(intake), 0);
	/* done, but not all: the journal of uids knows better */
	expect_replay(intake, "one\ntwo\n\n");
	expect_replay(intake, "");
	intake_close(intake);
}

static void the_file_is_emptied_when_all_is_done(void **state)
{
	(void)state;
	struct intake *intake = reopen(NULL);
	for (int round = 0; round < 3; round++) {
		uint64_t ids[40];
		for (size_t i = 0; i < 40; i++)
			ids[i] = append(intake, "payload");
		for (size_t i = 0; i < 40; i++) {
			intake_tick(intake);
			assert_true(file_size() > 0);
			intake_done(intake, ids[(i * 7) % 40]); /* in any order */
		}
		assert_true(file_size() > 0); /* a little later */
		intake_tick(intake);
		assert_int_equal(file_size(), 0);
	}
	intake_done(intake, append(intake, "last"));
	intake = reopen(intake);
	expect_replay(intake, "");
	intake_close(intake);
}

static void much_that_is_done_goes_at_once(void **state)
{
	char payload[1000] = "";
	uint64_t id;
	struct err err;
	(void)state;
	struct intake *intake = intake_open(path, false, 1 << 20, &err);
	assert_non_null(intake);
	off_t largest = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(intake_append(intake, payload, sizeof payload, &id), 0);
		largest = file_size() > largest ? file_size() : largest;
		intake_done(intake, id);
	}
	assert_in_range(largest, 16384, 16384 + sizeof payload + 12);
	intake_close(intake);
}

struct replaying {
	struct intake *intake;
	int count;
};

static void done_at_once(void *ctx, uint64_t id, const void *payload, size_t len)
{
	struct replaying *replaying = ctx;
	(void)payload;
	(void)len;
	intake_done(replaying->intake, id);
	intake_tick(replaying->intake);
	assert_int_equal(file_size() == 0, ++replaying->count == 4);
}

static void done_while_replaying(void **state)
{
	(void)state;
	struct intake *intake = reopen(NULL);
	append(intake, "one");
	append(intake, "two");
	append(intake, "three");
	intake = reopen(intake);
	uint64_t late = append(intake, "late"); /* before the replay */
	struct replaying replaying = {.intake = intake};
	intake_replay(intake, done_at_once, &replaying);
	assert_int_equal(replaying.count, 3);
	done_at_once(&replaying, late, "", 0);
	intake_close(intake);
}

static void bounded(void **state)
{
	char payload[MAX] = "";
	uint64_t id, last;
	(void)state;
	struct intake *intake = reopen(NULL);
	assert_int_equal(intake_append(intake, payload, MAX - 11, &id), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(intake_append(intake, payload, MAX - 12 - 20, &last), 0);
	assert_int_equal(intake_append(intake, payload, 9, &id), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(intake_append(intake, payload, 8, &id), 0);
	assert_int_equal(file_size(), MAX);
	intake_done(intake, id);
	assert_int_equal(intake_append(intake, payload, 1, &id), -1);
	intake_done(intake, last);
	append(intake, "room again");
	intake = reopen(intake);
	expect_replay(intake, "room again\n");
	intake_close(intake);
}

#define RECORD(payload) (12 + sizeof(payload) - 1)

/* Three records, the file's content in `whole`. */
static void three(struct buf *whole)
{
	unlink(path);
	struct intake *intake = reopen(NULL);
	append(intake, "first");
	append(intake, "the second");
	append(intake, "3rd");
	intake_close(intake);
	assert_int_equal(fileio_read(path, MAX, whole, NULL), 0);
	assert_int_equal(whole->len, RECORD("first") + RECORD("the second") + RECORD("3rd"));
}

static void put(const void *data, size_t len)
{
	assert_int_equal(fileio_replace(path, data, len, 0600, NULL), 0);
}

static void torn_at_every_byte(void **state)
{
	static const size_t ends[] = {RECORD("first"), RECORD("first") + RECORD("the second")};
	struct buf whole = {0};
	(void)state;
	three(&whole);
	for (size_t len = 0; len < whole.len; len++) {
		put(whole.data, len);
		struct intake *intake = reopen(NULL);
		assert_int_equal(intake_damaged(intake), len != 0 && len != ends[0] && len != ends[1]);
		append(intake, "behind");
		intake = reopen(intake);
		assert_int_equal(intake_damaged(intake), 0);
		expect_replay(intake, len >= ends[1]   ? "first\nthe second\nbehind\n"
		                      : len >= ends[0] ? "first\nbehind\n"
		                                       : "behind\n");
		intake_close(intake);
	}
	buf_free(&whole);
}

static void flipped_at_every_byte(void **state)
{
	static const char *const left[] = {
	    "the second\n3rd\nbehind\n", "first\n3rd\nbehind\n", "first\nthe second\nbehind\n"};
	struct buf whole = {0};
	(void)state;
	three(&whole);
	for (size_t at = 0; at < whole.len; at++) {
		size_t record = at < RECORD("first")                          ? 0
		                : at < RECORD("first") + RECORD("the second") ? 1
		                                                              : 2;
		for (int bit = 0; bit < 8; bit++) {
			whole.data[at] = (char)(whole.data[at] ^ 1 << bit);
			put(whole.data, whole.len);
			whole.data[at] = (char)(whole.data[at] ^ 1 << bit);
			struct intake *intake = reopen(NULL);
			assert_int_equal(intake_damaged(intake), 1);
			append(intake, "behind");
			intake = reopen(intake);
			assert_int_equal(intake_damaged(intake), record < 2);
			expect_replay(intake, left[record]);
			intake_close(intake);
		}
	}
	buf_free(&whole);
}

/* A payload that looks like records does not hide what stands behind it, nor takes for ever. */
static void payloads_that_look_like_records(void **state)
{
	struct buf payload = {0}, file = {0};
	struct err err;
	(void)state;
	for (size_t i = 0; i < 100000; i++)
		buf_add(&payload, "NPi1\0\0\6\0abcd", 12); /* each claims 393,216 bytes */
	struct intake *intake = intake_open(path, false, 8 << 20, &err);
	uint64_t id;
	assert_int_equal(intake_append(intake, payload.data, payload.len, &id), 0);
	assert_int_equal(intake_append(intake, "behind", 6, &id), 0);
	intake_close(intake);
	assert_int_equal(fileio_read(path, 8 << 20, &file, NULL), 0);
	file.data[8] ^= 1;
	put(file.data, file.len);
	intake = intake_open(path, false, 8 << 20, &err);
	assert_int_equal(intake_damaged(intake), 1);
	expect_replay(intake, "behind\n");
	intake_close(intake);
	buf_free(&payload);
	buf_free(&file);
}

/* A file system that is full takes part of a write: the limit on a file's size does so too. */
static void failed_writes_leave_nothing(void **state)
{
	struct rlimit old, tight;
	uint64_t id;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct intake *intake = reopen(NULL);
	append(intake, "before");
	off_t size = file_size();
	for (rlim_t more = 0; more < 17; more++) {
		tight = old;
		tight.rlim_cur = (rlim_t)size + more;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
		int result = intake_append(intake, "fails", 5, &id);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(result, -1);
		assert_int_equal(file_size(), size);
	}
	append(intake, "after");
	intake = reopen(intake);
	assert_int_equal(intake_damaged(intake), 0);
	expect_replay(intake, "before\nafter\n");
	intake_close(intake);
	signal(SIGXFSZ, handler);
}

static void cannot_open(void **state)
{
	struct err err;
	(void)state;
	assert_null(intake_open("/nonexistent/intake", false, MAX, &err));
	assert_non_null(strstr(err.text, "/nonexistent/intake"));
}

#define ROUNDS 500

struct handover {
	struct intake *intake;
	pthread_mutex_t mutex;
	pthread_cond_t more;
	uint64_t ids[ROUNDS];
	size_t given;
};

static void *other_thread(void *arg)
{
	struct handover *handover = arg;
	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t id = 0;
		int result = intake_append(handover->intake, "from a thread", 13, &id);
		pthread_mutex_lock(&handover->mutex);
		handover->ids[handover->given++] = result == 0 ? id : 0;
		pthread_cond_signal(&handover->more);
		pthread_mutex_unlock(&handover->mutex);
	}
	return NULL;
}

static void appended_by_one_thread_done_by_another(void **state)
{
	struct handover handover = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
	struct err err;
	pthread_t thread;
	(void)state;
	handover.intake = intake_open(path, true, 1 << 20, &err);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &handover), 0);
	for (size_t i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&handover.mutex);
		while (handover.given <= i)
			pthread_cond_wait(&handover.more, &handover.mutex);
		uint64_t id = handover.ids[i];
		pthread_mutex_unlock(&handover.mutex);
		assert_int_equal(id, i + 1);
		intake_done(handover.intake, id);
	}
	pthread_join(thread, NULL);
	intake_tick(handover.intake);
	assert_int_equal(file_size(), 0);
	intake_close(handover.intake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_not_done_comes_again),
	    TEST(the_file_is_emptied_when_all_is_done),
	    TEST(much_that_is_done_goes_at_once),
	    TEST(done_while_replaying),
	    TEST(bounded),
	    TEST(torn_at_every_byte),
	    TEST(flipped_at_every_byte),
	    TEST(payloads_that_look_like_records),
	    TEST(failed_writes_leave_nothing),
	    TEST(cannot_open),
	    TEST(appended_by_one_thread_done_by_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
