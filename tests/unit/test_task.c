/* Task payloads: the protocol's examples, each fault by its byte, and what stays whole around it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/task/task.h"

#define MAX_BYTES (256 * 1024)

static void show_value(struct buf *out, const struct json *value)
{
	if (value->kind == JSON_STRING)
		buf_printf(out, "'%s'", value->string.data);
	else if (value->kind == JSON_BOOLEAN)
		buf_text(out, value->boolean ? "true" : "false");
	else if (value->kind == JSON_INTEGER)
		buf_printf(out, "%lld", (long long)value->integer);
	else
		buf_printf(out, "%.17gd", value->number);
}

static void show_task(struct buf *out, const struct task *task)
{
	static const char *const names[] = {"read", "write", "command", "swinstall"};
	buf_printf(out, "%s %s", names[task->kind], task->uid);
	if (task->timestamp_ms)
		buf_printf(out, " @%lld", (long long)task->timestamp_ms);
	for (size_t i = 0; i < task->count; i++) {
		buf_printf(out, " %s", task->items[i].path);
		if (task->items[i].value) {
			buf_char(out, '=');
			show_value(out, task->items[i].value);
		}
	}
	if (task->kind == TASK_COMMAND)
		buf_printf(out, " %s", task->id);
	if (task->params)
		for (const struct json *value = task->params->child; value; value = value->next) {
			buf_printf(out, " %s=", value->key);
			show_value(out, value);
		}
	if (task->kind == TASK_SWINSTALL)
		buf_printf(out, " %s %s %s", task->type, task->revision, task->url);
	buf_char(out, '\n');
}

/* One line for each task, then one for each refusal, then one for what was mended. */
static void show(struct buf *out, const struct task_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		show_task(out, &list->tasks[i]);
	for (size_t i = 0; i < list->refused; i++) {
		const struct task_refusal *refusal = &list->refusals[i];
		assert_int_equal(strtoul(refusal->text + strlen("byte "), NULL, 10), refusal->offset);
		buf_printf(out, "! %s| %s\n", refusal->uid ? refusal->uid : "", refusal->text);
	}
	if (list->mended)
		buf_printf(out, "mended %zu at %zu\n", list->mended, list->mended_offset);
}

static void expect(const char *text, size_t len, bool strict, const char *expected)
{
	struct task_list list;
	struct buf out = {0};
	char *copy = mem_alloc(len ? len : 1); /* exact, so that the sanitizers find a read behind it */
	memcpy(copy, text, len);
	task_decode(copy, len, strict, MAX_BYTES, &list);
	free(copy);
	show(&out, &list);
	if (strcmp(buf_str(&out), expected) != 0)
		fail_msg("%s (%s)\n--- expected\n%s--- got\n%s", text, strict ? "strict" : "mending",
		    expected, buf_str(&out));
	buf_free(&out);
	task_list_free(&list);
}

