/* The policies as settings of the agent's own asset. */
#include "core/base/problems.h"
#include "core/task/plan.h"
#include "core/task/self.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
	char folder[64], path[96];
	struct clock *clock;
	struct catalog *catalog;
	struct policies *policies;
	struct store *store;
	struct self *self;
	int changes;
	/* of the last job */
	bool ok;
	char value[100], why[sizeof(((struct err *)0)->text)];
};

static void on_changed(void *ctx)
{
	struct rig *rig = ctx;
	rig->changes++;
	self_refresh(rig->self);
}

static void declare(struct rig *rig, const char *const *names)
{
	struct declaration declared[3] = {{.where = "machine.lua:1"}};
	struct problems problems = {0};
	size_t count = 0;
	for (; names[count]; count++) {
		declared[count] = (struct declaration){.where = "machine.lua:1"};
		policy_init(&declared[count].policy, names[count]);
	}
	assert_int_equal(policies_install(rig->policies, "machine", declared, count, &problems), 0);
}

static void open_self(struct rig *rig)
{
	static const struct config config;
	rig->policies = policies_new(&config);
	rig->catalog = catalog_new();
	rig->store = store_open(rig->path, NULL);
	assert_non_null(rig->store);
	declare(rig, (const char *const[]){"trend", NULL});
	rig->self =
	    self_new("neap", rig->clock, rig->catalog, rig->policies, rig->store, on_changed, rig);
	self_refresh(rig->self);
}

static void close_self(struct rig *rig)
{
	self_free(rig->self);
	catalog_free(rig->catalog);
	policies_free(rig->policies);
	store_close(rig->store);
}

static int set_up(void **state)
{
	static struct rig rig;
	memset(&rig, 0, sizeof rig);
	strcpy(rig.folder, "/tmp/neap-test-self-XXXXXX");
	if (!mkdtemp(rig.folder))
		return -1;
	(void)snprintf(rig.path, sizeof rig.path, "%s/settings.json", rig.folder);
	rig.clock = clock_new_virtual(INT64_C(1755000000000));
	open_self(&rig);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;
	close_self(rig);
	clock_free(rig->clock);
	unlink(rig->path);
	return rmdir(rig->folder);
}

static void on_done(
    struct job *job, bool ok, const struct sample *samples, size_t count, const char *why)
{
	struct rig *rig = job->ctx;
	rig->ok = ok;
	(void)snprintf(rig->why, sizeof rig->why, "%s", why ? why : "");
	rig->value[0] = '\0';
	if (count == 0)
		return;
	assert_string_equal(samples[0].path, job->path);
	const struct value *value = &samples[0].value;
	if (value->type == VALUE_INT)
		(void)snprintf(rig->value, sizeof rig->value, "%d", (int)value->integer);
	else if (value->type == VALUE_BOOLEAN)
		(void)snprintf(rig->value, sizeof rig->value, "%s", value->boolean ? "true" : "false");
	else
		(void)snprintf(
		    rig->value, sizeof rig->value, "%.*s", (int)value->text.len, value->text.data);
}

/* json NULL: a read */
static void ask(struct rig *rig, const char *path, const char *json)
{
	struct job job = {.done = on_done, .ctx = rig};
	struct json_doc *doc = NULL;
	struct err err = {0};
	size_t pos = 0;
	int rc;

	if (json) {
		doc = json_parse(json, strlen(json), &pos, 10, &err);
		assert_non_null(doc);
		rc = plan_write(rig->catalog, path, json_root(doc), &job, &err);
	} else {
		rc = plan_read(rig->catalog, path, &job, &err);
	}
	if (rc == 0) {
		job.entry->owner->start(job.entry->owner, &job);
	} else {
		rig->ok = false;
		(void)snprintf(rig->why, sizeof rig->why, "%s", err.text);
	}
	plan_free(&job);
	json_free(doc);
}

static void expect(struct rig *rig, const char *path, const char *json, const char *value)
{
	ask(rig, path, json);
	if (!rig->ok)
		fail_msg("%s: %s", path, rig->why);
	assert_string_equal(rig->value, value);
}

