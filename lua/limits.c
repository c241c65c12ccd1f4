#include "lua/limits.h"

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define STUCK_BUDGETS 3   /* so much without the hook being reached ends the process */
#define CONDEMNED_US  200 /* between looks at what still runs while a stack unwinds */
#define CULPRITS_MAX  65536

struct time_limits {
	timer_t timer;
	int64_t slice_us, budget_us;
	int culprits; /* descriptor, or -1 */
	const struct restart *restart;
	struct entry_mark now;
	volatile sig_atomic_t inside;
	volatile sig_atomic_t armed;
	volatile sig_atomic_t over;   /* the slice is, and the hook has not come yet */
	volatile int64_t over_cpu_us; /* of the thread when that began */
};

static int64_t read_us(clockid_t id)
{
	struct timespec time;

	(void)clock_gettime(id, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void arm(struct time_limits *limits, int64_t us)
{
	const struct itimerspec when = {
	    .it_value = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};

	limits->armed = timer_settime(limits->timer, 0, &when, NULL) == 0;
}

/* --- the hook --- */

static void on_hook(lua_State *L, lua_Debug *at);

static void raise_over(lua_State *L, const struct time_limits *limits)
{
	char budget[NUMBER_TEXT];
	struct err err;

	(void)duration_format(budget, limits->budget_us / 1000);
	(void)err_set(&err,
	    "ended: it took more than its budget of %s of processor time (scripts.budget)", budget);
	err.code = UV_ETIMEDOUT;
	(void)script_raise(L, &err);
}

/* Processor time of the handler so far. That of the entry's first slice is taken to be what the clock says. */
static int64_t used_us(struct time_limits *limits, const struct script *script)
{
	int64_t cpu = read_us(CLOCK_THREAD_CPUTIME_ID);

	if (limits->now.cpu_us == 0) {
		int64_t elapsed = read_us(CLOCK_MONOTONIC) - limits->now.entered_us;
		int64_t most = 2 * limits->slice_us;

		limits->now.cpu_us = cpu - (elapsed < most ? elapsed : most);
	}
	return script->time.used_us + cpu - limits->now.cpu_us;
}

static void end_handler(lua_State *L, struct time_limits *limits)
{
	struct script *script = script_of(L);

	limits->over = 0;
	script->time.limit_hits += !script->time.condemned;
	script->time.condemned = true;
	/* stays armed: whatever runs while the stack unwinds is ended too */
	lua_sethook(L, on_hook, LUA_MASKCOUNT, 1000);
	raise_over(L, limits);
}

static void on_hook(lua_State *L, lua_Debug *at)
{
	struct script *script = script_of(L);
	struct time_limits *limits = script->host->limits;

	(void)at;
	if (!limits->inside || (!limits->over && !script->time.condemned)) {
		lua_sethook(L, NULL, 0, 0);
		return;
	}
	limits->over = 0;
	int64_t used = used_us(limits, script);
	if (script->time.condemned || used >= limits->budget_us)
		end_handler(L, limits);
	lua_sethook(L, NULL, 0, 0);
	if (!lua_isyieldable(L))
		return; /* the next tick looks again, until the budget is over */
	script->time.used_us = used;
	script->time.preempting = true;
	(void)lua_yield(L, 0);
}

void limits_tick(lua_State *L)
{
	struct script *script = script_of(L);
	struct time_limits *limits = script->host->limits;

	if (!limits || !limits->inside || !limits->over)
		return;
	if (script->time.condemned || used_us(limits, script) >= limits->budget_us)
		end_handler(L, limits);
	limits->over = 0; /* the signal may come between */
	limits->over_cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID);
	limits->over = 1; /* it does come back; the hook waits for Lua's next instruction */
}

/* --- the signal --- */

static bool write_line(int fd, const char *text, const char *name)
{
	size_t len = strlen(text), name_len = strlen(name);

	return write(fd, text, len) == (ssize_t)len && write(fd, name, name_len) == (ssize_t)name_len &&
	       write(fd, "\n", 1) == 1;
}

/* The process ends here. Only what a signal handler may call. */
static void end_process(const struct time_limits *limits)
{
	const char *name = limits->now.script->name;
	bool noted = limits->culprits >= 0 && write_line(limits->culprits, "", name) &&
	             fdatasync(limits->culprits) == 0;

	if (noted && limits->restart) {
		(void)write_line(STDERR_FILENO,
		    "neap: starts again, because this script does not come back from a function: ", name);
		restart_now(limits->restart);
	}
	(void)write_line(STDERR_FILENO,
	    "neap: ends, because this script does not come back from a function: ", name);
	_exit(EXIT_FAILURE);
}

static void on_signal(int signum, siginfo_t *info, void *context)
{
	struct time_limits *limits = info->si_value.sival_ptr;
	int saved = errno;

	(void)signum;
	(void)context;
	if (info->si_code != SI_TIMER || !limits)
		return;
	limits->armed = 0;
	if (limits->inside) {
		int64_t left = limits->now.slice_us - (read_us(CLOCK_MONOTONIC) - limits->now.entered_us);

		if (left > 0) {
			arm(limits, left);
		} else {
			int64_t cpu = read_us(CLOCK_THREAD_CPUTIME_ID);

			if (!limits->over)
				limits->over_cpu_us = cpu;
			else if (cpu - limits->over_cpu_us > STUCK_BUDGETS * limits->budget_us)
				end_process(limits);
			limits->over = 1;
			lua_sethook(limits->now.running, on_hook, LUA_MASKCOUNT, 1);
			arm(limits, limits->now.script->time.condemned ? CONDEMNED_US : limits->slice_us);
		}
	}
	errno = saved;
}

/* --- entries --- */

void limits_enter(struct script *script, lua_State *co, bool again, struct entry_mark *before)
{
	struct time_limits *limits = script->host->limits;

	if (!limits)
		return;
	*before = limits->now;
	limits->inside = 0; /* while we write what the handler reads */
	if (!again)
		script->time.used_us = 0;
	limits->now = (struct entry_mark){
	    .script = script,
	    .running = co,
	    .entered_us = read_us(CLOCK_MONOTONIC),
	    .slice_us = again ? limits->slice_us : limits->slice_us / 4,
	    .cpu_us = again ? read_us(CLOCK_THREAD_CPUTIME_ID) : 0,
	};
	limits->over = 0;
	limits->inside = 1;
	if (!limits->armed)
		arm(limits, limits->now.slice_us);
}

void limits_leave(struct script *script, const struct entry_mark *before)
{
	struct time_limits *limits = script->host->limits;
	int64_t elapsed;

	if (!limits)
		return;
	limits->inside = 0;
	elapsed = read_us(CLOCK_MONOTONIC) - limits->now.entered_us;
	script->time.total_us += elapsed;
	if (elapsed > script->time.slowest_us)
		script->time.slowest_us = elapsed;
	limits->now = *before;
	limits->over = 0;
	limits->inside = before->script != NULL;
	if (!limits->inside)
		script->time.condemned = false;
	else if (!limits->armed)
		arm(limits, limits->now.slice_us);
}

lua_State *limits_switch(struct script *script, lua_State *co)
{
	struct time_limits *limits = script->host->limits;
	lua_State *before = NULL;

	if (limits) {
		before = limits->now.running;
		limits->now.running = co;
	}
	return before;
}

void limits_idle(struct time_limits *limits)
{
	if (limits && limits->armed && !limits->inside)
		arm(limits, 0);
	if (limits)
		limits->armed = 0;
}

void limits_hurry(struct script *script)
{
	struct time_limits *limits = script->host->limits;

	if (limits)
		script->time.used_us = limits->budget_us - limits->budget_us / 20;
}

void limits_pardon(struct script *script)
{
	struct time_limits *limits = script->host->limits;

	if (!limits || !script->time.condemned)
		return;
	script->time.condemned = false;
	script->time.used_us = 0;
	limits->now.cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID);
	limits->now.entered_us = read_us(CLOCK_MONOTONIC);
}

