/*
 * Files: whole reads, atomic replacement, folders, locks. Every descriptor is close-on-exec.
 * Blocking: for start, stop and small files only.
 */
#ifndef NEAP_CORE_FILEIO_H
#define NEAP_CORE_FILEIO_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* Replaces out's content, also with files that have no size beforehand (/proc, /sys). Larger than
 * `max` is an error; after an error `out` is empty. */
int fileio_read(const char *path, size_t max, struct buf *out, struct err *err);

/* Temporary beside it, write all, fsync, rename, fsync the folder: a reader sees the old or the
 * new, also after a power cut. The umask applies to `mode`. */
int fileio_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* -1 with errno; goes on after EINTR and short writes. */
int fileio_write_all(int fd, const void *data, size_t len);

int fileio_mkdirs(
    const char *path, mode_t mode, struct err *err); /* what is there stays as it is */
int fileio_sync_dir(const char *path);               /* -1 with errno */

/* Makes and locks `path`, writes our pid into it, returns the descriptor. Held until that is closed
 * or the process dies; the file stays. If another holds it: -1 and its pid in the text. */
int fileio_lock(const char *path, struct err *err);

#endif
