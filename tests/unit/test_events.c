/* The journal of events: it says how the process before ended, stays within its bounds, and what is
 * damaged costs itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/events.h"
#include "core/base/fileio.h"
#include "core/command/events_print.h"

#define NOON_MS 1763820000000

struct world {
	char dir[64], log[80], old[80];
	struct clock *clock;
	struct events *events;
	struct buf text;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	strcpy(world->dir, "/tmp/neap-test-events-XXXXXX");
	*state = world;
	if (!mkdtemp(world->dir))
		return -1;
	snprintf(world->log, sizeof(world->log), "%s/events.log", world->dir);
	snprintf(world->old, sizeof(world->old), "%s/events.old", world->dir);
	world->clock = clock_new_virtual(NOON_MS);
	world->events = events_open(world->dir, NULL, world->clock);
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	int result;

	events_close(world->events);
	clock_free(world->clock);
	buf_free(&world->text);
	unlink(world->log);
	unlink(world->old);
	result = rmdir(world->dir);
	free(world);
	return result;
}

static const char *print(struct world *world, bool json)
{
	struct err err = {0};

	world->text.len = 0;
	if (events_print(world->dir, json, &world->text, &err) < 0)
		fail_msg("%s", err.text);
	return buf_str(&world->text);
}

static size_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? (size_t)info.st_size : 0;
}

static void again(struct world *world, struct clock *clock)
{
	events_close(world->events);
	if (clock) {
		clock_free(world->clock);
		world->clock = clock;
	}
	world->events = events_open(world->dir, NULL, world->clock);
}

static void each_start_says_what_was_before(void **state)
{
	struct world *world = *state;

	again(world, NULL);
	events_note(world->events, EVENT_STOP, "Terminated");
	again(world, NULL);
	again(world, clock_new_virtual(NOON_MS + 1));
	events_note(world->events, EVENT_STOP, "Terminated");
	again(world, clock_new_virtual(NOON_MS + 2));
	const char *text = print(world, false);
	assert_string_equal(text,
	    "2025-11-22T14:00:00Z start  neap " NEAP_VERSION ": the first one here\n"
	    "2025-11-22T14:00:00Z start  neap " NEAP_VERSION
	    ": the process before ended without a stop: it was killed, or crashed\n"
	    "2025-11-22T14:00:00Z stop   Terminated\n"
	    "2025-11-22T14:00:00Z start  neap " NEAP_VERSION ": after a stop\n"
	    "2025-11-22T14:00:00Z start  neap " NEAP_VERSION
	    ": the device restarted without a stop: a power cut, a reset, or a crash\n"
	    "2025-11-22T14:00:00Z stop   Terminated\n"
	    "2025-11-22T14:00:00Z start  neap " NEAP_VERSION
	    ": after a stop and a restart of the device\n");
}

static void time_is_found_later(void **state)
{
	struct world *world = *state;

	clock_step(world->clock, -3600000, false);
	clock_advance(world->clock, 5000);
	events_note(world->events, EVENT_LINK, "connected");
	assert_non_null(strstr(print(world, true), "{\"time_ms\":1763820005000,\"uptime_ms\":5000,"));
	unlink(world->log); /* with the only event whose time is known */
	again(world, NULL);
	assert_non_null(strstr(print(world, false), "boot+5s              start"));
	assert_null(strstr(print(world, true), "\"time_ms\""));
	clock_step(world->clock, 3600000, true);
	events_note(world->events, EVENT_CLOCK, "set");
	assert_non_null(strstr(print(world, false), "2025-11-22T14:00:05Z start"));
}

static void damage_costs_itself(void **state)
{
	struct world *world = *state;
	struct buf text = {0};

	events_note(world->events, EVENT_LINK, "one");
	events_note(world->events, EVENT_LINK, "two");
	events_note(world->events, EVENT_LINK, "three");
	events_close(world->events);
	assert_int_equal(fileio_read(world->log, 1 << 16, &text, NULL), 0);
	char *two = strstr(buf_str(&text), "two");
	assert_non_null(two);
	*two = '\0';
	text.len -= 3; /* torn within "three" */
	assert_int_equal(fileio_replace(world->log, text.data, text.len, 0600, NULL), 0);
	buf_free(&text);
	world->events = events_open(world->dir, NULL, world->clock);
	const char *out = print(world, false);
	assert_non_null(strstr(out, "link   one\n"));
	assert_null(strstr(out, "two"));
	assert_null(strstr(out, "thr"));
	assert_non_null(strstr(out, "start  neap " NEAP_VERSION ": the process before"));
	assert_non_null(strstr(out, "disk   2 damaged lines in the journal of events\n"));
	assert_non_null(strstr(out, "(2 damaged lines are left out)\n"));
}

