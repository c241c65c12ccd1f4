/*
 * A strict JSON reader (RFC 8259) that knows byte offsets, and the writer of strings.
 *
 * For task payloads and the control socket, where the other side may be wrong or hostile. Integers
 * stay exact in 64 bits; depth, node count and UTF-8 are checked; duplicate keys, NUL bytes, NaN,
 * hex and leading zeros are errors; nothing recurses deeper than JSON_DEPTH. A document owns all
 * its nodes and decoded strings and is freed as one; `text` may go when json_parse has returned.
 */
#ifndef NEAP_CORE_JSON_H
#define NEAP_CORE_JSON_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 32

enum json_kind {
	JSON_NULL,
	JSON_BOOLEAN,
	JSON_INTEGER,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_kind kind;
	size_t offset;   /* of its first byte in the text, from 0 */
	const char *key; /* in an object: the member's name, NUL-terminated; a name with NUL inside
	                    (\u0000) is refused */
	const struct json *next;  /* the next element or member */
	const struct json *child; /* array, object: the first one */
	union {
		bool boolean;
		int64_t integer; /* written without fraction or exponent, and in range */
		double number; /* everything else, also an integer beyond 64 bit and -0; finite, or it is an
		                  error */
		struct {
			const char *data; /* NUL-terminated for convenience; may hold NULs */
			size_t len;
		} string;
	};
};

struct json_doc;

/*
 * Reads one value that begins at text[*pos] (white space before it is skipped) and sets *pos behind
 * it. What follows is the caller's to judge (json_only_space). On an error: NULL, the text says
 * what and at which byte, and *pos is that byte.
 */
struct json_doc *json_parse(
    const char *text, size_t len, size_t *pos, size_t max_nodes, struct err *err);
const struct json *json_root(const struct json_doc *doc);
void json_free(struct json_doc *doc);

bool json_only_space(const char *text, size_t len,
    size_t *pos); /* from *pos to the end; else *pos is the first other byte */
const struct json *json_member(
    const struct json *object, const char *key);     /* NULL: none, or not an object */
const char *json_kind_name(const struct json *node); /* "a string" */

void json_add_string(
    struct buf *out, const char *text, size_t len); /* quoted and escaped; text is valid UTF-8 */
void json_add_text(
    struct buf *out, const char *text); /* the same for a C string; invalid UTF-8 becomes U+FFFD */

#endif
