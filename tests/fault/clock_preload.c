/*
 * LD_PRELOAD: a clock that nobody has set. The time of day is what the file named by NEAP_CLOCK says, in seconds
 * before the true one, and the kernel says that it is not synchronised. The monotonic clocks are left alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static long behind(void)
{
	const char *name = getenv("NEAP_CLOCK");
	char text[32] = "";
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	return len > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(clock_id, tp);
	if (clock_id == CLOCK_REALTIME)
		tp->tv_sec -= behind();
	return rc;
}

int adjtimex(struct timex *ntx)
{
	ntx->status = STA_UNSYNC;
	return TIME_ERROR;
}
