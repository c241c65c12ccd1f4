/*
 * Memory that is there or ends the process.
 *
 * What these ask for is small and bounded by the configuration. A gateway that cannot have it is
 * past helping from inside: one clear line, abort, and the service manager starts again with the
 * queue on disk. Sizes that a peer or a script chooses are checked against a limit before they come
 * here.
 */
#ifndef NEAP_CORE_MEM_H
#define NEAP_CORE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed; never NULL */
void *mem_resize(void *old, size_t count,
    size_t size); /* count * size, checked for overflow; the new part is not zeroed */
char *mem_strdup(const char *text); /* NULL stays NULL */
char *mem_strndup(const char *text, size_t len);

#endif
