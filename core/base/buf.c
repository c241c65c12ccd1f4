#include "core/base/buf.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buf_reserve(struct buf *buf, size_t more)
{
	must(more <= SIZE_MAX / 2 - buf->len);
	size_t need = buf->len + more;
	if (need > buf->cap || buf->data == NULL) {
		size_t cap = buf->cap < 32 ? 64 : buf->cap * 2;
		buf->cap = cap > need ? cap : need;
		buf->data = mem_resize(buf->data, buf->cap, 1);
	}
	return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	if (len == 0)
		return;
	memcpy(buf_reserve(buf, len), data, len);
	buf->len += len;
}

void buf_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
	*buf_reserve(buf, 1) = c;
	buf->len++;
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	(void)buf_reserve(buf, 64); /* enough for most: one pass */
	int len = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, args);
	must(len >= 0);
	if ((size_t)len >= buf->cap - buf->len) {
		(void)buf_reserve(buf, (size_t)len + 1);
		(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
	}
	buf->len += (size_t)len;
	va_end(again);
	va_end(args);
}

void buf_cut(struct buf *buf, size_t count)
{
	must(count <= buf->len);
	if (count == 0)
		return;
	buf->len -= count;
	memmove(buf->data, buf->data + count, buf->len);
}

const char *buf_str(struct buf *buf)
{
	*buf_reserve(buf, 1) = '\0';
	return buf->data;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}
