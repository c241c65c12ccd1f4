/* Values survive a restart with their type; what is damaged is put aside, never lost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/catalog/store.h"

struct place {
	char dir[64], file[80], aside[96];
};

static int make_place(void **state)
{
	static struct place place;
	strcpy(place.dir, "/tmp/neap-test-store-XXXXXX");
	if (!mkdtemp(place.dir))
		return -1;
	snprintf(place.file, sizeof place.file, "%s/settings", place.dir);
	snprintf(place.aside, sizeof place.aside, "%s.damaged", place.file);
	*state = &place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	unlink(place->file);
	unlink(place->aside);
	return rmdir(place->dir);
}

static struct store *open_store(const struct place *place)
{
	struct err err;
	struct store *store = store_open(place->file, &err);
	if (!store)
		fail_msg("%s", err.text);
	return store;
}

static void expect_file(const char *path, const char *expected)
{
	struct buf text = {0};
	assert_int_equal(fileio_read(path, 1 << 20, &text, NULL), 0);
	assert_string_equal(buf_str(&text), expected);
	buf_free(&text);
}

static void write_file(const char *path, const char *text)
{
	assert_int_equal(fileio_replace(path, text, strlen(text), 0600, NULL), 0);
}

static const struct {
	const char *key;
	struct value value;
} values[] = {
    {"a.int", {VALUE_INT, .integer = 25}},
    {"b.large", {VALUE_INT, .integer = INT64_MIN}},
    {"c.double", {VALUE_DOUBLE, .number = 25}},
    {"d.small", {VALUE_DOUBLE, .number = 5e-324}},
    {"e.huge", {VALUE_DOUBLE, .number = 1e18}},
    {"f.zero", {VALUE_DOUBLE, .number = -0.0}},
    {"g.third", {VALUE_DOUBLE, .number = 1 / 3.0}},
    {"h.no", {VALUE_BOOLEAN, .boolean = false}},
    {"i.text", {VALUE_STRING, .text = {"Pump \"3\"\n\0x", 11}}},
    {"j.empty", {VALUE_STRING, .text = {"", 0}}},
    {"k.date", {VALUE_DATE, .integer = 1349907137000}},
    {"l.bytes", {VALUE_BINARY, .text = {"\0\xff!", 3}}},
    {"m.none", {VALUE_BINARY, .text = {NULL, 0}}},
};
enum { COUNT = sizeof values / sizeof *values };

static void expect_values(const struct store *store)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct value got, want = values[i].value;
		assert_true(store_get(store, values[i].key, &got));
		assert_int_equal(got.type, want.type);
		if (got.type == VALUE_STRING || got.type == VALUE_BINARY) {
			assert_int_equal(got.text.len, want.text.len);
			if (got.text.len)
				assert_memory_equal(got.text.data, want.text.data, got.text.len);
		} else if (got.type == VALUE_DOUBLE) {
			assert_true(got.number == want.number && !signbit(got.number) == !signbit(want.number));
		} else if (got.type == VALUE_BOOLEAN) {
			assert_int_equal(got.boolean, want.boolean);
		} else {
			assert_true(got.integer == want.integer);
		}
	}
}

static void values_come_back(void **state)
{
	struct store *store = open_store(*state);
	struct value got;
	assert_false(store_get(store, "a.int", &got));
	for (size_t i = 0; i < COUNT; i++) /* in no order */
		store_set(store, values[i * 5 % COUNT].key, &values[i * 5 % COUNT].value);
	expect_values(store);
	assert_int_equal(store_save(store, NULL), 0);
	store_close(store);

	store = open_store(*state);
	expect_values(store);
	assert_false(store_get(store, "a", &got));
	store_close(store);
}

