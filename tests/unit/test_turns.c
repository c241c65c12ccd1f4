#include "core/task/turns.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char task_a, task_b;

static void work_on_one_asset_takes_turns(void **state)
{
	struct turns *turns = turns_new();
	struct turn first = {.task = &task_a}, second = {.task = &task_b}, other = {.task = &task_b};

	(void)state;
	turns_add(turns, &first, "machine.a");
	turns_add(turns, &second, "machine.b");
	turns_add(turns, &other, "machinery.b");
	assert_int_equal(turns_waiting(turns), 3);

	struct turn *one = turns_next(turns), *two = turns_next(turns);
	assert_true((one == &first && two == &other) || (one == &other && two == &first));
	assert_null(turns_next(turns));
	turns_end(turns, &other);
	assert_null(turns_next(turns));
	turns_end(turns, &first);
	assert_ptr_equal(turns_next(turns), &second);
	turns_end(turns, &second);
	assert_null(turns_next(turns));
	turns_free(turns);
}

static void reads_of_one_task_go_together(void **state)
{
	struct turns *turns = turns_new();
	struct turn reads[3] = {{.task = &task_a, .read = true}, {.task = &task_a, .read = true},
	    {.task = &task_b, .read = true}};
	struct turn write = {.task = &task_a};

	(void)state;
	turns_add(turns, &reads[0], "m.a");
	turns_add(turns, &reads[1], "m.b");
	turns_add(turns, &write, "m.c");
	turns_add(turns, &reads[2], "m.d");
	assert_ptr_equal(turns_next(turns), &reads[0]);
	assert_ptr_equal(turns_next(turns), &reads[1]);
	assert_null(turns_next(turns)); /* the write waits for both */
	turns_end(turns, &reads[1]);
	assert_null(turns_next(turns));
	turns_end(turns, &reads[0]);
	assert_ptr_equal(turns_next(turns), &write);
	assert_null(turns_next(turns));
	turns_end(turns, &write);
	assert_ptr_equal(turns_next(turns), &reads[2]);
	turns_end(turns, &reads[2]);
	assert_int_equal(turns_waiting(turns), 0);
	turns_free(turns);
}

static void parallel_work_waits_for_nothing(void **state)
{
	struct turns *turns = turns_new();
	struct turn slow = {.task = &task_a}, waits = {.task = &task_b};
	struct turn free[2] = {
	    {.task = &task_a, .parallel = true}, {.task = &task_b, .parallel = true}};

	(void)state;
	turns_add(turns, &slow, "m.a");
	assert_ptr_equal(turns_next(turns), &slow);
	turns_add(turns, &waits, "m.a");
	turns_add(turns, &free[0], "m.a");
	turns_add(turns, &free[1], "m.a");
	assert_int_equal(turns_waiting(turns), 3);
	assert_ptr_equal(turns_next(turns), &free[0]);
	assert_ptr_equal(turns_next(turns), &free[1]);
	assert_null(turns_next(turns));
	turns_end(turns, &free[0]);
	assert_null(turns_next(turns));
	turns_end(turns, &slow);
	assert_ptr_equal(turns_next(turns), &waits);
	turns_end(turns, &free[1]);
	turns_end(turns, &waits);
	assert_int_equal(turns_waiting(turns), 0);
	turns_free(turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parallel_work_waits_for_nothing),
	    cmocka_unit_test(work_on_one_asset_takes_turns),
	    cmocka_unit_test(reads_of_one_task_go_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
