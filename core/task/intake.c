/*
 * Threads: the mutex covers the file's length and the book of what is done, and is held for one
 * write() or ftruncate(), never for a sync. Between a record's write and its sync nothing can empty
 * the file, because its id is not given out yet and so it cannot be done.
 */
#include "core/task/intake.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER   12
#define EMPTY_AT 16384 /* bytes of what is done: fewer tasks than the journal of uids remembers */

static const char magic[4] = {'N', 'P', 'i', '1'};

struct intake {
	pthread_mutex_t mutex;
	int fd;
	bool sync;
	size_t max;
	size_t size; /* of the file */

	/* the book: records since the file was last empty; the first has the id first_id */
	bool *done;
	size_t count, room, left; /* left: not done */
	uint64_t first_id;

	/* what was found at the start, until it is replayed */
	struct buf found;
	struct span {
		size_t offset, len;
	} * spans;
	size_t span_count;
	size_t damaged;
};

static uint32_t checksum(const uint8_t *record, size_t payload)
{
	return crc32c(crc32c(0, record + 4, 4), record + HEADER, payload);
}

/* --- the book --- */

static uint64_t book_add(struct intake *intake)
{
	if (intake->count == intake->room) {
		intake->room = intake->room ? intake->room * 2 : 16;
		intake->done = mem_resize(intake->done, intake->room, sizeof(*intake->done));
	}
	intake->done[intake->count] = false;
	intake->left++;
	return intake->first_id + intake->count++;
}

/* If all is done. */
static void empty(struct intake *intake)
{
	if (intake->left > 0 || intake->size == 0)
		return;
	if (ftruncate(intake->fd, 0) == 0)
		intake->size = 0; /* else it is emptied another time */
	intake->first_id += intake->count;
	intake->count = 0;
}

static void book_done(struct intake *intake, uint64_t id)
{
	uint64_t index = id - intake->first_id;
	if (!holds(id >= intake->first_id && index < intake->count && !intake->done[index]))
		return;
	intake->done[index] = true;
	if (--intake->left == 0 && intake->size >= EMPTY_AT)
		empty(intake);
}

/* --- the start --- */

/* The length of the whole record at `data`, 0 if there is none. `budget` bounds the bytes that are
 * summed up in vain: payloads may be made to look like records. */
static size_t record_at(const uint8_t *data, size_t len, size_t *budget)
{
	if (len < HEADER || memcmp(data, magic, sizeof(magic)) != 0)
		return 0;
	size_t payload = get_le32(data + 4);
	if (payload > len - HEADER || payload > *budget)
		return 0;
	if (checksum(data, payload) == get_le32(data + 8))
		return HEADER + payload;
	*budget -= payload;
	return 0;
}

/* Finds the records in `found`; returns where the last one ends. */
static size_t scan(struct intake *intake)
{
	const uint8_t *data = (const uint8_t *)intake->found.data;
	size_t len = intake->found.len, budget = len * 8, at = 0, end = 0;
	while (at < len) {
		size_t size = record_at(data + at, len - at, &budget);
		if (!size) {
			const uint8_t *next = memmem(data + at + 1, len - at - 1, magic, sizeof(magic));
			intake->damaged += at == end;
			at = next ? (size_t)(next - data) : len;
			continue;
		}
		intake->spans = mem_resize(intake->spans, intake->span_count + 1, sizeof(*intake->spans));
		intake->spans[intake->span_count++] = (struct span){at + HEADER, size - HEADER};
		book_add(intake);
		at = end = at + size;
	}
	return end;
}

static int load(struct intake *intake, const char *path, struct err *err)
{
	struct err why = {0};
	if (fileio_read(path, intake->max, &intake->found, &why) < 0 && why.code != -ENOENT) {
		if (err)
			*err = why;
		return -1;
	}
	intake->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (intake->fd < 0)
		return err_sys(err, errno, "%s", path);
	intake->size = scan(intake);
	if (intake->damaged)
		log_warn("task", "%s: damaged or torn task messages, lost: %zu", path, intake->damaged);
	if (intake->size < intake->found.len && ftruncate(intake->fd, (off_t)intake->size) != 0)
		intake->size = intake->found.len; /* what comes is found behind the damage */
	return 0;
}

struct intake *intake_open(const char *path, bool sync, size_t max, struct err *err)
{
	struct intake *intake = mem_alloc(sizeof(*intake));
	pthread_mutex_init(&intake->mutex, NULL);
	intake->fd = -1;
	intake->sync = sync;
	intake->max = max;
	intake->first_id = 1;
	if (load(intake, path, err) == 0)
		return intake;
	intake_close(intake);
	return NULL;
}

void intake_close(struct intake *intake)
{
	if (!intake)
		return;
	if (intake->fd >= 0) {
		empty(intake);
		close(intake->fd);
	}
	pthread_mutex_destroy(&intake->mutex);
	buf_free(&intake->found);
	free(intake->spans);
	free(intake->done);
	free(intake);
}

/* --- at work --- */

static int append(struct intake *intake, const void *payload, size_t len, uint64_t *id)
{
	if (intake->size + HEADER + len > intake->max)
		empty(intake);
	size_t room = intake->size < intake->max ? intake->max - intake->size : 0;
	if (room < HEADER || room - HEADER < len || len > UINT32_MAX - HEADER) {
		errno = ENOSPC;
		return -1;
	}
	uint8_t *record = mem_alloc(HEADER + len);
	memcpy(record, magic, sizeof(magic));
	put_le32(record + 4, (uint32_t)len);
	if (len > 0)
		memcpy(record + HEADER, payload, len);
	put_le32(record + 8, checksum(record, len));
	ssize_t written = write(intake->fd, record, HEADER + len);
	int why = written < 0 ? errno : ENOSPC;
	free(record);
	if (written == (ssize_t)(HEADER + len)) {
		intake->size += HEADER + len;
		*id = book_add(intake);
		return 0;
	}
	/* half a record must not stay; where it does, the reader finds the next one behind it */
	if (written > 0 && ftruncate(intake->fd, (off_t)intake->size) != 0)
		intake->size += (size_t)written;
	errno = why;
	return -1;
}

int intake_append(struct intake *intake, const void *payload, size_t len, uint64_t *id)
{
	pthread_mutex_lock(&intake->mutex);
	int result = append(intake, payload, len, id);
	int why = errno;
	pthread_mutex_unlock(&intake->mutex);
	if (result == 0 && intake->sync && fdatasync(intake->fd) != 0) {
		why = errno;
		intake_done(intake, *id);
		result = -1;
	}
	errno = why;
	return result;
}

void intake_done(struct intake *intake, uint64_t id)
{
	pthread_mutex_lock(&intake->mutex);
	book_done(intake, id);
	pthread_mutex_unlock(&intake->mutex);
}

void intake_tick(struct intake *intake)
{
	pthread_mutex_lock(&intake->mutex);
	empty(intake);
	pthread_mutex_unlock(&intake->mutex);
}

void intake_replay(struct intake *intake, intake_cb *cb, void *ctx)
{
	/* ids were given in the file's order, from 1 */
	for (size_t i = 0; i < intake->span_count; i++)
		cb(ctx, i + 1, intake->found.data + intake->spans[i].offset, intake->spans[i].len);
	intake->span_count = 0;
	buf_free(&intake->found);
}

size_t intake_damaged(const struct intake *intake)
{
	return intake->damaged;
}
