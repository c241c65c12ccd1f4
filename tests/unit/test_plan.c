#include "core/base/problems.h"
#include "core/task/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What a server may ask of the tutorial's machine, and what it hears. */
static struct catalog *machine(void)
{
	static struct owner owner = {.name = "machine"};
	struct param mode = {.name = "mode", .type = VALUE_STRING};
	struct param delay = {.name = "delay",
	    .type = VALUE_INT,
	    .limits = {true, true, 0, 60},
	    .has_default = true,
	    .fallback = {.type = VALUE_INT, .integer = 5},
	    .next = &mode};
	const struct entry entries[] = {
	    {.path = "machine.temperature",
	        .kind = ENTRY_VARIABLE,
	        .type = VALUE_DOUBLE,
	        .policy = "default"},
	    {.path = "machine.threshold",
	        .kind = ENTRY_SETTING,
	        .type = VALUE_INT,
	        .limits = {true, true, 0, 100}},
	    {.path = "machine.key", .kind = ENTRY_SETTING, .type = VALUE_BINARY},
	    {.path = "machine.reset", .kind = ENTRY_COMMAND, .params = &delay},
	};
	struct catalog *catalog = catalog_new();
	struct draft *draft = draft_new(&owner);
	struct problems problems = {0};
	struct err err;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		assert_int_equal(draft_add(draft, &entries[i], &err), 0);
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	problems_free(&problems);
	return catalog;
}

enum ask { READ, WRITE, RUN };

static int ask(const struct catalog *catalog, enum ask what, const char *path, const char *json,
    struct job *job, struct json_doc **doc, struct err *err)
{
	size_t pos = 0;

	*doc = json ? json_parse(json, strlen(json), &pos, 100, err) : NULL;
	if (what == READ)
		return plan_read(catalog, path, job, err);
	if (what == WRITE)
		return plan_write(catalog, path, json_root(*doc), job, err);
	return plan_command(catalog, path, *doc ? json_root(*doc) : NULL, job, err);
}

static void refusals_say_what_is_wrong(void **state)
{
	static const struct {
		enum ask what;
		const char *path, *json, *text;
	} table[] = {
	    {READ, "machine.temprature", NULL,
	        "machine.temprature: no script declares this path (did you mean "
	        "\"machine.temperature\"?)"},
	    {READ, "nothing.like.it", NULL, "nothing.like.it: no script declares this path"},
	    {READ, "machine.reset", NULL, "machine.reset is a command: it can be run, not read"},
	    {WRITE, "machine.temperature", "1",
	        "machine.temperature is a variable: only settings can be written"},
	    {WRITE, "machine.reset", "1", "machine.reset is a command: only settings can be written"},
	    {WRITE, "machine.threshold", "900", "machine.threshold: 900 is above its maximum 100"},
	    {WRITE, "machine.threshold", "-1", "machine.threshold: -1 is below its minimum 0"},
	    {WRITE, "machine.threshold", "null", "machine.threshold: null is no value for it"},
	    {WRITE, "machine.key", "\"a\"", "machine.key: a binary value must be Base64"},
	    {WRITE, "machine.key", "1", "machine.key: 1 is not a binary"},
	    {RUN, "machine.threshold", NULL, "machine.threshold is a setting, not a command"},
	    {RUN, "machine.reset", "{\"dely\":1}",
	        "machine.reset: there is no parameter \"dely\" (did you mean \"delay\"?)"},
	    {RUN, "machine.reset", "{\"delay\":61,\"mode\":\"x\"}",
	        "machine.reset: parameter \"delay\": 61 is above its maximum 60"},
	    {RUN, "machine.reset", "{\"delay\":1}", "machine.reset: parameter \"mode\" is missing"},
	};
	struct catalog *catalog = machine();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct job job = {0};
		struct json_doc *doc;
		struct err err = {0};

		assert_int_equal(
		    ask(catalog, table[i].what, table[i].path, table[i].json, &job, &doc, &err), -1);
		assert_string_equal(err.text, table[i].text);
		json_free(doc);
	}
	catalog_free(catalog);
}

