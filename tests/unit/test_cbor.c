/* Items byte for byte; most of the examples are of RFC 8949, appendix A. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/message/cbor.h"

static void expect(struct buf *out, const char *hex)
{
	char text[64] = "";
	assert_true(out->len < sizeof text / 2);
	for (size_t i = 0; i < out->len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", (unsigned char)out->data[i]);
	assert_string_equal(text, hex);
	out->len = 0;
}

static void numbers(void **state)
{
	static const struct {
		double value;
		const char *hex;
	} cases[] = {
	    {0, "00"}, {-0.0, "00"}, {1, "01"}, {23, "17"}, {24, "1818"}, {255, "18ff"},
	    {256, "190100"}, {65535, "19ffff"}, {65536, "1a00010000"}, {4294967295.0, "1affffffff"},
	    {1000000000000.0, "1b000000e8d4a51000"}, {9007199254740992.0, "1b0020000000000000"},
	    {-1, "20"}, {-24, "37"}, {-25, "3818"}, {-1000, "3903e7"},
	    {-9007199254740992.0, "3b001fffffffffffff"}, {0.5, "fa3f000000"},
	    {1.1, "fb3ff199999999999a"}, {-4.1, "fbc010666666666666"},
	    {3.4028234663852886e+38, "fa7f7fffff"}, {1.0e+300, "fb7e37e43c8800759c"},
	    {DBL_MAX, "fb7fefffffffffffff"}, {9007199254740994.0, "fb4340000000000001"},
	    {18014398509481984.0, "fa5a800000"}, /* 2^54 */
	};
	struct buf out = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cbor_number(&out, cases[i].value);
		expect(&out, cases[i].hex);
	}
	buf_free(&out);
}

static void heads_and_texts(void **state)
{
	struct buf out = {0};
	(void)state;
	cbor_head(&out, CBOR_ARRAY, 0);
	cbor_head(&out, CBOR_ARRAY, 25);
	cbor_head(&out, CBOR_MAP, 3);
	cbor_head(&out, CBOR_UINT, UINT64_MAX);
	expect(&out, "809819a31bffffffffffffffff");
	cbor_text(&out, "", 0);
	cbor_text(&out, "IETF", 4);
	cbor_text(&out, "\xc3\xbc", 2);
	expect(&out, "60644945544662c3bc");
	cbor_simple(&out, CBOR_FALSE);
	cbor_simple(&out, CBOR_TRUE);
	cbor_simple(&out, CBOR_NULL);
	expect(&out, "f4f5f6");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(heads_and_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
