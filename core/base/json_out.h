/* Writes JSON into a buffer: commas, quotes and nesting are its matter. Keys are plain ASCII; key
 * NULL inside an array. */
#ifndef NEAP_CORE_JSON_OUT_H
#define NEAP_CORE_JSON_OUT_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct json_out {
	struct buf *buf;
	bool started; /* a comma is due before the next element */
};

void json_out_open(struct json_out *out, const char *key, char bracket);     /* '{' or '[' */
void json_out_close(struct json_out *out, char bracket);                     /* '}' or ']' */
void json_out_text(struct json_out *out, const char *key, const char *text); /* NULL: null */
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_number(struct json_out *out, const char *key, double value);
void json_out_bool(struct json_out *out, const char *key, bool value);
/* The caller appends one value to out->buf itself. */
void json_out_raw(struct json_out *out, const char *key);

#endif
