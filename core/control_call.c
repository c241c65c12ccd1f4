/* The command line's side of the control socket. Blocking, one request for each connection. */
#include "core/control.h"

#include "core/fileio.h"

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

static int exchange(int fd, int cancel, const char *request, struct buf *answer)
{
	size_t len = strlen(request);
	unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len};

	if (fileio_write_all(fd, head, sizeof(head)) < 0 || fileio_write_all(fd, request, len) < 0 ||
	    read_exactly(fd, cancel, head, sizeof(head)) < 0)
		return -1;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > CONTROL_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	answer->len = 0;
	if (read_exactly(fd, cancel, buf_reserve(answer, len), len) < 0)
		return -1;
	answer->len = len;
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

static int call(const char *path, const char *request, int64_t timeout_ms, int cancel,
    struct buf *result, struct err *err)
{
	int fd = connect_to(path, timeout_ms, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = exchange(fd, cancel, request, result);
	if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		err_set(err, "the agent at %s does not answer", path);
	else if (rc < 0)
		err_sys(err, errno, "the agent at %s", path);
	close(fd);
	return rc < 0 ? -1 : take_result(result, err);
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