/* --- the file of culprits: a name a line --- */

int limits_culprit(const char *file, const char *script)
{
	struct buf text = {0};
	size_t len = strlen(script);
	int times = 0;

	if (fileio_read(file, CULPRITS_MAX, &text, NULL) == 0) {
		const char *line = buf_str(&text);

		for (; *line; line += strcspn(line, "\n"), line += *line == '\n')
			times += strcspn(line, "\n") == len && strncmp(line, script, len) == 0;
	}
	buf_free(&text);
	return times;
}

void limits_forgive(const char *file, const char *script)
{
	struct buf text = {0}, rest = {0};
	size_t len = strlen(script);

	if (limits_culprit(file, script) > 0 && fileio_read(file, CULPRITS_MAX, &text, NULL) == 0) {
		const char *line = buf_str(&text);

		for (size_t count; *line; line += count) {
			count = strcspn(line, "\n");
			count += line[count] == '\n';
			if (count != len + 1 || strncmp(line, script, len) != 0)
				buf_add(&rest, line, count);
		}
		(void)fileio_replace(file, rest.data, rest.len, 0600, NULL);
	}
	buf_free(&text);
	buf_free(&rest);
}

/* --- begin and end --- */

struct time_limits *limits_new(
    int64_t slice_ms, int64_t budget_ms, const char *culprits, const struct restart *restart)
{
	struct time_limits *limits = mem_alloc(sizeof *limits);
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent event = {
	    .sigev_notify = SIGEV_THREAD_ID,
	    .sigev_signo = SIGURG,
	    .sigev_value.sival_ptr = limits,
	};

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	limits->slice_us = slice_ms * 1000;
	limits->budget_us = budget_ms * 1000;
	limits->restart = restart;
	limits->culprits =
	    culprits ? open(culprits, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(SIGURG, &action, NULL) == 0 &&
	    timer_create(CLOCK_MONOTONIC, &event, &limits->timer) == 0)
		return limits;
	log_warn("scripts", "no timer to be had: scripts have no limit on their time");
	if (limits->culprits >= 0)
		close(limits->culprits);
	free(limits);
	return NULL;
}

void limits_free(struct time_limits *limits)
{
	if (!limits)
		return;
	limits->inside = 0;
	(void)timer_delete(limits->timer);
	(void)signal(SIGURG, SIG_IGN); /* one may still be on its way */
	if (limits->culprits >= 0)
		close(limits->culprits);
	free(limits);
}
