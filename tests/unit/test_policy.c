/* Fields from text, names, and when a batch is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/policy.h"

static void defaults(void **state)
{
	(void)state;
	struct policy policy;
	policy_init(&policy, "trend");
	assert_string_equal(policy.name, "trend");
	assert_int_equal(policy.flush_ms, 30000);
	assert_int_equal(policy.jitter_ms, 0);
	assert_int_equal(policy.max_samples, 500);
	assert_int_equal(policy.priority, PRIORITY_NORMAL);
	assert_false(policy.durable);
	assert_int_equal(policy.limit, 8 << 20);
	assert_int_equal(policy.full, FULL_DROP_OLDEST);
}

static int64_t field_of(const struct policy *policy, const char *field)
{
	if (!strcmp(field, "flush"))
		return policy->flush_ms;
	if (!strcmp(field, "jitter"))
		return policy->jitter_ms;
	if (!strcmp(field, "max_samples"))
		return policy->max_samples;
	if (!strcmp(field, "priority"))
		return policy->priority;
	if (!strcmp(field, "durable"))
		return policy->durable;
	if (!strcmp(field, "limit"))
		return (int64_t)policy->limit;
	assert_string_equal(field, "full");
	return policy->full;
}

static void fields_are_set(void **state)
{
	(void)state;
	static const struct {
		const char *field, *value;
		int64_t set;
	} rows[] = {
	    {"flush", "60s", 60000},
	    {"flush", "now", 0},
	    {"flush", "0s", 0},
	    {"jitter", "250ms", 250},
	    {"max_samples", "1", 1},
	    {"max_samples", "100000", 100000},
	    {"priority", "high", PRIORITY_HIGH},
	    {"priority", "normal", PRIORITY_NORMAL},
	    {"priority", "low", PRIORITY_LOW},
	    {"durable", "true", true},
	    {"durable", "false", false},
	    {"limit", "4KB", 4096},
	    {"limit", "2MB", 2 << 20},
	    {"full", "drop_oldest", FULL_DROP_OLDEST},
	    {"full", "drop_newest", FULL_DROP_NEWEST},
	    {"full", "thin", FULL_THIN},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy policy, fresh;
		policy_init(&policy, "p");
		policy_init(&fresh, "p");
		struct err err;
		assert_int_equal(policy_set(&policy, rows[i].field, rows[i].value, &err), 0);
		assert_int_equal(field_of(&policy, rows[i].field), rows[i].set);

		bool changed = field_of(&fresh, rows[i].field) != rows[i].set;
		const char *difference = policy_difference(&policy, &fresh);
		if (changed)
			assert_string_equal(difference, rows[i].field);
		else
			assert_null(difference);
	}
}

static void wrong_values_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *field, *value, *text;
	} rows[] = {
	    {"flush", "soon", "flush: takes \"now\" or a duration such as \"60s\", not \"soon\""},
	    {"flush", "", "flush: takes \"now\" or a duration such as \"60s\", not \"\""},
	    {"jitter", "now", "jitter: takes a duration such as \"5s\", not \"now\""},
	    {"max_samples", "0", "max_samples: takes a whole number from 1 to 100000, not \"0\""},
	    {"max_samples", "100001",
	        "max_samples: takes a whole number from 1 to 100000, not \"100001\""},
	    {"max_samples", "99999999999999999999",
	        "max_samples: takes a whole number from 1 to 100000, not \"99999999999999999999\""},
	    {"max_samples", "-1", "max_samples: takes a whole number from 1 to 100000, not \"-1\""},
	    {"max_samples", "5x", "max_samples: takes a whole number from 1 to 100000, not \"5x\""},
	    {"priority", "High", "priority: takes \"high\", \"normal\" or \"low\", not \"High\""},
	    {"durable", "yes", "durable: takes true or false, not \"yes\""},
	    {"limit", "4095", "limit: takes a size of 4KB at least, such as \"2MB\", not \"4095\""},
	    {"full", "drop", "full: takes \"drop_oldest\", \"drop_newest\" or \"thin\", not \"drop\""},
	    {"flsh", "1s", "flsh: a policy has no such field (did you mean flush?)"},
	    {"colour", "1s",
	        "colour: a policy has no such field; it has flush, jitter, max_samples, priority, "
	        "durable, limit, full and encoding"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy policy, fresh;
		policy_init(&policy, "p");
		policy_init(&fresh, "p");
		struct err err;
		assert_int_equal(policy_set(&policy, rows[i].field, rows[i].value, &err), -1);
		assert_string_equal(err.text, rows[i].text);
		assert_null(policy_difference(&policy, &fresh));
	}
}

static void names_are_checked(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "a", "trend", "Trend-2_x", "12345678901234567890123456789012"};
	static const char *const bad[] = {
	    "", "a b", "a/b", "..", "123456789012345678901234567890123", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(policy_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(policy_name_check(bad[i], NULL), -1);
	struct err err;
	policy_name_check("a b", &err);
	assert_string_equal(
	    err.text, "\"a b\" cannot be the name of a policy: 1 to 32 characters of a-z A-Z 0-9 _ -");
}

static void batches_are_due(void **state)
{
	(void)state;
	static const struct {
		int64_t flush_ms;
		uint64_t waiting;
		int64_t first_mono_ms, jitter_ms, due;
	} rows[] = {
	    {30000, 0, 0, 0, INT64_MAX},
	    {30000, 1, 1000, 0, 31000},
	    {30000, 1, 1000, 500, 31500},
	    {30000, 9, 1000, 500, 31500},
	    {30000, 10, 1000, 500, 1000},
	    {30000, 11, 1000, 500, 1000},
	    {0, 1, 1000, 0, 1000},
	    {0, 1, 1000, 200, 1200},
	    {INT64_MAX, 1, 1, 0, INT64_MAX},
	    {INT64_MAX - 1, 1, 1, 1, INT64_MAX},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy policy;
		policy_init(&policy, "p");
		policy.flush_ms = rows[i].flush_ms;
		policy.max_samples = 10;
		struct policy_state now = {rows[i].waiting, rows[i].first_mono_ms, rows[i].jitter_ms};
		assert_int_equal(policy_due(&policy, &now), rows[i].due);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(fields_are_set),
	    cmocka_unit_test(wrong_values_are_refused),
	    cmocka_unit_test(names_are_checked),
	    cmocka_unit_test(batches_are_due),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