static void a_person_can_read_it(void **state)
{
	struct place *place = *state;
	struct store *store = open_store(place);
	store_set(store, "machine.threshold", &(struct value){VALUE_INT, .integer = 25});
	store_set(store, "machine.label", &(struct value){VALUE_STRING, .text = {"Pump 3", 6}});
	assert_int_equal(store_save(store, NULL), 0);
	expect_file(place->file, "{\n\"machine.label\":{\"type\":\"string\",\"value\":\"Pump 3\"},\n"
	                         "\"machine.threshold\":{\"type\":\"int\",\"value\":25}\n}\n");
	struct stat info;
	assert_int_equal(stat(place->file, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);

	store_remove(store, "machine.label");
	store_remove(store, "machine.label");
	store_remove(store, "machine.threshold");
	assert_int_equal(store_save(store, NULL), 0);
	expect_file(place->file, "{\n}\n");
	store_close(store);
}

static void only_changes_are_written(void **state)
{
	struct place *place = *state;
	struct store *store = open_store(place);
	struct value number = {VALUE_DOUBLE, .number = 1.5};
	struct value text = {VALUE_STRING, .text = {"abc", 3}};
	assert_int_equal(store_save(store, NULL), 0);
	assert_int_equal(access(place->file, F_OK), -1);
	store_set(store, "m.a", &number);
	store_set(store, "m.b", &text);
	assert_int_equal(store_save(store, NULL), 0);
	unlink(place->file);
	store_set(store, "m.a", &number);
	store_set(store, "m.b", &text);
	store_remove(store, "m.c");
	assert_int_equal(store_save(store, NULL), 0);
	assert_int_equal(access(place->file, F_OK), -1);

	/* a value may be set from what the store itself holds */
	assert_true(store_get(store, "m.b", &text));
	text.text.data++;
	text.text.len = 2;
	store_set(store, "m.b", &text);
	assert_true(store_get(store, "m.b", &text));
	assert_string_equal(text.text.data, "bc");
	assert_int_equal(store_save(store, NULL), 0);
	assert_int_equal(access(place->file, F_OK), 0);
	store_close(store);
}

static char last_line[1100];

static void keep_line(void *ctx, enum log_level level, const char *topic, const char *text)
{
	(void)ctx;
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_string_equal(topic, "store");
	snprintf(last_line, sizeof last_line, "%s", text);
}

static void damage_is_put_aside(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *text, *says;
		bool a_is_kept;
	} rows[] = {
	    {"", NULL, false},
	    {"{\"m.a\":{\"type\":\"int\",\"va", NULL, false},
	    {"[]", "an array instead of an object", false},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1}} x", "byte 33: more behind the end", true},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1},\"m.b\":2}",
	        "byte 38: m.b is not {\"type\":...,\"value\":...}", true},
	    {"{\"m.b\":{\"type\":\"int\",\"value\":1.5},\"m.a\":{\"type\":\"int\",\"value\":1}}",
	        "m.b is not", true},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1},\"m.b\":{\"type\":\"binary\",\"value\":\"A\"}}",
	        "m.b is not", true},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1},\"m.b\":{\"type\":\"float\",\"value\":1}}",
	        "m.b is not", true},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1},\"m.b\":{\"type\":\"string\",\"value\":1}}",
	        "m.b is not", true},
	    {"{\"m.a\":{\"type\":\"int\",\"value\":1},\"m.b\":{\"type\":\"boolean\",\"value\":null}}",
	        "m.b is not", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		log_close(); /* forgets what it wrote within the minute */
		log_tap(keep_line, NULL);
		last_line[0] = '\0';
		write_file(place->file, rows[i].text);
		struct store *store = open_store(place);
		assert_non_null(strstr(last_line, place->aside));
		if (rows[i].says)
			assert_non_null(strstr(last_line, rows[i].says));
		expect_file(place->aside, rows[i].text);
		assert_int_equal(access(place->file, F_OK), -1);

		struct value value;
		assert_int_equal(store_get(store, "m.a", &value), rows[i].a_is_kept);
		assert_false(store_get(store, "m.b", &value));
		assert_int_equal(store_save(store, NULL), 0);
		expect_file(place->file,
		    rows[i].a_is_kept ? "{\n\"m.a\":{\"type\":\"int\",\"value\":1}\n}\n" : "{\n}\n");
		store_close(store);
	}
	log_tap(NULL, NULL);
}

static void failures_are_told(void **state)
{
	struct place *place = *state;
	struct err err;
	assert_null(store_open(place->dir, &err));
	assert_non_null(strstr(err.text, place->dir));

	char nowhere[96];
	snprintf(nowhere, sizeof nowhere, "%s/none/settings", place->dir);
	struct store *store = store_open(nowhere, &err);
	assert_non_null(store);
	store_set(store, "m.a", &(struct value){VALUE_INT, .integer = 1});
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_save(store, &err), -1);
		assert_string_equal(err_code(&err), "ENOENT");
	}
	store_close(store);
}

static void later_comes_after_the_loop(void **state)
{
	const struct place *place = *state;
	struct value value = {VALUE_INT, .integer = 1};
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	struct store *store = open_store(place);
	store_set(store, "a", &value);
	store_save_later(store, &loop);
	value.integer = 2;
	store_set(store, "a", &value);
	store_save_later(store, &loop); /* while the first one is under way */
	uv_run(&loop, UV_RUN_DEFAULT);
	expect_file(place->file, "{\n\"a\":{\"type\":\"int\",\"value\":2}\n}\n");

	/* what is saved at once overtakes it, and what it was about to write never comes */
	value.integer = 3;
	store_set(store, "a", &value);
	store_save_later(store, &loop);
	value.integer = 4;
	store_set(store, "a", &value);
	assert_int_equal(store_save(store, NULL), 0);
	store_close(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	expect_file(place->file, "{\n\"a\":{\"type\":\"int\",\"value\":4}\n}\n");

	/* closed while it is under way: it ends all the same */
	store = open_store(place);
	value.integer = 5;
	store_set(store, "a", &value);
	store_save_later(store, &loop);
	store_close(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	expect_file(place->file, "{\n\"a\":{\"type\":\"int\",\"value\":5}\n}\n");
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_come_back, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(a_person_can_read_it, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(only_changes_are_written, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(damage_is_put_aside, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(failures_are_told, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(later_comes_after_the_loop, make_place, remove_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
