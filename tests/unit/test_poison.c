#include "core/link/poison.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A broker that hangs up when it gets a message larger than `max_samples` or with the bad sample in
 * it. */
struct broker {
	uint32_t max_samples;
	uint64_t bad; /* number of the bad sample, from 1; 0: none */
};

struct run {
	struct poison poison;
	uint64_t next; /* the first sample not yet acknowledged */
	uint32_t connects;
	uint64_t aside; /* number of the sample that was set aside */
	bool limited;
};

static bool refuses(const struct broker *broker, uint64_t first, uint32_t count)
{
	return count > broker->max_samples || (broker->bad >= first && broker->bad < first + count);
}

/* One connection: sends what the window allows until the broker hangs up or all is through. */
static void connect_once(
    struct run *run, const struct broker *broker, uint64_t total, uint32_t batch)
{
	run->connects++;
	while (run->next <= total) {
		uint32_t window = poison_window(&run->poison, 4);
		uint32_t count = poison_samples(&run->poison, batch);
		uint64_t left = total - run->next + 1;

		if (count > left)
			count = (uint32_t)left;
		if (!refuses(broker, run->next, count)) {
			run->limited |= poison_acked(&run->poison, count, count * 40);
			run->next += count;
			continue;
		}
		const struct poison_flight flight = {
		    .messages = window,
		    .samples = window == 1 ? count : (uint64_t)window * count,
		};
		if (poison_lost(&run->poison, &flight) == POISON_SET_ASIDE) {
			assert_int_equal(count, 1);
			run->aside = run->next++;
		}
		return;
	}
}

static struct run run_all(const struct broker *broker, uint64_t total, uint32_t batch)
{
	struct run run = {.next = 1};

	while (run.next <= total && run.connects < 1000)
		connect_once(&run, broker, total, batch);
	assert_int_equal(run.next, total + 1);
	return run;
}

static void a_bad_sample_is_set_aside_alone(void **state)
{
	(void)state;
	for (uint64_t bad = 1; bad <= 300; bad += 37) {
		const struct broker broker = {.max_samples = UINT32_MAX, .bad = bad};
		struct run run = run_all(&broker, 2000, 100);

		assert_int_equal(run.aside, bad);
		assert_false(run.limited);
		assert_true(run.connects < 30);
	}
}

static void large_bodies_become_a_limit(void **state)
{
	const struct broker broker = {.max_samples = 30};
	struct run run = run_all(&broker, 2000, 100);

	(void)state;
	assert_true(run.limited);
	assert_int_equal(run.aside, 0);
	assert_int_equal(run.poison.largest_passed, 25 * 40);
}

static void a_link_that_only_flaps_convicts_nobody(void **state)
{
	struct poison poison = {0};
	const struct poison_flight flight = {.messages = 20, .samples = 2000};

	(void)state;
	for (int i = 0; i < 100; i++) {
		if (i % 2)
			(void)poison_acked(&poison, 100, 4000);
		assert_int_equal(poison_lost(&poison, &flight), POISON_NOTHING);
	}
}

static void an_idle_link_that_is_cut_is_no_strike(void **state)
{
	struct poison poison = {0};
	const struct poison_flight nothing = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(poison_lost(&poison, &nothing), POISON_NOTHING);
	}
	assert_int_equal(poison.strikes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_sample_is_set_aside_alone),
	    cmocka_unit_test(large_bodies_become_a_limit),
	    cmocka_unit_test(a_link_that_only_flaps_convicts_nobody),
	    cmocka_unit_test(an_idle_link_that_is_cut_is_no_strike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
