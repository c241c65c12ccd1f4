/*
 * The control socket: how `neap status` and the other commands speak to the running agent, and any
 * program may.
 *
 * A Unix stream socket, mode 0600, and the peer must be root or of the agent's own user. A message
 * is its length (4 bytes, big-endian) and that many bytes of JSON, CONTROL_MAX at most. Request
 * {"v":1,"cmd":"status", ...}; reply {"v":1,"ok":true,"result":...} or
 * {"v":1,"ok":false,"error":"..."}. Requests of one client are answered in order; a client that
 * does not read its replies is read no further, and nothing waits for it. All clients together have
 * 4 MB of messages; beyond that the one that holds most is hung up on. Loop thread.
 */
#ifndef NEAP_CORE_CONTROL_H
#define NEAP_CORE_CONTROL_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

#include <uv.h>

#define CONTROL_MAX     (1024 * 1024)
#define CONTROL_VERSION 1

struct control;

/* Appends the result, one JSON value, to `result`; or -1 and why. */
typedef int control_handler(
    void *ctx, const struct json *request, struct buf *result, struct err *err);

struct control *control_new(
    uv_loop_t *loop, const char *path, control_handler *handler, void *ctx, struct err *err);
void control_free(struct control *control); /* removes the socket */

/*
 * An answer that is owed. The handler asks for it and returns 0; whoever then has the answer gives
 * it, once, at any time, also before the handler returns or when client and control are gone. The
 * client's next requests wait for it.
 */
struct control_answer;
struct control_answer *control_defer(struct control *control); /* within the handler only */
/* `gone` is called, once and not after the answer, if the client hangs up meanwhile. */
void control_on_gone(struct control_answer *owed, void (*gone)(void *ctx), void *ctx);
/* result: one JSON value; err: NULL or without text if all went well. */
void control_answer(struct control_answer *owed, const struct buf *result, const struct err *err);

/*
 * A stream: behind its answer the client gets {"v":1,"event":X}, for each X, until it hangs up. For
 * a client that does not read them fast enough 64 KB wait; what comes then is dropped, and it is
 * told how many: {"v":1,"dropped":12}. The handler asks for it once nothing can go wrong any more.
 */
struct control_stream;
struct control_stream *control_stream(struct control *control, void (*over)(void *ctx),
    void *ctx); /* within the handler only; `over` comes once, and the stream is gone then */
void control_send(struct control_stream *stream, const struct buf *event); /* one JSON value */

/* The other side, blocking, for the command line: sends `request` (JSON) and gives the result's
 * text. */
int control_call(
    const char *path, const char *request, int64_t timeout_ms, struct buf *result, struct err *err);
/* The same without a limit of time; it hangs up when `cancel`, a descriptor, becomes readable: -1,
 * and the code is -ECANCELED. */
int control_call_until(
    const char *path, const char *request, int cancel, struct buf *result, struct err *err);
/* A stream, until `cancel` is readable, `see` returns false (0 then), or the agent goes away (-1).
 * message: the answer's result; then each message behind it, whole. */
int control_follow(const char *path, const char *request, int cancel,
    bool (*see)(void *ctx, struct buf *message, bool first), void *ctx, struct err *err);

#endif
