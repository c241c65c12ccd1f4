/*
 * A disk that refuses: loaded with LD_PRELOAD, it makes file operations fail or wait.
 *
 *   NEAP_FAULT_UNDER   paths that begin so are touched, no others
 *   NEAP_FAULT_FILE    the rules, a line each; read again whenever the file changes, so that a test
 *                      can break and mend the disk while the program runs:
 *                          OP FROM COUNT WHAT
 *                      OP    open write sync rename mkdir read unlink truncate any
 *                      FROM  from this call of that kind on, counted from 1 since the rules changed
 *                      COUNT so many calls; 0: all that follow
 *                      WHAT  an errno (ENOSPC EIO EROFS EMFILE), `short` (half of a write gets out),
 *                            or milliseconds to wait before the call goes through
 *
 * "write 3 1 EIO": the third write fails. "sync 1 0 2000": every fsync takes two seconds.
 */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 16 };

enum op { OPEN, WRITE, SYNC, RENAME, MKDIR, READ, UNLINK, TRUNCATE, ANY, OPS };

static const char *const op_names[OPS] = {
    "open", "write", "sync", "rename", "mkdir", "read", "unlink", "truncate", "any"};

struct rule {
	enum op op;
	unsigned from, count;
	int error; /* 0: none */
	bool half; /* a short write */
	long wait_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES];
static size_t rules_count;
static unsigned calls[OPS];
static struct timespec rules_time;
static off_t rules_size = -1;

typedef void any_fn(void);

static any_fn *real(const char *name)
{
	any_fn *function;

	*(void **)&function = dlsym(RTLD_NEXT, name);
	return function;
}

#define REAL(type, name) ((type)real(name))

typedef int open_fn(const char *, int, ...);
typedef ssize_t read_fn(int, void *, size_t);
typedef int close_fn(int);

/* --- rules --- */

static int error_by_name(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EMFILE", EMFILE}};

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	}
	return 0;
}

static void parse_rule(char *line)
{
	char *rest = NULL, *words[4];
	struct rule *rule = &rules[rules_count];

	for (int i = 0; i < 4; i++) {
		words[i] = strtok_r(i ? NULL : line, " \n", &rest);
		if (!words[i])
			return;
	}
	*rule = (struct rule){.op = OPS,
	    .from = (unsigned)strtoul(words[1], NULL, 10),
	    .count = (unsigned)strtoul(words[2], NULL, 10),
	    .error = error_by_name(words[3]),
	    .half = strcmp(words[3], "short") == 0,
	    .wait_ms = strtol(words[3], NULL, 10)};
	for (int i = 0; i < OPS; i++) {
		if (strcmp(op_names[i], words[0]) == 0)
			rule->op = (enum op)i;
	}
	if (rule->op != OPS && rules_count + 1 < RULES)
		rules_count++;
}

static void read_rules(const char *path)
{
	char text[1024], *rest = NULL;
	int fd = REAL(open_fn *, "open")(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : REAL(read_fn *, "read")(fd, text, sizeof text - 1);

	if (fd >= 0)
		(void)REAL(close_fn *, "close")(fd);
	text[len > 0 ? len : 0] = '\0';
	rules_count = 0;
	memset(calls, 0, sizeof calls);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		parse_rule(line);
}

static void follow_rules(void)
{
	const char *path = getenv("NEAP_FAULT_FILE");
	struct stat st;

	if (!path || stat(path, &st) < 0) {
		rules_count = 0;
		rules_size = -1;
		return;
	}
	if (st.st_size == rules_size && st.st_mtim.tv_sec == rules_time.tv_sec &&
	    st.st_mtim.tv_nsec == rules_time.tv_nsec)
		return;
	rules_size = st.st_size;
	rules_time = st.st_mtim;
	read_rules(path);
}

/* --- the decision --- */

static bool is_under(const char *path)
{
	const char *under = getenv("NEAP_FAULT_UNDER");

	return under && strncmp(path, under, strlen(under)) == 0;
}

static bool fd_is_under(int fd)
{
	char link[64], path[4096];

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return is_under(path);
}

/* Waits if a rule says so. Returns the rule's error, and whether half of a write gets out. */
static int decide(enum op op, bool *half)
{
	struct rule rule = {.op = OPS};
	int saved = errno;

	pthread_mutex_lock(&lock);
	follow_rules();
	calls[op]++;
	calls[ANY]++;
	for (size_t i = 0; i < rules_count; i++) {
		const struct rule *r = &rules[i];
		unsigned n = calls[r->op];
		if ((r->op == op || r->op == ANY) && n >= r->from &&
		    (r->count == 0 || n < r->from + r->count))
			rule = *r;
	}
	pthread_mutex_unlock(&lock);
	if (half)
		*half = rule.half;
	if (rule.wait_ms > 0) {
		struct timespec time = {rule.wait_ms / 1000, rule.wait_ms % 1000 * 1000000};
		(void)nanosleep(&time, NULL);
	}
	errno = saved;
	return rule.error;
}

#define FAIL_IF(error)        \
	do {                      \
		int error_ = (error); \
		if (error_) {         \
			errno = error_;   \
			return -1;        \
		}                     \
	} while (0)

/* --- the calls --- */

/* the C library's own names for the parameters are reserved ones */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
	if (is_under(path))
		FAIL_IF(decide(OPEN, NULL));
	return REAL(open_fn *, name)(path, flags, mode);
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return open_as("open64", path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
	bool half = false;

	if (fd_is_under(fd))
		FAIL_IF(decide(WRITE, &half));
	return REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, data, half ? len / 2 : len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	bool half = false;

	if (fd_is_under(fd))
		FAIL_IF(decide(WRITE, &half));
	return REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(
	    fd, data, half ? len / 2 : len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	bool half = false;

	if (fd_is_under(fd))
		FAIL_IF(decide(WRITE, &half));
	return REAL(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64")(
	    fd, data, half ? len / 2 : len, at);
}

ssize_t pread(int fd, void *data, size_t len, off_t at)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(READ, NULL));
	return REAL(ssize_t(*)(int, void *, size_t, off_t), "pread")(fd, data, len, at);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t at)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(READ, NULL));
	return REAL(ssize_t(*)(int, void *, size_t, off64_t), "pread64")(fd, data, len, at);
}

int fsync(int fd)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(SYNC, NULL));
	return REAL(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(SYNC, NULL));
	return REAL(int (*)(int), "fdatasync")(fd);
}

int ftruncate(int fd, off_t size)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(TRUNCATE, NULL));
	return REAL(int (*)(int, off_t), "ftruncate")(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	if (fd_is_under(fd))
		FAIL_IF(decide(TRUNCATE, NULL));
	return REAL(int (*)(int, off64_t), "ftruncate64")(fd, size);
}

int rename(const char *from, const char *to)
{
	if (is_under(from))
		FAIL_IF(decide(RENAME, NULL));
	return REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	if (is_under(path))
		FAIL_IF(decide(MKDIR, NULL));
	return REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

int unlink(const char *path)
{
	if (is_under(path))
		FAIL_IF(decide(UNLINK, NULL));
	return REAL(int (*)(const char *), "unlink")(path);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
