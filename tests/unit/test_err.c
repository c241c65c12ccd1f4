#include "core/base/err.h"

#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

static void an_error_is_text(void **unused)
{
	(void)unused;
	struct err err;

	assert_int_equal(err_set(&err, "%s: no such %s", "a.yaml:3:1", "key"), -1);
	assert_string_equal(err.text, "a.yaml:3:1: no such key");
	assert_int_equal(err.code, 0);
	assert_string_equal(err_code(&err), "");
}

static void a_system_error_has_a_code(void **unused)
{
	(void)unused;
	struct err err;

	assert_int_equal(err_sys(&err, ENOENT, "cannot open %s", "/x"), -1);
	assert_string_equal(err.text, "cannot open /x: No such file or directory");
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err_code(&err), "ENOENT");
	(void)err_sys(&err, UV_EACCES, "x");
	assert_string_equal(err_code(&err), "EACCES");
	(void)err_sys(&err, UV_EAI_NONAME, "host.example");
	assert_string_equal(err.text, "host.example: unknown node or service");
	assert_string_equal(err_code(&err), "EAI_NONAME");
	(void)err_sys(&err, UV_EOF, "x");
	assert_string_equal(err.text, "x: end of file");
	(void)err_sys(&err, -3999, "x");
	assert_string_equal(err.text, "x: unknown error");
	assert_string_equal(err_code(&err), "");
}

static void a_prefix_keeps_the_code(void **unused)
{
	(void)unused;
	struct err err;

	(void)err_sys(&err, EIO, "port");
	err_prefix(&err, "%s.%s: ", "machine", "rpm");
	assert_string_equal(err.text, "machine.rpm: port: Input/output error");
	assert_string_equal(err_code(&err), "EIO");
}

static void what_is_too_long_is_cut(void **unused)
{
	(void)unused;
	struct err err;
	char text[1000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void)err_set(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	err_prefix(&err, "before: ");
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_memory_equal(err.text, "before: xxx", 11);
	err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	(void)err_sys(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void nobody_need_listen(void **unused)
{
	(void)unused;
	assert_int_equal(err_set(NULL, "x"), -1);
	assert_int_equal(err_sys(NULL, EIO, "x"), -1);
	err_prefix(NULL, "x");
}

static void must_aborts_and_says_where(void **unused)
{
	(void)unused;
	int fds[2], status;
	char line[300];

	must(1 + 1 == 2);
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(fds[1], 2);
		must(1 + 1 == 3);
		_exit(0);
	}
	(void)close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	ssize_t n = read(fds[0], line, sizeof line - 1);
	(void)close(fds[0]);
	assert_true(n > 0);
	line[n] = '\0';
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(line, "test_err.c:"));
	assert_non_null(strstr(line, "1 + 1 == 3"));
}

static void tap(void *ctx, enum log_level level, const char *topic, const char *text)
{
	(void)topic;
	assert_int_equal(level, LOG_LEVEL_ERROR);
	(void)snprintf(ctx, 300, "%s", text);
}

static void holds_goes_on_and_logs(void **unused)
{
	(void)unused;
	char line[300] = "";
	int saved = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(null, 2);
	log_tap(tap, line);
	assert_true(holds(1 + 1 == 2));
	assert_string_equal(line, "");
	assert_false(holds(1 + 1 == 3));
	log_tap(NULL, NULL);
	(void)dup2(saved, 2);
	(void)close(saved);
	(void)close(null);
	assert_non_null(strstr(line, "test_err.c:"));
	assert_non_null(strstr(line, "1 + 1 == 3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_error_is_text),
	    cmocka_unit_test(a_system_error_has_a_code),
	    cmocka_unit_test(a_prefix_keeps_the_code),
	    cmocka_unit_test(what_is_too_long_is_cut),
	    cmocka_unit_test(nobody_need_listen),
	    cmocka_unit_test(must_aborts_and_says_where),
	    cmocka_unit_test(holds_goes_on_and_logs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
