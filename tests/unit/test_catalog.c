/* Drafts, installs and removals, conflicts, limits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"
#include "core/config/config.h"

static struct owner machine = {.name = "machine"}, other = {.name = "other"};

static struct entry variable(const char *path, const char *where)
{
	return (struct entry){.path = path,
	    .kind = ENTRY_VARIABLE,
	    .type = VALUE_DOUBLE,
	    .policy = "default",
	    .where = where};
}

static struct draft *draft_of(struct owner *owner, const char *const *paths, const char *where)
{
	struct draft *draft = draft_new(owner);
	for (; *paths; paths++) {
		struct entry entry = variable(*paths, where);
		assert_int_equal(draft_add(draft, &entry, NULL), 0);
	}
	return draft;
}
#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_paths(const struct catalog *catalog, const char *expected)
{
	char paths[500] = "";
	for (const struct entry *e = NULL; (e = catalog_next(catalog, e));) {
		strcat(paths, e->path);
		strcat(paths, " ");
		assert_ptr_equal(catalog_find(catalog, e->path), e);
	}
	assert_string_equal(paths, expected);
}

static void drafts_replace_each_other(void **state)
{
	(void)state;
	struct catalog *catalog = catalog_new();
	struct problems problems = {0};
	expect_paths(catalog, "");
	struct draft *draft =
	    draft_of(&machine, PATHS("m.b", "m.a", "m.a.x", "m-2.a"), "machine.lua:1");
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	draft = draft_of(&other, PATHS("m.c", "a.z"), "other.lua:1");
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	expect_paths(catalog, "a.z m-2.a m.a m.a.x m.b m.c ");
	assert_ptr_equal(catalog_find(catalog, "m.c")->owner, &other);
	assert_null(catalog_find(catalog, "m"));
	assert_null(catalog_find(catalog, "z"));

	/* the next generation of a script is another object of the same name */
	struct owner reborn = {.name = "machine"};
	draft = draft_of(&reborn, PATHS("m.b", "m.d"), "machine.lua:1");
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	expect_paths(catalog, "a.z m.b m.c m.d ");
	catalog_remove(catalog, &machine);
	expect_paths(catalog, "a.z m.b m.c m.d ");
	catalog_remove(catalog, &reborn);
	expect_paths(catalog, "a.z m.c ");
	draft = draft_new(&other);
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	expect_paths(catalog, "");
	assert_int_equal(problems.count, 0);
	catalog_free(catalog);
}

static void a_path_has_one_owner(void **state)
{
	(void)state;
	struct catalog *catalog = catalog_new();
	struct problems problems = {0};
	struct draft *draft = draft_of(&machine, PATHS("m.a", "m.b"), "machine.lua:7");
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	draft = draft_of(&other, PATHS("m.b", "m.a", "m.c"), "other.lua:3");
	assert_int_equal(catalog_install(catalog, draft, &problems), -1);
	assert_int_equal(problems.errors, 2);
	assert_string_equal(
	    problems.list[0].text, "other.lua:3: m.a is already declared in machine.lua:7");
	assert_string_equal(
	    problems.list[1].text, "other.lua:3: m.b is already declared in machine.lua:7");
	problems_free(&problems);
	expect_paths(catalog, "m.a m.b ");
	catalog_free(catalog);

	draft = draft_of(&machine, PATHS("m.a"), "machine.lua:7");
	struct entry entry = variable("m.a", "machine.lua:9");
	struct err err;
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a is already declared in machine.lua:7");
	draft_free(draft);
}

static struct param delay = {.name = "delay",
    .type = VALUE_INT,
    .limits = {true, true, 0, 60},
    .has_default = true,
    .fallback = {.type = VALUE_INT, .integer = 5}};

