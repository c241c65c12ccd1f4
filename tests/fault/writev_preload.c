/*
 * A connection that is reset at the very moment when a PUBLISH is written: with NEAP_WRITEV_FAILS=N
 * every Nth writev of an MQTT PUBLISH at QoS 1 fails with ECONNRESET, and the socket is dead then.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { PUBLISH_QOS1 = 0x32, DUP = 0x08 };

ssize_t writev(int fd, const struct iovec *iovec, int count)
{
	static atomic_long published;
	ssize_t (*next)(int, const struct iovec *, int);
	const char *text = getenv("NEAP_WRITEV_FAILS");
	long every = text ? strtol(text, NULL, 10) : 0;

	/* the way to read a function from a data pointer that C allows */
	*(void **)&next = dlsym(RTLD_NEXT, "writev");
	if (every > 0 && count > 0 && iovec[0].iov_len > 0 &&
	    (*(const unsigned char *)iovec[0].iov_base & ~DUP) == PUBLISH_QOS1 &&
	    atomic_fetch_add(&published, 1) % every == every - 1) {
		shutdown(fd, SHUT_RDWR);
		errno = ECONNRESET;
		return -1;
	}
	return next(fd, iovec, count);
}