static void what_is_right_becomes_a_job(void **state)
{
	struct catalog *catalog = machine();
	struct job job = {0};
	struct json_doc *doc;
	struct err err = {0};

	(void)state;
	assert_int_equal(ask(catalog, READ, "machine.threshold", NULL, &job, &doc, &err), 0);
	assert_int_equal(job.kind, JOB_READ);
	assert_string_equal(job.entry->path, "machine.threshold");

	assert_int_equal(ask(catalog, WRITE, "machine.threshold", "\"25\"", &job, &doc, &err), 0);
	assert_int_equal(job.value.type, VALUE_INT);
	assert_int_equal(job.value.integer, 25);
	json_free(doc);

	assert_int_equal(
	    ask(catalog, RUN, "machine.reset", "{\"mode\":\"soft\"}", &job, &doc, &err), 0);
	assert_int_equal(job.arguments_count, 2);
	assert_string_equal(job.arguments[0].name, "delay");
	assert_int_equal(job.arguments[0].value.integer, 5);
	assert_memory_equal(job.arguments[1].value.text.data, "soft", 4);
	plan_free(&job);
	json_free(doc);
	catalog_free(catalog);
}

static void binary_comes_as_base64(void **state)
{
	struct catalog *catalog = machine();
	struct job job = {0};
	struct json_doc *doc;
	struct err err = {0};

	(void)state;
	assert_int_equal(ask(catalog, WRITE, "machine.key", "\"AAEC\"", &job, &doc, &err), 0);
	assert_int_equal(job.value.type, VALUE_BINARY);
	assert_int_equal(job.value.text.len, 3);
	assert_memory_equal(job.value.text.data, "\0\1\2", 3);
	plan_free(&job);
	json_free(doc);
	assert_int_equal(ask(catalog, WRITE, "machine.key", "\"\"", &job, &doc, &err), 0);
	assert_int_equal(job.value.text.len, 0);
	plan_free(&job);
	json_free(doc);
	catalog_free(catalog);
}

static void software_is_for_the_script_that_installs(void **state)
{
	static struct owner owner = {.name = "update"};
	struct catalog *catalog = machine();
	struct draft *draft = draft_new(&owner);
	const struct entry handler = {.path = "on(\"install\")", .where = "update.lua:3", .handler = 7};
	struct problems problems = {0};
	struct job job = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(plan_install(catalog, "t", "1", "https://x", &job, &err), -1);
	assert_string_equal(
	    err.text, "this device installs no software: no script has on(\"install\", ...)");
	assert_int_equal(draft_installer(draft, &handler, &err), 0);
	assert_int_equal(draft_installer(draft, &handler, &err), -1);
	assert_string_equal(err.text, "on(\"install\") is already handled in update.lua:3");
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);

	assert_int_equal(plan_install(catalog, "t", "1", "https://x", &job, &err), 0);
	assert_int_equal(job.kind, JOB_INSTALL);
	assert_ptr_equal(job.entry->owner, &owner);
	assert_int_equal(job.entry->handler, 7);
	assert_int_equal(job.arguments_count, 3);
	assert_string_equal(job.arguments[2].name, "url");
	assert_memory_equal(job.arguments[2].value.text.data, "https://x", 9);
	plan_free(&job);

	/* A second script is one too many; the first stays. */
	static struct owner other = {.name = "other"};
	struct draft *second = draft_new(&other);
	const struct entry another = {.path = "on(\"install\")", .where = "other.lua:1"};
	assert_int_equal(draft_installer(second, &another, &err), 0);
	assert_int_equal(catalog_install(catalog, second, &problems), -1);
	assert_string_equal(
	    problems.list[0].text, "other.lua:1: on(\"install\") is already handled in update.lua:3");
	catalog_remove(catalog, &owner);
	assert_null(catalog_installer(catalog));
	problems_free(&problems);
	catalog_free(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refusals_say_what_is_wrong),
	    cmocka_unit_test(what_is_right_becomes_a_job),
	    cmocka_unit_test(binary_comes_as_base64),
	    cmocka_unit_test(software_is_for_the_script_that_installs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
