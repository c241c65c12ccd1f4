#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/bus/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 600000 }; /* what should not pass */

struct fixture {
	uv_loop_t loop;
	struct err err;
	int ended;
	int status, signal;
	bool failed;
	struct buf out, errors;
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	must(uv_loop_init(&f->loop) == 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	buf_free(&f->out);
	buf_free(&f->errors);
	free(f);
	return 0;
}

static void on_done(void *ctx, struct process_result *result, const struct err *err)
{
	struct fixture *f = ctx;

	f->ended++;
	f->status = result->status;
	f->signal = result->signal;
	f->failed = err != NULL;
	if (err)
		f->err = *err;
	buf_add(&f->out, result->out.data, result->out.len);
	buf_add(&f->errors, result->err.data, result->err.len);
}

static const char *const environment[] = {"A=1", NULL};

static struct process *start(struct fixture *f, struct process_options options)
{
	options.env = environment;
	options.limit = options.limit ? options.limit : 1 << 20;
	options.timeout_ms = options.timeout_ms ? options.timeout_ms : LONG_MS;
	f->ended = 0;
	buf_free(&f->out);
	buf_free(&f->errors);
	return process_start(&f->loop, &options, on_done, f, &f->err);
}

static void run(struct fixture *f, struct process_options options)
{
	if (!start(f, options))
		fail_msg("%s", f->err.text);
	assert_int_equal(f->ended, 0);
	while (!f->ended)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
}

static void run_shell(struct fixture *f, const char *text)
{
	const char *const args[] = {"sh", "-c", text, NULL};

	run(f, (struct process_options){.args = args});
}

/* --- tests --- */

static void output_and_status(void **state)
{
	struct fixture *f = *state;

	run_shell(f, "echo out; echo err >&2; exit 3");
	assert_false(f->failed);
	assert_int_equal(f->status, 3);
	assert_int_equal(f->signal, 0);
	assert_string_equal(buf_str(&f->out), "out\n");
	assert_string_equal(buf_str(&f->errors), "err\n");
	run_shell(f, "kill -9 $$");
	assert_int_equal(f->signal, SIGKILL);
}

static void input_is_read_whole(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {"wc", "-c", NULL};
	struct buf input = {0};

	for (int i = 0; i < 300000; i++)
		buf_char(&input, 'x');
	run(f, (struct process_options){.args = args, .input = input.data, .input_len = input.len});
	assert_int_equal(strtol(buf_str(&f->out), NULL, 10), 300000);
	/* one that does not read it hangs nobody */
	const char *const deaf[] = {"true", NULL};
	run(f, (struct process_options){.args = deaf, .input = input.data, .input_len = input.len});
	assert_int_equal(f->status, 0);
	buf_free(&input);
}

static void the_environment_is_what_is_given(void **state)
{
	struct fixture *f = *state;

	const char *const args[] = {"env", NULL};
	run(f, (struct process_options){.args = args});
	assert_string_equal(buf_str(&f->out), "A=1\n");
	const char *const where[] = {"pwd", NULL};
	run(f, (struct process_options){.args = where});
	assert_string_equal(buf_str(&f->out), "/\n");
	run(f, (struct process_options){.args = where, .cwd = "/usr"});
	assert_string_equal(buf_str(&f->out), "/usr\n");
}

static void what_cannot_start_is_an_error(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {"no-such-program", NULL}, *const fine[] = {"true", NULL};

	assert_null(start(f, (struct process_options){.args = args}));
	assert_int_equal(f->err.code, -ENOENT);
	assert_string_equal(f->err.text, "no-such-program: No such file or directory");
	assert_null(start(f, (struct process_options){.args = fine, .cwd = "/no/folder"}));
	assert_string_equal(f->err.text, "/no/folder: No such file or directory");
}

/* A socket as the MQTT library makes it, and others. The shell's own ls opens one for the folder. */
static void no_descriptor_of_ours_is_there(void **state)
{
	struct fixture *f = *state;
	int plain = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/etc/passwd", O_RDONLY);
	int far = fcntl(file, F_DUPFD, 700);

	must(plain >= 0 && file >= 0 && far >= 700);
	run_shell(f, "for i in /proc/$$/fd/*; do echo ${i##*/} $(readlink $i); done");
	assert_non_null(strstr(buf_str(&f->out), "0 /dev/null\n"));
	assert_non_null(strstr(buf_str(&f->out), "1 pipe:"));
	assert_non_null(strstr(buf_str(&f->out), "2 pipe:"));
	assert_null(strstr(buf_str(&f->out), "socket"));
	assert_null(strstr(buf_str(&f->out), "passwd"));
	(void)close(plain);
	(void)close(file);
	(void)close(far);
}

static void signals_are_as_in_a_new_program(void **state)
{
	struct fixture *f = *state;

	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	/* 32 and 33 are the C library's own; below make they may come ignored */
	run_shell(
	    f, "grep -E 'SigBlk|SigIgn' /proc/self/status | sed s/0000000180000000/0000000000000000/");
	assert_string_equal(buf_str(&f->out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	(void)signal(SIGPIPE, before);
}

/* --- ends --- */

static bool lives(const char *pid)
{
	char name[64], text[512] = "";
	(void)snprintf(name, sizeof name, "/proc/%ld/stat", strtol(pid, NULL, 10));
	FILE *file = fopen(name, "re");
	if (!file)
		return false;
	size_t count = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	return count > 0 && !strstr(text, ") Z "); /* a zombie waits for its parent, which is init */
}

static void wait_for_death(struct fixture *f, const char *pid)
{
	int64_t until = clock_io_ms() + LONG_MS;

	while (lives(pid)) {
		assert_true(clock_io_ms() < until);
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
}

static void time_over_ends_the_whole_group(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {
	    "sh", "-c", "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & wait", NULL};

	run(f, (struct process_options){.args = args, .timeout_ms = 1500});
	assert_true(f->failed);
	assert_int_equal(f->err.code, -ETIMEDOUT);
	assert_string_equal(f->err.text, "sh: took longer than 1s500ms");
	assert_true(strtol(buf_str(&f->out), NULL, 10) > 1); /* it had begun, and told its number */
	wait_for_death(f, buf_str(&f->out));
}

static void who_ends_at_sigterm_is_not_killed(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {
	    "sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done", NULL};

	run(f, (struct process_options){.args = args, .timeout_ms = 1500});
	assert_int_equal(f->err.code, -ETIMEDOUT);
	assert_int_equal(f->signal, 0);
	assert_string_equal(buf_str(&f->out), "up\nbye\n");
}

static void what_is_left_behind_goes_too(void **state)
{
	struct fixture *f = *state;

	run_shell(f, "sleep 3000 & echo $!");
	assert_false(f->failed);
	assert_int_equal(f->status, 0);
	wait_for_death(f, buf_str(&f->out));
}

static void too_much_output_ends_it(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {"yes", NULL};

	run(f, (struct process_options){.args = args, .limit = 10000});
	assert_true(f->failed);
	assert_int_equal(f->err.code, -ENOBUFS);
	assert_string_equal(f->err.text, "yes: wrote more than its limit of 10000 bytes");
	assert_int_equal(f->out.len, 10000);
}

static void files_have_a_limit_too(void **state)
{
	struct fixture *f = *state;
	char name[] = "/tmp/neap-process-XXXXXX";
	int fd = mkstemp(name);
	const char *const args[] = {"cp", "/proc/self/exe", name, NULL};

	must(fd >= 0);
	run(f, (struct process_options){.args = args, .file_limit = 1000});
	assert_int_equal(f->signal, SIGXFSZ);
	assert_int_equal(lseek(fd, 0, SEEK_END), 1000);
	(void)close(fd);
	(void)unlink(name);
}

static void one_that_is_forgotten_ends(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {"sleep", "3000", NULL};
	struct process *process = start(f, (struct process_options){.args = args});

	assert_non_null(process);
	process_forget(process);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0); /* ends: nothing of it is left */
	assert_int_equal(f->ended, 0);
}

static void many_at_once(void **state)
{
	struct fixture *f = *state;
	const char *const args[] = {"echo", "hello", NULL};

	for (int i = 0; i < 40; i++)
		assert_non_null(start(f, (struct process_options){.args = args}));
	f->ended = 0;
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(f->ended, 40);
	assert_int_equal(f->out.len, 40 * 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(output_and_status, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(input_is_read_whole, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_environment_is_what_is_given, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_cannot_start_is_an_error, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_descriptor_of_ours_is_there, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(signals_are_as_in_a_new_program, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(time_over_ends_the_whole_group, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_ends_at_sigterm_is_not_killed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_left_behind_goes_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(too_much_output_ends_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(files_have_a_limit_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(one_that_is_forgotten_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(many_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
