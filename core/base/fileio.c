#include "core/base/fileio.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	struct stat st;
	size_t step = 4096; /* files in /proc and /sys say 0 */

	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uintmax_t)st.st_size <= max)
		step = (size_t)st.st_size + 1; /* one more, to see the end at once */
	for (;;) {
		ssize_t n = read(fd, buf_reserve(out, step), step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read %s", path);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		if (out->len > max)
			return err_set(err, "%s is larger than %zu bytes", path, max);
		step = 4096;
	}
}

int fileio_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	out->len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, errno, "cannot read %s", path);
	int result = read_fd(fd, path, max, out, err);
	if (result < 0)
		out->len = 0;
	(void)close(fd);
	return result;
}

int fileio_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The folder that `path` is in; the caller frees it. */
static char *parent(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len == 0 ? mem_strdup(".") : mem_strndup(path, len);
}

static int sync_parent(const char *path)
{
	char *folder = parent(path);
	int result = fileio_sync_dir(folder);

	free(folder);
	return result;
}

static int write_new(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	(void)unlink(path); /* of an earlier process with our pid */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(err, errno, "cannot make %s", path);
	int result = 0;
	if (fileio_write_all(fd, data, len) < 0 || fsync(fd) < 0)
		result = err_sys(err, errno, "cannot write %s", path);
	if (close(fd) < 0 && result == 0 && errno != EINTR)
		result = err_sys(err, errno, "cannot write %s", path);
	return result;
}

int fileio_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	struct buf temporary = {0};
	int result;

	buf_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
	const char *name = buf_str(&temporary);
	result = write_new(name, data, len, mode, err);
	if (result == 0 && rename(name, path) < 0)
		result = err_sys(err, errno, "cannot replace %s", path);
	if (result < 0)
		(void)unlink(name);
	else if (sync_parent(path) < 0)
		result = err_sys(err, errno, "%s is replaced, but its folder cannot be synced", path);
	buf_free(&temporary);
	return result;
}

int fileio_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = fsync(fd), errnum = errno;
	(void)close(fd);
	if (result < 0 && errnum == EINVAL)
		return 0; /* a file system that has no such thing */
	errno = errnum;
	return result;
}

static int make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		if (sync_parent(path) < 0)
			return err_sys(err, errno, "cannot sync the folder of %s", path);
		return 0;
	}
	int errnum = errno;
	/* on a read-only file system mkdir says EROFS of a folder that is there */
	if (stat(path, &st) < 0)
		return err_sys(err, errnum, "cannot make the folder %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "cannot make the folder %s", path);
	return 0;
}

int fileio_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char *part = mem_strdup(path);
	int result = 0;

	for (char *slash = part[0] == '\0' ? NULL : strchr(part + 1, '/'); slash != NULL && result == 0;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		result = make_dir(part, mode, err);
		*slash = '/';
	}
	if (result == 0)
		result = make_dir(part, mode, err);
	free(part);
	return result;
}

int fileio_lock(const char *path, struct err *err)
{
	char text[32] = "";

	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the lock %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int errnum = errno;
		ssize_t n = errnum == EWOULDBLOCK ? pread(fd, text, sizeof text - 1, 0) : 0;
		(void)close(fd);
		if (errnum != EWOULDBLOCK)
			return err_sys(err, errnum, "cannot lock %s", path);
		text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
		return err_set(err, "%s is locked by %s %s: two cannot work in one folder", path,
		    text[0] != '\0' ? "process" : "another", text[0] != '\0' ? text : "process");
	}
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len) {
		(void)err_sys(err, errno, "cannot write our pid into %s", path);
		(void)close(fd);
		return -1;
	}
	return fd;
}
