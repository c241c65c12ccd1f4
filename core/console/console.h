/*
 * The console's face: lines in, results out. Where the chunks run is the other side's matter.
 */
#ifndef NEAP_CORE_CONSOLE_H
#define NEAP_CORE_CONSOLE_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

#include <stdbool.h>

struct console_side {
	void *ctx;
	/* Runs the chunk: the answer as docs/control.md has it. Gives up, and ends the chunk, when
	 * `interrupt` is readable: the code is -ECANCELED. */
	int (*eval)(void *ctx, const char *chunk, int interrupt, struct buf *answer, struct err *err);
	int (*complete)(void *ctx, const char *text, struct buf *answer, struct err *err);
	/* Any other request of the control socket. */
	int (*ask)(void *ctx, const char *request, struct buf *answer, struct err *err);
	/* Of struct host_ops. */
	int (*help)(const char *topic, struct buf *text);
	/* A stream of the control socket, each message to `print`, until `interrupt` is readable; NULL:
	 * there is none. */
	int (*follow)(void *ctx, const char *request, int interrupt,
	    int (*print)(void *ctx, const struct json *message, bool first), void *print_ctx,
	    struct err *err);
	const char *scripts; /* the folder of the agent's; NULL: there is none */
	const char *greeting;
};

/* Evaluates `chunk`, or, if it is NULL, what is typed or comes from standard input. Returns the exit
 * status: that of the last result. */
int console_run(const struct console_side *side, const char *chunk, bool json);

#endif
