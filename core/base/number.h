/* Numbers as text: the shortest that reads back the same. No locale. */
#ifndef NEAP_CORE_NUMBER_H
#define NEAP_CORE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT 32 /* bytes that suffice for any, with the NUL */

/* Both return the length. A double must be finite; an integral one has no ".0": 30.0 is "30", 23.2
 * is "23.2", 1e300 is "1e+300"; -0.0 is "-0". JSON's number form. */
size_t number_from_double(char out[NUMBER_TEXT], double value);
size_t number_from_int(char out[NUMBER_TEXT], int64_t value);

/* The value as n / 10^decimals, with the fewest decimals from `*decimals` on that give back the
 * very same double. False: more than NUMBER_DECIMALS would be needed, or n would have more than 15
 * digits. */
#define NUMBER_DECIMALS 9
#define NUMBER_EXACT    1e15 /* whole numbers below that, their sums and differences are exact */
extern const double number_powers[NUMBER_DECIMALS + 1]; /* of ten */
bool number_decimals(double value, unsigned *decimals, int64_t *n);

/* Reads what is wholly a number in JSON's form. Without fraction and exponent, and within 64 bits,
 * it is an integer; else, and -0, a double, which is infinite if the number is too large for one.
 */
enum number_kind { NUMBER_NONE, NUMBER_INTEGER, NUMBER_DOUBLE };
enum number_kind number_parse(const char *text, size_t len, int64_t *integer, double *number);

/* "60s" "5m" "250ms" "1h" "2d" "1m30s", or a bare number of seconds; fractions if whole
 * milliseconds come out: "1.5" "0.25h". -1: not of that form, or over 36,500 days (so that no sum
 * of times runs over). */
int duration_parse(const char *text, int64_t *ms);
size_t duration_format(char out[NUMBER_TEXT], int64_t ms); /* "1m30s"; the length */

/* "2MB" "64KB" "100B" "1GB", 1024-based, or a bare number of bytes; whole ones. -1: not of that
 * form, or over 64 bits. */
int size_parse(const char *text, uint64_t *bytes);

#endif