/* The published examples of each kind, from the vendor's reference. */
static void examples(void **state)
{
	static const struct {
		const char *text, *expected;
	} table[] = {
	    {"[{\"uid\":\"3c12547b613740adb686271bdc8f097c\",\"timestamp\":1348836320188,"
	     "\"read\":[\"machine.temperature\"]}]",
	        "read 3c12547b613740adb686271bdc8f097c @1348836320188 machine.temperature\n"},
	    {"[{\"uid\":\"c117c8ce7a8c4d89bd0b58bccf7e1575\",\"timestamp\":1498662247030,"
	     "\"write\":[{\"machine.threshold\":25}]}]",
	        "write c117c8ce7a8c4d89bd0b58bccf7e1575 @1498662247030 machine.threshold=25\n"},
	    {"[{\"uid\":\"59976b814d0b45d1b12371e66fc87d1f\",\"timestamp\":1445527665027,"
	     "\"command\":{\"id\":\"home.BedRoom1\",\"params\":{\"Light\":true}}}]",
	        "command 59976b814d0b45d1b12371e66fc87d1f @1445527665027 home.BedRoom1 Light=true\n"},
	    {"[{\"uid\":\"17aa\",\"timestamp\":1445527665027,\"swinstall\":{"
	     "\"type\":\"com.sample.device\",\"revision\":\"2.0\",\"url\":\"https://x/y\"}}]",
	        "swinstall 17aa @1445527665027 com.sample.device 2.0 https://x/y\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int strict = 0; strict < 2; strict++)
			expect(table[i].text, strlen(table[i].text), strict, table[i].expected);
}

#define TUTORIAL_READ "read 3c12547b613740adb686271bdc8f097c @1348836320188 machine.temperature\n"

/* The tutorial's payload as it is printed, stray brace and white space included. */
static void tutorial(void **state)
{
	struct buf text = {0};
	(void)state;
	assert_int_equal(fileio_read("tests/data/tutorial-tasks.json", 1000, &text, NULL), 0);
	assert_int_equal(text.len, 264);
	assert_int_equal(text.data[254], '}');
	expect(text.data, text.len, false,
	    TUTORIAL_READ "write 8006cc58ba2141f69161a78f1bfdea1d @1348836320566 machine.threshold=25\n"
	                  "mended 1 at 254\n");
	expect(text.data, text.len, true,
	    TUTORIAL_READ
	    "! 8006cc58ba2141f69161a78f1bfdea1d| byte 254: task 8006cc58ba2141f69161a78f1bfdea1d: "
	    "'}' closes nothing: the innermost open bracket is the '[' at byte 227\n");
	buf_free(&text);
}

/* u is a uid; r and w are the rest of a read and of a write */
#define U(uid) "{\"uid\":\"" uid "\","
#define R      "\"read\":[\"m.x\"]}"
#define W      "\"write\":[{\"m.y\":1}]}"

static const struct {
	const char *text, *expected;
} whole[] = {
    {" [ " U("a") R " ,\n" U("b") W "]\n", "read a m.x\nwrite b m.y=1\n"},
    {"[" U("a") "\"read\":[\"m.x\",\"m.z\",\"m.y\"]}]", "read a m.x m.z m.y\n"},
    {"[" U("a") "\"write\":[{\"m.x\":1,\"m.y\":\"t\"},{\"m.z\":false,\"m.d\":2.5}]}]",
        "write a m.x=1 m.y='t' m.z=false m.d=2.5d\n"},
    {"[" U("a") "\"command\":{\"id\":\"m.reset\"}}]", "command a m.reset\n"},
    {"[" U("a") "\"command\":{\"params\":{},\"id\":\"m.reset\",\"more\":[]}}]",
        "command a m.reset\n"},
    {"[" U("a") "\"timestamp\":0,\"priority\":{\"x\":[1]},\"note\":null," R "]", "read a m.x\n"},
    {"[{\"read\":[\"m.x\"],\"uid\":\"a\"}]", "read a m.x\n"},
};

static void whole_payloads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		for (int strict = 0; strict < 2; strict++)
			expect(whole[i].text, strlen(whole[i].text), strict, whole[i].expected);
}

/* Not of a task's form; the task behind each is done all the same. */
static const struct {
	const char *element, *refusal;
} misfits[] = {
    {"1", "| byte 1: a task is an object, not an integer"},
    {"[]", "| byte 1: a task is an object, not an array"},
    {"null", "| byte 1: a task is an object, not null"},
    {"{}", "| byte 1: a task without \"uid\""},
    {"{" R, "| byte 1: a task without \"uid\""},
    {"{\"uid\":7," R,
        "| byte 8: \"uid\" must be a string of 1 to 128 bytes, none of them a control character"},
    {U("") R,
        "| byte 8: \"uid\" must be a string of 1 to 128 bytes, none of them a control character"},
    {U("a\\n") R,
        "| byte 8: \"uid\" must be a string of 1 to 128 bytes, none of them a control character"},
    {U("a\\u0000") R,
        "| byte 8: \"uid\" must be a string of 1 to 128 bytes, none of them a control character"},
    {U("a") "\"x\":1}",
        "a| byte 1: task a: a task has one of \"read\", \"write\", \"command\", \"swinstall\""},
    {U("a") "\"write\":[]," R, "a| byte 1: task a: a task has only one of \"read\", \"write\", "
                               "\"command\", \"swinstall\""},
    {U("a") "\"timestamp\":\"1\"," R,
        "a| byte 24: task a: \"timestamp\" must be milliseconds since 1970, an integer"},
    {U("a") "\"timestamp\":1.5," R,
        "a| byte 24: task a: \"timestamp\" must be milliseconds since 1970, an integer"},
    {U("a") "\"timestamp\":-1," R,
        "a| byte 24: task a: \"timestamp\" must be milliseconds since 1970, an integer"},
    {U("a") "\"timestamp\":99999999999999999999," R,
        "a| byte 24: task a: \"timestamp\" must be milliseconds since 1970, an integer"},
    {U("a") "\"read\":\"m.x\"}",
        "a| byte 19: task a: \"read\" takes an array of paths, not a string"},
    {U("a") "\"read\":[]}",
        "a| byte 19: task a: \"read\" takes an array of paths, not an empty one"},
    {U("a") "\"read\":[\"m.x\",5]}", "a| byte 26: task a: a path is a string, not an integer"},
    {U("a") "\"read\":[\"\"]}",
        "a| byte 20: task a: a path has 1 to 255 bytes, none of them a control character"},
    {U("a") "\"read\":[\"m.x\\u0000y\"]}",
        "a| byte 20: task a: a path has 1 to 255 bytes, none of them a control character"},
    {U("a") "\"read\":[\"m.x\",\"m.y\",\"m.x\"]}", "a| byte 32: task a: \"m.x\" is there twice"},
    {U("a") "\"write\":{\"m.x\":1}}",
        "a| byte 20: task a: \"write\" takes an array of objects of path and value, not an object"},
    {U("a") "\"write\":[]}", "a| byte 20: task a: \"write\" takes an array of objects of path and "
                             "value, not an empty one"},
    {U("a") "\"write\":[1]}",
        "a| byte 21: task a: an object of path and value expected, not an integer"},
    {U("a") "\"write\":[{}]}",
        "a| byte 21: task a: an object of path and value expected, not an empty one"},
    {U("a") "\"write\":[{\"m.x\":null}]}",
        "a| byte 28: task a: a value to write is a string, a number or a boolean, not null"},
    {U("a") "\"write\":[{\"m.x\":[1]}]}",
        "a| byte 28: task a: a value to write is a string, a number or a boolean, not an array"},
    {U("a") "\"write\":[{\"\":1}]}",
        "a| byte 25: task a: a path has 1 to 255 bytes, none of them a control character"},
    {U("a") "\"write\":[{\"m.x\":1},{\"m.x\":2}]}", "a| byte 38: task a: \"m.x\" is there twice"},
    {U("a") "\"write\":[{\"m.x\":1,\"m.x\":2}]}",
        "a| byte 36: task a: a second value for \"m.x\" in one object"},
    {U("a") "\"command\":\"m.reset\"}", "a| byte 22: task a: \"command\" takes an object with an "
                                        "\"id\" of 1 to 255 bytes, none of them "
                                        "a control character"},
    {U("a") "\"command\":{}}", "a| byte 22: task a: \"command\" takes an object with an \"id\" of "
                               "1 to 255 bytes, none of them "
                               "a control character"},
    {U("a") "\"command\":{\"id\":\"r\",\"params\":[]}}",
        "a| byte 41: task a: \"params\" takes an object, not an array"},
    {U("a") "\"command\":{\"id\":\"r\",\"params\":{\"x\":{}}}}",
        "a| byte 46: task a: a parameter is a string, a number or a boolean, not an object"},
    {U("a") "\"swinstall\":{\"type\":\"t\",\"revision\":1,\"url\":\"u\"}}",
        "a| byte 47: task a: \"swinstall\" takes an object with type, revision and url; revision "
        "must "
        "be a string, not empty, without control characters"},
    {U("a") "\"swinstall\":{\"type\":\"t\",\"revision\":\"1\"}}",
        "a| byte 24: task a: \"swinstall\" takes an object with type, revision and url; url must "
        "be a "
        "string, not empty, without control characters"},
    /* and not JSON */
    {"{\"uid\":\"a\" " R, "a| byte 12: task a: ',' or '}' expected, not '\"'"},
    {"{\"uid\":" R, "| byte 14: ',' or '}' expected, not ':'"},
    {U("a") "\"read\":[\"m.x]}", "a| byte 29: task a: ',' or ']' expected, not 'u'"},
    {U("a") "\"read\":[\"m.x\"}", "a| byte 25: task a: '}' closes nothing: the innermost open "
                                  "bracket is the '[' at byte 19"},
    {U("a") "\"write\":[{\"m.x\":NaN}]}", "a| byte 28: task a: a value expected, not 'N'"},
    {U("a") "\"write\":[{\"m.x\":0x10}]}", "a| byte 29: task a: ',' or '}' expected, not 'x'"},
    {U("a") "\"write\":[{\"m.x\":1e400}]}",
        "a| byte 28: task a: a number out of range (at most 1.8e308)"},
    {U("a") "\"write\":[{\"m.x\":\"\xff\"}]}",
        "a| byte 29: task a: invalid UTF-8 in the string that begins at byte 28"},
    {U("a") "\"write\":[{\"m.x\":\"\\ud800\"}]}", "a| byte 29: task a: half of a surrogate pair"},
    {"}", "| byte 1: '}' closes nothing that is open"},
};

static void misfits_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(misfits) / sizeof(misfits[0]); i++) {
		struct buf text = {0}, expected = {0};
		buf_printf(&text, "[%s,%s]", misfits[i].element, U("z") R);
		buf_printf(&expected, "read z m.x\n! %s\n", misfits[i].refusal);
		expect(buf_str(&text), text.len, true, buf_str(&expected));
		buf_free(&text);
		buf_free(&expected);
	}
}

