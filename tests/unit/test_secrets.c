/* What is struck out of a bundle for support, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/command/secrets.h"

static void expect(const char *from, bool bare, const char *to)
{
	struct secrets secrets = {0};
	struct buf text = {0};

	buf_text(&text, from);
	secrets_find(&secrets, &text, bare);
	secrets_strike(&secrets, &text, bare, SECRET_MIN);
	assert_string_equal(buf_str(&text), to);
	buf_free(&text);
	secrets_free(&secrets);
}

static void behind_a_name(void **state)
{
	(void)state;
	expect("password: tide\nserial: GW-1\n", true, "password: [left out]\nserial: GW-1\n");
	expect(
	    "broker: { password: 'ti\"de', x: 1 }", true, "broker: { password: '[left out]', x: 1 }");
	expect("{\"api_key\" : \"a\\\"b\", \"n\":1}", true, "{\"api_key\" : \"[left out]\", \"n\":1}");
	expect("local TOKEN = \"abcd\"\nsend(\"abcd\")", false,
	    "local TOKEN = \"[left out]\"\nsend(\"[left out]\")");
	expect("psk: |\n  one\n\n  two\nnext: 3", true, "psk: [left out]\nnext: 3");
	expect("x:\n  secret: >\n    a\n  b: 1", true, "x:\n  secret: [left out]\n  b: 1");
	expect("t[\"secret\"] = 'x'", false, "t[\"secret\"] = '[left out]'");
	expect("tcp://me:word@host:1 and ssl://h:2/a@b", true,
	    "tcp://[left out]@host:1 and ssl://h:2/a@b");
}

static void not_behind_others(void **state)
{
	static const char *const texts[] = {"password_file: /etc/neap/password\n", "keepalive: 2m\n",
	    "if token == \"x\" then", "token = get()", "password", "password:", "secret: \n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect(texts[i], false, texts[i]);
	expect(texts[0], true, texts[0]);
	expect(texts[5], true, texts[5]);
}

static void elsewhere_if_it_is_long_enough(void **state)
{
	(void)state;
	expect("password: abcd\n# abcd", true, "password: [left out]\n# [left out]");
	expect("password: abc\n# abc", true, "password: [left out]\n# abc");
	setenv("NEAP_TEST_SECRETS", "from-outside", 1);
	expect("serial: ${NEAP_TEST_SECRETS}\n# from-outside", true,
	    "serial: ${NEAP_TEST_SECRETS}\n# [left out]");
	/* as it stands in JSON */
	struct secrets secrets = {0};
	struct buf text = {0};
	secrets_add(&secrets, "a\"b\\c", 5);
	buf_text(&text, "{\"x\":\"a\\\"b\\\\c\"}");
	secrets_strike(&secrets, &text, false, SECRET_MIN);
	assert_string_equal(buf_str(&text), "{\"x\":\"[left out]\"}");
	buf_free(&text);
	secrets_free(&secrets);
}

/* The same each time: xorshift32 (Marsaglia 2003). */
static uint32_t next_number(uint32_t *number)
{
	*number ^= *number << 13;
	*number ^= *number >> 17;
	*number ^= *number << 5;
	return *number;
}

static void any_bytes(void **state)
{
	uint32_t seed = 1;
	static const char pieces[] = "pass\0=\"'\n :/@{$}|> ,]\\ab";

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct secrets secrets = {0};
		struct buf text = {0};

		for (uint32_t n = next_number(&seed) % 30; n > 0; n--) {
			if (next_number(&seed) % 4 == 0)
				buf_text(&text, next_number(&seed) % 2 ? "pass" : "://");
			buf_char(&text, pieces[next_number(&seed) % (sizeof(pieces) - 1)]);
		}
		secrets_find(&secrets, &text, i % 2);
		secrets_strike(&secrets, &text, i % 2, 1);
		buf_free(&text);
		secrets_free(&secrets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(behind_a_name),
	    cmocka_unit_test(not_behind_others),
	    cmocka_unit_test(elsewhere_if_it_is_long_enough),
	    cmocka_unit_test(any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
