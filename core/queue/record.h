/*
 * The bytes of a segment: its header and its records (docs/queue-format.md). Pure.
 *
 * Little-endian on every machine. A record's CRC-32C starts from the segment's salt, a random
 * number, so that no value that a script or a server chooses can look like a record when recovery
 * searches for the next one behind a damage.
 */
#ifndef NEAP_CORE_RECORD_H
#define NEAP_CORE_RECORD_H

#include "core/base/clock.h"
#include "core/base/sample.h"

#define SEGMENT_VERSION  1
#define SEGMENT_HEADER   48                   /* bytes of one copy */
#define SEGMENT_DATA     (2 * SEGMENT_HEADER) /* two copies stand first: where the records begin */
#define RECORD_HEAD      26                   /* of a sample's record, before its value */
#define RECORD_PATH_HEAD 10                   /* of a path's record, before its text */
#define RECORD_MAX       (RECORD_HEAD + VALUE_MAX_BYTES)
#define RECORD_PATH      0x40 /* the kind of a path's record; those of samples are their types */

struct segment_header {
	uint32_t salt;
	uint64_t first_seq; /* records count their sequence from here */
	uint8_t boot[BOOT_ID_SIZE];
	uint8_t thinned; /* how often it was thinned: then its sequence has gaps */
};

enum header_state {
	HEADER_GOOD,
	HEADER_NEWER, /* written by a newer neap: its version is in `version` */
	HEADER_BAD,
};

void segment_header_encode(uint8_t out[SEGMENT_DATA], const struct segment_header *header);
/* From either copy. `version` may be NULL. */
enum header_state segment_header_decode(
    const uint8_t *data, size_t len, struct segment_header *out, uint16_t *version);

struct record_view {
	uint32_t size;   /* bytes of the whole record */
	uint8_t kind;    /* enum value_type, or RECORD_PATH: then the path's text is in value.text */
	uint16_t path;   /* number of the path within the segment */
	uint32_t offset; /* sequence - first_seq */
	struct stamp time;
	struct value value; /* text points into the bytes given */
};

/* Bytes that the sample's record takes; 0: no record can hold it (value too long, time beyond 48
 * bits, no type). */
size_t record_size(const struct sample *sample);
/* `size`: what record_size said. */
void record_encode(uint8_t *out, size_t size, uint32_t salt, uint32_t offset, uint16_t path,
    const struct sample *sample);
size_t record_encode_path(
    uint8_t *out, uint32_t salt, uint16_t path, const char *text, size_t len); /* its size */

/* Bytes of the record that seems to begin here, 0 if none can; looks at no more than its head. */
size_t record_plausible(const uint8_t *data, size_t len);
/* True if a whole record with the right CRC begins at `data`. */
bool record_decode(const uint8_t *data, size_t len, uint32_t salt, struct record_view *out);

#endif
