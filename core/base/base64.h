/* Base64 of RFC 4648 section 4: with padding, without line breaks. */
#ifndef NEAP_CORE_BASE64_H
#define NEAP_CORE_BASE64_H

#include "core/base/buf.h"

#include <stddef.h>

void base64_encode(struct buf *out, const void *data, size_t len); /* appends */
int base64_decode(struct buf *out, const char *text,
    size_t len); /* appends; -1: not Base64, and nothing is appended */

#endif
