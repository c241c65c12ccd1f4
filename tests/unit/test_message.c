/* Bodies byte for byte, their exact size, and random samples that are read back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base64.h"
#include "core/base/json.h"
#include "core/message/message.h"

enum { COUNT = 400 };

static const struct message_format form_c = {.max_bytes = 16000};
static const struct message_format form_a = {
    .form_a = true, .native_values = true, .milliseconds = true, .max_bytes = 16000};

static struct sample sample_at(const char *path, int64_t ms, struct value value)
{
	return (struct sample){path, value, {.wall_ms = ms, .wall_valid = ms != INT64_MAX}};
}
#define UNTIMED   INT64_MAX
#define DOUBLE(x) ((struct value){VALUE_DOUBLE, .number = (x)})
#define INT(x)    ((struct value){VALUE_INT, .integer = (x)})
#define BOOL(x)   ((struct value){VALUE_BOOLEAN, .boolean = (x)})
#define DATE(x)   ((struct value){VALUE_DATE, .integer = (x)})
#define STRING(x) ((struct value){VALUE_STRING, .text = {(x), sizeof(x) - 1}})
#define BINARY(x) ((struct value){VALUE_BINARY, .text = {(x), sizeof(x) - 1}})

static void add(struct message *message, const char *path, int64_t ms, struct value value)
{
	struct sample sample = sample_at(path, ms, value);
	assert_int_equal(message_add(message, &sample), MESSAGE_ADDED);
}

static void expect_full(struct message *message, const char *path, int64_t ms, struct value value)
{
	struct sample sample = sample_at(path, ms, value);
	size_t count = message_count(message);
	assert_int_equal(message_add(message, &sample), MESSAGE_FULL);
	assert_int_equal(message_count(message), count);
}

static void expect_body(struct message *message, const char *expected)
{
	struct buf body = {0};
	buf_text(&body, "what was there before");
	message_finish(message, &body);
	assert_string_equal(buf_str(&body), expected);
	assert_int_equal(message_count(message), 0);
	buf_free(&body);
}

static void tutorials_body(void **state)
{
	(void)state;
	struct message *message = message_new(&form_c);
	for (int again = 0; again < 2; again++) {
		add(message, "machine.temperature", 1349907137000, DOUBLE(23.2));
		add(message, "machine.threshold", 1349907137999, INT(30));
		add(message, "machine.temperature", 1349908137000, DOUBLE(24.5));
		assert_int_equal(message_count(message), 3);
		expect_body(message,
		    "[{\"machine.temperature\":[{\"timestamp\":1349907137,\"value\":\"23.2\"},"
		    "{\"timestamp\":1349908137,\"value\":\"24.5\"}]},"
		    "{\"machine.threshold\":[{\"timestamp\":1349907137,\"value\":\"30\"}]}]");
	}
	message_free(message);
}

static void form_a_groups_by_time(void **state)
{
	(void)state;
	struct message *message = message_new(&form_a);
	add(message, "machine.temperature", 1349907137000, DOUBLE(23.2));
	add(message, "machine.temperature", 1349908137000, DOUBLE(24.5));
	add(message, "machine.humidity", 1349907137000, INT(70));
	expect_full(message, "machine.humidity", 1349907137000, INT(71));
	add(message, "machine.humidit", 1349907137000, INT(1));
	expect_body(message,
	    "{\"1349907137000\":{\"machine.temperature\":23.2,\"machine.humidity\":70,"
	    "\"machine.humidit\":1},\"1349908137000\":{\"machine.temperature\":24.5}}");
	add(message, "machine.humidity", 1349907137000, INT(71));
	expect_body(message, "{\"1349907137000\":{\"machine.humidity\":71}}");

	struct message_format seconds = form_a;
	seconds.milliseconds = false;
	message_free(message);
	message = message_new(&seconds);
	add(message, "m.a", 1999, INT(1));
	expect_full(message, "m.a", 1000, INT(2));
	add(message, "m.a", 2000, INT(2));
	expect_body(message, "{\"1\":{\"m.a\":1},\"2\":{\"m.a\":2}}");
	message_free(message);
}

static void untimed_samples_go_apart(void **state)
{
	(void)state;
	const struct message_format *formats[] = {&form_c, &form_a};
	for (int i = 0; i < 2; i++) {
		struct message_format format = *formats[i];
		format.native_values = true;
		struct message *message = message_new(&format);
		add(message, "m.a", UNTIMED, INT(1));
		add(message, "m.b", UNTIMED, DOUBLE(2.5));
		expect_full(message, "m.a", UNTIMED, INT(3));
		expect_full(message, "m.c", 5000, INT(3));
		expect_body(message, "{\"m.a\":1,\"m.b\":2.5}");
		add(message, "m.c", 5000, INT(3));
		expect_full(message, "m.a", UNTIMED, INT(1));
		message_clear(message);
		add(message, "m.a", UNTIMED, INT(1));
		message_free(message);
	}
}

static void values_and_times(void **state)
{
	(void)state;
	static const struct {
		struct value value;
		const char *text, *native;
	} rows[] = {
	    {INT(30), "\"30\"", "30"},
	    {INT(INT32_MIN), "\"-2147483648\"", "-2147483648"},
	    {DOUBLE(23.2), "\"23.2\"", "23.2"},
	    {DOUBLE(25), "\"25\"", "25"},
	    {DOUBLE(0.1 + 0.2), "\"0.30000000000000004\"", "0.30000000000000004"},
	    {BOOL(true), "\"true\"", "true"},
	    {BOOL(false), "\"false\"", "false"},
	    {DATE(1349907137000), "\"1349907137000\"", "1349907137000"},
	    {STRING(""), "\"\"", "\"\""},
	    {STRING("a\"b\\\n\xc3\xa4"), "\"a\\\"b\\\\\\n\xc3\xa4\"", "\"a\\\"b\\\\\\n\xc3\xa4\""},
	    {BINARY("\0\xff!"), "\"AP8h\"", "\"AP8h\""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char expected[200];
		struct message *message = message_new(&form_c);
		add(message, "m.a", 0, rows[i].value);
		snprintf(expected, sizeof expected, "[{\"m.a\":[{\"timestamp\":0,\"value\":%s}]}]",
		    rows[i].text);
		expect_body(message, expected);
		message_free(message);

		message = message_new(&form_a);
		add(message, "m.a", 0, rows[i].value);
		snprintf(expected, sizeof expected, "{\"0\":{\"m.a\":%s}}", rows[i].native);
		expect_body(message, expected);
		message_free(message);
	}
	static const struct {
		int64_t ms;
		const char *seconds;
	} times[] = {{0, "0"}, {999, "0"}, {1000, "1"}, {-1, "-1"}, {-1000, "-1"}, {-1001, "-2"},
	    {INT64_MIN, "-9223372036854776"}};
	struct message *message = message_new(&form_c);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		char expected[200];
		add(message, "m.a", times[i].ms, INT(1));
		snprintf(expected, sizeof expected, "[{\"m.a\":[{\"timestamp\":%s,\"value\":\"1\"}]}]",
		    times[i].seconds);
		expect_body(message, expected);
	}
	message_free(message);
}

/* Whatever the limit is, a sample is refused if and only if it would make the body larger. */
static void the_limit_is_exact(void **state)
{
	(void)state;
	static const char *const paths[] = {"m.a", "m.bb", "m.a", "m.ccc"};
	static const int64_t times[] = {1000, 1000, 22000, 22000};
	for (int form = 0; form < 3; form++) {
		struct message_format format = form ? form_a : form_c;
		size_t sizes[4] = {0};
		struct buf body = {0};
		struct message *message = message_new(&format);
		int most = form == 2 ? 2 : 4; /* the third is m.a again */
		for (int n = 1; n <= most; n++) {
			for (int i = 0; i < n; i++)
				add(message, paths[i], form == 2 ? UNTIMED : times[i], INT(i));
			message_finish(message, &body);
			sizes[n - 1] = body.len;
		}
		message_free(message);
		for (format.max_bytes = 1; format.max_bytes <= sizes[most - 1]; format.max_bytes++) {
			message = message_new(&format);
			for (int i = 0; i < most; i++) {
				struct sample sample = sample_at(paths[i], form == 2 ? UNTIMED : times[i], INT(i));
				enum message_fit fit = message_add(message, &sample);
				if (format.max_bytes >= sizes[i]) {
					assert_int_equal(fit, MESSAGE_ADDED);
					continue;
				}
				struct message_format alone = format;
				struct message *other = message_new(&alone);
				bool ever = message_add(other, &sample) == MESSAGE_ADDED;
				assert_int_equal(fit, ever ? MESSAGE_FULL : MESSAGE_TOO_BIG);
				message_free(other);
				/* a refusal leaves no trace */
				message_finish(message, &body);
				assert_int_equal(body.len, i ? sizes[i - 1] : 2);
				break;
			}
			message_free(message);
		}
		buf_free(&body);
	}
}

