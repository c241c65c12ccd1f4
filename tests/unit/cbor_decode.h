/* Reads bodies of messages/ts and messages/tsz: strict, and independent of what writes them. */
#ifndef NEAP_TESTS_CBOR_DECODE_H
#define NEAP_TESTS_CBOR_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decoded_kind { DECODED_NUMBER, DECODED_BOOLEAN, DECODED_TEXT };

struct decoded {
	const char *name, *text; /* in `bytes`, without a NUL */
	size_t name_len, text_len;
	int64_t ms;
	enum decoded_kind kind;
	double number;
	bool boolean;
};

/* Row after row, in a row as the names stand. */
struct decoded_series {
	struct decoded *samples;
	size_t count, columns, rows;
	double *factors; /* columns + 1 */
	unsigned char *bytes;
};

/* 0, or -1 with what is wrong, and at which byte, in `why`. decoded_free() in both cases. */
int decode_series(
    const void *data, size_t len, bool zlib, struct decoded_series *series, char why[120]);
void decoded_free(struct decoded_series *series);

#endif
