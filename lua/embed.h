/*
 * The Lua library of lua/neap/, embedded into the binary at build time by tools/embed.
 * Constant data, any thread.
 */
#ifndef NEAP_LUA_EMBED_H
#define NEAP_LUA_EMBED_H

#include <stddef.h>

struct embedded_file {
	const char *name;   /* module name as require takes it: "neap.asset" */
	const char *source; /* Lua source text, terminated */
	size_t length;      /* without the terminator */
};

/* Ends with an entry whose name is NULL. */
extern const struct embedded_file neap_embedded[];

#endif