static const struct {
	const char *text;
	size_t len; /* only if it holds a NUL */
	bool strict;
	const char *expected;
} faulty[] = {
    /* no array */
    {"", 0, false, "! | byte 0: an array of tasks expected; the payload is empty\n"},
    {" \n", 0, false, "! | byte 2: an array of tasks expected; the payload is empty\n"},
    {"{\"uid\":\"a\"," R, 0, false, "! | byte 0: an array of tasks expected, not an object\n"},
    {"hello", 0, false, "! | byte 0: an array of tasks expected\n"},
    {"\0[]", 3, false, "! | byte 0: an array of tasks expected\n"},
    {"[]", 0, false, "! | byte 1: no task in the array\n"},
    {" [ ] ", 0, false, "! | byte 3: no task in the array\n"},
    /* truncated: what is whole is done */
    {"[", 0, false, "! | byte 1: the text ends where a value should be\n"},
    {"[" U("a") R, 0, false,
        "read a m.x\n! | byte 27: the text ends before the array of tasks is closed\n"},
    {"[" U("a") R ",", 0, false,
        "read a m.x\n! | byte 28: the text ends where a value should be\n"},
    {"[" U("a") R "," U("b") "\"read\":[\"m", 0, false,
        "read a m.x\n! b| byte 49: task b: the text ends inside the string that begins at byte "
        "47\n"},
    /* between and behind */
    {"[" U("a") R ",]", 0, false, "read a m.x\n! | byte 28: a task expected, not ']'\n"},
    {"[" U("a") R " " U("b") R "]", 0, false,
        "read a m.x\nread b m.x\n! | byte 28: ',' or ']' expected behind a task\n"},
    {"[" U("a") R ",," U("b") R "]", 0, false,
        "read a m.x\nread b m.x\n! | byte 28: a value expected, not ','\n"},
    {"[" U("a") R "] x", 0, false,
        "read a m.x\n! | byte 29: the array of tasks has ended, and something follows\n"},
    {"[" U("a") R "][" U("b") R "]", 0, false,
        "read a m.x\nread b m.x\n! | byte 28: the array of tasks has ended, and something "
        "follows\n"},
    {"[" U("a") R "\0," U("b") R "]", 56, false,
        "read a m.x\nread b m.x\n! | byte 27: ',' or ']' expected behind a task\n"},
    /* a uid twice: the first counts, and has the answer */
    {"[" U("a") R "," U("a") W "]", 0, false,
        "read a m.x\n! | byte 28: the uid a is there twice; the first one counts\n"},
    {"[" U("a") "\"read\":1}," U("a") W "]", 0, false,
        "! a| byte 19: task a: \"read\" takes an array of paths, not an integer\n"
        "! | byte 22: the uid a is there twice; the first one counts\n"},
    {"[" U("a") R "," U("a") "\"read\":[;]}]", 0, false,
        "read a m.x\n! | byte 47: a value expected, not ';'\n"},
    /* mended: only if all of it is right then */
    {"[" U("a") R "}]", 0, false, "read a m.x\nmended 1 at 27\n"},
    {"[" U("a") R "}]", 0, true, "read a m.x\n! | byte 27: ',' or ']' expected behind a task\n"},
    {"[" U("a") R "]]}", 0, false, "read a m.x\nmended 2 at 28\n"},
    {"[" U("a]") "\"read\":[\"m.x\"]]}," U("b\\\"}") W "]", 0, false,
        "read a] m.x\nwrite b\"} m.y=1\nmended 1 at 27\n"},
    {"[" U("a") "\"read\":[\"m.x\"]]}," U("b") "\"write\":[]}]", 0, false,
        "! a| byte 26: task a: ']' closes nothing: the innermost open bracket is the '{' at byte "
        "1\n"
        "! b| byte 48: task b: \"write\" takes an array of objects of path and value, not an empty "
        "one\n"},
    {"[" U("a") "\"read\":[\"m.x\"}]," U("b") R "]", 0, false,
        "read b m.x\n! a| byte 25: task a: '}' closes nothing: the innermost open bracket is the "
        "'[' "
        "at byte 19\n"},
};