/* --- random samples, read back --- */

/* The same in each run: a linear congruential generator (Numerical Recipes' constants). */
static int any(void)
{
	static uint32_t state = 7;
	state = state * 1664525 + 1013904223;
	return (int)(state >> 1 >> 8);
}

struct reader {
	struct message_format format;
	const struct sample *samples;
	bool seen[COUNT];
	size_t first, end; /* of samples, in the body being read */
};

static bool same_value(const struct sample *sample, const struct json *node, bool native)
{
	const struct value *value = &sample->value;
	char text[100] = "";
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		if (native)
			return node->kind == JSON_INTEGER && node->integer == value->integer;
		snprintf(text, sizeof text, "%lld", (long long)value->integer);
		break;
	case VALUE_DOUBLE: {
		double number = node->kind == JSON_INTEGER  ? (double)node->integer
		                : node->kind == JSON_DOUBLE ? node->number
		                                            : strtod(node->string.data, NULL);
		return (node->kind != JSON_STRING) == native && number == value->number &&
		       signbit(number) == signbit(value->number);
	}
	case VALUE_BOOLEAN:
		if (native)
			return node->kind == JSON_BOOLEAN && node->boolean == value->boolean;
		strcpy(text, value->boolean ? "true" : "false");
		break;
	case VALUE_STRING:
		return node->kind == JSON_STRING && node->string.len == value->text.len &&
		       !memcmp(node->string.data, value->text.data, value->text.len);
	case VALUE_BINARY: {
		struct buf decoded = {0};
		bool same = node->kind == JSON_STRING &&
		            !base64_decode(&decoded, node->string.data, node->string.len) &&
		            decoded.len == value->text.len &&
		            (!decoded.len || !memcmp(decoded.data, value->text.data, decoded.len));
		buf_free(&decoded);
		return same;
	}
	}
	return node->kind == JSON_STRING && !strcmp(node->string.data, text);
}

