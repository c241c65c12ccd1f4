/* Memory that is given back all at once: what a configuration is made of. Zero-initialised is
 * empty. */
#ifndef NEAP_CORE_ARENA_H
#define NEAP_CORE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *last;
};

void *arena_alloc(struct arena *arena, size_t size); /* zeroed; never NULL */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *arena); /* all of it; and empty again */

#endif