static void faulty_payloads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
		expect(faulty[i].text, faulty[i].len ? faulty[i].len : strlen(faulty[i].text),
		    faulty[i].strict, faulty[i].expected);
}

static void repeat(struct buf *out, const char *text, size_t times)
{
	while (times--)
		buf_text(out, text);
}

static void limits(void **state)
{
	struct task_list list;
	struct buf text = {0};
	(void)state;
	task_decode("[]", 2, false, 1, &list);
	assert_string_equal(
	    list.refusals[0].text, "byte 0: a payload of more than 1 bytes, which is tasks.max_bytes");
	task_list_free(&list);

	repeat(&text, "[", 10000);
	task_decode(text.data, text.len, false, MAX_BYTES, &list);
	assert_int_equal(list.refused, 1);
	assert_string_equal(list.refusals[0].text, "byte 33: nested deeper than 32");
	task_list_free(&list);

	text.len = 0;
	buf_char(&text, '[');
	for (int i = 0; i < 1100; i++)
		buf_printf(&text, "%s{\"uid\":\"%d\"," R, i ? "," : "", i);
	buf_char(&text, ']');
	task_decode(text.data, text.len, false, MAX_BYTES, &list);
	assert_int_equal(list.count, TASK_MAX);
	assert_int_equal(list.refused, 1);
	assert_non_null(
	    strstr(list.refusals[0].text, "more than 1000 tasks in one payload; the rest is not read"));
	task_list_free(&list);
	buf_free(&text);
}

