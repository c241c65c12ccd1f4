/*
 * The file that a task payload goes into before the broker is told that we have it.
 *
 * paho acknowledges a message when its callback returns; a crash after that would lose the task. So
 * the callback appends the payload here first, in one write() (which outlives the process) and, if
 * `sync`, one fdatasync (which outlives a power cut). When every payload is done the file is soon
 * emptied, so it stays small and a flash file system seldom sees it; not at once, because a first
 * block for each task is what an answer would wait for. After a crash what was in it comes again;
 * which of its tasks were done is the journal's to know, and these are acknowledged again.
 *
 * A record: "NPi1", the payload's length (32 bit, little-endian), CRC-32C of length and payload,
 * payload. A torn tail is cut; damage in the middle costs the damaged records only.
 */
#ifndef NEAP_CORE_INTAKE_H
#define NEAP_CORE_INTAKE_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake;

/* The file never grows beyond max bytes. Says in the log what it found damaged. */
struct intake *intake_open(const char *path, bool sync, size_t max, struct err *err);
void intake_close(struct intake *intake); /* NULL is fine; what is not done stays in the file */

/* ANY THREAD. Nothing is left behind when it fails: -1 with errno, ENOSPC also if `max` is reached.
 * The id is not 0. */
int intake_append(struct intake *intake, const void *payload, size_t len, uint64_t *id);

/* Loop thread from here on. */
void intake_done(struct intake *intake, uint64_t id);
void intake_tick(struct intake *intake); /* about once a second: empties the file if it can */

/* Once: each payload that the file held when it was opened, oldest first. They count as not done;
 * the callback may call intake_done. */
typedef void intake_cb(void *ctx, uint64_t id, const void *payload, size_t len);
void intake_replay(struct intake *intake, intake_cb *cb, void *ctx);

size_t intake_damaged(const struct intake *intake); /* places in the file found damaged or torn */

#endif
