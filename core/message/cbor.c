#include "core/message/cbor.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define FLOAT32   0xfa
#define FLOAT64   0xfb
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

/* `first`, then the low `bytes` of n, the highest first. */
static void add(struct buf *out, unsigned first, uint64_t n, unsigned bytes)
{
	char *p = buf_reserve(out, CBOR_HEAD_MAX);
	*p++ = (char)first;
	for (unsigned i = bytes; i-- > 0;)
		*p++ = (char)(n >> 8 * i);
	out->len += 1 + bytes;
}

void cbor_head(struct buf *out, enum cbor_major major, uint64_t n)
{
	unsigned first = (unsigned)major << 5;
	if (n < 24)
		add(out, first | (unsigned)n, 0, 0);
	else if (n <= UINT8_MAX)
		add(out, first | 24, n, 1);
	else if (n <= UINT16_MAX)
		add(out, first | 25, n, 2);
	else if (n <= UINT32_MAX)
		add(out, first | 26, n, 4);
	else
		add(out, first | 27, n, 8);
}

void cbor_text(struct buf *out, const char *text, size_t len)
{
	cbor_head(out, CBOR_TEXT, len);
	buf_add(out, text, len);
}

void cbor_simple(struct buf *out, enum cbor_simple value)
{
	add(out, value, 0, 0);
}

void cbor_number(struct buf *out, double value)
{
	if (fabs(value) <= EXACT_MAX && value == trunc(value)) {
		int64_t n = (int64_t)value;
		if (n < 0)
			cbor_head(out, CBOR_NEGATIVE, (uint64_t)(-1 - n));
		else
			cbor_head(out, CBOR_UINT, (uint64_t)n);
		return;
	}
	float narrow = fabs(value) <= (double)FLT_MAX ? (float)value : 0;
	if ((double)narrow == value) {
		uint32_t bits;
		memcpy(&bits, &narrow, sizeof bits);
		add(out, FLOAT32, bits, 4);
	} else {
		uint64_t bits;
		memcpy(&bits, &value, sizeof bits);
		add(out, FLOAT64, bits, 8);
	}
}
