/*
 * The bodies of messages/ts and messages/tsz: samples in, one CBOR map out, as the AirVantage time
 * series are. tsz is the same bytes as one zlib stream (RFC 1950).
 *
 *   {"h": [names], "f": [the timestamps' factor, one for each name], "s": [row, row, ...]}
 *
 * A row is its timestamp and an entry for each name, all in one flat array. An entry is the value
 * times the factor, less what the name's last entry that was not null stood for (the first: less
 * nothing). Booleans and texts stand as they are, binary as Base64, and have factor 0; null is "no
 * sample". Rows are in order of time, whatever the order of adding; samples of one timestamp share
 * a row.
 *
 * Whoever keeps a sum of a name's entries in doubles and divides it by the factor gets each value
 * back exactly (-0 as 0). That is arranged so, for each name and body:
 *
 *   1. a factor that is declared for the path holds, if all values come back under it;
 *   2. else the smallest power of ten, up to 10^9, that makes all of them whole: 1 for integers;
 *   3. else factor 1 and differences of doubles, each tried for adding up to the value again: where
 *      the last value's size hides the new one's low bits none does, and the sample starts another
 *      body (MESSAGE_FULL). Readings with few decimals, integers, and what was a 32-bit float never
 *      come to that; noise of 53 bits around zero often does, and is better rounded by its script.
 *
 * The timestamps' factor is the smallest of 0.001 0.01 0.1 1 that keeps them whole; dividing by
 * these, as the doubles they are, is exact.
 *
 * max_bytes bounds the bytes before zlib too (less what zlib could add), so that a body is never
 * above it whatever the values are; a tsz body stays well below.
 *
 * The calls are used like those of message.h. One thread.
 */
#ifndef NEAP_CORE_SERIES_H
#define NEAP_CORE_SERIES_H

#include "core/base/buf.h"
#include "core/base/sample.h"
#include "core/message/message.h"

struct series_format {
	bool zlib;                                     /* messages/tsz, else messages/ts */
	size_t max_bytes;                              /* of the body */
	double (*factor)(void *ctx, const char *path); /* declared for the path, above 0; else to be
	                                                  found. NULL: none is declared */
	void *ctx;
};

struct series;

struct series *series_new(const struct series_format *format);
void series_free(struct series *series);

/* False for what the format cannot hold: no timestamp known, or a timestamp, integer or date of
 * more than 15 digits. Such a sample goes as JSON, in a body of its own kind. */
bool series_takes(const struct sample *sample);

/* Copies what it needs. MESSAGE_FULL also for a second value of the same path and timestamp, and
 * for what series_takes() refuses. MESSAGE_TOO_BIG is only told of a body's first sample. */
enum message_fit series_add(struct series *series, const struct sample *sample);
size_t series_count(const struct series *series);
void series_finish(struct series *series,
    struct buf *out); /* replaces out's content; the builder is empty again */
void series_clear(struct series *series);

#endif
