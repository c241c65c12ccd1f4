#include "core/queue/record.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"

#include <string.h>

#define RECORD_START 8 /* CRC, length, kind, flags: what every record begins with */
#define FLAG_WALL    1 /* the wall time is true */

static const uint8_t magic[8] = {'n', 'e', 'a', 'p', 's', 'e', 'g', '\n'};

static void put_le48(uint8_t *p, int64_t v)
{
	put_le32(p, (uint32_t)(uint64_t)v);
	put_le16(p + 4, (uint16_t)((uint64_t)v >> 32));
}

/* The least significant `bytes` of a number, with its sign. */
static void put_signed(uint8_t *p, int64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)((uint64_t)v >> 8 * i);
}

static int64_t get_signed(const uint8_t *p, size_t bytes)
{
	uint64_t v = p[bytes - 1] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static bool fits48(int64_t v)
{
	return v >= -(INT64_C(1) << 47) && v < INT64_C(1) << 47;
}

void segment_header_encode(uint8_t out[SEGMENT_DATA], const struct segment_header *header)
{
	memset(out, 0, SEGMENT_DATA);
	memcpy(out, magic, sizeof magic);
	put_le16(out + 8, SEGMENT_VERSION);
	put_le16(out + 10, SEGMENT_HEADER);
	put_le32(out + 12, header->salt);
	put_le64(out + 16, header->first_seq);
	memcpy(out + 24, header->boot, BOOT_ID_SIZE);
	out[40] = header->thinned;
	put_le32(out + SEGMENT_HEADER - 4, crc32c(0, out, SEGMENT_HEADER - 4));
	memcpy(out + SEGMENT_HEADER, out, SEGMENT_HEADER);
}

/* Magic, version, length and a CRC at the end are the same in every version to come. */
static enum header_state decode_copy(
    const uint8_t *data, size_t len, struct segment_header *out, uint16_t *version)
{
	if (len < SEGMENT_HEADER || memcmp(data, magic, sizeof magic) != 0)
		return HEADER_BAD;
	uint16_t found = get_le16(data + 8), size = get_le16(data + 10);
	if (size < 16 || size > len || get_le32(data + size - 4) != crc32c(0, data, size - 4))
		return HEADER_BAD;
	if (version)
		*version = found;
	if (found > SEGMENT_VERSION)
		return HEADER_NEWER;
	if (size != SEGMENT_HEADER)
		return HEADER_BAD;
	out->salt = get_le32(data + 12);
	out->first_seq = get_le64(data + 16);
	memcpy(out->boot, data + 24, BOOT_ID_SIZE);
	out->thinned = data[40];
	return out->first_seq > 0 && out->first_seq <= INT64_MAX ? HEADER_GOOD : HEADER_BAD;
}

enum header_state segment_header_decode(
    const uint8_t *data, size_t len, struct segment_header *out, uint16_t *version)
{
	enum header_state state = decode_copy(data, len, out, version);

	if (state == HEADER_BAD && len >= SEGMENT_DATA)
		state = decode_copy(data + SEGMENT_HEADER, len - SEGMENT_HEADER, out, version);
	return state;
}

static size_t int_size(int64_t v)
{
	size_t bytes = 1;

	for (uint64_t rest = (uint64_t)(v < 0 ? ~v : v) >> 7; rest; rest >>= 8)
		bytes++;
	return bytes;
}

size_t record_size(const struct sample *sample)
{
	const struct value *value = &sample->value;

	if (!fits48(sample->time.mono_ms) || !fits48(sample->time.wall_ms))
		return 0;
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		return RECORD_HEAD + int_size(value->integer);
	case VALUE_DOUBLE:
		return RECORD_HEAD + 8;
	case VALUE_BOOLEAN:
		return RECORD_HEAD + 1;
	case VALUE_STRING:
	case VALUE_BINARY:
		return value->text.len <= VALUE_MAX_BYTES ? RECORD_HEAD + value->text.len : 0;
	}
	return 0;
}

