#include "core/task/journal.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC      0xa7
#define HEADER     8
#define RECORD_MAX (HEADER + JOURNAL_UID_MAX + JOURNAL_OUTCOME_MAX)
#define FILE_MAX   (4 * 1024 * 1024) /* met only where rewriting fails on and on */
#define SLACK      16384             /* bytes of old news that are not worth a rewriting */

struct entry {
	uint32_t hash;
	enum journal_state state;
	char *uid, *outcome;
};

struct journal {
	char *path;
	int fd; /* -1: could not be opened again after a rewriting */
	bool sync;
	size_t size; /* of the file */
	size_t live; /* bytes of it that count */
	size_t damaged;
	size_t count;
	struct entry entries[JOURNAL_MAX]; /* the oldest first */
};

static uint32_t hash_of(const char *uid)
{
	return crc32c(0, uid, strlen(uid));
}

static size_t record_size(const struct entry *entry)
{
	return HEADER + strlen(entry->uid) + strlen(entry->outcome);
}

/* --- in memory --- */

/* Its index; journal->count if there is none. */
static size_t find(const struct journal *journal, const char *uid)
{
	uint32_t hash = hash_of(uid);
	for (size_t i = journal->count; i-- > 0;)
		if (journal->entries[i].hash == hash && !strcmp(journal->entries[i].uid, uid))
			return i;
	return journal->count;
}

static void forget_one(struct journal *journal)
{
	size_t oldest = 0;
	while (oldest < journal->count && journal->entries[oldest].state != JOURNAL_DONE)
		oldest++;
	if (oldest == journal->count)
		oldest = 0;
	struct entry *entry = &journal->entries[oldest];
	journal->live -= record_size(entry);
	free(entry->uid);
	free(entry->outcome);
	journal->count--;
	memmove(entry, entry + 1, (journal->count - oldest) * sizeof(*entry));
}

/* The entry of this uid, new or changed; NULL if it says so already. */
static struct entry *remember(struct journal *journal, const char *uid, enum journal_state state,
    const char *outcome, size_t outcome_len)
{
	size_t index = find(journal, uid);
	struct entry *entry = &journal->entries[index];
	if (index < journal->count) {
		if (entry->state == state && strlen(entry->outcome) == outcome_len &&
		    memcmp(entry->outcome, outcome, outcome_len) == 0)
			return NULL;
		journal->live -= record_size(entry);
	} else {
		if (journal->count == JOURNAL_MAX)
			forget_one(journal);
		entry = &journal->entries[journal->count++];
		*entry = (struct entry){.hash = hash_of(uid), .uid = mem_strdup(uid)};
	}
	char *old = entry->outcome; /* may be what `outcome` points to */
	entry->state = state;
	entry->outcome = mem_strndup(outcome, outcome_len);
	free(old);
	journal->live += record_size(entry);
	return entry;
}

/* --- in the file --- */

static uint32_t checksum(const uint8_t *record, size_t texts)
{
	return crc32c(crc32c(0, record, 4), record + HEADER, texts);
}

static size_t encode(uint8_t out[RECORD_MAX], const struct entry *entry)
{
	size_t uid = strlen(entry->uid), outcome = strlen(entry->outcome);
	out[0] = MAGIC;
	out[1] = (uint8_t)entry->state;
	out[2] = (uint8_t)uid;
	out[3] = (uint8_t)outcome;
	memcpy(out + HEADER, entry->uid, uid);
	memcpy(out + HEADER + uid, entry->outcome, outcome);
	put_le32(out + 4, checksum(out, uid + outcome));
	return HEADER + uid + outcome;
}

/* The length of the whole record at `data`, 0 if there is none. */
static size_t record_at(const uint8_t *data, size_t len)
{
	if (len < HEADER || data[0] != MAGIC || data[1] < JOURNAL_ACCEPTED || data[1] > JOURNAL_DONE)
		return 0;
	size_t uid = data[2], outcome = data[3], size = HEADER + uid + outcome;
	if (!uid || uid > JOURNAL_UID_MAX || outcome > JOURNAL_OUTCOME_MAX || size > len ||
	    memchr(data + HEADER, '\0', uid + outcome) ||
	    checksum(data, uid + outcome) != get_le32(data + 4))
		return 0;
	return size;
}

/* Takes what the file holds; returns where its last whole record ends. */
static size_t scan(struct journal *journal, const uint8_t *data, size_t len)
{
	size_t at = 0, end = 0;
	while (at < len) {
		size_t size = record_at(data + at, len - at);
		if (size) {
			char uid[JOURNAL_UID_MAX + 1] = "";
			memcpy(uid, data + at + HEADER, data[at + 2]);
			remember(journal, uid, (enum journal_state)data[at + 1],
			    (const char *)data + at + HEADER + data[at + 2], data[at + 3]);
			at = end = at + size;
		} else {
			journal->damaged += at == end;
			at++;
		}
	}
	return end;
}

