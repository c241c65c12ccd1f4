/*
 * A TCP connection on the loop. It reads only while it is listened to, so that what a peer sends
 * piles up on its side, not here. Loop thread.
 *
 * What is asked for fails at once with libuv's code, or tells an event later, with status 0 or a
 * code. After stream_close there are no events.
 */
#ifndef NEAP_LUA_STREAM_H
#define NEAP_LUA_STREAM_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <uv.h>

struct stream;

typedef void stream_event(void *ctx, int status);

struct stream *stream_new(uv_loop_t *loop);
void stream_close(struct stream *stream); /* and frees it, at a later turn; NULL: nothing */

int stream_connect(
    struct stream *stream, const struct sockaddr_storage *address, stream_event *done, void *ctx);
/* Copies the data. One at a time: UV_EBUSY. */
int stream_write(
    struct stream *stream, const char *data, size_t len, stream_event *done, void *ctx);
bool stream_is_written(const struct stream *stream); /* nothing is under way */
/* Tells of each piece that came in, and of the end (UV_EOF and other codes), until stream_rest. */
int stream_listen(struct stream *stream, stream_event *event, void *ctx);
void stream_rest(struct stream *stream);
struct buf *stream_input(struct stream *stream); /* what came in; who uses it cuts it off */

#endif