/* Made so that a reader which starts again behind each fault would read for hours. */
static void hostile_payloads_take_linear_time(void **state)
{
	static const struct {
		const char *begin, *again, *end;
	} table[] = {
	    {"", "[{", ""},
	    {"[", "{\"a\":", ""},
	    {"[", "{\"a\":[", ""},
	    {"[", "{\"", ""},
	    {"[", "{\"\xff", ""},
	    {"[", "{\"\\\"", ""},
	    {"[{\"a\":[", "{},", ""},
	    {"[{\"a\":[", "1,", ""},
	    {"[{\"a\":[", U("u") R ",", ""},
	    {"[", "{},", ""},
	    {"[", "}", ""},
	    {"[", ",", ""},
	    {"[{\"uid\":\"a\",\"read\":[", "\"a\",", "\"a\"]}]"},
	    {"[{\"uid\":\"a\",\"write\":[", "{\"a\":1},", "{\"a\":1}]}]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf text = {0};
		struct task_list list;
		buf_text(&text, table[i].begin);
		repeat(&text, table[i].again, 2500000 / strlen(table[i].again));
		buf_text(&text, table[i].end);
		clock_t from = clock();
		task_decode(text.data, text.len, false, SIZE_MAX, &list);
		double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
		print_message("# %s%s: %.2f s, %zu tasks, %zu refused: %s\n", table[i].begin,
		    table[i].again, seconds, list.count, list.refused,
		    list.refusals[list.refused - 1].text);
		assert_true(list.refused >= 1 && list.count <= TASK_MAX);
		assert_true(seconds < 120); /* quadratic would be hours */
		task_list_free(&list);
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples),
	    cmocka_unit_test(tutorial),
	    cmocka_unit_test(whole_payloads),
	    cmocka_unit_test(misfits_are_refused),
	    cmocka_unit_test(faulty_payloads),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(hostile_payloads_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
