/* One segment: what is read is what was appended, from memory and from a file, whole or damaged. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/queue/scan.h"
#include "core/queue/segment.h"

enum { FIRST_SEQ = 1000, LOG_BYTES = 4096, MOST = 400 };

static char path[64];

/* The log under test, and where each of its records lies. */
struct log {
	uint8_t bytes[LOG_BYTES + 256];
	uint32_t size;
	struct place {
		uint32_t at, bytes;
	} place[MOST];
	uint32_t count;
};

static int make_path(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof path, "%s/neap-segment-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return unlink(path);
}

static int remove_path(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

/* Sample number n: path, type and value follow from it. */
static struct sample make_sample(uint32_t n, char name[32], char text[64])
{
	struct sample sample = {.path = name, .time = {.wall_ms = n, .mono_ms = n, .wall_valid = true}};

	(void)snprintf(name, 32, "asset.variable%u", n % 7);
	switch (n % 4) {
	case 0:
		sample.value.type = VALUE_DOUBLE;
		sample.value.number = n * 0.5;
		break;
	case 1:
		sample.value.type = VALUE_INT;
		sample.value.integer = (int64_t)n << n % 30;
		break;
	case 2:
		sample.value.type = VALUE_BOOLEAN;
		sample.value.boolean = n & 8;
		break;
	default:
		sample.value.type = VALUE_STRING;
		sample.value.text.len = (size_t)snprintf(text, 64, "text %0*u", (int)(n % 40), n);
		sample.value.text.data = text;
	}
	return sample;
}

static void expect_sample(const struct scan *scan, uint32_t n)
{
	char name[32], text[64];
	struct sample sample = make_sample(n, name, text);

	assert_int_equal(scan->seq, FIRST_SEQ + n);
	assert_string_equal(scan->path, name);
	assert_int_equal(scan->view.time.wall_ms, n);
	assert_int_equal(scan->view.value.type, sample.value.type);
	if (sample.value.type == VALUE_STRING) {
		assert_int_equal(scan->view.value.text.len, sample.value.text.len);
		assert_memory_equal(scan->view.value.text.data, text, sample.value.text.len);
	} else if (sample.value.type == VALUE_DOUBLE) {
		assert_true(scan->view.value.number == sample.value.number);
	} else if (sample.value.type == VALUE_INT) {
		assert_true(scan->view.value.integer == sample.value.integer);
	} else {
		assert_int_equal(scan->view.value.boolean, sample.value.boolean);
	}
}

static void append(struct segment *segment, uint32_t n)
{
	char name[32], text[64];
	struct sample sample = make_sample(n, name, text);
	size_t record = record_size(&sample);

	assert_true(segment_append(segment, FIRST_SEQ + n, &sample, strlen(name), record) >= record);
}

static struct segment *new_segment(void)
{
	struct segment_header header = {.salt = 0xc0ffee, .first_seq = FIRST_SEQ};

	return segment_new(path, &header);
}

static void memory_and_file_read_alike(void **state)
{
	struct segment *segment = new_segment();
	struct scan scan;

	(void)state;
	for (uint32_t n = 0; n < 2000; n++) {
		append(segment, n);
		if (n == 700 || n == 1400)
			assert_int_equal(segment_flush(segment), 0);
	}
	assert_true(segment->written > 0 && segment->written < segment->size);
	scan_begin(&scan, segment, SCAN_BUFFER);
	for (uint32_t n = 0; n < 2000; n++) {
		assert_int_equal(scan_next(&scan), SCAN_RECORD);
		expect_sample(&scan, n);
		if (n % 500 == 0)
			scan_rest(&scan);
	}
	assert_int_equal(scan_next(&scan), SCAN_END);
	append(segment, 2000); /* it grows, and the scan goes on */
	assert_int_equal(scan_next(&scan), SCAN_RECORD);
	expect_sample(&scan, 2000);
	assert_int_equal(scan_next(&scan), SCAN_END);
	scan_end(&scan);
	segment_free(segment);
}

static void largest_records(void **state)
{
	static char text[VALUE_MAX_BYTES];
	struct segment *segment = new_segment();
	struct scan scan;
	struct sample sample = {.path = "a.b", .value.type = VALUE_STRING};

	(void)state;
	memset(text, 'L', sizeof text);
	sample.value.text.data = text;
	for (uint32_t n = 0; n < 40; n++) {
		sample.value.text.len = sizeof text - n;
		assert_true(segment_append(segment, FIRST_SEQ + n, &sample, 3, record_size(&sample)) > 0);
	}
	assert_int_equal(segment_flush(segment), 0);
	scan_begin(&scan, segment, SCAN_BUFFER);
	for (uint32_t n = 0; n < 40; n++) {
		assert_int_equal(scan_next(&scan), SCAN_RECORD);
		assert_int_equal(scan.view.value.text.len, sizeof text - n);
		assert_memory_equal(scan.view.value.text.data, text, sizeof text - n);
	}
	assert_int_equal(scan_next(&scan), SCAN_END);
	scan_end(&scan);
	segment_free(segment);
}

/* About 4 KB: header, paths, samples. */
static void make_log(struct log *log)
{
	struct segment *segment = new_segment();

	memset(log, 0, sizeof *log);
	while (segment->size < LOG_BYTES) {
		uint32_t before = segment->size;
		char name[32], text[64];
		struct sample sample = make_sample(log->count, name, text);
		append(segment, log->count);
		uint32_t record = (uint32_t)record_size(&sample);
		must(log->count < MOST && segment->size <= sizeof log->bytes);
		assert_true(segment->size >= before + record);
		log->place[log->count++] = (struct place){segment->size - record, record};
	}
	log->size = segment->size;
	assert_int_equal(segment_read(segment, 0, log->bytes, sizeof log->bytes), log->size);
	segment_free(segment);
}

static void write_file(const uint8_t *bytes, uint32_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

/* Scans the file; all samples but `without` (count: none) up to `end` must be there, and damage
 * reported if anything is missing. Returns the damaged places. */
static unsigned expect_all_but(const struct log *log, uint32_t without, uint32_t end)
{
	enum header_state header;
	struct segment *segment = segment_open(path, &header, NULL);
	struct scan scan;
	enum scan_item item;
	uint32_t n = 0;
	unsigned damages = 0;

	assert_non_null(segment);
	assert_int_equal(header, HEADER_GOOD);
	scan_begin(&scan, segment, SCAN_BUFFER);
	while ((item = scan_next(&scan)) != SCAN_END) {
		assert_int_not_equal(item, SCAN_ERROR);
		if (item == SCAN_DAMAGE) {
			assert_true(scan.bytes > 0 && scan.at + scan.bytes <= segment->size);
			damages++;
			continue;
		}
		n += n == without;
		assert_true(n < end);
		expect_sample(&scan, n);
		n++;
	}
	n += n == without && without < end;
	assert_int_equal(n, end);
	if (without < log->count)
		assert_int_equal(damages, 1);
	scan_end(&scan);
	segment_free(segment);
	return damages;
}

static uint32_t sample_at(const struct log *log, uint32_t byte)
{
	for (uint32_t n = 0; n < log->count; n++) {
		if (byte >= log->place[n].at && byte < log->place[n].at + log->place[n].bytes)
			return n;
	}
	return log->count;
}

static void every_byte_flipped_costs_one_sample_at_most(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	struct log log;

	(void)state;
	make_log(&log);
	for (uint32_t byte = 0; byte < log.size; byte++) {
		for (size_t i = 0; i < sizeof masks; i++) {
			log.bytes[byte] ^= masks[i];
			write_file(log.bytes, log.size);
			log.bytes[byte] ^= masks[i];
			(void)expect_all_but(&log, sample_at(&log, byte), log.count);
		}
	}
}

static void cut_at_every_byte(void **state)
{
	struct log log;

	(void)state;
	make_log(&log);
	for (uint32_t size = SEGMENT_DATA; size <= log.size; size++) {
		uint32_t whole = 0;
		write_file(log.bytes, size);
		while (whole < log.count && log.place[whole].at + log.place[whole].bytes <= size)
			whole++;
		(void)expect_all_but(&log, log.count, whole);
	}
}

static void bytes_gone_or_doubled_in_the_middle(void **state)
{
	struct log log;
	static uint8_t bytes[2 * LOG_BYTES];

	(void)state;
	make_log(&log);
	uint32_t n = log.count / 2, at = log.place[n].at + 5;
	memcpy(bytes, log.bytes, at);
	memcpy(bytes + at, log.bytes + at + 3, log.size - at - 3);
	write_file(bytes, log.size - 3);
	assert_int_equal(expect_all_but(&log, n, log.count), 1);
	memcpy(bytes + at, log.bytes + at - 3, log.size - at + 3);
	write_file(bytes, log.size + 3);
	assert_int_equal(expect_all_but(&log, n, log.count), 1);
	/* a record that stands there twice is one */
	at = log.place[n].at + log.place[n].bytes;
	memcpy(bytes, log.bytes, at);
	memcpy(bytes + at, log.bytes + log.place[n].at, log.size - log.place[n].at);
	write_file(bytes, log.size + log.place[n].bytes);
	assert_int_equal(expect_all_but(&log, log.count, log.count), 1);
}

static void zeros_in_the_middle_and_at_the_end(void **state)
{
	struct log log;
	static uint8_t bytes[LOG_BYTES + 256 + 8192];

	(void)state;
	make_log(&log);
	memcpy(bytes, log.bytes, log.size);
	write_file(bytes, log.size + 8192);
	assert_int_equal(expect_all_but(&log, log.count, log.count), 1);
}

static void a_newer_format_is_not_read(void **state)
{
	enum header_state header;
	uint8_t nothing[10] = {0};

	(void)state;
	assert_null(segment_open(path, &header, NULL));
	write_file(nothing, sizeof nothing);
	struct segment *segment = segment_open(path, &header, NULL);
	assert_non_null(segment);
	assert_int_equal(header, HEADER_BAD);
	segment_free(segment);
}

static void no_room_for_a_far_sequence(void **state)
{
	struct segment *segment = new_segment();
	struct sample sample = {.path = "a.b", .value.type = VALUE_BOOLEAN};

	(void)state;
	assert_int_equal(
	    segment_append(segment, FIRST_SEQ + (UINT64_C(1) << 32), &sample, 3, record_size(&sample)),
	    0);
	segment_free(segment);
}

static void guesses_what_a_tail_held(void **state)
{
	struct log log;
	enum header_state header;

	(void)state;
	make_log(&log);
	write_file(log.bytes, log.size - 1);
	struct segment *segment = segment_open(path, &header, NULL);
	assert_int_equal(scan_guess(segment, log.place[log.count - 1].at), 1);
	assert_int_equal(scan_guess(segment, log.place[log.count - 3].at), 3);
	assert_int_equal(scan_guess(segment, segment->size), 0);
	segment_free(segment);
}

#define ON_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_FILE(memory_and_file_read_alike),
	    ON_FILE(largest_records),
	    ON_FILE(every_byte_flipped_costs_one_sample_at_most),
	    ON_FILE(cut_at_every_byte),
	    ON_FILE(bytes_gone_or_doubled_in_the_middle),
	    ON_FILE(zeros_in_the_middle_and_at_the_end),
	    ON_FILE(a_newer_format_is_not_read),
	    ON_FILE(no_room_for_a_far_sequence),
	    ON_FILE(guesses_what_a_tail_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
