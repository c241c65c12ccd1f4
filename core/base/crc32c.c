#include "core/base/crc32c.h"

#include "core/base/bytes.h"

#include <stdbool.h>

/*
 * The portable way takes four bytes at a step through four tables (4 KB: it fits beside the data in
 * a small router's cache). CRC is linear: the entry for a byte is the XOR of the entries for its
 * bits, so the compiler makes the tables from 32 numbers, and they are constant data.
 *
 * Those 32 are 0x82F63B78 (the polynomial), shifted 0 to 31 times in the field; BASIS_n are the
 * entries for bits 0 to 7 of the byte that n others follow.
 */
#define BASIS_0                                                                                \
	0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, \
	    0x82f63b78u
#define BASIS_1                                                                                \
	0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, \
	    0xfbc3faf9u
#define BASIS_2                                                                                \
	0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, \
	    0x8b277743u
#define BASIS_3                                                                                \
	0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, \
	    0x52a0c93fu

#define BIT(i, n, b) (((i) >> (n)) % 2 * (b))
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                       \
	(BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ BIT(i, 5, f) ^ \
	    BIT(i, 6, g) ^ BIT(i, 7, h))
#define ONE(i, ...) ENTRY(i, __VA_ARGS__)
#define FOUR(i, ...) \
	ONE(i, __VA_ARGS__), ONE(i + 1, __VA_ARGS__), ONE(i + 2, __VA_ARGS__), ONE(i + 3, __VA_ARGS__)
#define SIXTEEN(i, ...)                                                       \
	FOUR(i, __VA_ARGS__), FOUR(i + 4, __VA_ARGS__), FOUR(i + 8, __VA_ARGS__), \
	    FOUR(i + 12, __VA_ARGS__)
#define SIXTY_FOUR(i, ...)                                                               \
	SIXTEEN(i, __VA_ARGS__), SIXTEEN(i + 16, __VA_ARGS__), SIXTEEN(i + 32, __VA_ARGS__), \
	    SIXTEEN(i + 48, __VA_ARGS__)
#define TABLE(...)                                                                             \
	{                                                                                          \
		SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__), SIXTY_FOUR(128, __VA_ARGS__), \
		    SIXTY_FOUR(192, __VA_ARGS__)                                                       \
	}

static const uint32_t tables[4][256] = {
    TABLE(BASIS_0), TABLE(BASIS_1), TABLE(BASIS_2), TABLE(BASIS_3)};

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len >= 4; len -= 4, p += 4) {
		crc ^= get_le32(p);
		crc = tables[3][crc & 0xff] ^ tables[2][crc >> 8 & 0xff] ^ tables[1][crc >> 16 & 0xff] ^
		      tables[0][crc >> 24];
	}
	for (; len > 0; len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

#if defined(__x86_64__) || defined(__i386__)
#include <nmmintrin.h>

#define TARGET __attribute__((target("sse4.2")))

static bool have_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

TARGET static uint32_t step_byte(uint32_t crc, uint8_t byte)
{
	return _mm_crc32_u8(crc, byte);
}

TARGET static uint32_t step_word(uint32_t crc, uint64_t word)
{
#ifdef __x86_64__
	return (uint32_t)_mm_crc32_u64(crc, word);
#else
	return _mm_crc32_u32(_mm_crc32_u32(crc, (uint32_t)word), (uint32_t)(word >> 32));
#endif
}

#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#define TARGET __attribute__((target("+crc")))

static bool have_instruction(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

TARGET static uint32_t step_byte(uint32_t crc, uint8_t byte)
{
	return __crc32cb(crc, byte);
}

TARGET static uint32_t step_word(uint32_t crc, uint64_t word)
{
	return __crc32cd(crc, word);
}
#endif

#ifdef TARGET
TARGET static uint32_t crc32c_instruction(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8)
		crc = step_word(crc, get_le64(p));
	for (; len > 0; len--)
		crc = step_byte(crc, *p++);
	return ~crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#ifdef TARGET
	if (have_instruction())
		return crc32c_instruction(crc, data, len);
#endif
	return crc32c_portable(crc, data, len);
}
