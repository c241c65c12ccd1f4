/*
 * The paths of one segment and their numbers: a writer asks for a path's number, a reader for a
 * number's path. Zero-initialised is empty. Pure.
 */
#ifndef NEAP_CORE_PATHS_H
#define NEAP_CORE_PATHS_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define PATHS_MAX   UINT16_MAX
#define PATHS_CACHE 64

struct paths {
	struct buf text;  /* the paths, each with its NUL */
	uint32_t *start;  /* by number: place in text + 1, 0 if unknown */
	uint32_t count;   /* numbers below this may be known */
	uint32_t room;    /* entries of start */
	uint16_t *slots;  /* the writer's hash: number + 1, 0 free */
	uint32_t buckets; /* a power of two */
	/* the numbers of the strings used last, by their address; the text decides, as an address may
	 * come to hold another string */
	uint16_t recent[PATHS_CACHE];
};

void paths_free(struct paths *paths); /* and empty again */

/* The path's number, a new one if it has none (then *fresh is true); -1: no more numbers. */
int paths_number(struct paths *paths, const char *path, size_t len, bool *fresh);
void paths_set(struct paths *paths, uint16_t number, const char *path, size_t len);
const char *paths_get(const struct paths *paths, uint16_t number); /* NULL: unknown */

#endif
