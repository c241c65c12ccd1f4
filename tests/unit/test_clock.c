#include "core/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include <cmocka.h>

/* The kernel's clocks, as the tests want them: these stand in for the C library's. */
static int64_t fake_wall_us, fake_mono_us;
static bool fake_synced;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t us = id == CLOCK_REALTIME ? fake_wall_us : fake_mono_us;

	ts->tv_sec = (time_t)(us / 1000000);
	ts->tv_nsec = (long)(us % 1000000) * 1000;
	return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int adjtimex(struct timex *kernel)
{
	assert_int_equal(kernel->modes, 0);
	kernel->status = fake_synced ? 0 : STA_UNSYNC;
	return fake_synced ? TIME_OK : TIME_ERROR;
}

#define YEAR_2100 INT64_C(4102444800000)

static void fake(int64_t wall_ms, int64_t mono_ms)
{
	fake_wall_us = wall_ms * 1000 + 999;
	fake_mono_us = mono_ms * 1000 + 999;
}

static void times_are_the_kernels(void **unused)
{
	(void)unused;
	fake(YEAR_2100, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);
	struct stamp stamp = clock_stamp(clock);

	assert_true(clock_wall_ms(clock) == YEAR_2100 && stamp.wall_ms == YEAR_2100);
	assert_true(clock_mono_ms(clock) == 5000 && stamp.mono_ms == 5000);
	assert_true(clock_mono_us(clock) == 5000999);
	assert_true(stamp.wall_valid && clock_is_set(clock));
	clock_free(clock);
}

static void a_late_date_is_believed(void **unused)
{
	(void)unused;
	fake(1000, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);

	fake_synced = true; /* is not what counts here */
	assert_false(clock_is_set(clock));
	assert_false(clock_stamp(clock).wall_valid);
	assert_false(clock_poll(clock).became_set);
	fake(YEAR_2100 + 1000, 6000);
	struct clock_change change = clock_poll(clock);
	assert_true(change.became_set && clock_is_set(clock) && clock_stamp(clock).wall_valid);
	assert_true(change.step_ms == YEAR_2100 - 1000);
	change = clock_poll(clock);
	assert_false(change.became_set || change.step_ms != 0);

	fake(1000, 7000); /* stays set */
	change = clock_poll(clock);
	assert_true(clock_is_set(clock) && !change.became_set);
	assert_true(change.step_ms == -YEAR_2100 - 1000);
	fake_synced = false;
	clock_free(clock);
}

static void what_is_set_at_the_start_does_not_become_so(void **unused)
{
	(void)unused;
	fake(YEAR_2100, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);

	assert_false(clock_poll(clock).became_set);
	clock_free(clock);
}

static void the_kernel_is_believed(void **unused)
{
	(void)unused;
	fake(YEAR_2100, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_SYNC);

	assert_false(clock_is_set(clock));
	assert_false(clock_poll(clock).became_set);
	fake_synced = true;
	assert_true(clock_poll(clock).became_set);
	fake_synced = false; /* the daemon stopped: the clock is right still */
	assert_false(clock_poll(clock).became_set);
	assert_true(clock_is_set(clock));
	clock_free(clock);
}

static void who_declares_it_is_believed(void **unused)
{
	(void)unused;
	fake(1000, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_SYNC);

	clock_declare_set(clock);
	assert_true(clock_is_set(clock));
	assert_true(clock_poll(clock).became_set);
	assert_false(clock_poll(clock).became_set);
	clock_free(clock);
}

static void steps_are_seen_and_slewing_is_not(void **unused)
{
	(void)unused;
	fake(YEAR_2100, 5000);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);

	fake(YEAR_2100 + 1500, 6000);
	assert_true(clock_poll(clock).step_ms == 0);
	fake(YEAR_2100 + 2000 + 1001, 7000);
	assert_true(clock_poll(clock).step_ms == 501);
	fake(YEAR_2100 + 3000, 8000);
	assert_true(clock_poll(clock).step_ms == -1001);
	fake(YEAR_2100 + 3600000, 8000 + 3597000); /* slept */
	assert_true(clock_poll(clock).step_ms == 0);
	clock_free(clock);
}

static void the_boot_id_is_the_kernels(void **unused)
{
	(void)unused;
	char text[64] = "", hex[40] = "", *out = hex;
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

	if (file == NULL)
		skip();
	assert_non_null(fgets(text, sizeof text, file));
	(void)fclose(file);
	struct clock *clock = clock_new(CLOCK_TRUST_DATE);
	for (int i = 0; i < BOOT_ID_SIZE; i++)
		out += sprintf(
		    out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", clock_boot_id(clock)[i]);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(hex, text);
	clock_free(clock);
}

static void a_virtual_clock_stands_still(void **unused)
{
	(void)unused;
	struct clock *clock = clock_new_virtual(YEAR_2100);
	struct clock *later = clock_new_virtual(YEAR_2100 + 1);

	assert_true(clock_is_set(clock) && !clock_poll(clock).became_set);
	assert_true(clock_mono_ms(clock) == 0 && clock_wall_ms(clock) == YEAR_2100);
	clock_advance(clock, 86400000);
	assert_true(clock_mono_ms(clock) == 86400000 && clock_mono_us(clock) == 86400000000);
	assert_true(clock_wall_ms(clock) == YEAR_2100 + 86400000);
	assert_true(clock_poll(clock).step_ms == 0);
	assert_memory_not_equal(clock_boot_id(clock), clock_boot_id(later), BOOT_ID_SIZE);
	clock_free(clock);
	clock_free(later);
}

static void a_virtual_clock_steps(void **unused)
{
	(void)unused;
	struct clock *clock = clock_new_virtual(YEAR_2100);

	clock_step(clock, -YEAR_2100, false);
	assert_false(clock_is_set(clock));
	struct clock_change change = clock_poll(clock);
	assert_true(!change.became_set && change.step_ms == -YEAR_2100);
	assert_false(clock_stamp(clock).wall_valid);
	clock_step(clock, 600, true);
	change = clock_poll(clock);
	assert_true(change.became_set && change.step_ms == 600);
	assert_true(clock_mono_ms(clock) == 0);
	clock_free(clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_the_kernels),
	    cmocka_unit_test(a_late_date_is_believed),
	    cmocka_unit_test(what_is_set_at_the_start_does_not_become_so),
	    cmocka_unit_test(the_kernel_is_believed),
	    cmocka_unit_test(who_declares_it_is_believed),
	    cmocka_unit_test(steps_are_seen_and_slewing_is_not),
	    cmocka_unit_test(the_boot_id_is_the_kernels),
	    cmocka_unit_test(a_virtual_clock_stands_still),
	    cmocka_unit_test(a_virtual_clock_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
