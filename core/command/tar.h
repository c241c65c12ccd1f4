/* Writes a tar archive in memory, and packs it with gzip: for what `neap support` gathers. Format:
 * POSIX.1-1988 ustar; gzip as RFC 1952, by zlib. */
#ifndef NEAP_CORE_TAR_H
#define NEAP_CORE_TAR_H

#include "core/base/buf.h"

#include <stdint.h>

/* Appends a file, mode 0600. A name longer than 99 bytes is cut. */
void tar_add(struct buf *tar, const char *name, const void *data, size_t len, int64_t time_s);
void tar_finish(const struct buf *tar, struct buf *gzip); /* with the end's blocks, packed */

#endif
