#include "core/bus/process.h"

#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS  1000 /* from SIGTERM to SIGKILL */
#define CHUNK     4096
#define CHUNKS    16 /* read at one turn of the loop */
#define STATUS_FD 3  /* where the child tells why it cannot begin */

struct output {
	uv_poll_t poll;
	struct process *process;
	struct buf *text;
	int fd; /* -1: at its end */
};

enum stage { RUNS, TERMINATED, KILLED };

struct process {
	pid_t pid;
	uv_signal_t child;
	uv_timer_t timer;
	struct output outputs[2];
	int handles; /* that are open */
	enum stage stage;
	bool exited; /* a zombie until the end: so the group keeps its number */
	char *name;
	size_t limit;
	int64_t timeout_ms;
	struct process_result result;
	bool failed;
	struct err err;
	process_done *done; /* NULL: forgotten */
	void *ctx;
};

/* --- the child, until it is another program: async-signal-safe calls only --- */

struct failure {
	int error;
	int folder; /* it is the folder's, not the program's */
};

struct child {
	const struct process_options *options;
	int fds[3];
	int status;
};

static _Noreturn void give_up(int folder)
{
	struct failure failure = {errno, folder};
	(void)!write(STATUS_FD, &failure, sizeof failure);
	_exit(127);
}

static void close_from(int first)
{
	struct rlimit limit;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
		return;
#endif
	int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur
	                                                                          : 65536;
	for (int fd = first; fd < end; fd++)
		(void)close(fd);
}

/* Puts the four where they belong; none of them is below where it goes. */
static void place_descriptors(const struct child *child)
{
	for (int i = 0; i < 3; i++)
		(void)dup2(child->fds[i], i);
	(void)dup2(child->status, STATUS_FD);
	(void)fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
	close_from(STATUS_FD + 1);
}

/* It changes nothing, but its type is older than const. */
static char *const *as_exec_has_it(const char *const *list)
{
	const union {
		const char *const *ours;
		char *const *its;
	} list_of = {list};
	return list_of.its;
}

static _Noreturn void run_child(const struct child *child)
{
	const struct process_options *options = child->options;
	sigset_t none;

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left to wait for it then */
	place_descriptors(child);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (options->file_limit) {
		struct rlimit limit = {options->file_limit, options->file_limit};
		(void)setrlimit(RLIMIT_FSIZE, &limit);
	}
	if (chdir(options->cwd ? options->cwd : "/") < 0)
		give_up(1);
	(void)execvpe(options->args[0], as_exec_has_it(options->args), as_exec_has_it(options->env));
	give_up(0);
}

/* --- the start --- */

/* The descriptor itself, or another that is not in the way of the child's own four. */
static int above(int fd)
{
	if (fd < 0 || fd > STATUS_FD)
		return fd;
	int other = fcntl(fd, F_DUPFD_CLOEXEC, STATUS_FD + 1);
	int error = errno;
	(void)close(fd);
	errno = error;
	return other;
}

static int open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fds[0] = above(fds[0]);
	fds[1] = above(fds[1]);
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

