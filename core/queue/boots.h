/*
 * How far the time of day was ahead of the monotonic time, by boot: what gives samples of an
 * earlier boot, taken before its clock was set, their true time. The last few boots are kept. Pure.
 */
#ifndef NEAP_CORE_BOOTS_H
#define NEAP_CORE_BOOTS_H

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <stddef.h>

#define BOOTS_MAX 8

struct boots {
	struct {
		uint8_t id[BOOT_ID_SIZE];
		int64_t ahead_ms; /* wall - mono */
	} boot[BOOTS_MAX];    /* the newest last */
	size_t count;
};

/* One line a boot: id in hex, a space, ahead_ms. Lines that are not of that form are skipped. */
void boots_parse(struct boots *boots, const char *text, size_t len);
void boots_format(const struct boots *boots, struct buf *out);
bool boots_find(const struct boots *boots, const uint8_t id[BOOT_ID_SIZE], int64_t *ahead_ms);
void boots_note(struct boots *boots, const uint8_t id[BOOT_ID_SIZE], int64_t ahead_ms);

#endif
