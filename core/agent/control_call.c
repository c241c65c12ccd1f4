/* The command line's side of the control socket. Blocking, one request for each connection. */
#include "core/agent/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path, int64_t timeout_ms, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, "control.socket %s: the path is longer than a socket's may be", path);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		err_set(err, "no agent is running here: nothing answers at %s (start it with `neap run`)",
		    path);
	else
		err_sys(err, errno, "cannot reach the agent at %s", path);
	close(fd);
	return -1;
}

/* Until there is something to read. cancel: -1, or what ends the wait. */
static int wait_for(int fd, int cancel)
{
	struct pollfd waits[2] = {{.fd = fd, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};

	if (cancel < 0 || (poll(waits, 2, -1) > 0 && waits[1].revents == 0))
		return 0;
	if (waits[1].revents != 0)
		errno = ECANCELED;
	return waits[1].revents != 0 || errno != EINTR ? -1 : 0;
}

static int read_exactly(int fd, int cancel, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		if (wait_for(fd, cancel) < 0)
			return -1;
		ssize_t got = read(fd, (char *)data + done, len - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EPIPE : errno;
			return -1;
		}
		done += (size_t)got;
	}
	return 0;
}

/* An agent that hangs up is an error here, not a SIGPIPE. */
static int send_all(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t sent = send(fd, (const char *)data + done, len - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return -1;
		done += sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

static int say(int fd, const char *request)
{
	size_t len = strlen(request);
	unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len};

	return send_all(fd, head, sizeof(head)) < 0 || send_all(fd, request, len) < 0 ? -1 : 0;
}

static int hear(int fd, int cancel, struct buf *message)
{
	unsigned char head[4];
	size_t len;

	if (read_exactly(fd, cancel, head, sizeof(head)) < 0)
		return -1;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > CONTROL_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	message->len = 0;
	if (read_exactly(fd, cancel, buf_reserve(message, len), len) < 0)
		return -1;
	message->len = len;
	return 0;
}

/* {"v":1,"ok":true,"result":X} -> X; X is the rest of the text but for the closing brace. */
static int take_result(struct buf *answer, struct err *err)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(answer->data, answer->len, &pos, CONTROL_MAX, err);
	const struct json *ok = doc ? json_member(json_root(doc), "ok") : NULL;
	const struct json *result = doc ? json_member(json_root(doc), "result") : NULL;
	const struct json *error = doc ? json_member(json_root(doc), "error") : NULL;
	int rc = 0;

	if (doc && ok && ok->kind == JSON_BOOLEAN && ok->boolean && result) {
		buf_cut(answer, result->offset);
		answer->len--;
	} else if (doc) {
		rc = err_set(err, "%s",
		    error && error->kind == JSON_STRING ? error->string.data
		                                        : "the agent's answer is not understood");
	} else {
		rc = -1;
	}
	json_free(doc);
	return rc;
}

static int fail(const char *path, struct err *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return err_set(err, "the agent at %s does not answer", path);
	return err_sys(err, errno, "the agent at %s", path);
}

static int call(const char *path, const char *request, int64_t timeout_ms, int cancel,
    struct buf *result, struct err *err)
{
	int fd = connect_to(path, timeout_ms, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = say(fd, request);
	if (rc == 0)
		rc = hear(fd, cancel, result);
	if (rc < 0)
		fail(path, err);
	close(fd);
	return rc < 0 ? -1 : take_result(result, err);
}

static int follow(int fd, const char *path, const char *request, int cancel,
    bool (*see)(void *ctx, struct buf *message, bool first), void *ctx, struct err *err)
{
	struct buf message = {0};
	int rc = say(fd, request);

	for (bool first = true; rc == 0; first = false) {
		rc = hear(fd, cancel, &message);
		if (rc == 0 && first && take_result(&message, err) < 0) {
			buf_free(&message);
			return -1;
		}
		if (rc == 0 && !see(ctx, &message, first))
			break;
	}
	buf_free(&message);
	if (rc == 0 || errno == ECANCELED)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return err_set(err, "the agent at %s went away", path);
	return fail(path, err);
}

int control_follow(const char *path, const char *request, int cancel,
    bool (*see)(void *ctx, struct buf *message, bool first), void *ctx, struct err *err)
{
	int fd = connect_to(path, 0, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = follow(fd, path, request, cancel, see, ctx, err);
	close(fd);
	return rc;
}

int control_call(
    const char *path, const char *request, int64_t timeout_ms, struct buf *result, struct err *err)
{
	return call(path, request, timeout_ms, -1, result, err);
}

int control_call_until(
    const char *path, const char *request, int cancel, struct buf *result, struct err *err)
{
	return call(path, request, 0, cancel, result, err);
}
