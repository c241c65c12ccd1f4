#include "core/base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char *p = buf_reserve(out, (len + 2) / 3 * 4);
	out->len += (len + 2) / 3 * 4;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;
		three |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		three |= i + 2 < len ? bytes[i + 2] : 0;
		*p++ = alphabet[three >> 18];
		*p++ = alphabet[three >> 12 & 63];
		*p++ = '=';
		*p++ = '=';
		if (i + 1 < len)
			p[-2] = alphabet[three >> 6 & 63];
		if (i + 2 < len)
			p[-1] = alphabet[three & 63];
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct buf *out, const char *text, size_t len)
{
	size_t padding = 0, start = out->len;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	if (len % 4)
		return -1;

	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < len - padding; i++) {
		int six = digit(text[i]);
		if (six < 0)
			goto refused;
		bits = bits << 6 | (uint32_t)six;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_char(out, (char)(bits >> have));
			bits &= (1U << have) - 1;
		}
	}
	if (!bits)
		return 0;
refused: /* also where bits are left that no byte holds */
	out->len = start;
	return -1;
}
