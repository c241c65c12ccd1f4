/*
 * The queue's files as they lie on disk, read only: what `neap queue` shows of them, also beside a
 * running agent.
 */
#ifndef NEAP_CORE_QUEUE_FILES_H
#define NEAP_CORE_QUEUE_FILES_H

#include "core/base/err.h"
#include "core/base/sample.h"

enum queue_file_what {
	QUEUE_FILE_BEGINS,     /* a segment: bytes is its size */
	QUEUE_FILE_SAMPLE,     /* neither acknowledged nor lost, as far as the cursor on disk knows */
	QUEUE_FILE_DAMAGE,     /* at, bytes */
	QUEUE_FILE_UNREADABLE, /* text says why */
};

struct queue_file_item {
	enum queue_file_what what;
	const char *policy, *file;
	uint64_t seq;                /* sample */
	const struct sample *sample; /* sample; valid during the call */
	uint64_t at, bytes;
	const char *text;
};

typedef void queue_file_cb(void *ctx, const struct queue_file_item *item);

/* Every segment in the order of its samples, policy by policy; only that of `policy` unless it is
 * NULL. -1: the folder cannot be read, or there is no such policy in it. */
int queue_files_walk(
    const char *dir, const char *policy, queue_file_cb *cb, void *ctx, struct err *err);

#endif
