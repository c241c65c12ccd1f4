/*
 * What a check found wrong in files that people write: a list of messages, each
 * "file:line:column: text", errors and warnings, in the order of the file. Zero-initialised is
 * empty; the caller owns it. Messages hold no control characters and are cut at 1,000 bytes, so
 * that what stands in a file cannot play with a terminal.
 */
#ifndef NEAP_CORE_PROBLEMS_H
#define NEAP_CORE_PROBLEMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct problem {
	bool warning;
	int line, column; /* from 1; 0: of the file as a whole */
	char *text;       /* whole, with file, line and column in front */
};

struct problems {
	struct problem *list;
	size_t count;
	size_t errors; /* how many are not warnings */
};

/* text as given, of no place */
void problems_add(struct problems *problems, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line:column: " is put in front */
void problems_at(struct problems *problems, bool warning, const char *file, int line, int column,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Sorts `from` by line and column and moves it to the end of `to`. */
void problems_merge(struct problems *to, struct problems *from);

void problems_free(struct problems *problems); /* and empty again */

#endif
