/* Numbers as text: the shortest that reads back the same. No locale. */
#ifndef NEAP_CORE_NUMBER_H
#define NEAP_CORE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT 32 /* bytes that suffice for any, with the NUL */

/* Both return the length. A double must be finite; an integral one has no ".0": 30.0 is "30", 23.2
 * is "23.2", 1e300 is "1e+300". JSON's number form. */
size_t number_from_double(char out[NUMBER_TEXT], double value);
size_t number_from_int(char out[NUMBER_TEXT], int64_t value);

/* "60s" "5m" "250ms" "1h" "2d", or a bare number of seconds; "2MB" "64KB" "100B", 1024-based, or a
 * bare number of bytes. -1: not of that form, or too large. */
int duration_parse(const char *text, int64_t *ms);
int size_parse(const char *text, uint64_t *bytes);
size_t duration_format(char out[NUMBER_TEXT], int64_t ms); /* "1m30s" */

#endif
