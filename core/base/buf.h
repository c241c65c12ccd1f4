/* A byte buffer that grows; text in it is not NUL-terminated unless buf_str() was called.
 * Zero-initialised is empty. */
#ifndef NEAP_CORE_BUF_H
#define NEAP_CORE_BUF_H

#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

char *buf_reserve(
    struct buf *buf, size_t more); /* room for `more` bytes at data + len; returns that place */
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_cut(struct buf *buf, size_t count); /* removes the first `count` bytes */
const char *buf_str(struct buf *buf);        /* data, with a NUL behind it that does not count */
void buf_free(struct buf *buf);              /* and empty again */

#endif
