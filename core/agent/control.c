#include "core/agent/control.h"

#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define NODES_MAX   20000             /* of one request */
#define MEMORY_MAX  (4 * CONTROL_MAX) /* of messages, in and out, all clients together */
#define KEEP_MAX    (16 * 1024)       /* of a buffer, when it is empty */
#define STREAM_MAX  (64 * 1024)       /* of events that wait for one client */
#define READ_MIN    4096

struct client {
	uv_pipe_t pipe;
	uv_write_t write;
	struct control *control; /* NULL once the control socket is closed */
	struct buf in;
	struct buf out;
	struct control_answer *owed;   /* the handler has put off its answer; or NULL */
	struct control_stream *stream; /* of events, instead of answers; or NULL */
	bool writing;
	uint64_t seen_ms; /* when it was heard last, by the loop's clock */
	struct client *prev, *next;
};

struct control_stream {
	struct client *client;
	struct buf waiting; /* behind what is being written */
	uint64_t dropped;   /* events, since the last that it was told of */
	void (*over)(void *ctx);
	void *ctx;
};

struct control {
	uv_pipe_t *listener;
	char *path;
	control_handler *handler;
	void *ctx;
	struct client *clients;
	struct client *serving; /* whose request is with the handler; or NULL */
	bool deferred;          /* and has been put off */
	unsigned count;
};

struct control_answer {
	struct client *client; /* NULL once it is gone */
	void (*gone)(void *ctx);
	void *ctx;
};

static void on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	buf_free(&client->in);
	buf_free(&client->out);
	free(client);
}

static void end_stream(struct control_stream *stream)
{
	stream->over(stream->ctx);
	buf_free(&stream->waiting);
	free(stream);
}

static void tell_gone(struct control_answer *owed)
{
	owed->client = NULL;
	if (owed->gone)
		owed->gone(owed->ctx);
}

static void close_client(struct client *client)
{
	struct control *control = client->control;

	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	*(client->prev ? &client->prev->next : &control->clients) = client->next;
	if (client->next)
		client->next->prev = client->prev;
	control->count--;
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
	if (client->owed)
		tell_gone(client->owed);
	if (client->stream) {
		struct control_stream *stream = client->stream;

		client->stream = NULL;
		end_stream(stream);
	}
}

/* --- the bound on all clients together --- */

static size_t memory_of(const struct client *client)
{
	return client->in.cap + client->out.cap + (client->stream ? client->stream->waiting.cap : 0);
}

static void trim(struct buf *buf)
{
	if (buf->len == 0 && buf->cap > KEEP_MAX)
		buf_free(buf);
}

/* Who holds most goes, until the rest fits: a client that is in nobody's way keeps its place. */
static void bound_memory(struct control *control)
{
	size_t sum = 0;

	for (const struct client *client = control->clients; client; client = client->next)
		sum += memory_of(client);
	while (sum > MEMORY_MAX) {
		struct client *most = control->clients;

		for (struct client *client = most; client; client = client->next)
			if (memory_of(client) > memory_of(most))
				most = client;
		log_warn("control", "%zu KB of messages wait at the socket: hung up on the largest client",
		    sum / 1024);
		sum -= memory_of(most);
		close_client(most);
	}
}

/* Of those that nothing is done for, the one silent longest makes room for a new one. */
static void bound_count(struct control *control)
{
	struct client *oldest = NULL;

	if (control->count <= CLIENTS_MAX)
		return;
	for (struct client *client = control->clients->next; client; client = client->next)
		if (!client->owed && !client->stream && (!oldest || client->seen_ms <= oldest->seen_ms))
			oldest = client;
	close_client(oldest ? oldest : control->clients);
}

/* --- answers --- */

static void answer(
    struct control *control, const char *text, size_t len, struct buf *result, struct err *err)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(text, len, &pos, NODES_MAX, err);
	const struct json *version = doc ? json_member(json_root(doc), "v") : NULL;

	if (!doc)
		return;
	if (!json_only_space(text, len, &pos))
		err_set(err, "byte %zu: something follows the request", pos);
	else if (!version || version->kind != JSON_INTEGER || version->integer != CONTROL_VERSION)
		err_set(err, "the request's version \"v\" must be %d: this is neap %s", CONTROL_VERSION,
		    NEAP_VERSION);
	else
		(void)control->handler(control->ctx, json_root(doc), result, err);
	json_free(doc);
}

