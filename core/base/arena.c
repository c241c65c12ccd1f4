#include "core/base/arena.h"

#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One malloc for each piece: the sanitizers then see each of them. */
struct arena_block {
	struct arena_block *before;
	_Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = mem_alloc(sizeof *block + size);
	block->before = arena->last;
	arena->last = block;
	return block->data;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);
	memcpy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	char *text = arena_alloc(arena, (len > 0 ? (size_t)len : 0) + 1);
	vsnprintf(text, (len > 0 ? (size_t)len : 0) + 1, fmt, again);
	va_end(again);
	va_end(args);
	return text;
}

void arena_free(struct arena *arena)
{
	while (arena->last != NULL) {
		struct arena_block *block = arena->last;
		arena->last = block->before;
		free(block);
	}
}
