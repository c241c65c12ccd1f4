/*
 * Recovery over any file: it ends, reads nothing outside, and what it hands out is in order.
 *
 * The input is a list of pieces: a byte that says which, then its data. Records with the right CRC
 * stand between rubbish, or the fuzzer would see damage only.
 */
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/queue/record.h"
#include "core/queue/scan.h"
#include "core/queue/segment.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdio.h>

#define FILE_MAX 65536
#define SALT     99

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static size_t add_record(uint8_t *out, struct input *input, uint32_t *offset)
{
	static char text[] = "some text of a value, and more of it";
	uint8_t kind = next(input), step = next(input);
	struct sample sample = {.path = "unused", .time = {.wall_ms = 1, .wall_valid = step & 1}};

	*offset += step / 2; /* 0: the same again, which no writer does */
	sample.value.type = (enum value_type)(kind % 6 + 1);
	if (sample.value.type == VALUE_STRING || sample.value.type == VALUE_BINARY) {
		sample.value.text.data = text;
		sample.value.text.len = kind % sizeof text;
	} else if (sample.value.type == VALUE_BOOLEAN) {
		sample.value.boolean = step & 2;
	} else {
		sample.value.integer = kind;
	}
	size_t length = record_size(&sample);
	record_encode(out, length, SALT, *offset, kind % 4, &sample);
	return length;
}

static size_t add_path(uint8_t *out, struct input *input)
{
	uint8_t number = next(input);

	return record_encode_path(out, SALT, number % 4, "asset.path", 6 + number % 4);
}

static size_t add_rubbish(uint8_t *out, struct input *input)
{
	size_t length = next(input), i = 0;

	for (; i < length && input->size > 0; i++)
		out[i] = next(input);
	return i;
}

static size_t make_file(uint8_t *out, struct input input)
{
	struct segment_header header = {.salt = SALT, .first_seq = 5};
	size_t length = SEGMENT_DATA;
	uint32_t offset = 0;

	segment_header_encode(out, &header);
	while (input.size > 0 && length < FILE_MAX - 1024) {
		uint8_t what = next(&input);
		if (what % 4 == 0)
			length += add_rubbish(out + length, &input);
		else if (what % 4 == 1)
			length += add_path(out + length, &input);
		else
			length += add_record(out + length, &input, &offset);
		if (what & 0x40 && length > SEGMENT_DATA)
			length -= what >> 7 ? 1 : 3 % (length - SEGMENT_DATA); /* torn */
		if (what & 0x20)
			out[next(&input) % length] ^= what;
	}
	return length;
}

static void read_all(struct segment *segment)
{
	struct scan scan;
	enum scan_item item;
	uint64_t before = segment->header.first_seq - 1;
	uint32_t end = SEGMENT_DATA, items = 0;

	scan_begin(&scan, segment, SCAN_BUFFER);
	while ((item = scan_next(&scan)) != SCAN_END) {
		must(item != SCAN_ERROR);
		must(scan.at >= end && scan.bytes > 0 && scan.at + scan.bytes <= segment->size);
		end = scan.at + scan.bytes;
		must(++items <= segment->size);
		if (item != SCAN_RECORD)
			continue;
		must(scan.seq > before && scan.path != NULL && strlen(scan.path) > 0);
		before = scan.seq;
	}
	must(scan.pos >= segment->size);
	(void)scan_guess(segment, SEGMENT_DATA);
	scan_end(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[FILE_MAX];
	enum header_state state;
	uint16_t version;
	char path[64];
	int fd = memfd_create("segment", MFD_CLOEXEC);

	must(fd >= 0);
	/* the first byte: a file made of pieces, or the input as it is */
	bool pieces = size > 0 && data[0] & 1;
	size_t length = pieces ? make_file(bytes, (struct input){data + 1, size - 1}) : size;
	must(write(fd, pieces ? bytes : data, length) == (ssize_t)length);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct segment *segment = segment_open(path, &state, &version);
	must(segment != NULL);
	if (state == HEADER_GOOD)
		read_all(segment);
	segment_free(segment);
	(void)close(fd);
	return 0;
}
