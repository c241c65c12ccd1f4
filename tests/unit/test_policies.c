/* Declarations of several scripts, the built-in policies, neap.yaml's overrides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/catalog/policies.h"

static struct declaration declare(
    const char *name, const char *field, const char *value, const char *where)
{
	struct declaration declared;
	policy_init(&declared.policy, name);
	assert_int_equal(policy_set(&declared.policy, field, value, NULL), 0);
	snprintf(declared.where, sizeof declared.where, "%s", where);
	return declared;
}

static struct policies *with_overrides(const struct config_policy_field *fields, size_t count)
{
	struct config config = {.policies = fields, .policies_count = count};
	return policies_new(&config);
}

static void expect_names(const struct policies *policies, const char *expected)
{
	char names[200] = "";
	for (const struct policy *p = NULL; (p = policies_next(policies, p));) {
		strcat(names, p->name);
		strcat(names, " ");
		assert_ptr_equal(policies_find(policies, p->name), p);
	}
	assert_string_equal(names, expected);
}

static void some_are_built_in(void **state)
{
	(void)state;
	struct policies *policies = with_overrides(NULL, 0);
	expect_names(policies, "acks answers default ");
	struct policy fresh;
	policy_init(&fresh, POLICY_DEFAULT);
	assert_null(policy_difference(policies_find(policies, POLICY_DEFAULT), &fresh));
	const struct policy *answers = policies_find(policies, POLICY_ANSWERS);
	assert_int_equal(answers->flush_ms, 0);
	assert_int_equal(answers->priority, PRIORITY_HIGH);
	assert_int_equal(answers->limit, 256 * 1024);
	assert_false(answers->durable);
	const struct policy *acks = policies_find(policies, POLICY_ACKS);
	assert_int_equal(acks->flush_ms, 0);
	assert_int_equal(acks->priority, PRIORITY_HIGH);
	assert_true(acks->durable);
	assert_null(policies_find(policies, "trend"));
	policies_free(policies);
}

static void overrides_lie_on_top(void **state)
{
	(void)state;
	static const struct config_policy_field fields[] = {
	    {"trend", "flush", "5m", 3, 1},
	    {"answers", "limit", "1MB", 4, 1},
	    {"default", "full", "thin", 5, 1},
	    {"yaml_only", "flush", "now", 6, 1},
	};
	struct policies *policies = with_overrides(fields, 4);
	expect_names(policies, "acks answers default trend yaml_only ");
	assert_int_equal(policies_find(policies, "yaml_only")->flush_ms, 0);
	assert_int_equal(policies_find(policies, "default")->full, FULL_THIN);
	assert_int_equal(policies_find(policies, "answers")->limit, 1 << 20);

	struct problems problems = {0};
	struct declaration list[] = {
	    declare("trend", "flush", "60s", "machine.lua:3"),
	    declare("default", "max_samples", "7", "machine.lua:4"),
	};
	list[0].policy.max_samples = 9;
	assert_int_equal(policies_install(policies, "machine", list, 2, &problems), 0);
	assert_int_equal(policies_find(policies, "trend")->flush_ms, 300000);
	assert_int_equal(policies_find(policies, "trend")->max_samples, 9);
	assert_int_equal(policies_find(policies, "default")->max_samples, 7);
	assert_int_equal(policies_find(policies, "default")->full, FULL_THIN);

	policies_remove(policies, "machine");
	policies_remove(policies, "nobody");
	assert_int_equal(policies_find(policies, "trend")->max_samples, 500);
	assert_int_equal(policies_find(policies, "default")->max_samples, 500);
	policies_free(policies);
}

static void expect_problem(struct problems *problems, const char *text)
{
	assert_int_equal(problems->errors, 1);
	assert_string_equal(problems->list[0].text, text);
	problems_free(problems);
	*problems = (struct problems){0};
}

static void declarations_must_agree(void **state)
{
	(void)state;
	static const struct config_policy_field fields[] = {{"trend", "flush", "5m", 3, 1}};
	struct policies *policies = with_overrides(fields, 1);
	struct problems problems = {0};
	struct declaration mine = declare("trend", "flush", "60s", "machine.lua:3");
	struct declaration same = declare("trend", "flush", "60s", "other.lua:9");
	struct declaration differs = declare("trend", "flush", "61s", "other.lua:9");
	assert_int_equal(policies_install(policies, "machine", &mine, 1, &problems), 0);
	assert_int_equal(policies_install(policies, "other", &same, 1, &problems), 0);
	assert_int_equal(problems.count, 0);

	/* also where an override makes both the same */
	assert_int_equal(policies_install(policies, "other", &differs, 1, &problems), -1);
	expect_problem(&problems,
	    "other.lua:9: policy \"trend\" is already declared in machine.lua:3, with another flush; "
	    "declare it the same in both, or give one of them another name");

	/* within one script too */
	struct declaration twice[] = {mine, differs};
	assert_int_equal(policies_install(policies, "third", twice, 2, &problems), -1);
	problems_free(&problems);
	problems = (struct problems){0};

	/* a script may change its own mind once it is the only one */
	policies_remove(policies, "other");
	assert_int_equal(policies_install(policies, "machine", &differs, 1, &problems), 0);
	assert_int_equal(policies_install(policies, "machine", NULL, 0, &problems), 0);
	expect_names(policies, "acks answers default trend ");
	policies_free(policies);
}

static void some_names_are_refused(void **state)
{
	(void)state;
	struct policies *policies = with_overrides(NULL, 0);
	struct problems problems = {0};
	struct declaration answers = declare("answers", "flush", "60s", "machine.lua:3");
	assert_int_equal(policies_install(policies, "machine", &answers, 1, &problems), -1);
	expect_problem(&problems,
	    "machine.lua:3: policy \"answers\" is built in and can be changed under policies: in "
	    "neap.yaml only; give this one another name");
	struct declaration odd = declare("a b", "flush", "60s", "machine.lua:3");
	assert_int_equal(policies_install(policies, "machine", &odd, 1, &problems), -1);
	expect_problem(&problems,
	    "machine.lua:3: \"a b\" cannot be the name of a policy: 1 to 32 characters of a-z A-Z 0-9 "
	    "_ -");
	expect_names(policies, "acks answers default ");
	policies_free(policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(some_are_built_in),
	    cmocka_unit_test(overrides_lie_on_top),
	    cmocka_unit_test(declarations_must_agree),
	    cmocka_unit_test(some_names_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
