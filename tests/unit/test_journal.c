/* The journal of uids: what was said last counts, whatever was torn or damaged around it. */
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
#include "core/task/journal.h"

static char folder[] = "/tmp/neap-journal-XXXXXX";
static char path[sizeof(folder) + 10];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/neap-journal-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/uids", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct journal *reopen(struct journal *journal)
{
	struct err err = {.text = ""};
	journal_close(journal);
	journal = journal_open(path, true, &err);
	assert_string_equal(err.text, "");
	return journal;
}

/* state 0: not known */
static void expect(struct journal *journal, const char *uid, int state, const char *outcome)
{
	struct journal_entry entry = {.outcome = ""};
	assert_int_equal(journal_find(journal, uid, &entry), state != 0);
	assert_int_equal(entry.state, state);
	assert_string_equal(entry.outcome, outcome);
}

static off_t file_size(void)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void states_and_outcomes(void **state)
{
	(void)state;
	struct journal *journal = reopen(NULL);
	expect(journal, "a", 0, "");
	assert_int_equal(journal_set(journal, "a", JOURNAL_ACCEPTED, ""), 0);
	assert_int_equal(journal_set(journal, "b", JOURNAL_ACCEPTED, ""), 0);
	assert_int_equal(journal_set(journal, "c", JOURNAL_ACCEPTED, ""), 0);
	assert_int_equal(journal_set(journal, "b", JOURNAL_STARTED, ""), 0);
	assert_int_equal(journal_set(journal, "c", JOURNAL_STARTED, ""), 0);
	assert_int_equal(journal_set(journal, "c", JOURNAL_DONE, "m.x: no such thing"), 0);
	assert_int_equal(journal_set(journal, "d", JOURNAL_DONE, ""), 0);
	for (int i = 0; i < 2; i++) {
		expect(journal, "a", JOURNAL_ACCEPTED, "");
		expect(journal, "b", JOURNAL_STARTED, "");
		expect(journal, "c", JOURNAL_DONE, "m.x: no such thing");
		expect(journal, "d", JOURNAL_DONE, "");
		expect(journal, "e", 0, "");
		journal = reopen(journal);
		assert_int_equal(journal_damaged(journal), 0);
	}
	off_t size = file_size();
	assert_int_equal(journal_set(journal, "d", JOURNAL_DONE, ""), 0);
	assert_int_equal(file_size(), size); /* no change, no write */
	struct journal_entry entry;
	assert_true(journal_find(journal, "c", &entry));
	assert_int_equal(journal_set(journal, "c", JOURNAL_STARTED, entry.outcome), 0);
	expect(journal, "c", JOURNAL_STARTED, "m.x: no such thing");
	journal_close(journal);
}

static void long_texts(void **state)
{
	char uid[JOURNAL_UID_MAX + 1], outcome[400], cut[JOURNAL_OUTCOME_MAX + 1];
	(void)state;
	struct journal *journal = reopen(NULL);
	memset(uid, 'u', sizeof(uid) - 1);
	uid[sizeof(uid) - 1] = '\0';
	memset(outcome, 'x', sizeof(outcome));
	memcpy(outcome + JOURNAL_OUTCOME_MAX - 1, "\xc3\xa9", 2); /* the cut would fall inside */
	outcome[sizeof(outcome) - 1] = '\0';
	memset(cut, 'x', JOURNAL_OUTCOME_MAX - 1);
	cut[JOURNAL_OUTCOME_MAX - 1] = '\0';
	assert_int_equal(journal_set(journal, uid, JOURNAL_DONE, outcome), 0);
	expect(journal, uid, JOURNAL_DONE, cut);
	journal = reopen(journal);
	expect(journal, uid, JOURNAL_DONE, cut);
	journal_close(journal);
}

static void set_numbered(struct journal *journal, int number, enum journal_state state)
{
	char uid[20];
	snprintf(uid, sizeof(uid), "uid-%d", number);
	assert_int_equal(journal_set(journal, uid, state, ""), 0);
}

static void the_last_thousand_are_kept(void **state)
{
	(void)state;
	struct journal *journal = reopen(NULL);
	set_numbered(journal, 0, JOURNAL_STARTED);
	for (int i = 1; i < 3000; i++)
		set_numbered(journal, i, JOURNAL_DONE);
	for (int i = 0; i < 2; i++) {
		expect(journal, "uid-0", JOURNAL_STARTED, ""); /* not done, so it stays */
		expect(journal, "uid-1", 0, "");
		expect(journal, "uid-2000", 0, "");
		expect(journal, "uid-2001", JOURNAL_DONE, "");
		expect(journal, "uid-2999", JOURNAL_DONE, "");
		journal = reopen(journal);
	}
	for (int i = 3000; i < 3999; i++)
		set_numbered(journal, i, JOURNAL_ACCEPTED);
	expect(journal, "uid-0", JOURNAL_STARTED, "");
	set_numbered(journal, 3999, JOURNAL_ACCEPTED); /* none is done: the oldest goes */
	expect(journal, "uid-0", 0, "");
	expect(journal, "uid-3000", JOURNAL_ACCEPTED, "");
	journal_close(journal);
}

