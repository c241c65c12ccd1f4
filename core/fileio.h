/*
 * Files: whole reads, atomic replacement, folders, locks. Every descriptor is close-on-exec.
 * Blocking: for start, stop and small files only.
 */
#ifndef NEAP_CORE_FILEIO_H
#define NEAP_CORE_FILEIO_H

#include "core/buf.h"
#include "core/err.h"

#include <stddef.h>
#include <sys/types.h>

int fileio_read(const char *path, size_t max, struct buf *out,
    struct err *err); /* replaces out's content; larger than max is an error */

/* Temporary beside it, write all, fsync, rename, fsync the folder: a reader sees the old or the
 * new, also after a power cut. */
int fileio_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

int fileio_write_all(
    int fd, const void *data, size_t len); /* -1 with errno; goes on after EINTR and short writes */
int fileio_mkdirs(const char *path, mode_t mode, struct err *err);
int fileio_sync_dir(const char *path); /* -1 with errno */

/* Makes and locks `path`, writes our pid. Held until the descriptor is closed or the process dies.
 * If another holds it: -1 and its pid in the text. */
int fileio_lock(const char *path, struct err *err);

#endif
