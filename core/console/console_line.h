/*
 * Lines that a person types: with history and completion where neap is built with libedit, plain
 * otherwise and where standard input or output is no terminal.
 */
#ifndef NEAP_CORE_CONSOLE_LINE_H
#define NEAP_CORE_CONSOLE_LINE_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct console_line;

/* What may stand at the end of `text`: fills `list` with texts ended by NUL each, and returns how
 * many; they replace what is behind byte *from. */
typedef size_t console_complete(void *ctx, const char *text, size_t *from, struct buf *list);

/* interrupt: a descriptor that becomes readable at Ctrl-C, or -1. */
struct console_line *console_line_new(int interrupt, console_complete *complete, void *ctx);
void console_line_free(struct console_line *line); /* keeps the history */
/* The line without its end; NULL at the end of the input. *interrupted: Ctrl-C; the line is "". */
const char *console_line_read(struct console_line *line, const char *prompt, bool *interrupted);
bool console_line_is_terminal(const struct console_line *line);

#endif
