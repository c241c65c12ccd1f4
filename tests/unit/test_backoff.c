/* The delays between tries: their bounds, their growth, their spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/link/backoff.h"

static void doubles_up_to_the_maximum(void **state)
{
	(void)state;
	static const int64_t ceilings[] = {2000, 4000, 8000, 16000, 30000, 30000, 30000};
	struct backoff backoff;

	backoff_init(&backoff, 1000, 30000);
	for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
		struct backoff other = backoff;
		uint64_t last = (uint64_t)(ceilings[i] - 1000); /* the random number that hits the top */

		assert_int_equal(backoff_next_ms(&other, 0), 1000);
		assert_int_equal(backoff_next_ms(&backoff, last), ceilings[i]);
		assert_int_equal(backoff_ceiling_ms(&backoff), ceilings[i]);
	}
}

static void stays_within_its_bounds(void **state)
{
	(void)state;
	struct backoff backoff;
	uint64_t random = 1;

	backoff_init(&backoff, 100, 3600000);
	for (int i = 0; i < 1000; i++) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		int64_t delay = backoff_next_ms(&backoff, random);
		assert_in_range(delay, 100, 3600000);
	}
	assert_in_range(backoff_next_ms(&backoff, UINT64_MAX), 100, 3600000);
}

static void spreads_over_the_whole_range(void **state)
{
	(void)state;
	int tenths[10] = {0};
	uint64_t random = 7;

	for (int i = 0; i < 10000; i++) {
		struct backoff backoff;

		backoff_init(&backoff, 1, 1000);
		backoff.failures = 20;
		random = random * 6364136223846793005U + 1442695040888963407U;
		tenths[(backoff_next_ms(&backoff, random >> 16) - 1) / 100]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(tenths[i], 800, 1200);
}

static void begins_anew_after_a_reset(void **state)
{
	(void)state;
	struct backoff backoff;

	backoff_init(&backoff, 1000, 30000);
	for (int i = 0; i < 100; i++)
		backoff_next_ms(&backoff, 0);
	backoff_reset(&backoff);
	assert_int_equal(backoff_next_ms(&backoff, 1000), 2000);
}

static void a_maximum_below_the_minimum_does_no_harm(void **state)
{
	(void)state;
	struct backoff backoff;

	backoff_init(&backoff, 5000, 1000);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(backoff_next_ms(&backoff, i * 12345), 5000);
}

static void huge_bounds_do_not_overflow(void **state)
{
	(void)state;
	struct backoff backoff;

	backoff_init(&backoff, 1, INT64_MAX);
	for (int i = 0; i < 200; i++)
		assert_true(backoff_next_ms(&backoff, UINT64_MAX / 3) >= 1);
	assert_int_equal(backoff_ceiling_ms(&backoff), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(doubles_up_to_the_maximum),
	    cmocka_unit_test(stays_within_its_bounds),
	    cmocka_unit_test(spreads_over_the_whole_range),
	    cmocka_unit_test(begins_anew_after_a_reset),
	    cmocka_unit_test(a_maximum_below_the_minimum_does_no_harm),
	    cmocka_unit_test(huge_bounds_do_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
