#include "core/queue/cursor.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define HEAD 32 /* before the counters */

static const uint8_t magic[8] = {'n', 'e', 'a', 'p', 'c', 'u', 'r', '\n'};

size_t cursor_encode(uint8_t out[CURSOR_SLOT], const struct cursor *cursor)
{
	uint8_t *at = out + HEAD;

	memset(out, 0, CURSOR_SLOT);
	memcpy(out, magic, sizeof magic);
	put_le16(out + 8, CURSOR_VERSION);
	put_le16(out + 10, CURSOR_LOSSES);
	put_le16(out + 12, (uint16_t)cursor->count);
	put_le64(out + 16, cursor->generation);
	put_le64(out + 24, cursor->base);
	for (int i = 0; i < CURSOR_LOSSES; i++, at += 8)
		put_le64(at, cursor->lost[i]);
	for (uint32_t i = 0; i < cursor->count; i++, at += 16) {
		put_le64(at, cursor->done[i].first);
		put_le64(at + 8, cursor->done[i].last);
	}
	put_le16(out + 14, (uint16_t)(at + 4 - out));
	put_le32(at, crc32c(0, out, (size_t)(at - out)));
	return (size_t)(at + 4 - out);
}

static bool spans_make_sense(const struct cursor *cursor)
{
	uint64_t from = cursor->base;

	for (uint32_t i = 0; i < cursor->count; i++) {
		if (cursor->done[i].first < from || cursor->done[i].last < cursor->done[i].first ||
		    cursor->done[i].last > INT64_MAX)
			return false;
		from = cursor->done[i].last + 1;
	}
	return cursor->base <= INT64_MAX;
}

/* Magic, version, the size at 14 and the CRC at its end are the same in every version to come. */
enum cursor_state cursor_decode(const uint8_t *data, size_t len, struct cursor *cursor)
{
	memset(cursor, 0, sizeof *cursor);
	if (len < HEAD + 4 || memcmp(data, magic, sizeof magic) != 0)
		return CURSOR_BAD;
	size_t size = get_le16(data + 14);
	if (size < HEAD + 4 || size > len || get_le32(data + size - 4) != crc32c(0, data, size - 4))
		return CURSOR_BAD;
	if (get_le16(data + 8) > CURSOR_VERSION)
		return CURSOR_NEWER;
	size_t count = get_le16(data + 12);
	if (get_le16(data + 10) != CURSOR_LOSSES || count > CURSOR_SPANS ||
	    size != HEAD + 8 * CURSOR_LOSSES + 16 * count + 4)
		return CURSOR_BAD;
	cursor->generation = get_le64(data + 16);
	cursor->base = get_le64(data + 24);
	const uint8_t *at = data + HEAD;
	for (int i = 0; i < CURSOR_LOSSES; i++, at += 8)
		cursor->lost[i] = get_le64(at);
	cursor->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++, at += 16) {
		cursor->done[i].first = get_le64(at);
		cursor->done[i].last = get_le64(at + 8);
	}
	if (spans_make_sense(cursor))
		return CURSOR_GOOD;
	memset(cursor, 0, sizeof *cursor);
	return CURSOR_BAD;
}

enum cursor_state cursor_load(const char *path, struct cursor *cursor)
{
	uint8_t slot[CURSOR_SLOT];
	struct cursor other;
	enum cursor_state state = CURSOR_BAD;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(cursor, 0, sizeof *cursor);
	if (fd < 0)
		return errno == ENOENT ? CURSOR_MISSING : CURSOR_BAD;
	for (int i = 0; i < 2; i++) {
		ssize_t len = pread(fd, slot, sizeof slot, (off_t)i * CURSOR_SLOT);
		if (len <= 0)
			continue;
		enum cursor_state found = cursor_decode(slot, (size_t)len, &other);
		if (found == CURSOR_NEWER)
			state = CURSOR_NEWER;
		if (found == CURSOR_GOOD && state != CURSOR_NEWER &&
		    (state == CURSOR_BAD || other.generation > cursor->generation)) {
			*cursor = other;
			state = CURSOR_GOOD;
		}
	}
	(void)close(fd);
	if (state != CURSOR_GOOD)
		memset(cursor, 0, sizeof *cursor);
	return state;
}

int cursor_store(const char *path, struct cursor *cursor)
{
	uint8_t slot[CURSOR_SLOT];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	cursor->generation++;
	size_t len = cursor_encode(slot, cursor);
	ssize_t n;
	do {
		n = pwrite(fd, slot, len, (off_t)(cursor->generation & 1) * CURSOR_SLOT);
	} while (n < 0 && errno == EINTR);
	int errnum = n < 0 ? errno : ENOSPC;
	(void)close(fd);
	if (n == (ssize_t)len)
		return 0;
	cursor->generation--; /* the next attempt goes into the same slot */
	errno = errnum;
	return -1;
}
