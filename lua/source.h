/*
 * The texts that a script was made of: its own file and the modules that it required, as they were
 * when it loaded. They tell what has changed since, and bring a version back whose files have been
 * edited. They belong to the script. Loop thread; reads block.
 */
#ifndef NEAP_LUA_SOURCE_H
#define NEAP_LUA_SOURCE_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct source {
	char *name; /* "machine.lua", "lib/util.lua": in scripts.dir */
	struct buf text;
	uint32_t crc;
	bool missing; /* it was looked for and not there */
	struct source *next;
};

/* The text of the name: one that is in the list already, or that of the file below `dir`, which is in
 * the list from then on. NULL: it cannot be read. */
const struct source *source_get(
    struct source **list, const char *dir, const char *name, struct err *err);
/* Is a file not what it was? */
bool source_changed(const struct source *list, const char *dir);
void source_forget_texts(struct source *list); /* enough for source_changed */
void source_free(struct source *list);

#endif
