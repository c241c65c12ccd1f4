#include "core/queue/segment.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK       4096  /* what a bad place on the disk costs */
#define BUFFER_KEEP 16384 /* a larger buffer goes back after it was written */

struct segment *segment_new(const char *path, const struct segment_header *header)
{
	struct segment *segment = mem_alloc(sizeof *segment);

	segment->header = *header;
	segment->path = mem_strdup(path);
	segment->fd = -1;
	segment->last_seq = header->first_seq - 1;
	segment_header_encode((uint8_t *)buf_reserve(&segment->pending, SEGMENT_DATA), header);
	segment->pending.len = segment->size = SEGMENT_DATA;
	return segment;
}

/* O_RDWR for whom appends; an offline reader may have no right to. */
static int open_existing(struct segment *segment)
{
	if (segment->fd < 0)
		segment->fd = open(segment->path, O_RDWR | O_CLOEXEC);
	if (segment->fd < 0 && (errno == EACCES || errno == EROFS))
		segment->fd = open(segment->path, O_RDONLY | O_CLOEXEC);
	return segment->fd;
}

struct segment *segment_open(const char *path, enum header_state *state, uint16_t *version)
{
	struct segment *segment = mem_alloc(sizeof *segment);
	uint8_t head[SEGMENT_DATA + 64]; /* a newer header may be longer */
	struct stat st;
	ssize_t len;

	segment->path = mem_strdup(path);
	segment->fd = -1;
	if (open_existing(segment) < 0 || fstat(segment->fd, &st) < 0)
		goto failed;
	segment->exists = true;
	/* no segment is larger than a few 100 KB; what claims to be is not read beyond 1 GB */
	segment->size = st.st_size > 1 << 30 ? 1 << 30 : (uint32_t)st.st_size;
	segment->written = segment->size;
	len = segment_read(segment, 0, head, sizeof head);
	if (len < 0) { /* then the second copy may still be there */
		segment->unreadable = true;
		len = segment_read(segment, 0, head, sizeof head);
		segment->unreadable = false;
	}
	if (len < 0)
		goto failed;
	*state = segment_header_decode(head, (size_t)len, &segment->header, version);
	segment->last_seq = segment->header.first_seq - 1;
	return segment;
failed:;
	int errnum = errno;
	segment_free(segment);
	errno = errnum;
	return NULL;
}

void segment_rest(struct segment *segment)
{
	if (segment->fd >= 0)
		(void)close(segment->fd);
	segment->fd = -1;
}

void segment_free(struct segment *segment)
{
	if (!segment)
		return;
	segment_rest(segment);
	buf_free(&segment->pending);
	paths_free(&segment->paths);
	free(segment->path);
	free(segment);
}

void segment_unlink(struct segment *segment)
{
	segment_rest(segment);
	if (segment->exists)
		(void)unlink(segment->path);
	segment->exists = false;
}

size_t segment_need(size_t record, size_t path_len)
{
	return record + 2 * (RECORD_PATH_HEAD + path_len);
}

size_t segment_append(struct segment *segment, uint64_t seq, const struct sample *sample,
    size_t path_len, size_t record)
{
	uint64_t offset = seq - segment->header.first_seq;
	uint32_t salt = segment->header.salt;
	bool fresh;

	if (offset > UINT32_MAX)
		return 0;
	int number = paths_number(&segment->paths, sample->path, path_len, &fresh);
	if (number < 0)
		return 0;
	size_t before = segment->pending.len;
	uint8_t *out = (uint8_t *)buf_reserve(&segment->pending, segment_need(record, path_len));
	uint8_t *at = out;
	/* twice: one damaged path record must not cost all samples that refer to it */
	for (int copy = 0; fresh && copy < 2; copy++)
		at += record_encode_path(at, salt, (uint16_t)number, sample->path, path_len);
	record_encode(at, record, salt, (uint32_t)offset, (uint16_t)number, sample);
	at += record;
	segment->pending.len += (size_t)(at - out);
	segment->size += (uint32_t)(at - out);
	segment->last_seq = seq;
	return segment->pending.len - before;
}

static int make_file(struct segment *segment)
{
	if (segment->exists)
		return open_existing(segment);
	segment->fd = open(segment->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	segment->exists = segment->fd >= 0;
	return segment->fd;
}

int segment_flush(struct segment *segment)
{
	size_t done = 0;

	if (segment->pending.len == 0)
		return 0;
	if (segment->fd < 0 && make_file(segment) < 0)
		return -1;
	while (done < segment->pending.len) {
		ssize_t n = pwrite(segment->fd, segment->pending.data + done, segment->pending.len - done,
		    (off_t)segment->written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int errnum = n == 0 ? ENOSPC : errno;
			buf_cut(&segment->pending, done);
			errno = errnum;
			return -1;
		}
		done += (size_t)n;
		segment->written += (uint32_t)n;
	}
	segment->pending.len = 0;
	if (segment->pending.cap > BUFFER_KEEP)
		buf_free(&segment->pending);
	return 0;
}

int segment_rewrite(struct segment *segment)
{
	char step[BLOCK];
	uint32_t at = 0;

	while (at < segment->written) {
		size_t len = segment->written - at < sizeof step ? segment->written - at : sizeof step;
		if (open_existing(segment) < 0)
			return -1;
		ssize_t n = pread(segment->fd, step, len, (off_t)at);
		if (n > 0)
			n = pwrite(segment->fd, step, (size_t)n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		at += (uint32_t)n;
	}
	return 0;
}

/* One block at most, so that a bad one costs no more than itself. */
static ssize_t read_block(struct segment *segment, uint32_t at, uint8_t *out, size_t len)
{
	size_t most = BLOCK - at % BLOCK;
	ssize_t n = pread(segment->fd, out, len < most ? len : most, (off_t)at);

	if (n >= 0)
		return n;
	n = (ssize_t)(len < most ? len : most);
	memset(out, 0, (size_t)n);
	return n;
}

static ssize_t read_file(struct segment *segment, uint32_t at, uint8_t *out, size_t len)
{
	size_t got = 0;

	if (open_existing(segment) < 0) {
		if (!segment->unreadable)
			return -1;
		memset(out, 0, len);
		return (ssize_t)len;
	}
	while (got < len) {
		ssize_t n = pread(segment->fd, out + got, len - got, (off_t)(at + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && segment->unreadable)
			n = read_block(segment, at + (uint32_t)got, out + got, len - got);
		if (n < 0)
			return -1;
		if (n == 0) { /* somebody cut the file: what is missing is damage */
			memset(out + got, 0, len - got);
			return (ssize_t)len;
		}
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t segment_read(struct segment *segment, uint32_t at, void *out, size_t len)
{
	uint8_t *to = out;
	size_t from_file = 0;

	if (at >= segment->size)
		return 0;
	if (len > segment->size - at)
		len = segment->size - at;
	if (at < segment->written) {
		from_file = segment->written - at < len ? segment->written - at : len;
		if (read_file(segment, at, to, from_file) < 0)
			return -1;
	}
	if (from_file < len)
		memcpy(to + from_file, segment->pending.data + (at + from_file - segment->written),
		    len - from_file);
	return (ssize_t)len;
}
