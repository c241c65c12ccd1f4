#include "core/base/err.h"

#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Behind the C library's own numbers libuv has codes that errno has not: EOF, names that don't
 * resolve. */
enum { UV_OWN_CODES = -3000 };

static const char *describe(int code)
{
	if (code > UV_OWN_CODES)
		return strerror(-code);
#define CASE(name, text) \
	case UV_##name:      \
		return text;
	switch (code) {
		UV_ERRNO_MAP(CASE)
	default:
		return "unknown error";
	}
#undef CASE
}

__attribute__((format(printf, 2, 0))) static void fill(
    struct err *err, const char *fmt, va_list args)
{
	if (vsnprintf(err->text, sizeof err->text, fmt, args) < 0)
		err->text[0] = '\0';
}

int err_set(struct err *err, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	va_list args;
	va_start(args, fmt);
	err->code = 0;
	fill(err, fmt, args);
	va_end(args);
	return -1;
}

int err_sys(struct err *err, int errnum, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	va_list args;
	va_start(args, fmt);
	err->code = errnum > 0 ? -errnum : errnum;
	fill(err, fmt, args);
	va_end(args);
	size_t len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof err->text - len, ": %s", describe(err->code));
	return -1;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
	if (err == NULL)
		return;
	struct err old = *err;
	va_list args;
	va_start(args, fmt);
	fill(err, fmt, args);
	va_end(args);
	size_t len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof err->text - len, "%s", old.text);
}

const char *err_code(const struct err *err)
{
#define CASE(name, text) \
	case UV_##name:      \
		return #name;
	switch (err->code) {
		UV_ERRNO_MAP(CASE)
	default:
		return "";
	}
#undef CASE
}

void err_broken(const char *cond, const char *file, int line)
{
	/* not through the log: any thread may come here, and syslog may be what is broken */
	(void)dprintf(2, "neap: %s:%d: broken: %s; please report this line\n", file, line, cond);
	abort();
}

bool err_doubtful(const char *cond, const char *file, int line)
{
	log_error("neap", "%s:%d: doubtful: %s; please report this line", file, line, cond);
	return false;
}
