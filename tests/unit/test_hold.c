#include "core/task/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY  (24 * 3600 * INT64_C(1000))
#define WALL (INT64_C(1755000000) * 1000)

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/neap-test-hold-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/hold", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void it_ends_by_itself_or_is_ended(void **state)
{
	struct clock *clock = clock_new_virtual(WALL);
	struct hold *hold = hold_open(path, clock);

	(void)state;
	assert_int_equal(hold_left_ms(hold), 0);
	assert_int_equal(hold_set(hold, 60000, NULL), 0);
	clock_advance(clock, 59999);
	assert_int_equal(hold_left_ms(hold), 1);
	clock_advance(clock, 1);
	assert_int_equal(hold_left_ms(hold), 0);
	assert_int_equal(access(path, F_OK), -1);

	assert_int_equal(hold_set(hold, 60000, NULL), 0);
	assert_int_equal(hold_set(hold, DAY, NULL), 0);
	assert_int_equal(hold_left_ms(hold), DAY);
	assert_int_equal(hold_set(hold, 0, NULL), 0);
	assert_int_equal(hold_set(hold, 0, NULL), 0);
	assert_int_equal(hold_left_ms(hold), 0);
	hold_close(hold);
	clock_free(clock);
}

static void it_outlives_the_process(void **state)
{
	struct clock *clock = clock_new_virtual(WALL);
	struct hold *hold = hold_open(path, clock);

	(void)state;
	assert_int_equal(hold_set(hold, 60000, NULL), 0);
	hold_close(hold);
	clock_advance(clock, 20000);
	hold = hold_open(path, clock);
	assert_int_equal(hold_left_ms(hold), 40000);
	clock_step(clock, -DAY, true); /* a step of the time of day changes nothing */
	assert_int_equal(hold_left_ms(hold), 40000);
	hold_close(hold);
	clock_free(clock);
}

/* The next boot begins 20 s later, as the time of day says. */
static void it_outlives_a_reboot(void **state)
{
	struct clock *clock = clock_new_virtual(WALL), *next = clock_new_virtual(WALL + 20000);
	struct hold *hold = hold_open(path, clock);

	(void)state;
	clock_advance(clock, 5 * DAY);
	clock_step(clock, -5 * DAY, true);
	assert_int_equal(hold_set(hold, 60000, NULL), 0);
	hold_close(hold);
	hold = hold_open(path, next);
	assert_int_equal(hold_left_ms(hold), 40000);
	hold_close(hold);
	clock_free(next);

	/* without a clock: all of it again, from the start, until the clock is set */
	next = clock_new_virtual(0);
	clock_step(next, 1000, false);
	hold = hold_open(path, next);
	assert_int_equal(hold_left_ms(hold), 60000);
	clock_advance(next, 10000);
	assert_int_equal(hold_left_ms(hold), 50000);
	clock_step(next, WALL + 45000 - clock_wall_ms(next), true);
	assert_int_equal(hold_left_ms(hold), 15000);
	hold_close(hold);

	/* and never longer than it was asked for */
	clock_step(next, WALL - 10 * DAY - clock_wall_ms(next), true);
	hold = hold_open(path, clock); /* the boot that wrote it */
	hold_close(hold);
	hold = hold_open(path, next);
	assert_int_equal(hold_left_ms(hold), 60000);
	hold_close(hold);
	clock_free(next);
	clock_free(clock);
}

static void nonsense_holds_nothing(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{}", "{\"duration_ms\":-1}",
	    "{\"duration_ms\":9000000000000000}", "{\"boot\":1,\"duration_ms\":\"x\"}"};
	struct clock *clock = clock_new_virtual(WALL);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fputs(texts[i], file);
		assert_int_equal(fclose(file), 0);
		struct hold *hold = hold_open(path, clock);
		assert_int_equal(hold_left_ms(hold), 0);
		hold_close(hold);
	}
	clock_free(clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(it_ends_by_itself_or_is_ended, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(it_outlives_the_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(it_outlives_a_reboot, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nonsense_holds_nothing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