static int open_file(struct journal *journal)
{
	journal->fd = open(journal->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return journal->fd < 0 ? -1 : 0;
}

static int rewrite(struct journal *journal, struct err *err)
{
	struct buf all = {0};
	for (size_t i = 0; i < journal->count; i++) {
		all.len += encode((uint8_t *)buf_reserve(&all, RECORD_MAX), &journal->entries[i]);
	}
	int result = fileio_replace(journal->path, all.data, all.len, 0600, err);
	if (result == 0) {
		if (journal->fd >= 0)
			close(journal->fd);
		journal->size = all.len;
		if (open_file(journal) < 0)
			result = err_sys(err, errno, "%s", journal->path);
	}
	buf_free(&all);
	return result;
}

static int append(struct journal *journal, const struct entry *entry, struct err *err)
{
	uint8_t record[RECORD_MAX];
	size_t len = encode(record, entry);
	if (journal->fd < 0 && open_file(journal) < 0)
		return err_sys(err, errno, "%s", journal->path);
	ssize_t written = 0;
	if (journal->size + len <= FILE_MAX)
		written = write(journal->fd, record, len);
	if (written == (ssize_t)len) {
		journal->size += len;
		return 0;
	}
	int why = written < 0 ? errno : ENOSPC;
	/* half a record must not stay; where it does, the reader finds the next one behind it */
	if (written > 0 && ftruncate(journal->fd, (off_t)journal->size) != 0)
		journal->size += (size_t)written;
	return err_sys(err, why, "%s", journal->path);
}

/* --- the interface --- */

static int load(struct journal *journal, struct err *err)
{
	struct buf found = {0};
	struct err why = {0};
	if (fileio_read(journal->path, FILE_MAX, &found, &why) < 0 && why.code != -ENOENT) {
		if (err)
			*err = why;
		return -1;
	}
	journal->size = scan(journal, (const uint8_t *)found.data, found.len);
	size_t len = found.len;
	buf_free(&found);
	if (open_file(journal) < 0)
		return err_sys(err, errno, "%s", journal->path);
	if (journal->size < len && ftruncate(journal->fd, (off_t)journal->size) != 0)
		journal->size = len; /* what comes is found behind the damage */
	if (journal->damaged)
		log_warn("task", "%s: damaged or torn records skipped: %zu; their tasks may be done again",
		    journal->path, journal->damaged);
	return 0;
}

struct journal *journal_open(const char *path, bool sync, struct err *err)
{
	struct journal *journal = mem_alloc(sizeof(*journal));
	journal->sync = sync;
	journal->path = mem_strdup(path);
	journal->fd = -1;
	if (load(journal, err) == 0)
		return journal;
	journal_close(journal);
	return NULL;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	for (size_t i = 0; i < journal->count; i++) {
		free(journal->entries[i].uid);
		free(journal->entries[i].outcome);
	}
	free(journal->path);
	free(journal);
}

bool journal_find(const struct journal *journal, const char *uid, struct journal_entry *entry)
{
	size_t index = find(journal, uid);
	if (index == journal->count)
		return false;
	*entry = (struct journal_entry){journal->entries[index].state, journal->entries[index].outcome};
	return true;
}

/* At most JOURNAL_OUTCOME_MAX bytes, and no half of a character at their end. */
static size_t outcome_length(const char *outcome)
{
	size_t len = strlen(outcome);
	if (len <= JOURNAL_OUTCOME_MAX)
		return len;
	for (len = JOURNAL_OUTCOME_MAX; len > 0 && ((unsigned char)outcome[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

int journal_set(
    struct journal *journal, const char *uid, enum journal_state state, const char *outcome)
{
	struct err err;
	must(*uid && strlen(uid) <= JOURNAL_UID_MAX);
	const struct entry *entry = remember(journal, uid, state, outcome, outcome_length(outcome));
	if (!entry)
		return 0;
	int result = append(journal, entry, &err);
	if (result == 0 && journal->sync && state != JOURNAL_ACCEPTED && fdatasync(journal->fd) != 0)
		result = err_sys(&err, errno, "%s", journal->path);
	if (result < 0) {
		log_error("task", "a task's state is not kept, it may be done again after a restart: %s",
		    err.text);
		return -1;
	}
	if (journal->size > 4 * journal->live + SLACK && rewrite(journal, &err) < 0)
		log_warn("task", "the journal of uids grows on: %s", err.text);
	return 0;
}

size_t journal_damaged(const struct journal *journal)
{
	return journal->damaged;
}
