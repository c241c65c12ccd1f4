#include "lua/stream.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>

#define CHUNK 4096

struct event {
	stream_event *tell; /* NULL: nobody asks */
	void *ctx;
};

struct stream {
	uv_tcp_t uv;
	uv_connect_t connect;
	uv_write_t write;
	struct event connected, written, came;
	struct buf in, out;
};

static void tell(struct event *event, int status)
{
	struct event told = *event;
	*event = (struct event){0};
	if (told.tell)
		told.tell(told.ctx, status);
}

struct stream *stream_new(uv_loop_t *loop)
{
	struct stream *stream = mem_alloc(sizeof *stream);
	must(uv_tcp_init(loop, &stream->uv) == 0);
	stream->uv.data = stream;
	stream->connect.data = stream;
	stream->write.data = stream;
	return stream;
}

static void on_closed(uv_handle_t *handle)
{
	struct stream *stream = handle->data;
	buf_free(&stream->in);
	buf_free(&stream->out);
	free(stream);
}

void stream_close(struct stream *stream)
{
	if (!stream)
		return;
	stream->connected = stream->written = stream->came = (struct event){0};
	uv_close((uv_handle_t *)&stream->uv, on_closed);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct stream *stream = connect->data;
	if (status == 0)
		(void)uv_tcp_nodelay(&stream->uv, 1);
	tell(&stream->connected, status);
}

int stream_connect(
    struct stream *stream, const struct sockaddr_storage *address, stream_event *done, void *ctx)
{
	stream->connected = (struct event){done, ctx};
	return uv_tcp_connect(
	    &stream->connect, &stream->uv, (const struct sockaddr *)address, on_connected);
}

static void on_written(uv_write_t *write, int status)
{
	struct stream *stream = write->data;
	buf_free(&stream->out);
	tell(&stream->written, status);
}

int stream_write(struct stream *stream, const char *data, size_t len, stream_event *done, void *ctx)
{
	if (stream->out.data)
		return UV_EBUSY;
	buf_add(&stream->out, data, len);
	stream->written = (struct event){done, ctx};
	uv_buf_t buf = uv_buf_init(stream->out.data, (unsigned)len);
	return uv_write(&stream->write, (uv_stream_t *)&stream->uv, &buf, 1, on_written);
}

bool stream_is_written(const struct stream *stream)
{
	return !stream->out.data;
}

/* --- input --- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
	struct stream *stream = handle->data;
	(void)suggested;
	*room = uv_buf_init(buf_reserve(&stream->in, CHUNK), CHUNK);
}

static void on_read(uv_stream_t *uv, ssize_t count, const uv_buf_t *room)
{
	struct stream *stream = uv->data;
	(void)room;
	if (count == 0)
		return; /* not yet */
	if (count > 0)
		stream->in.len += (size_t)count;
	else
		(void)uv_read_stop(uv);
	stream->came.tell(stream->came.ctx, count < 0 ? (int)count : 0);
}

int stream_listen(struct stream *stream, stream_event *event, void *ctx)
{
	if (stream->came.tell)
		return UV_EBUSY;
	int result = uv_read_start((uv_stream_t *)&stream->uv, on_room, on_read);
	if (result == 0)
		stream->came = (struct event){event, ctx};
	return result;
}

void stream_rest(struct stream *stream)
{
	stream->came = (struct event){0};
	(void)uv_read_stop((uv_stream_t *)&stream->uv);
}

struct buf *stream_input(struct stream *stream)
{
	return &stream->in;
}
