/* Spans against an array with one entry a sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/queue/ranges.h"

enum { SIZE = 200 };

static unsigned next_random(unsigned *random, unsigned below)
{
	*random = *random * 1103515245u + 12345u;
	return (*random >> 8) % below;
}

static void compare(const struct ranges *ranges, const uint8_t *model, unsigned seed)
{
	for (unsigned seq = 1; seq < SIZE; seq++) {
		size_t i = ranges_at(ranges, seq);
		bool has = ranges_has(ranges, seq);
		if (has != (model[seq] != SPAN_FREE))
			fail_msg("seed %u: sequence %u", seed, seq);
		if (has)
			assert_int_equal(ranges->spans[i].state, model[seq]);
		assert_true(i == ranges->count || ranges->spans[i].last >= seq);
		assert_true(i == 0 || ranges->spans[i - 1].last < seq);
	}
	for (size_t i = 1; i < ranges->count; i++)
		assert_true(ranges->spans[i - 1].last < ranges->spans[i].first);
}

/* Takes what is free from `first` on, `count` at most, as one span. */
static void take(struct ranges *ranges, uint8_t *model, unsigned first, unsigned count)
{
	unsigned last = first;

	if (model[first] != SPAN_FREE)
		return;
	while (last + 1 < SIZE && last - first + 1 < count && model[last + 1] == SPAN_FREE)
		last++;
	struct span span = {.first = first,
	    .last = last,
	    .owner = first,
	    .count = last - first + 1,
	    .state = SPAN_TAKEN};
	ranges_add(ranges, &span);
	memset(model + first, SPAN_TAKEN, last - first + 1);
}

static void land(struct ranges *ranges, uint8_t *model, unsigned at, bool done)
{
	size_t i = ranges_at(ranges, at);

	if (i == ranges->count || ranges->spans[i].state != SPAN_TAKEN)
		return;
	struct span *span = &ranges->spans[i];
	span->state = done ? SPAN_DONE : SPAN_FREE;
	memset(model + span->first, span->state, span->last - span->first + 1);
	ranges_tidy(ranges, 0);
}

static void fill(struct ranges *ranges, uint8_t *model, unsigned first, unsigned last)
{
	uint64_t filled = 0;

	for (unsigned seq = first; seq <= last; seq++) {
		filled += model[seq] == SPAN_FREE;
		if (model[seq] == SPAN_FREE)
			model[seq] = SPAN_DONE;
	}
	assert_int_equal(ranges_fill(ranges, first, last), filled);
}

static void agrees_with_an_array(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct ranges ranges = {0};
		uint8_t model[SIZE] = {0};
		unsigned random = seed;
		for (int step = 0; step < 300; step++) {
			unsigned at = 1 + next_random(&random, SIZE - 1);
			unsigned to = at + next_random(&random, 20);
			switch (next_random(&random, 5)) {
			case 0:
			case 1:
				take(&ranges, model, at, 1 + next_random(&random, 12));
				break;
			case 2:
				fill(&ranges, model, at, to < SIZE ? to : SIZE - 1);
				break;
			default:
				land(&ranges, model, at, next_random(&random, 2));
			}
			compare(&ranges, model, seed);
		}
		ranges_free(&ranges);
	}
}

static void tidy_joins_and_forgets(void **state)
{
	struct ranges ranges = {0};

	(void)state;
	assert_int_equal(ranges_fill(&ranges, 1, 10), 10);
	assert_int_equal(ranges_fill(&ranges, 11, 20), 10);
	assert_int_equal(ranges.count, 1);
	assert_int_equal(ranges_fill(&ranges, 30, 40), 11);
	assert_int_equal(ranges_fill(&ranges, 15, 35), 9);
	ranges_tidy(&ranges, 0);
	assert_int_equal(ranges.count, 1);
	assert_int_equal(ranges.spans[0].last, 40);
	ranges_tidy(&ranges, 41);
	assert_int_equal(ranges.count, 0);
	ranges_free(&ranges);
}

/* What is in flight stays whatever the floor is. */
static void taken_is_never_forgotten(void **state)
{
	struct ranges ranges = {0};
	struct span span = {.first = 5, .last = 6, .owner = 5, .count = 2, .state = SPAN_TAKEN};

	(void)state;
	ranges_add(&ranges, &span);
	ranges_tidy(&ranges, 1000);
	assert_int_equal(ranges.count, 1);
	assert_true(ranges_has(&ranges, 6));
	assert_false(ranges_has(&ranges, 7));
	ranges_free(&ranges);
}

static void the_last_sequence_of_all(void **state)
{
	struct ranges ranges = {0};

	(void)state;
	assert_int_equal(ranges_fill(&ranges, UINT64_MAX - 1, UINT64_MAX), 2);
	assert_int_equal(ranges_fill(&ranges, UINT64_MAX, UINT64_MAX), 0);
	assert_true(ranges_has(&ranges, UINT64_MAX));
	ranges_free(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_an_array),
	    cmocka_unit_test(tidy_joins_and_forgets),
	    cmocka_unit_test(taken_is_never_forgotten),
	    cmocka_unit_test(the_last_sequence_of_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
