/*
 * Writes CBOR (RFC 8949), what time series need of it: heads, texts and numbers, each in its
 * shortest form but that no 16-bit floats are made, which some readers lack. Ours, because it is a
 * page of code; libcbor would be 100 KB more on the device.
 */
#ifndef NEAP_CORE_CBOR_H
#define NEAP_CORE_CBOR_H

#include "core/base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define CBOR_HEAD_MAX 9 /* bytes of a head, and of a number */

enum cbor_major { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP };
enum cbor_simple { CBOR_FALSE = 0xf4, CBOR_TRUE = 0xf5, CBOR_NULL = 0xf6 };

/* All append. An array or a map is its head, with the count, then its items. */
void cbor_head(struct buf *out, enum cbor_major major, uint64_t n);
void cbor_text(struct buf *out, const char *text, size_t len);
void cbor_simple(struct buf *out, enum cbor_simple value);
/* A whole number goes as an integer, also -0; others as the shortest float that is the same. */
void cbor_number(struct buf *out, double value);

#endif
