/*
 * Errors as text for a person, with a symbolic code for a program; and the two grades of assertion.
 *
 * A function that can fail takes a `struct err *` last and returns -1 or NULL after filling it. The
 * text says what, where and what to do, without a newline. The caller owns the struct; NULL means
 * "don't tell me".
 */
#ifndef NEAP_CORE_ERR_H
#define NEAP_CORE_ERR_H

#include <stdbool.h>

struct err {
	int code; /* negative errno as libuv counts them (-ENOENT), or 0 where no system call is behind
	             it */
	char text[500];
};

/* Both return -1, always. err_sys takes errno, or libuv's negative code, and adds ": " and what the
 * system says to it. What is longer than the text is cut. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_sys(struct err *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts more before a text that is there; the separator is the format's: "%s: ". */
void err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *err_code(const struct err *err); /* "ENOENT", or "" */

/* must: what cannot be otherwise unless the program is wrong; says where on standard error, aborts.
 * Any thread. */
#define must(cond) ((cond) ? (void)0 : err_broken(#cond, __FILE__, __LINE__))
/* holds: should be so, and the caller handles it if not; says so in the log, once a minute at most.
 * Loop thread. */
#define holds(cond) ((cond) ? true : err_doubtful(#cond, __FILE__, __LINE__))

_Noreturn void err_broken(const char *cond, const char *file, int line);
bool err_doubtful(const char *cond, const char *file, int line); /* always false */

#endif