/* Marks the first sample of the body that is this one and was not seen yet. */
static void see(
    struct reader *reader, const char *path, bool timed, int64_t time, const struct json *value)
{
	for (size_t i = reader->first; i < reader->end; i++) {
		const struct sample *sample = &reader->samples[i];
		int64_t ms = sample->time.wall_ms, seconds = ms / 1000 - (ms % 1000 < 0);
		if (!reader->seen[i] && !strcmp(sample->path, path) && sample->time.wall_valid == timed &&
		    (!timed || time == (reader->format.milliseconds ? ms : seconds)) &&
		    same_value(sample, value, reader->format.native_values)) {
			reader->seen[i] = true;
			return;
		}
	}
	fail_msg("%s is in the body, but not among the samples", path);
}

static void read_back(struct reader *reader, struct message *message)
{
	struct buf body = {0};
	struct err err;
	size_t pos = 0;
	message_finish(message, &body);
	assert_true(body.len <= reader->format.max_bytes);
	struct json_doc *doc = json_parse(body.data, body.len, &pos, body.len, &err);
	if (!doc)
		fail_msg("%s: %s", err.text, buf_str(&body));
	assert_int_equal(pos, body.len);
	const struct json *root = json_root(doc);
	for (const struct json *group = root->child; group; group = group->next) {
		if (root->kind == JSON_ARRAY) {
			assert_null(group->child->next);
			for (const struct json *p = group->child->child; p; p = p->next)
				see(reader, group->child->key, true, json_member(p, "timestamp")->integer,
				    json_member(p, "value"));
		} else if (group->kind == JSON_OBJECT) {
			for (const struct json *p = group->child; p; p = p->next)
				see(reader, p->key, true, strtoll(group->key, NULL, 10), p);
		} else {
			see(reader, group->key, false, 0, group);
		}
	}
	for (size_t i = reader->first; i < reader->end; i++)
		assert_true(reader->seen[i]);
	json_free(doc);
	buf_free(&body);
}

