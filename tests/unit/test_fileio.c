#include "core/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char start[1000], folder[100];

/* Each test works in a new folder. */
static int enter(void **unused)
{
	(void)unused;
	assert_non_null(getcwd(start, sizeof start));
	(void)snprintf(folder, sizeof folder, "/tmp/neap-test-fileio-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return chdir(folder);
}

static void empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[600];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (unlink(name) < 0) {
			empty(name);
			(void)rmdir(name);
		}
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static int leave(void **unused)
{
	(void)unused;
	empty(folder);
	assert_int_equal(chdir(start), 0);
	return rmdir(folder);
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count - 2;
}

static void a_file_is_replaced_and_read(void **unused)
{
	(void)unused;
	struct buf buf = {0};
	struct err err;
	struct stat st;
	char *large = calloc(1, 100000);

	(void)umask(022);
	buf_text(&buf, "what was there before");
	assert_int_equal(fileio_replace("a", "a\0b", 3, 0600, &err), 0);
	assert_int_equal(fileio_read("a", 3, &buf, &err), 0);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, "a\0b", 3);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	(void)snprintf(large, 100000, "large");
	assert_int_equal(fileio_replace("./a", large, 100000, 0666, &err), 0);
	assert_int_equal(fileio_read("a", 1000000, &buf, &err), 0);
	assert_int_equal(buf.len, 100000);
	assert_memory_equal(buf.data, large, 100000);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	assert_int_equal(fileio_replace("a", NULL, 0, 0644, &err), 0);
	assert_int_equal(fileio_read("a", 0, &buf, &err), 0);
	assert_int_equal(buf.len, 0);
	assert_int_equal(entries("."), 1);
	buf_free(&buf);
	free(large);
}

static void a_left_over_temporary_is_no_obstacle(void **unused)
{
	(void)unused;
	char name[100], byte;
	struct err err;

	(void)snprintf(name, sizeof name, "a.tmp.%ld", (long)getpid());
	assert_int_equal(symlink("victim", name), 0);
	assert_int_equal(fileio_replace("a", "new", 3, 0600, &err), 0);
	assert_int_equal(access("victim", F_OK), -1);
	assert_int_equal(readlink("a", &byte, 1), -1);
	assert_int_equal(entries("."), 1);
}

static void what_fails_leaves_the_old(void **unused)
{
	(void)unused;
	struct err err;

	assert_int_equal(fileio_replace("none/a", "x", 1, 0600, &err), -1);
	assert_string_equal(err_code(&err), "ENOENT");
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(fileio_replace("d/inside", "x", 1, 0600, &err), 0);
	assert_int_equal(fileio_replace("d", "x", 1, 0600, &err), -1); /* a folder is there */
	assert_non_null(strstr(err.text, "cannot replace d: "));
	assert_int_equal(entries("."), 1);
	assert_int_equal(entries("d"), 1);
}

static void a_bad_read_says_so(void **unused)
{
	(void)unused;
	struct buf buf = {0};
	struct err err;

	assert_int_equal(fileio_read("none", 10, &buf, &err), -1);
	assert_string_equal(err.text, "cannot read none: No such file or directory");
	assert_string_equal(err_code(&err), "ENOENT");
	assert_int_equal(fileio_read(".", 10, &buf, &err), -1);
	assert_string_equal(err_code(&err), "EISDIR");
	assert_int_equal(fileio_replace("a", "0123456789", 10, 0600, &err), 0);
	assert_int_equal(fileio_read("a", 9, &buf, &err), -1);
	assert_string_equal(err.text, "a is larger than 9 bytes");
	assert_int_equal(buf.len, 0);
	assert_int_equal(fileio_read("a", 10, &buf, NULL), 0);
	assert_int_equal(buf.len, 10);
	assert_int_equal(fileio_read("/proc/self/status", 100000, &buf, &err), 0);
	assert_true(buf.len > 100);
	assert_int_equal(fileio_read("/proc/self/status", 100, &buf, &err), -1);
	assert_int_equal(fileio_read("/dev/zero", 100000, &buf, &err), -1);
	buf_free(&buf);
}

