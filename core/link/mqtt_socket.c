#include "core/link/mqtt_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/tcp.h> /* the C library's lacks the counters */
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int peer_port(int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
		return -1;
	if (peer.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&peer)->sin_port);
	if (peer.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&peer)->sin6_port);
	return -1;
}

static bool is_stray(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

int mqtt_socket_adopt(int port)
{
	DIR *dir = opendir("/proc/self/fd");
	int found = -1, on = 1;
	const struct dirent *entry;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd > 2 && is_stray(fd) && peer_port(fd) == port)
			found = fd;
	}
	closedir(dir);
	if (found >= 0) {
		fcntl(found, F_SETFD, FD_CLOEXEC);
		setsockopt(found, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	return found;
}

int mqtt_socket_break(int fd, int port)
{
	if (fd < 0 || peer_port(fd) != port)
		return -1;
	/* while paho has something left to write it looks at nothing but a hang-up of both ways */
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	return shutdown(fd, poll(&writable, 1, 0) > 0 ? SHUT_RD : SHUT_RDWR);
}

struct mqtt_traffic mqtt_socket_traffic(int fd, int port)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (fd < 0 || peer_port(fd) != port || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return (struct mqtt_traffic){0};
	return (struct mqtt_traffic){.out = info.tcpi_bytes_acked, .in = info.tcpi_bytes_received};
}
