/*
 * Writes a zip archive in memory, entries stored as they are: for small files whose reader insists
 * on zip. Format: PKWARE's APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16. The entries' time is 1980-01-01, so
 * that the same content gives the same archive.
 */
#ifndef NEAP_CORE_ZIP_H
#define NEAP_CORE_ZIP_H

#include "core/base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct zip { /* zero-initialised is empty */
	struct buf files, directory;
	uint16_t count;
};

void zip_add(struct zip *zip, const char *name, const void *data,
    size_t len);                                   /* under 4 GB, all together too */
void zip_finish(struct zip *zip, struct buf *out); /* appends the archive; the zip is empty again */

#endif