static void entries_are_copied(void **state)
{
	(void)state;
	char path[] = "m.reset", label[] = "Reset", where[] = "machine.lua:3", text[] = "abc";
	char name[] = "mode";
	struct param mode = {.name = name,
	    .label = label,
	    .type = VALUE_STRING,
	    .has_default = true,
	    .fallback = {.type = VALUE_STRING, .text = {text, 3}},
	    .next = &delay};
	struct entry entry = {.path = path,
	    .kind = ENTRY_COMMAND,
	    .label = label,
	    .where = where,
	    .params = &mode,
	    .repeatable = true,
	    .timeout_ms = 30000,
	    .handler = 7};
	struct draft *draft = draft_new(&machine);
	assert_int_equal(draft_add(draft, &entry, NULL), 0);
	memset(path, 'x', sizeof path - 1);
	memset(label, 'x', sizeof label - 1);
	memset(where, 'x', sizeof where - 1);
	memset(text, 'x', sizeof text - 1);
	memset(name, 'x', sizeof name - 1);
	struct catalog *catalog = catalog_new();
	assert_int_equal(catalog_install(catalog, draft, NULL), 0);

	const struct entry *copy = catalog_find(catalog, "m.reset");
	assert_string_equal(copy->label, "Reset");
	assert_string_equal(copy->where, "machine.lua:3");
	assert_string_equal(copy->unit, "");
	assert_string_equal(copy->policy, "");
	assert_true(copy->repeatable);
	assert_int_equal(copy->timeout_ms, 30000);
	assert_int_equal(copy->handler, 7);
	assert_string_equal(copy->params->name, "mode");
	assert_memory_equal(copy->params->fallback.text.data, "abc", 4);
	assert_string_equal(copy->params->next->name, "delay");
	assert_string_equal(copy->params->next->label, "");
	assert_int_equal(copy->params->next->fallback.integer, 5);
	assert_null(copy->params->next->next);
	catalog_free(catalog);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	struct draft *draft = draft_new(&machine);
	struct err err;
	struct entry entry = variable("machine", "machine.lua:1");
	assert_int_equal(draft_add(draft, &entry, &err), -1);

	entry = variable("m.a", "machine.lua:1");
	entry.factor = INFINITY;
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a: its factor must be a finite number above 0");
	entry.factor = 10;
	entry.type = VALUE_STRING;
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a: a factor is for numbers, not for string");

	entry = variable("m.a", "machine.lua:1");
	entry.kind = ENTRY_SETTING;
	entry.limits = (struct limits){true, true, 10, 5};
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a: its minimum 10 is above its maximum 5");

	entry.limits = (struct limits){true, true, 5, 10};
	entry.has_default = true;
	entry.fallback = (struct value){.type = VALUE_INT, .integer = 11};
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a: its default does not fit: 11 is above its maximum 10");

	entry.kind = ENTRY_COMMAND;
	struct param again = delay;
	again.next = &delay;
	entry.params = &again;
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(err.text, "m.a: the parameter delay is declared twice");
	again.next = NULL;
	again.fallback.integer = 61;
	assert_int_equal(draft_add(draft, &entry, &err), -1);
	assert_string_equal(
	    err.text, "m.a: the parameter delay: its default does not fit: 61 is above its maximum 60");

	/* what was refused left nothing behind; a default is made of the declared type */
	entry.kind = ENTRY_SETTING;
	entry.params = NULL;
	entry.fallback.integer = 10;
	assert_int_equal(draft_add(draft, &entry, &err), 0);
	struct catalog *catalog = catalog_new();
	assert_int_equal(catalog_install(catalog, draft, NULL), 0);
	expect_paths(catalog, "m.a ");
	assert_int_equal(catalog_find(catalog, "m.a")->fallback.type, VALUE_DOUBLE);
	assert_true(catalog_find(catalog, "m.a")->fallback.number == 10);
	catalog_free(catalog);
}

static void limits_hold(void **state)
{
	(void)state;
	static const struct {
		struct value value;
		enum value_type type;
		bool from_text;
		const char *text; /* NULL: fits */
	} rows[] = {
	    {{VALUE_INT, .integer = 0}, VALUE_INT, false, NULL},
	    {{VALUE_INT, .integer = 100}, VALUE_INT, false, NULL},
	    {{VALUE_INT, .integer = 900}, VALUE_INT, false, "900 is above its maximum 100"},
	    {{VALUE_INT, .integer = -1}, VALUE_INT, false, "-1 is below its minimum 0"},
	    {{VALUE_DOUBLE, .number = 100.5}, VALUE_DOUBLE, false, "100.5 is above its maximum 100"},
	    {{VALUE_DOUBLE, .number = 25.0}, VALUE_INT, false, NULL},
	    {{VALUE_STRING, .text = {"900", 3}}, VALUE_INT, true, "900 is above its maximum 100"},
	    {{VALUE_STRING, .text = {"25", 2}}, VALUE_INT, true, NULL},
	    {{VALUE_STRING, .text = {"900", 3}}, VALUE_STRING, true, NULL},
	    {{VALUE_DATE, .integer = 101}, VALUE_DATE, false, "101 is above its maximum 100"},
	    {{VALUE_BOOLEAN, .boolean = true}, VALUE_BOOLEAN, false, NULL},
	};
	const struct limits limits = {true, true, 0, 100}, none = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct value value = rows[i].value;
		struct err err;
		int rc = limits_check(&value, rows[i].type, &limits, rows[i].from_text, &err);
		assert_int_equal(rc, rows[i].text ? -1 : 0);
		if (rows[i].text)
			assert_string_equal(err.text, rows[i].text);
		assert_int_equal(value.type, rows[i].type);
		value = rows[i].value;
		assert_int_equal(limits_check(&value, rows[i].type, &none, rows[i].from_text, &err), 0);
	}
	struct value text = {VALUE_STRING, .text = {"abc", 3}};
	struct err err;
	assert_int_equal(limits_check(&text, VALUE_INT, &limits, true, &err), -1);
	assert_non_null(strstr(err.text, "\"abc\""));
}

static void near_paths_and_labels(void **state)
{
	(void)state;
	struct catalog *catalog = catalog_new();
	assert_null(catalog_nearest(catalog, "m.temperature"));
	struct draft *draft =
	    draft_of(&machine, PATHS("m.temperature", "m.threshold"), "machine.lua:1");
	draft_asset(draft, "m", "My Machine");
	draft_asset(draft, "m", "Not mine");
	assert_int_equal(catalog_install(catalog, draft, NULL), 0);
	draft = draft_of(&other, PATHS("m.c"), "other.lua:1");
	draft_asset(draft, "m", "Too late");
	draft_asset(draft, "o", "Other");
	assert_int_equal(catalog_install(catalog, draft, NULL), 0);
	assert_string_equal(catalog_nearest(catalog, "m.temprature"), "m.temperature");
	assert_null(catalog_nearest(catalog, "wholly.different"));
	assert_string_equal(catalog_asset_label(catalog, "m"), "My Machine");
	assert_string_equal(catalog_asset_label(catalog, "o"), "Other");
	assert_null(catalog_asset_label(catalog, "x"));
	catalog_free(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(drafts_replace_each_other),
	    cmocka_unit_test(a_path_has_one_owner),
	    cmocka_unit_test(entries_are_copied),
	    cmocka_unit_test(nonsense_is_refused),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(near_paths_and_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
