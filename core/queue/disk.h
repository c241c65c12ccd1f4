/*
 * The disk thread: what may take seconds on a slow flash, away from the loop.
 *
 * Owns one thread. Jobs run on it one after the other in the order given; each job's done is then
 * called on the loop thread. A job belongs to whoever submits it, who must leave it alone in
 * between: `work` touches the job and nothing else. All functions are the loop thread's.
 */
#ifndef NEAP_CORE_DISK_H
#define NEAP_CORE_DISK_H

#include "core/base/err.h"

#include <uv.h>

struct disk;

struct disk_job {
	void (*work)(struct disk_job *job); /* on the disk thread */
	void (*done)(struct disk_job *job); /* on the loop thread; may free the job */
	struct disk_job *next;              /* the disk's */
};

struct disk *disk_new(uv_loop_t *loop, struct err *err);
void disk_submit(struct disk *disk, struct disk_job *job);
/* Waits until every job is done, done() included, and ends the thread. Memory goes when the loop
 * has run once more. */
void disk_close(struct disk *disk);

#endif