static void add_length(struct buf *out, size_t len)
{
	const unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len};
	buf_add(out, head, sizeof(head));
}

static void add_answer(struct client *client, const struct buf *result, struct err *err)
{
	struct buf body = {0};

	if (result->len + 64 > CONTROL_MAX)
		err_set(err, "the answer is larger than %d bytes", CONTROL_MAX);
	if (err->text[0]) {
		buf_printf(&body, "{\"v\":%d,\"ok\":false,\"error\":", CONTROL_VERSION);
		json_add_text(&body, err->text);
	} else {
		buf_printf(&body, "{\"v\":%d,\"ok\":true,\"result\":", CONTROL_VERSION);
		buf_add(&body, result->len ? result->data : "null", result->len ? result->len : 4);
	}
	buf_char(&body, '}');
	add_length(&client->out, body.len);
	buf_add(&client->out, body.data, body.len);
	buf_free(&body);
}

static void reply(struct client *client, const char *text, size_t len)
{
	struct control *control = client->control;
	struct err err = {0};
	struct buf result = {0};

	control->serving = client;
	control->deferred = false;
	answer(control, text, len, &result, &err);
	control->serving = NULL;
	if (!control->deferred)
		add_answer(client, &result, &err);
	buf_free(&result);
}

static void serve(struct client *client);
static void send_out(struct client *client);
static void send_events(struct client *client);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);
static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

static void on_written(uv_write_t *write, int status)
{
	struct client *client = write->data;

	client->writing = false;
	client->out.len = 0;
	trim(&client->out);
	if (status >= 0 && client->stream)
		send_events(client);
	else if (status < 0 || uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0)
		close_client(client);
	else
		serve(client);
}

static void send_out(struct client *client)
{
	uv_buf_t out = uv_buf_init(client->out.data, (unsigned)client->out.len);

	client->writing = true;
	if (!client->stream) /* else a hang-up is to be seen at once */
		uv_read_stop((uv_stream_t *)&client->pipe);
	client->write.data = client;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) < 0)
		close_client(client);
}

/* Answers the next whole request; while an answer is owed or being written the client waits. */
static void serve(struct client *client)
{
	const unsigned char *head = (const unsigned char *)client->in.data;
	size_t len;

	if (client->writing || client->owed || uv_is_closing((uv_handle_t *)&client->pipe) ||
	    client->in.len < 4)
		return;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > CONTROL_MAX) {
		close_client(client);
		return;
	}
	if (client->in.len < 4 + len)
		return;
	reply(client, client->in.data + 4, len);
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	buf_cut(&client->in, 4 + len);
	trim(&client->in);
	if (!client->owed)
		send_out(client);
}

struct control_answer *control_defer(struct control *control)
{
	struct control_answer *owed = mem_alloc(sizeof(*owed));

	must(control->serving && !control->deferred);
	control->deferred = true;
	owed->client = control->serving;
	owed->client->owed = owed;
	return owed;
}

void control_on_gone(struct control_answer *owed, void (*gone)(void *ctx), void *ctx)
{
	owed->gone = gone;
	owed->ctx = ctx;
}

void control_answer(struct control_answer *owed, const struct buf *result, const struct err *err)
{
	struct client *client = owed->client;
	struct err why = err ? *err : (struct err){0};

	free(owed);
	if (!client)
		return;
	client->owed = NULL;
	add_answer(client, result, &why);
	if (client->control->serving == client)
		return;
	send_out(client);
	bound_memory(client->control);
}

/* --- streams --- */

static void add_event(struct buf *out, const char *member, const char *text, size_t len)
{
	struct buf head = {0};

	buf_printf(&head, "{\"v\":%d,\"%s\":", CONTROL_VERSION, member);
	add_length(out, head.len + len + 1);
	buf_add(out, head.data, head.len);
	buf_add(out, text, len);
	buf_char(out, '}');
	buf_free(&head);
}

