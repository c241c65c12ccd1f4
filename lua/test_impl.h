/* What the files of a test share: test_case.c (its state, its cases), test_api.c (what test.lua calls). */
#ifndef NEAP_LUA_TEST_IMPL_H
#define NEAP_LUA_TEST_IMPL_H

#include "core/catalog/observe.h"
#include "lua/test.h"

/* In the registry: the test file's functions. */
#define TEST_CASES "neap.test.cases" /* () -> JSON */
#define TEST_RUN   "neap.test.run"   /* (index) */
#define TEST_SERVE "neap.test.serve" /* (call, kind, ...) */

/* A sample that was accepted. */
struct seen {
	char *path, *text; /* text: of the value, if it has one */
	struct value value;
	int64_t wall_ms;
};

struct test {
	struct observer observer; /* first */
	struct host *host;
	struct seen *seen;
	size_t count, room;
	struct buf log, notes, why;
	void (*done)(void *ctx, const struct test_result *result);
	void *ctx;
	bool finished;
	struct fiber *waits; /* for `until_ms`; or NULL */
	int64_t until_ms;
};

void test_forget(struct test *test); /* the samples so far */

#endif
