/* Which address is tried next, and when: rounds, refusals, connections that do not last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/link/mqtt_pace.h"

#define MIN_MS 1000
#define MAX_MS 60000

static const char *const one[] = {"tcp://a:1", NULL};
static const char *const three[] = {"tcp://a:1", "tcp://b:1", "tcp://c:1", NULL};

/* The longest delay that the jitter allows is this far above the shortest. */
static uint64_t top_of(int64_t ceiling_ms, int64_t floor_ms)
{
	return (uint64_t)(ceiling_ms - floor_ms);
}

static void addresses_take_turns(void **state)
{
	(void)state;
	struct mqtt_pace pace;

	mqtt_pace_init(&pace, three, MIN_MS, MAX_MS);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			assert_string_equal(mqtt_pace_begin(&pace, 0), three[i]);
			struct mqtt_wait wait = mqtt_pace_failed(&pace, i == 1, 999);
			assert_false(wait.refused);
			if (i < 2) /* the neighbour comes soon */
				assert_int_equal(wait.delay_ms, 1000);
			else
				assert_in_range(wait.delay_ms, MIN_MS, MIN_MS << (round + 1));
		}
	}
}

static void a_round_of_refusals_is_told(void **state)
{
	(void)state;
	struct mqtt_pace pace;

	mqtt_pace_init(&pace, three, MIN_MS, MAX_MS);
	for (int i = 0; i < 2; i++)
		assert_false(mqtt_pace_failed(&pace, true, 0).refused);
	struct mqtt_wait wait = mqtt_pace_failed(&pace, true, 0);
	assert_true(wait.refused);
	assert_int_equal(wait.delay_ms, 10 * MIN_MS);

	/* refusals of the last round do not count in this one */
	mqtt_pace_failed(&pace, true, 0);
	mqtt_pace_failed(&pace, false, 0);
	assert_false(mqtt_pace_failed(&pace, true, 0).refused);
}

static void refusals_back_off_to_an_hour(void **state)
{
	(void)state;
	struct mqtt_pace pace;
	int64_t ceiling_ms = 10 * MIN_MS;

	mqtt_pace_init(&pace, one, MIN_MS, MAX_MS);
	for (int i = 0; i < 12; i++) {
		ceiling_ms = 2 * ceiling_ms < 3600000 ? 2 * ceiling_ms : 3600000;
		struct mqtt_wait wait = mqtt_pace_failed(&pace, true, top_of(ceiling_ms, 10 * MIN_MS));
		assert_true(wait.refused);
		assert_int_equal(wait.delay_ms, ceiling_ms);
	}
	mqtt_pace_up(&pace, 0);
	assert_int_equal(
	    mqtt_pace_failed(&pace, true, top_of(20 * MIN_MS, 10 * MIN_MS)).delay_ms, 20 * MIN_MS);
	mqtt_pace_hurry(&pace);
	assert_int_equal(
	    mqtt_pace_failed(&pace, true, top_of(20 * MIN_MS, 10 * MIN_MS)).delay_ms, 20 * MIN_MS);

	/* a slow device's refusals: never above the hour */
	mqtt_pace_init(&pace, one, 3600000, 3600000);
	assert_int_equal(mqtt_pace_failed(&pace, true, UINT64_MAX).delay_ms, 3600000);
}

static void only_what_lasts_is_a_success(void **state)
{
	(void)state;
	struct mqtt_pace pace;
	int64_t now = 0;

	mqtt_pace_init(&pace, one, MIN_MS, MAX_MS);
	for (int i = 1; i <= 6; i++) {
		int64_t ceiling_ms = MIN_MS << i < MAX_MS ? MIN_MS << i : MAX_MS;
		mqtt_pace_begin(&pace, now);
		mqtt_pace_up(&pace, now);
		now += 9999;
		assert_int_equal(mqtt_pace_lost(&pace, now, false, top_of(ceiling_ms, MIN_MS)), ceiling_ms);
		assert_int_equal(mqtt_pace_short_lives(&pace), i < 3 ? 0 : i);
	}
	/* as long as the other device's delay is no success, twice as long is */
	mqtt_pace_up(&pace, now);
	now += 2 * MAX_MS - 1;
	mqtt_pace_lost(&pace, now, false, 0);
	assert_int_equal(mqtt_pace_short_lives(&pace), 7);
	mqtt_pace_up(&pace, now);
	now += 2 * MAX_MS;
	assert_int_equal(mqtt_pace_lost(&pace, now, false, top_of(2 * MIN_MS, MIN_MS)), 2 * MIN_MS);
	assert_int_equal(mqtt_pace_short_lives(&pace), 0);
}

static void our_own_hang_ups_are_no_short_lives(void **state)
{
	(void)state;
	struct mqtt_pace pace;

	mqtt_pace_init(&pace, one, MIN_MS, MAX_MS);
	for (int i = 0; i < 5; i++)
		mqtt_pace_lost(&pace, 0, true, 0);
	assert_int_equal(mqtt_pace_short_lives(&pace), 0);
	for (int i = 0; i < 3; i++)
		mqtt_pace_lost(&pace, 0, false, 0);
	assert_int_equal(mqtt_pace_short_lives(&pace), 3);
	mqtt_pace_hurry(&pace);
	assert_int_equal(mqtt_pace_short_lives(&pace), 0);
	assert_int_equal(mqtt_pace_lost(&pace, 0, false, top_of(2 * MIN_MS, MIN_MS)), 2 * MIN_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_take_turns),
	    cmocka_unit_test(a_round_of_refusals_is_told),
	    cmocka_unit_test(refusals_back_off_to_an_hour),
	    cmocka_unit_test(only_what_lasts_is_a_success),
	    cmocka_unit_test(our_own_hang_ups_are_no_short_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
