/*
 * Reads a zip archive in memory: entries stored or deflated, each checked by its CRC-32. Encrypted
 * ones, several disks and Zip64 are errors. Format: PKWARE's APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16.
 */
#ifndef NEAP_CORE_UNZIP_H
#define NEAP_CORE_UNZIP_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stddef.h>

/*
 * Calls `each` with every entry whose name ends in `suffix`, in the directory's order. -1: the
 * archive is damaged, the entries together are above max_bytes, or `each` returned -1; the text
 * names the byte or the entry.
 */
int unzip(const void *data, size_t len, const char *suffix, size_t max_bytes,
    int (*each)(void *ctx, const char *name, const struct buf *content, struct err *err), void *ctx,
    struct err *err);

#endif
