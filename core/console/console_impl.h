/* What the files of the console share: console_run.c (chunks, lines), console_colon.c (commands such as
 * `:status`), console_complete.c (Tab). For nobody else. */
#ifndef NEAP_CORE_CONSOLE_IMPL_H
#define NEAP_CORE_CONSOLE_IMPL_H

#include "core/console/console.h"
#include "core/console/console_line.h"

struct console {
	const struct console_side *side;
	struct console_line *line;
	int interrupt; /* readable at Ctrl-C */
	bool json, color, over;
	int status;
};

/* In colour on a terminal; else messages go to standard error. */
void console_put(const struct console *console, const char *color, const char *text, bool message);
void console_put_failure(const struct console *console, const struct err *err);
void console_forget_interrupts(const struct console *console);
/* NULL: said so. */
struct json_doc *console_parse(const struct buf *answer);

/* --- console_colon.c --- */
void console_colon(struct console *console, const char *line); /* behind the colon */
/* The names that begin so, as console_line.h has it. */
size_t console_colon_names(const char *beginning, struct buf *list);

/* --- console_complete.c: a console_complete of console_line.h; ctx: struct console --- */
size_t console_tab(void *ctx, const char *text, size_t *from, struct buf *list);

#endif
