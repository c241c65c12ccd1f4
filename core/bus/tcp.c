#include "core/bus/tcp.h"

#include "core/base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or errno. */
static int await(int fd, int64_t until_ms)
{
	int error = 0;
	socklen_t len = sizeof error;
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	for (;;) {
		int64_t left_ms = until_ms - clock_io_ms();
		int rc = poll(&pfd, 1, left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
		if (rc == 0)
			return ETIMEDOUT;
		if (rc > 0)
			break;
		if (errno != EINTR)
			return errno;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

/* The descriptor, or -errno. */
static int try_address(const struct addrinfo *address, int64_t until_ms)
{
	int one = 1;
	int error = 0;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		error = errno == EINPROGRESS ? await(fd, until_ms) : errno;
	if (error == 0)
		return fd;
	(void)close(fd);
	return -error;
}

int tcp_connect(const char *host, int port, int64_t until_ms, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char service[16];
	int fd = -ENOENT;

	(void)snprintf(service, sizeof service, "%d", port);
	int rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return err_set(err, "cannot find the host %s: %s", host, gai_strerror(rc));
	for (struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
		fd = try_address(at, until_ms);
	freeaddrinfo(list);
	if (fd >= 0)
		return fd;
	return err_sys(err, fd, "cannot connect to %s, port %d", host, port);
}
