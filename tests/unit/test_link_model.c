/* Outages and what bytes cost. */
#include "core/command/link_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HOUR (int64_t)3600000
#define DAY  (24 * HOUR)

static void test_outages_begin_and_end(void **state)
{
	struct link_model model = {0};
	struct err err;

	(void)state;
	assert_int_equal(link_model_next(&model, 0), INT64_MAX);
	assert_true(link_model_is_up(&model, 5));
	assert_int_equal(link_model_parse(&model, "1d+6h,2h/1d", &err), 0);
	assert_true(link_model_is_up(&model, 0));
	assert_int_equal(link_model_next(&model, 0), 11 * HOUR);
	assert_false(link_model_is_up(&model, 11 * HOUR));
	assert_false(link_model_is_up(&model, 13 * HOUR - 1));
	assert_int_equal(link_model_next(&model, 11 * HOUR), 13 * HOUR);
	assert_true(link_model_is_up(&model, 13 * HOUR));
	assert_int_equal(link_model_next(&model, 13 * HOUR), DAY);
	assert_false(link_model_is_up(&model, DAY));
	assert_int_equal(link_model_next(&model, DAY), DAY + 6 * HOUR);
	assert_true(link_model_is_up(&model, DAY + 6 * HOUR));
	assert_false(link_model_is_up(&model, 100 * DAY + 12 * HOUR));
}

static void test_from_the_beginning(void **state)
{
	struct link_model model = {0};

	(void)state;
	assert_int_equal(link_model_parse(&model, "0s+1m", NULL), 0);
	assert_false(link_model_is_up(&model, 0));
	assert_int_equal(link_model_next(&model, 0), 60000);
	assert_int_equal(link_model_next(&model, 60000), INT64_MAX);
}

static void test_what_is_no_outage(void **state)
{
	static const char *const wrong[] = {
	    "1d", "1d+", "+1h", "1d+x", "2h/1h", "1h/1h", "0s/1h", "1d+1h,,2d+1h", "1d+1h 2d+1h"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct link_model model = {0};

		if (link_model_parse(&model, wrong[i], &err) == 0)
			fail_msg("\"%s\" is taken for an outage", wrong[i]);
		assert_non_null(strstr(err.text, "is no outage"));
	}
}

static void test_bytes_of_a_message(void **state)
{
	const struct link_model plain = {0}, tls = {.tls = true};

	(void)state;
	/* 2 + 2+10 + 2+100 = 116 in a segment, the PUBACK of 4, and an acknowledgement */
	assert_int_equal(link_model_publish(&plain, 10, 100), 116 + 52 + 4 + 52 + 52);
	assert_int_equal(link_model_publish(&tls, 10, 100), 116 + 29 + 52 + 4 + 29 + 52 + 52);
	/* a length of 7 bits, then of 14 */
	assert_int_equal(link_model_publish(&plain, 10, 114) - link_model_publish(&plain, 10, 113), 2);
	/* three segments */
	assert_int_equal(link_model_publish(&plain, 10, 3000), 3 + 14 + 3000 + 3 * 52 + 4 + 52 + 52);
	/* a ping over TLS each minute is some 10 MB a month */
	assert_in_range(link_model_ping(&tls) * 60 * 24 * 30, 9000000, 11000000);
	assert_true(link_model_connect(&tls) > link_model_connect(&plain) + 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outages_begin_and_end),
	    cmocka_unit_test(test_from_the_beginning),
	    cmocka_unit_test(test_what_is_no_outage),
	    cmocka_unit_test(test_bytes_of_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
