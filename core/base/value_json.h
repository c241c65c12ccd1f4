/* A value as JSON: 23.2, 30, true, "text"; a date as ms since 1970, binary as Base64 in a string.
 */
#ifndef NEAP_CORE_VALUE_JSON_H
#define NEAP_CORE_VALUE_JSON_H

#include "core/base/buf.h"
#include "core/base/sample.h"

void value_json(struct buf *out, const struct value *value); /* appends */

#endif
