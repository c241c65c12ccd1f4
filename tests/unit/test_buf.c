#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void it_grows(void **unused)
{
	(void)unused;
	struct buf buf = {0};

	for (int i = 0; i < 10000; i++)
		buf_char(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len + buf.cap, 0);
}

static void it_takes_bytes_text_and_formats(void **unused)
{
	(void)unused;
	struct buf buf = {0};

	assert_string_equal(buf_str(&buf), "");
	buf_add(&buf, "a\0b", 3);
	buf_add(&buf, NULL, 0);
	buf_text(&buf, "cd");
	buf_printf(&buf, "%d-%s", 42, "x");
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf_str(&buf), "a\0bcd42-x", 10);
	assert_int_equal(buf.len, 9);
	buf_free(&buf);
}

static void a_format_may_be_of_any_length(void **unused)
{
	(void)unused;
	for (int width = 1; width < 300; width++) {
		struct buf buf = {0};
		buf_printf(&buf, "%*d|", width, 7);
		assert_int_equal(buf.len, width + 1);
		assert_memory_equal(buf_str(&buf) + width - 1, "7|", 3);
		buf_free(&buf);
	}
}

static void room_is_reserved(void **unused)
{
	(void)unused;
	struct buf buf = {0};

	buf_text(&buf, "abc");
	char *room = buf_reserve(&buf, 1000);
	assert_ptr_equal(room, buf.data + 3);
	assert_true(buf.cap >= 1003);
	assert_int_equal(buf.len, 3);
	memset(room, 'x', 1000);
	buf.len += 1000;
	assert_memory_equal(buf.data, "abcxxx", 6);
	buf_free(&buf);
}

static void the_front_is_cut(void **unused)
{
	(void)unused;
	struct buf buf = {0};

	buf_cut(&buf, 0);
	buf_text(&buf, "abcdef");
	buf_cut(&buf, 2);
	assert_string_equal(buf_str(&buf), "cdef");
	buf_cut(&buf, 4);
	assert_int_equal(buf.len, 0);
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_grows),
	    cmocka_unit_test(it_takes_bytes_text_and_formats),
	    cmocka_unit_test(a_format_may_be_of_any_length),
	    cmocka_unit_test(room_is_reserved),
	    cmocka_unit_test(the_front_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