static void every_field_is_a_setting(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *path, *before, *json, *after;
	} rows[] = {
	    {"neap.policy.trend.flush", "30s", "\"1m30s\"", "1m30s"},
	    {"neap.policy.trend.flush", "1m30s", "\"now\"", "now"},
	    {"neap.policy.trend.jitter", "0s", "\"250ms\"", "250ms"},
	    {"neap.policy.trend.max_samples", "500", "1000", "1000"},
	    {"neap.policy.trend.max_samples", "1000", "\"1001\"", "1001"},
	    {"neap.policy.trend.priority", "normal", "\"high\"", "high"},
	    {"neap.policy.trend.durable", "false", "true", "true"},
	    {"neap.policy.trend.limit", "8MB", "\"64KB\"", "64KB"},
	    {"neap.policy.trend.limit", "64KB", "\"5000\"", "5000B"},
	    {"neap.policy.trend.full", "drop_oldest", "\"thin\"", "thin"},
	    {"neap.policy.default.flush", "30s", "\"5m\"", "5m"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		expect(rig, rows[i].path, NULL, rows[i].before);
		expect(rig, rows[i].path, rows[i].json, rows[i].after);
		expect(rig, rows[i].path, NULL, rows[i].after);
	}
	const struct policy *policy = policies_find(rig->policies, "trend");
	assert_int_equal(policy->flush_ms, 0);
	assert_int_equal(policy->limit, 5000);
	assert_int_equal(policy->full, FULL_THIN);
	assert_true(policy->durable);
	assert_int_equal(rig->changes, sizeof rows / sizeof *rows);
}

static void what_does_not_fit_changes_nothing(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *path, *json, *why;
	} rows[] = {
	    {"neap.policy.trend.flush", "\"soon\"",
	        "flush: takes \"now\" or a duration such as \"60s\", not \"soon\""},
	    {"neap.policy.trend.flush", "\"60s\\u0000\"", "flush: a NUL is no part of its value"},
	    {"neap.policy.trend.flush", "60", "neap.policy.trend.flush: 60 is not a string"},
	    {"neap.policy.trend.max_samples", "0",
	        "max_samples: takes a whole number from 1 to 100000, not \"0\""},
	    {"neap.policy.trend.limit", "\"1\"",
	        "limit: takes a size of 4KB at least, such as \"2MB\", not \"1\""},
	    {"neap.policy.answers.flush", "\"1h\"",
	        "neap.policy.answers.flush: no script declares this path (did you mean "
	        "\"neap.policy.trend.flush\"?)"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask(rig, rows[i].path, rows[i].json);
		assert_false(rig->ok);
		assert_string_equal(rig->why, rows[i].why);
	}
	assert_int_equal(rig->changes, 0);
	expect(rig, "neap.policy.trend.flush", NULL, "30s");
}

static void what_was_written_outlives_a_restart(void **state)
{
	struct rig *rig = *state;
	expect(rig, "neap.policy.trend.flush", "\"5m\"", "5m");
	expect(rig, "neap.policy.trend.max_samples", "7", "7");
	close_self(rig);
	open_self(rig);
	assert_int_equal(policies_find(rig->policies, "trend")->flush_ms, 300000);
	assert_int_equal(policies_find(rig->policies, "trend")->max_samples, 7);

	/* a policy that goes and comes back */
	declare(rig, (const char *const[]){"other", NULL});
	self_refresh(rig->self);
	assert_null(catalog_find(rig->catalog, "neap.policy.trend.flush"));
	assert_non_null(catalog_find(rig->catalog, "neap.policy.other.flush"));
	assert_null(policies_find(rig->policies, "trend"));
	declare(rig, (const char *const[]){"trend", NULL});
	self_refresh(rig->self);
	expect(rig, "neap.policy.trend.flush", NULL, "5m");
}

static void what_cannot_be_kept_is_refused(void **state)
{
	struct rig *rig = *state;
	expect(rig, "neap.policy.trend.flush", "\"5m\"", "5m");
	assert_int_equal(unlink(rig->path), 0);
	assert_int_equal(mkdir(rig->path, 0700), 0); /* no file can take its place */
	ask(rig, "neap.policy.trend.flush", "\"6m\"");
	assert_false(rig->ok);
	assert_string_equal(rig->value, "5m");
	assert_int_equal(policies_find(rig->policies, "trend")->flush_ms, 300000);
	assert_int_equal(rmdir(rig->path), 0);
	assert_int_equal(store_save(rig->store, NULL), 0);
	close_self(rig);
	open_self(rig);
	expect(rig, "neap.policy.trend.flush", NULL, "5m");
}

static void the_asset_goes_with_it(void **state)
{
	struct rig *rig = *state;
	assert_string_equal(catalog_asset_label(rig->catalog, "neap"), "neap");
	self_free(rig->self);
	rig->self = NULL;
	assert_null(catalog_next(rig->catalog, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_field_is_a_setting, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_does_not_fit_changes_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_was_written_outlives_a_restart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_asset_goes_with_it, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
