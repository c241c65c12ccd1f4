/* Streams of the control socket (control.h) for the command line: until Ctrl-C, a number of events,
 * or the agent's end. */
#ifndef NEAP_CORE_FOLLOW_H
#define NEAP_CORE_FOLLOW_H

#include "core/base/err.h"
#include "core/base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct follow {
	const char *command; /* for messages: "tail" */
	bool json;           /* the messages as they are, a line each */
	const char *count;   /* a number of events, ends after so many; NULL: does not */
	/* How many events the message was. first: the answer. */
	int (*print)(void *ctx, const struct json *message, bool first);
	void *ctx;
};

/* The exit status: 0 after Ctrl-C or the count, 1 if the agent goes away or says no, 2 if the count
 * is none. */
int follow_run(const struct follow *follow, const char *socket, const char *request);
/* The same for the console: until `interrupt` is readable. -1: said why in err. */
int follow_until(const struct follow *follow, const char *socket, const char *request,
    int interrupt, struct err *err);

#endif
