#include "core/base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const void *data, size_t len, uint32_t expected)
{
	assert_int_equal(crc32c(0, data, len), expected);
	assert_int_equal(crc32c_portable(0, data, len), expected);
}

static void values_of_rfc_3720(void **unused)
{
	(void)unused;
	static const uint8_t pdu[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0,
	    0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0,
	    0, 0, 0, 0};
	uint8_t data[32] = {0};

	check(data, 32, 0x8a9136aa);
	memset(data, 0xff, 32);
	check(data, 32, 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		data[i] = (uint8_t)i;
	check(data, 32, 0x46dd794e);
	for (int i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	check(data, 32, 0x113fdb5c);
	check(pdu, sizeof pdu, 0xd9963a56);
	check("123456789", 9, 0xe3069283);
	check("", 0, 0);
}

/* by the definition, a bit at a time */
static uint32_t bitwise(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (; len > 0; len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void all_ways_agree(void **unused)
{
	(void)unused;
	uint8_t data[600];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof data; i++) {
		random = random * 1664525 + 1013904223;
		data[i] = (uint8_t)(random >> 24);
	}
	for (size_t start = 0; start < 16; start++) {
		for (size_t len = 0; len < 100; len++)
			check(data + start, len, bitwise(data + start, len));
		check(data + start, 500, bitwise(data + start, 500));
	}
	for (int byte = 0; byte < 256; byte++) { /* every entry of every table */
		uint8_t word[4] = {0};
		for (int at = 0; at < 4; at++) {
			word[at] = (uint8_t)byte;
			check(word, 4, bitwise(word, 4));
			word[at] = 0;
		}
	}
}

static void parts_make_the_whole(void **unused)
{
	(void)unused;
	static const char text[] = "what is checked in parts is checked as a whole";
	uint32_t whole = crc32c(0, text, sizeof text);

	for (size_t cut = 0; cut <= sizeof text; cut++) {
		assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof text - cut), whole);
		assert_int_equal(
		    crc32c_portable(crc32c(0, text, cut), text + cut, sizeof text - cut), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_of_rfc_3720),
	    cmocka_unit_test(all_ways_agree),
	    cmocka_unit_test(parts_make_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