static void every_cut_of_the_file_can_be_read(void **state)
{
	struct world *world = *state;
	struct buf whole = {0};

	for (int i = 0; i < 5; i++)
		events_note(world->events, EVENT_LINK, "number %d", i);
	assert_int_equal(fileio_read(world->log, 1 << 16, &whole, NULL), 0);
	for (size_t len = 0; len <= whole.len; len++) {
		unsigned lines = 0, damaged = 0;

		assert_int_equal(fileio_replace(world->log, whole.data, len, 0600, NULL), 0);
		for (size_t i = 0; i < len; i++)
			lines += whole.data[i] == '\n';
		world->text.len = 0;
		assert_int_equal(events_print(world->dir, true, &world->text, NULL), 0);
		for (size_t i = 0; i < world->text.len; i++)
			damaged += world->text.data[i] == '\n';
		/* a line that lacks its end only is whole */
		assert_true(damaged == lines || (damaged == lines + 1 && whole.data[len] == '\n'));
	}
	buf_free(&whole);
}

static void the_files_are_bounded(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 2000; i++)
		events_note(world->events, EVENT_LOSS, "number %d, and what else there is to say", i);
	assert_true(size_of(world->log) <= EVENTS_FILE_BYTES + EVENTS_TEXT_MAX + 100);
	assert_true(size_of(world->old) <= EVENTS_FILE_BYTES + EVENTS_TEXT_MAX + 100);
	assert_true(size_of(world->old) >= EVENTS_FILE_BYTES);
	assert_non_null(strstr(print(world, false), "number 1999"));
	assert_null(strstr(print(world, false), "number 0,"));
}

static void a_flood_is_counted(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < EVENTS_BURST + 40; i++)
		events_note(world->events, EVENT_LINK, "flap %d", i);
	assert_non_null(strstr(print(world, false), "flap 59\n"));
	assert_null(strstr(print(world, false), "flap 60\n"));
	events_note(world->events, EVENT_LOSS, "always written");
	assert_non_null(
	    strstr(print(world, false), "loss   40 events before this were not noted: too many\n"
	                                "2025-11-22T14:00:00Z loss   always written\n"));
	clock_advance(world->clock, EVENTS_REFILL_MS);
	events_note(world->events, EVENT_LINK, "one more");
	events_note(world->events, EVENT_LINK, "and none");
	assert_non_null(strstr(print(world, false), "link   one more\n"));
	assert_null(strstr(print(world, false), "and none"));
}

static void a_text_is_one_line(void **state)
{
	struct world *world = *state;
	char longer[2 * EVENTS_TEXT_MAX];

	events_note(world->events, EVENT_LINK, "a\nb\tc");
	assert_non_null(strstr(print(world, false), "link   a b c\n"));
	for (size_t i = 0; i + 2 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa9", 3);
	events_note(world->events, EVENT_LINK, "x%s", longer);
	const char *out = strstr(print(world, false), "link   x");
	assert_non_null(out);
	assert_int_equal(strlen(out), strlen("link   ") + EVENTS_TEXT_MAX - 1 + 1);
}

static void a_folder_that_cannot_be_written(void **state)
{
	struct world *world = *state;
	struct events *events = events_open("/nosuch/folder", NULL, world->clock);

	events_note(events, EVENT_LINK, "lost");
	events_tick(events);
	events_close(events);
	events_note(NULL, EVENT_LINK, "nowhere");
	events_tick(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_start_says_what_was_before, setup, teardown),
	    cmocka_unit_test_setup_teardown(time_is_found_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(damage_costs_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_cut_of_the_file_can_be_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_files_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_flood_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_text_is_one_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