/* The input is a file in memory: the child reads it as fast or as slow as it likes, or not. */
static int open_input(const struct process_options *options)
{
	if (options->input_len == 0)
		return above(open("/dev/null", O_RDONLY | O_CLOEXEC));
	int fd = above(memfd_create("neap-input", MFD_CLOEXEC));
	if (fd < 0)
		return -1;
	if (fileio_write_all(fd, options->input, options->input_len) == 0 &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

enum { OUT, ERR, STATUS, PIPES };

struct launch {
	int input;
	int pipes[PIPES][2];
};

static void close_if(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void close_launch(struct launch *launch)
{
	close_if(&launch->input);
	for (int i = 0; i < PIPES; i++) {
		close_if(&launch->pipes[i][0]);
		close_if(&launch->pipes[i][1]);
	}
}

static int open_launch(struct launch *launch, const struct process_options *options)
{
	*launch = (struct launch){open_input(options), {{-1, -1}, {-1, -1}, {-1, -1}}};
	if (launch->input < 0)
		return -1;
	for (int i = 0; i < PIPES; i++)
		if (open_pipe(launch->pipes[i]) < 0)
			return -1;
	return 0;
}

/* No handler of ours shall run in the child: they are the loop's. */
static pid_t fork_child(const struct launch *launch, const struct process_options *options)
{
	const struct child child = {options,
	    {launch->input, launch->pipes[OUT][1], launch->pipes[ERR][1]}, launch->pipes[STATUS][1]};
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		run_child(&child);
	int error = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

/* Waits until the child is the program, or cannot be. */
static int await_begin(
    pid_t pid, int status, const struct process_options *options, struct err *err)
{
	struct failure failure;
	ssize_t count;

	do {
		count = read(status, &failure, sizeof failure);
	} while (count < 0 && errno == EINTR);
	if (count != (ssize_t)sizeof failure)
		return 0;
	(void)waitpid(pid, NULL, 0);
	return err_sys(err, failure.error, "%s", failure.folder ? options->cwd : options->args[0]);
}

static pid_t launch_child(
    struct launch *launch, const struct process_options *options, struct err *err)
{
	if (open_launch(launch, options) < 0)
		return err_sys(err, errno, "%s: cannot be started", options->args[0]);
	pid_t pid = fork_child(launch, options);
	if (pid < 0)
		return err_sys(err, errno, "%s: cannot be started", options->args[0]);
	close_if(&launch->pipes[STATUS][1]);
	return await_begin(pid, launch->pipes[STATUS][0], options, err) < 0 ? -1 : pid;
}

/* --- the end --- */

static void close_one(struct process *process)
{
	if (--process->handles > 0)
		return;
	buf_free(&process->result.out);
	buf_free(&process->result.err);
	free(process->name);
	free(process);
}

static void on_closed(uv_handle_t *handle)
{
	close_one(handle->data);
}

static void on_output_closed(uv_handle_t *handle)
{
	struct output *output = handle->data;

	close_one(output->process);
}

static void end_output(struct output *output)
{
	if (output->fd < 0)
		return;
	uv_close((uv_handle_t *)&output->poll, on_output_closed);
	(void)close(output->fd);
	output->fd = -1;
}

static void close_common(struct process *process)
{
	uv_close((uv_handle_t *)&process->child, on_closed);
	uv_close((uv_handle_t *)&process->timer, on_closed);
}

static void finish(struct process *process)
{
	struct process_result *result = &process->result;
	int status = 0;

	(void)kill(-process->pid, SIGKILL);
	(void)waitpid(process->pid, &status, 0);
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	end_output(&process->outputs[0]);
	end_output(&process->outputs[1]);
	close_common(process);
	if (process->done)
		process->done(process->ctx, result, process->failed ? &process->err : NULL);
}

static void on_timer(uv_timer_t *timer);

static void signal_group(struct process *process, enum stage stage)
{
	process->stage = stage;
	(void)kill(-process->pid, stage == TERMINATED ? SIGTERM : SIGKILL);
	(void)uv_timer_start(&process->timer, on_timer, GRACE_MS, 0);
}

static void look(struct process *process)
{
	if (!process->exited)
		return;
	if (process->stage == KILLED || (process->outputs[0].fd < 0 && process->outputs[1].fd < 0))
		finish(process);
	else if (process->stage == RUNS)
		signal_group(process, TERMINATED);
}

static void fail(struct process *process, int code)
{
	process->failed = true;
	process->err.code = code;
	if (process->stage == RUNS)
		signal_group(process, TERMINATED);
}

static void on_timer(uv_timer_t *timer)
{
	struct process *process = timer->data;

	if (process->stage == RUNS) {
		char limit[NUMBER_TEXT];
		(void)duration_format(limit, process->timeout_ms);
		(void)err_set(&process->err, "%s: took longer than %s", process->name, limit);
		fail(process, -ETIMEDOUT);
		return;
	}
	signal_group(process, KILLED);
	look(process);
}

static void on_child(uv_signal_t *handle, int signum)
{
	struct process *process = handle->data;
	siginfo_t info = {0};

	(void)signum;
	if (process->exited ||
	    waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 ||
	    info.si_pid == 0)
		return;
	process->exited = true;
	look(process);
}

/* --- output --- */

static void take(struct output *output, const char *data, size_t count)
{
	struct process *process = output->process;
	size_t room = process->limit - output->text->len;

	buf_add(output->text, data, count < room ? count : room);
	if (count <= room || process->failed)
		return;
	(void)err_set(
	    &process->err, "%s: wrote more than its limit of %zu bytes", process->name, process->limit);
	fail(process, -ENOBUFS);
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct output *output = poll->data;
	char data[CHUNK];

	(void)status;
	(void)events;
	for (int i = 0; i < CHUNKS; i++) {
		ssize_t count = read(output->fd, data, sizeof data);
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (count <= 0) {
			end_output(output);
			look(output->process);
			return;
		}
		take(output, data, (size_t)count);
	}
}

static void listen_to(struct process *process, struct output *output, int *fd, struct buf *text)
{
	output->process = process;
	output->text = text;
	output->fd = *fd;
	*fd = -1;
	/* which makes it non-blocking, too */
	must(uv_poll_init(process->timer.loop, &output->poll, output->fd) == 0);
	output->poll.data = output;
	must(uv_poll_start(&output->poll, UV_READABLE, on_output) == 0);
	process->handles++;
}

/* --- for the others --- */

/* Before there is a child: its end must not be missed. */
static struct process *process_new(uv_loop_t *loop)
{
	struct process *process = mem_alloc(sizeof *process);

	must(uv_timer_init(loop, &process->timer) == 0);
	must(uv_signal_init(loop, &process->child) == 0);
	must(uv_signal_start(&process->child, on_child, SIGCHLD) == 0);
	process->timer.data = process;
	process->child.data = process;
	process->handles = 2;
	process->outputs[0].fd = -1;
	process->outputs[1].fd = -1;
	return process;
}

struct process *process_start(uv_loop_t *loop, const struct process_options *options,
    process_done *done, void *ctx, struct err *err)
{
	struct process *process = process_new(loop);
	struct launch launch;

	process->pid = launch_child(&launch, options, err);
	if (process->pid < 0) {
		close_launch(&launch);
		close_common(process);
		return NULL;
	}
	listen_to(process, &process->outputs[0], &launch.pipes[OUT][0], &process->result.out);
	listen_to(process, &process->outputs[1], &launch.pipes[ERR][0], &process->result.err);
	close_launch(&launch);
	process->name = mem_strdup(options->args[0]);
	process->limit = options->limit;
	process->timeout_ms = options->timeout_ms;
	process->done = done;
	process->ctx = ctx;
	uv_update_time(loop);
	must(uv_timer_start(&process->timer, on_timer, (uint64_t)options->timeout_ms, 0) == 0);
	return process;
}

void process_forget(struct process *process)
{
	process->done = NULL;
	process->failed = true;
	if (process->stage == RUNS)
		signal_group(process, TERMINATED);
}
