#include "core/queue/disk.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* The thread takes from `waiting` and appends to `finished`, both under the lock; it holds no lock
 * while it works. */
struct disk {
	uv_async_t async;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t changed;
	struct disk_job *waiting, *finished;
	bool ending;
	unsigned under_way; /* the loop thread's: while there are jobs the loop does not end */
};

static void append(struct disk_job **list, struct disk_job *job)
{
	while (*list)
		list = &(*list)->next;
	job->next = NULL;
	*list = job;
}

static void run(void *ctx)
{
	struct disk *disk = ctx;

	uv_mutex_lock(&disk->lock);
	for (;;) {
		while (!disk->waiting && !disk->ending)
			uv_cond_wait(&disk->changed, &disk->lock);
		struct disk_job *job = disk->waiting;
		if (!job)
			break;
		disk->waiting = job->next;
		uv_mutex_unlock(&disk->lock);
		job->work(job);
		uv_mutex_lock(&disk->lock);
		append(&disk->finished, job);
		(void)uv_async_send(&disk->async);
	}
	uv_mutex_unlock(&disk->lock);
}

static void deliver(struct disk *disk)
{
	uv_mutex_lock(&disk->lock);
	struct disk_job *job = disk->finished;
	disk->finished = NULL;
	uv_mutex_unlock(&disk->lock);
	while (job) {
		struct disk_job *next = job->next;
		if (--disk->under_way == 0)
			uv_unref((uv_handle_t *)&disk->async);
		job->done(job);
		job = next;
	}
}

static void on_async(uv_async_t *async)
{
	deliver(async->data);
}

/* Signals are the loop thread's: none may be handled here. */
static int start(struct disk *disk)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = uv_thread_create(&disk->thread, run, disk);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void on_closed(uv_handle_t *handle)
{
	struct disk *disk = handle->data;

	uv_cond_destroy(&disk->changed);
	uv_mutex_destroy(&disk->lock);
	free(disk);
}

struct disk *disk_new(uv_loop_t *loop, struct err *err)
{
	struct disk *disk = mem_alloc(sizeof *disk);

	must(uv_mutex_init(&disk->lock) == 0);
	must(uv_cond_init(&disk->changed) == 0);
	disk->async.data = disk;
	int rc = uv_async_init(loop, &disk->async, on_async);
	if (rc < 0) {
		(void)err_sys(err, -rc, "cannot wake the loop from the disk thread");
		on_closed((uv_handle_t *)&disk->async);
		return NULL;
	}
	uv_unref((uv_handle_t *)&disk->async);
	rc = start(disk);
	if (rc < 0) {
		(void)err_sys(err, -rc, "cannot start the disk thread");
		uv_close((uv_handle_t *)&disk->async, on_closed);
		return NULL;
	}
	return disk;
}

void disk_submit(struct disk *disk, struct disk_job *job)
{
	if (disk->under_way++ == 0)
		uv_ref((uv_handle_t *)&disk->async);
	uv_mutex_lock(&disk->lock);
	append(&disk->waiting, job);
	uv_cond_signal(&disk->changed);
	uv_mutex_unlock(&disk->lock);
}

void disk_close(struct disk *disk)
{
	uv_mutex_lock(&disk->lock);
	disk->ending = true;
	uv_cond_signal(&disk->changed);
	uv_mutex_unlock(&disk->lock);
	(void)uv_thread_join(&disk->thread);
	deliver(disk);
	uv_close((uv_handle_t *)&disk->async, on_closed);
}
