/*
 * Programs that are started, fed, listened to, and ended with all that they started.
 *
 * A program runs in a session of its own. It has /dev/null or its input, two pipes for its output,
 * and no other descriptor of ours, whoever opened it and however; default signals; and the
 * environment that is given. It has ended when it has exited and both outputs are at their end. What
 * it left behind in its group then has a second to end after SIGTERM, until SIGKILL; so has the whole
 * group when its time is over, when it writes more than the limit, or when it is forgotten. Only what
 * makes another session escapes that.
 *
 * (libuv starts processes too, but gives them every descriptor that is not close-on-exec: the MQTT
 * library's socket, for a moment after it was made.)
 *
 * Loop thread. The loop has to run on after process_forget until the group is gone.
 */
#ifndef NEAP_CORE_PROCESS_H
#define NEAP_CORE_PROCESS_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdint.h>
#include <uv.h>

struct process_options {
	const char *const *args; /* ends with NULL; args[0] is looked for in PATH */
	const char *const *env;  /* "NAME=value", ends with NULL */
	const char *cwd;         /* NULL: / */
	const char *input;
	size_t input_len;
	size_t limit;        /* bytes, of each output */
	uint64_t file_limit; /* bytes, of each file that it writes; 0: none */
	int64_t timeout_ms;  /* real time, also beside a virtual clock */
};

struct process_result {
	int status; /* if signal is 0 */
	int signal; /* that ended it */
	struct buf out, err;
};

/* err NULL: it ended by itself, well or not. -ETIMEDOUT, -ENOBUFS (the limit): it was ended; the
 * result has what it wrote until then. The callee may take the buffers, and leaves empty ones. */
typedef void process_done(void *ctx, struct process_result *result, const struct err *err);

struct process;

/* Copies what it needs of the options. NULL: it cannot be started (-ENOENT: no such program or
 * folder). `done` is called once, not from within. */
struct process *process_start(uv_loop_t *loop, const struct process_options *options,
    process_done *done, void *ctx, struct err *err);
void process_forget(struct process *process); /* before `done`, which is then not called */

#endif