/* The head that all kinds have, and at last the CRC over all behind itself. */
static void finish(uint8_t *out, size_t size, uint32_t salt, uint8_t kind, uint8_t flags)
{
	put_le16(out + 4, (uint16_t)size);
	out[6] = kind;
	out[7] = flags;
	put_le32(out, crc32c(salt, out + 4, size - 4));
}

void record_encode(uint8_t *out, size_t size, uint32_t salt, uint32_t offset, uint16_t path,
    const struct sample *sample)
{
	const struct value *value = &sample->value;
	uint64_t bits;

	put_le32(out + 8, offset);
	put_le16(out + 12, path);
	put_le48(out + 14, sample->time.wall_ms);
	put_le48(out + 20, sample->time.mono_ms);
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		put_signed(out + RECORD_HEAD, value->integer, size - RECORD_HEAD);
		break;
	case VALUE_DOUBLE:
		memcpy(&bits, &value->number, sizeof bits);
		put_le64(out + RECORD_HEAD, bits);
		break;
	case VALUE_BOOLEAN:
		out[RECORD_HEAD] = value->boolean;
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
		if (value->text.len)
			memcpy(out + RECORD_HEAD, value->text.data, value->text.len);
		break;
	}
	finish(out, size, salt, (uint8_t)value->type, sample->time.wall_valid ? FLAG_WALL : 0);
}

size_t record_encode_path(uint8_t *out, uint32_t salt, uint16_t path, const char *text, size_t len)
{
	put_le16(out + 8, path);
	memcpy(out + RECORD_PATH_HEAD, text, len);
	finish(out, RECORD_PATH_HEAD + len, salt, RECORD_PATH, 0);
	return RECORD_PATH_HEAD + len;
}

size_t record_plausible(const uint8_t *data, size_t len)
{
	if (len < RECORD_START)
		return 0;
	size_t size = get_le16(data + 4);
	size_t body = size - RECORD_HEAD;
	bool good = false;
	switch (data[6]) {
	case VALUE_INT:
	case VALUE_DATE:
		good = size > RECORD_HEAD && body <= 8;
		break;
	case VALUE_DOUBLE:
		good = body == 8;
		break;
	case VALUE_BOOLEAN:
		good = body == 1;
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
		good = size >= RECORD_HEAD && body <= VALUE_MAX_BYTES;
		break;
	case RECORD_PATH:
		good = size > RECORD_PATH_HEAD && size <= RECORD_PATH_HEAD + PATH_MAX_BYTES;
		break;
	}
	return good && data[7] <= (data[6] == RECORD_PATH ? 0 : FLAG_WALL) ? size : 0;
}

static void decode_value(const uint8_t *data, size_t len, struct value *value)
{
	uint64_t bits;

	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		value->integer = get_signed(data, len);
		break;
	case VALUE_DOUBLE:
		bits = get_le64(data);
		memcpy(&value->number, &bits, sizeof bits);
		break;
	case VALUE_BOOLEAN:
		value->boolean = data[0] != 0;
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
		value->text.data = (const char *)data;
		value->text.len = len;
		break;
	}
}

bool record_decode(const uint8_t *data, size_t len, uint32_t salt, struct record_view *out)
{
	size_t size = record_plausible(data, len);

	if (size == 0 || size > len || get_le32(data) != crc32c(salt, data + 4, size - 4))
		return false;
	out->size = (uint32_t)size;
	out->kind = data[6];
	if (out->kind == RECORD_PATH) {
		out->path = get_le16(data + 8);
		out->value.type = VALUE_STRING;
		decode_value(data + RECORD_PATH_HEAD, size - RECORD_PATH_HEAD, &out->value);
		return true;
	}
	out->offset = get_le32(data + 8);
	out->path = get_le16(data + 12);
	out->time.wall_ms = get_signed(data + 14, 6);
	out->time.mono_ms = get_signed(data + 20, 6);
	out->time.wall_valid = data[7] & FLAG_WALL;
	out->value.type = (enum value_type)data[6];
	decode_value(data + RECORD_HEAD, size - RECORD_HEAD, &out->value);
	return true;
}