static void *drain(void *arg)
{
	char part[999];
	size_t *sum = arg;
	ssize_t n;

	while ((n = read((int)sum[1], part, sizeof part)) > 0)
		sum[0] += (size_t)n;
	return NULL;
}

static void all_is_written(void **unused)
{
	(void)unused;
	static const char data[300000]; /* more than a pipe holds */
	int fds[2];
	pthread_t thread;

	assert_int_equal(pipe(fds), 0);
	size_t sum[2] = {0, (size_t)fds[0]};
	assert_int_equal(pthread_create(&thread, NULL, drain, sum), 0);
	assert_int_equal(fileio_write_all(fds[1], data, sizeof data), 0);
	(void)close(fds[1]);
	(void)pthread_join(thread, NULL);
	(void)close(fds[0]);
	assert_int_equal(sum[0], sizeof data);

	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	errno = 0;
	assert_int_equal(fileio_write_all(full, "x", 1), -1);
	assert_int_equal(errno, ENOSPC);
	(void)close(full);
}

static void folders_are_made(void **unused)
{
	(void)unused;
	struct err err;
	struct stat st;
	char absolute[200];

	(void)umask(022);
	assert_int_equal(fileio_mkdirs("a/b/c", 0750, &err), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fileio_mkdirs("a/b/c", 0700, &err), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fileio_mkdirs("a//d/", 0755, &err), 0);
	assert_int_equal(stat("a/d", &st), 0);
	(void)snprintf(absolute, sizeof absolute, "%s/e/f", folder);
	assert_int_equal(fileio_mkdirs(absolute, 0755, &err), 0);
	assert_int_equal(stat("e/f", &st), 0);

	assert_int_equal(fileio_replace("file", "", 0, 0600, &err), 0);
	assert_int_equal(fileio_mkdirs("file/x", 0755, &err), -1);
	assert_string_equal(err.text, "cannot make the folder file: Not a directory");
	assert_int_equal(fileio_mkdirs("file", 0755, &err), -1);
	assert_int_equal(fileio_mkdirs("", 0755, &err), -1);
	assert_string_equal(err_code(&err), "ENOENT");
	assert_int_equal(fileio_sync_dir("a"), 0);
	assert_int_equal(fileio_sync_dir("none"), -1);
	assert_int_equal(errno, ENOENT);
}

static void a_lock_has_one_holder(void **unused)
{
	(void)unused;
	struct buf buf = {0};
	struct err err;
	char expected[100];

	assert_int_equal(fileio_replace("lock", "12345678901234567890\n", 21, 0644, &err), 0);
	int fd = fileio_lock("lock", &err);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fileio_read("lock", 100, &buf, &err), 0);
	(void)snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
	assert_string_equal(buf_str(&buf), expected);

	assert_int_equal(fileio_lock("lock", &err), -1);
	(void)snprintf(expected, sizeof expected, "lock is locked by process %ld: ", (long)getpid());
	assert_memory_equal(err.text, expected, strlen(expected));
	(void)close(fd);
	fd = fileio_lock("lock", &err);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), 0); /* it has not yet written its pid */
	assert_int_equal(fileio_lock("lock", &err), -1);
	assert_non_null(strstr(err.text, "lock is locked by another process: "));
	(void)close(fd);
	assert_int_equal(fileio_lock("none/lock", &err), -1);
	assert_string_equal(err_code(&err), "ENOENT");
	buf_free(&buf);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_file_is_replaced_and_read),
	    CASE(a_left_over_temporary_is_no_obstacle),
	    CASE(what_fails_leaves_the_old),
	    CASE(a_bad_read_says_so),
	    CASE(all_is_written),
	    CASE(folders_are_made),
	    CASE(a_lock_has_one_holder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