static void send_events(struct client *client)
{
	struct control_stream *stream = client->stream;
	char count[24];

	if (client->writing)
		return;
	buf_add(&client->out, stream->waiting.data, stream->waiting.len);
	stream->waiting.len = 0;
	if (stream->dropped > 0) {
		int len = snprintf(count, sizeof(count), "%llu", (unsigned long long)stream->dropped);

		add_event(&client->out, "dropped", count, (size_t)len);
		stream->dropped = 0;
	}
	if (client->out.len > 0)
		send_out(client);
}

struct control_stream *control_stream(struct control *control, void (*over)(void *ctx), void *ctx)
{
	struct control_stream *stream = mem_alloc(sizeof(*stream));

	must(control->serving && !control->serving->stream);
	stream->client = control->serving;
	stream->over = over;
	stream->ctx = ctx;
	stream->client->stream = stream;
	return stream;
}

void control_send(struct control_stream *stream, const struct buf *event)
{
	struct client *client = stream->client;

	if (stream->dropped > 0 || client->out.len + stream->waiting.len + event->len > STREAM_MAX) {
		stream->dropped++;
	} else {
		add_event(&stream->waiting, "event", event->data, event->len);
	}
	if (client->control->serving != client)
		send_events(client);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *client = handle->data;
	size_t room = CONTROL_MAX + 8 - client->in.len;

	if (room > suggested)
		room = suggested;
	if (room > client->in.len + READ_MIN) /* most requests are small */
		room = client->in.len + READ_MIN;
	*out = uv_buf_init(buf_reserve(&client->in, room), (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	(void)buf;
	if (count < 0) {
		close_client(client);
		return;
	}
	client->in.len += (size_t)count;
	client->seen_ms = uv_now(stream->loop);
	if (client->stream)
		close_client(client); /* it has nothing more to say */
	else
		serve(client);
	bound_memory(client->control);
}

/* Only root and the user that the agent runs as. The file's mode says so too; this holds where a
 * mode does not. */
static bool is_allowed(const uv_pipe_t *pipe)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct control *control = listener->data;
	struct client *client;

	if (status < 0)
		return;
	client = mem_alloc(sizeof(*client));
	client->control = control;
	must(uv_pipe_init(listener->loop, &client->pipe, 0) == 0);
	client->pipe.data = client;
	client->next = control->clients;
	if (client->next)
		client->next->prev = client;
	client->seen_ms = uv_now(listener->loop);
	control->clients = client;
	control->count++;
	if (uv_accept(listener, (uv_stream_t *)&client->pipe) < 0 || !is_allowed(&client->pipe) ||
	    uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0)
		close_client(client);
	bound_count(control);
}

static bool answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	/* EAGAIN: it listens, and others wait for it already */
	alive = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
	close(fd);
	return alive;
}

/* Removes the socket of a process that was killed, and nothing else. */
static int clear_the_way(const char *path, struct err *err)
{
	struct stat info;

	if (lstat(path, &info) < 0)
		return 0;
	if (!S_ISSOCK(info.st_mode))
		return err_set(err, "control.socket %s: there is a file that is no socket", path);
	if (answers(path))
		return err_set(
		    err, "control.socket %s: another agent answers there: give each its own", path);
	unlink(path);
	return 0;
}

struct control *control_new(
    uv_loop_t *loop, const char *path, control_handler *handler, void *ctx, struct err *err)
{
	struct control *control;
	mode_t before;
	int rc;

	if (clear_the_way(path, err) < 0)
		return NULL;
	control = mem_alloc(sizeof(*control));
	control->handler = handler;
	control->ctx = ctx;
	control->path = mem_strdup(path);
	control->listener = mem_alloc(sizeof(*control->listener));
	control->listener->data = control;
	must(uv_pipe_init(loop, control->listener, 0) == 0);
	before = umask(0177);
	rc = uv_pipe_bind(control->listener, path);
	umask(before);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)control->listener, 16, on_connection);
	if (rc == 0)
		return control;
	err_sys(err, -rc, "control.socket %s", path);
	control_free(control);
	return NULL;
}

static void on_listener_closed(uv_handle_t *handle)
{
	free(handle);
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		close_client(control->clients);
	unlink(control->path);
	uv_close((uv_handle_t *)control->listener, on_listener_closed);
	free(control->path);
	free(control);
}