static struct sample random_sample(char texts[COUNT][40], int i)
{
	static const char *const paths[] = {
	    "m.a", "m.b", "m.aa", "machine.indoor.temperature", "x-1.y_2", "m.ab"};
	struct value value = {.type = (enum value_type)(1 + any() % 6)};
	if (value.type == VALUE_INT)
		value.integer = (int32_t)((uint32_t)any() * 2654435761U);
	else if (value.type == VALUE_DATE)
		value.integer = (int64_t)any() * 1000 - 1000000;
	else if (value.type == VALUE_DOUBLE)
		value.number = any() % 2 ? (any() % 20001 - 10000) / 100.0 : any() * 1e-290 / 7;
	else if (value.type == VALUE_BOOLEAN)
		value.boolean = any() % 2;
	else
		value.text.len = (size_t)(any() % 40);
	if (value.type == VALUE_STRING || value.type == VALUE_BINARY) {
		for (size_t k = 0; k < value.text.len; k++)
			texts[i][k] = (char)(value.type == VALUE_STRING ? any() % 128 : any());
		value.text.data = texts[i];
	}
	int64_t ms = any() % 10 ? 1349907137000 + any() % 20000 - 10000 : -any() % 5000;
	return sample_at(paths[any() % 6], any() % 20 ? ms : UNTIMED, value);
}

static void random_samples_come_back(void **state)
{
	(void)state;
	static struct sample samples[COUNT];
	static char texts[COUNT][40];
	for (int round = 0; round < 64; round++) {
		struct reader reader = {.samples = samples,
		    .format = {round & 1, round & 2, round & 4, round & 8 ? 1000 : 16000}};
		for (int i = 0; i < COUNT; i++) {
			samples[i] = random_sample(texts, i);
			if (round & 16) /* bodies of one kind get long */
				samples[i].time.wall_valid = true;
		}
		struct message *message = message_new(&reader.format);
		for (size_t i = 0; i < COUNT; i++) {
			enum message_fit fit = message_add(message, &samples[i]);
			assert_int_not_equal(fit, MESSAGE_TOO_BIG);
			if (fit == MESSAGE_FULL) {
				reader.end = i;
				assert_int_equal(message_count(message), reader.end - reader.first);
				read_back(&reader, message);
				reader.first = i--;
			}
		}
		reader.end = COUNT;
		read_back(&reader, message);
		message_free(message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tutorials_body),
	    cmocka_unit_test(form_a_groups_by_time),
	    cmocka_unit_test(untimed_samples_go_apart),
	    cmocka_unit_test(values_and_times),
	    cmocka_unit_test(the_limit_is_exact),
	    cmocka_unit_test(random_samples_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
