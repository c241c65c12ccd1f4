#include "core/base/base64.h"
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/task/refused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL (INT64_C(1755000000) * 1000)

static char folder[64], path[96];
static struct clock *clock_now;
static struct refused *refused;

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/neap-test-refused-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/refused", folder);
	clock_now = clock_new_virtual(WALL);
	refused = refused_open(path, clock_now);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	refused_close(refused);
	clock_free(clock_now);
	unlink(path);
	return rmdir(folder);
}

static void add(const char *payload, size_t len)
{
	struct task_list list;

	task_decode(payload, len, true, 1 << 20, &list);
	assert_true(list.refused > 0);
	refused_add(refused, payload, len, &list);
	task_list_free(&list);
}

static struct json_doc *list(void)
{
	struct buf json = {0};
	struct err err;
	size_t pos = 0;

	refused_write(refused, &json);
	struct json_doc *doc = json_parse(json.data, json.len, &pos, 1000, &err);
	assert_non_null(doc);
	buf_free(&json);
	return doc;
}

static const struct json *last(struct json_doc *doc, size_t *count)
{
	const struct json *entry = json_root(doc)->child;

	for (*count = entry != NULL; entry && entry->next; (*count)++)
		entry = entry->next;
	return entry;
}

static void each_has_its_place_and_its_bytes(void **state)
{
	static const char payload[] = "[{\"uid\":\"a\",\"read\":1},\xff\0{\"uid\":\"b\",\"reed\":[]}]";
	struct buf bytes = {0};
	size_t count;

	(void)state;
	add(payload, sizeof(payload) - 1);
	struct json_doc *doc = list();
	const struct json *entry = last(doc, &count);
	assert_int_equal(count, 1);
	assert_int_equal(json_member(entry, "time_ms")->integer, WALL);
	assert_int_equal(json_member(entry, "bytes")->integer, sizeof(payload) - 1);
	assert_int_equal(json_member(entry, "offset")->integer, 19);
	assert_int_equal(json_member(entry, "at")->integer, 0);
	assert_true(json_member(entry, "more")->integer >= 1);
	assert_string_equal(json_member(entry, "reason")->string.data,
	    "byte 19: task a: \"read\" takes an array of paths, not an integer");
	const struct json *text = json_member(entry, "payload");
	assert_int_equal(base64_decode(&bytes, text->string.data, text->string.len), 0);
	assert_int_equal(bytes.len, sizeof(payload) - 1);
	assert_memory_equal(bytes.data, payload, bytes.len);
	buf_free(&bytes);
	json_free(doc);
}

static void of_a_long_one_the_part_around_the_fault_is_kept(void **state)
{
	size_t len = 100000, count;
	char *payload = malloc(len);

	(void)state;
	assert_non_null(payload);
	memset(payload, ' ', len);
	payload[0] = '[';
	payload[50000] = 'x';
	add(payload, len);
	struct json_doc *doc = list();
	const struct json *entry = last(doc, &count);
	assert_int_equal(json_member(entry, "offset")->integer, 50000);
	assert_int_equal(json_member(entry, "at")->integer, 50000 - REFUSED_BYTES / 2);
	json_free(doc);
	payload[50000] = ' ';
	add(payload, len); /* the fault is the end */
	doc = list();
	assert_int_equal(json_member(last(doc, &count), "at")->integer, (int64_t)len - REFUSED_BYTES);
	json_free(doc);
	free(payload);
}

static void the_last_ones_are_kept_over_a_restart(void **state)
{
	char payload[16];
	size_t count;

	(void)state;
	for (int i = 0; i < 3 * REFUSED_MAX; i++)
		add(payload, (size_t)snprintf(payload, sizeof(payload), "[%d]", i));
	refused_close(refused);
	refused = refused_open(path, clock_now);
	struct json_doc *doc = list();
	const struct json *entry = last(doc, &count);
	assert_int_equal(count, REFUSED_MAX);
	assert_string_equal(json_member(entry, "payload")->string.data, "WzU5XQ==");
	json_free(doc);
}

static ino_t written(void)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_ino : 0; /* each writing makes a file of its own */
}

static void the_file_is_written_once_a_minute_at_most(void **state)
{
	(void)state;
	refused_tick(refused);
	assert_int_equal(written(), 0);
	add("[1]", 3);
	refused_tick(refused);
	ino_t first = written();
	assert_int_not_equal(first, 0);
	add("[2]", 3);
	clock_advance(clock_now, 59000);
	refused_tick(refused);
	assert_int_equal(written(), first);
	clock_advance(clock_now, 1000);
	refused_tick(refused);
	assert_int_not_equal(written(), first);
}

static void the_largest_list_fits_the_file(void **state)
{
	size_t len = REFUSED_BYTES * 2;
	char *payload = malloc(len);
	struct stat info;

	(void)state;
	assert_non_null(payload);
	memset(payload, '\1', len);
	for (int i = 0; i < REFUSED_MAX; i++)
		add(payload, len);
	refused_tick(refused);
	assert_int_equal(stat(path, &info), 0);
	assert_true(info.st_size < REFUSED_FILE);
	free(payload);
}

static void damage_is_left_out(void **state)
{
	static const char text[] = "[{\"time_ms\":1},";
	struct err err;
	size_t count;

	(void)state;
	refused_close(refused);
	assert_int_equal(fileio_replace(path, text, sizeof(text) - 1, 0600, &err), 0);
	refused = refused_open(path, clock_now);
	struct json_doc *doc = list();
	(void)last(doc, &count);
	assert_int_equal(count, 0);
	json_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_has_its_place_and_its_bytes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        of_a_long_one_the_part_around_the_fault_is_kept, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_last_ones_are_kept_over_a_restart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        the_file_is_written_once_a_minute_at_most, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_largest_list_fits_the_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(damage_is_left_out, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
