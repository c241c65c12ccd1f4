#include "core/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *p, size_t size)
{
	if (p == NULL) {
		(void)dprintf(2, "neap: out of memory: no %zu bytes to be had\n", size);
		abort();
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return or_abort(calloc(1, size > 0 ? size : 1), size);
}

void *mem_resize(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		(void)or_abort(NULL, SIZE_MAX);
	return or_abort(realloc(old, bytes > 0 ? bytes : 1), bytes);
}

char *mem_strdup(const char *text)
{
	return text == NULL ? NULL : mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t len)
{
	len = strnlen(text, len);
	char *copy = mem_alloc(len + 1);
	memcpy(copy, text, len);
	return copy;
}
