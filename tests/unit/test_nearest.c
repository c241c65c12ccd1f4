#include "core/base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"broker", "device", "dialect", "log", "params", "policies",
    "queue", "scripts", "state", "tasks", "topics", "reconnect", "Log", NULL};

static void a_typing_error_is_seen_through(void **unused)
{
	(void)unused;
	static const char *const pairs[][2] = {
	    {"broker", "broker"},
	    {"brokr", "broker"},   /* left out */
	    {"brroker", "broker"}, /* twice */
	    {"borker", "broker"},  /* swapped: one error, not two */
	    {"bruker", "broker"},  /* another */
	    {"BROKER", "broker"},  /* capitals don't count */
	    {"policy", NULL},      /* "policies" is three away, two are allowed */
	    {"polices", "policies"},
	    {"recnonect", "reconnect"},
	    {"recnonecct", "reconnect"}, /* two errors in a long name */
	    {"log", "log"},              /* not "Log" */
	    {"Log", "Log"},
	    {"lgo", "log"},
	    {"que", NULL}, /* two errors in a short one */
	    {"", NULL},
	    {"xyzzy", NULL},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		const char *found = nearest_name(pairs[i][0], names);
		if (pairs[i][1] == NULL && found != NULL)
			fail_msg("\"%s\" became \"%s\"", pairs[i][0], found);
		if (pairs[i][1] != NULL)
			assert_string_equal(found != NULL ? found : "(none)", pairs[i][1]);
	}
}

static void long_names_are_left_alone(void **unused)
{
	(void)unused;
	char name[200];
	const char *const long_names[] = {name, "log", NULL};

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_null(nearest_name(name, names));
	assert_string_equal(nearest_name("lag", long_names), "log");
	name[63] = '\0';
	assert_ptr_equal(nearest_name(name, long_names), name);
	assert_null(nearest_name("log", (const char *const[]){NULL}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_typing_error_is_seen_through),
	    cmocka_unit_test(long_names_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
