/* RFC 4648 section 10's vectors, what is refused, and all lengths back and forth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base64.h"

static void vectors(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff\xfe", "+//+"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0};
		buf_char(&out, '>');
		base64_encode(&out, rows[i][0], strlen(rows[i][0]));
		assert_string_equal(buf_str(&out) + 1, rows[i][1]);
		out.len = 1;
		assert_int_equal(base64_decode(&out, rows[i][1], strlen(rows[i][1])), 0);
		assert_string_equal(buf_str(&out) + 1, rows[i][0]);
		buf_free(&out);
	}
}

static void not_base64(void **state)
{
	(void)state;
	static const char *const rows[] = {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zm9v\n", "Zm 9",
	    "Zm9-", "Zh==", "Zm9=", "Z===", "Zg==Zg=="};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0};
		buf_char(&out, '>');
		assert_int_equal(base64_decode(&out, rows[i], strlen(rows[i])), -1);
		assert_int_equal(out.len, 1);
		buf_free(&out);
	}
}

static void there_and_back(void **state)
{
	(void)state;
	char data[256];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7);
	for (size_t len = 0; len <= sizeof data; len++) {
		struct buf text = {0}, back = {0};
		base64_encode(&text, data, len);
		assert_int_equal(base64_decode(&back, text.data, text.len), 0);
		assert_int_equal(back.len, len);
		if (len)
			assert_memory_equal(back.data, data, len);
		buf_free(&text);
		buf_free(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(not_base64),
	    cmocka_unit_test(there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