static void the_file_stays_small(void **state)
{
	off_t largest = 0;
	(void)state;
	struct journal *journal = reopen(NULL);
	for (int i = 0; i < 10000; i++) {
		set_numbered(journal, i, JOURNAL_ACCEPTED);
		set_numbered(journal, i, JOURNAL_DONE);
		if (file_size() > largest)
			largest = file_size();
	}
	assert_in_range(largest, 4 * 1000 * 16, 4 * 1000 * 16 + 20000);
	expect(journal, "uid-9000", JOURNAL_DONE, "");
	journal = reopen(journal);
	assert_int_equal(journal_damaged(journal), 0);
	expect(journal, "uid-8999", 0, "");
	expect(journal, "uid-9000", JOURNAL_DONE, "");
	expect(journal, "uid-9999", JOURNAL_DONE, "");
	journal_close(journal);
}

/* Four records whose lengths are known, the file's content in `whole`. */
#define RECORD(texts) (8 + sizeof(texts) - 1)
static const size_t ends[] = {RECORD("one"), RECORD("one") + RECORD("two!"),
    RECORD("one") + RECORD("two!") + RECORD("three")};

static void four(struct buf *whole)
{
	struct journal *journal = reopen(NULL);
	journal_set(journal, "one", JOURNAL_ACCEPTED, "");
	journal_set(journal, "two", JOURNAL_DONE, "!");
	journal_set(journal, "three", JOURNAL_STARTED, "");
	journal_set(journal, "one", JOURNAL_DONE, "no");
	journal_close(journal);
	assert_int_equal(fileio_read(path, 1000, whole, NULL), 0);
	assert_int_equal(whole->len, ends[2] + RECORD("oneno"));
}

static void expect_records(struct journal *journal, bool r0, bool r1, bool r2, bool r3)
{
	expect(journal, "one", r3 ? JOURNAL_DONE : r0 ? JOURNAL_ACCEPTED : 0, r3 ? "no" : "");
	expect(journal, "two", r1 ? JOURNAL_DONE : 0, r1 ? "!" : "");
	expect(journal, "three", r2 ? JOURNAL_STARTED : 0, "");
}

static void put(const void *data, size_t len)
{
	assert_int_equal(fileio_replace(path, data, len, 0600, NULL), 0);
}

static void torn_at_every_byte(void **state)
{
	struct buf whole = {0};
	(void)state;
	four(&whole);
	for (size_t len = 0; len < whole.len; len++) {
		put(whole.data, len);
		struct journal *journal = reopen(NULL);
		bool boundary = len == 0 || len == ends[0] || len == ends[1] || len == ends[2];
		assert_int_equal(journal_damaged(journal), !boundary);
		journal_set(journal, "behind", JOURNAL_DONE, "");
		journal = reopen(journal);
		assert_int_equal(journal_damaged(journal), 0);
		expect_records(journal, len >= ends[0], len >= ends[1], len >= ends[2], false);
		expect(journal, "behind", JOURNAL_DONE, "");
		journal_close(journal);
	}
	buf_free(&whole);
}

static void flipped_at_every_byte(void **state)
{
	struct buf whole = {0};
	(void)state;
	four(&whole);
	for (size_t at = 0; at < whole.len; at++) {
		int bad = at < ends[0] ? 0 : at < ends[1] ? 1 : at < ends[2] ? 2 : 3;
		for (int bit = 0; bit < 8; bit++) {
			whole.data[at] = (char)(whole.data[at] ^ 1 << bit);
			put(whole.data, whole.len);
			whole.data[at] = (char)(whole.data[at] ^ 1 << bit);
			struct journal *journal = reopen(NULL);
			assert_int_equal(journal_damaged(journal), 1);
			journal_set(journal, "behind", JOURNAL_DONE, "");
			journal = reopen(journal);
			expect_records(journal, bad != 0, bad != 1, bad != 2, bad != 3);
			expect(journal, "behind", JOURNAL_DONE, "");
			journal_close(journal);
		}
	}
	buf_free(&whole);
}

static void failed_writes_leave_nothing(void **state)
{
	struct rlimit old, tight;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct journal *journal = reopen(NULL);
	journal_set(journal, "before", JOURNAL_DONE, "");
	off_t size = file_size();
	tight = old;
	tight.rlim_cur = (rlim_t)size + 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	int result = journal_set(journal, "lost", JOURNAL_DONE, "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(result, -1);
	assert_int_equal(file_size(), size);
	expect(journal, "lost", JOURNAL_DONE, ""); /* until the process ends */
	assert_int_equal(journal_set(journal, "after", JOURNAL_DONE, ""), 0);
	journal = reopen(journal);
	assert_int_equal(journal_damaged(journal), 0);
	expect(journal, "before", JOURNAL_DONE, "");
	expect(journal, "lost", 0, "");
	expect(journal, "after", JOURNAL_DONE, "");
	journal_close(journal);
}

static void cannot_open(void **state)
{
	struct err err;
	(void)state;
	assert_null(journal_open("/nonexistent/uids", false, &err));
	assert_non_null(strstr(err.text, "/nonexistent/uids"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(states_and_outcomes),
	    TEST(long_texts),
	    TEST(the_last_thousand_are_kept),
	    TEST(the_file_stays_small),
	    TEST(torn_at_every_byte),
	    TEST(flipped_at_every_byte),
	    TEST(failed_writes_leave_nothing),
	    TEST(cannot_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
