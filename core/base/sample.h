/* A sample: the value of one path at one time. Values are plain data: what text they point to
 * belongs to whoever made them. */
#ifndef NEAP_CORE_SAMPLE_H
#define NEAP_CORE_SAMPLE_H

#include "core/base/clock.h"
#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The types of the protocol. The numbers stand in files: never change them. */
enum value_type {
	VALUE_INT = 1,    /* signed, 32 bit on the wire; 64 here so that a violation can be told */
	VALUE_DOUBLE = 2, /* IEEE 754 binary64, finite */
	VALUE_BOOLEAN = 3,
	VALUE_STRING = 4, /* UTF-8 */
	VALUE_DATE = 5,   /* ms since 1970, in `integer` */
	VALUE_BINARY = 6, /* any bytes, in `text` */
};

struct value {
	enum value_type type;
	union {
		int64_t integer;
		double number;
		bool boolean;
		struct {
			const char *data;
			size_t len;
		} text;
	};
};

struct sample {
	const char *path; /* NUL-terminated, PATH_MAX_BYTES at most */
	struct value value;
	struct stamp time;
};

#define PATH_MAX_BYTES  255   /* of a data path */
#define VALUE_MAX_BYTES 16000 /* of a string or binary value */

const char *value_type_name(enum value_type type);             /* "int" ... */
int value_type_parse(const char *name, enum value_type *type); /* -1: no such type */

/*
 * Makes `value` one of the declared type where nothing is lost by it (25.0 for an int, 25 for a
 * double, and, if `from_text`, "25" for either: servers send settings as text). Otherwise -1,
 * the value as it was, and why (without the path): wrong type, not in 32 bit, not finite, invalid
 * UTF-8, too long.
 */
int value_fit(struct value *value, enum value_type type, bool from_text, struct err *err);

/* A data path: asset id, dot, names joined by dots, of A-Z a-z 0-9 _ and -; PATH_MAX_BYTES. */
int path_check(const char *path, struct err *err);
bool utf8_valid(const char *text, size_t len, size_t *bad_offset); /* bad_offset may be NULL */

#endif
