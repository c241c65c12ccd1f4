#include "core/base/mem.h"

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

#include <cmocka.h>

static void new_memory_is_zero(void **unused)
{
	(void)unused;
	char *p = mem_alloc(1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	memset(p, 'x', 1000);
	p = mem_resize(p, 100, 100);
	assert_memory_equal(p + 998, "xx", 2);
	free(p);
	p = mem_alloc(0);
	assert_non_null(p);
	p = mem_resize(p, 0, 8);
	assert_non_null(p);
	free(p);
}

static void text_is_copied(void **unused)
{
	(void)unused;
	static const char four[4] = {'a', 'b', 'c', 'd'}; /* no NUL behind */
	char *a = mem_strdup("abc"), *b = mem_strndup(four, 4), *c = mem_strndup("a\0b", 3);

	assert_string_equal(a, "abc");
	assert_string_equal(b, "abcd");
	assert_string_equal(c, "a");
	assert_null(mem_strdup(NULL));
	free(a);
	free(b);
	free(c);
}

static void what_cannot_be_had_aborts_with_one_line(void **unused)
{
	(void)unused;
	int fds[2], status;
	char line[200];

	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(fds[1], 2);
		(void)mem_resize(NULL, SIZE_MAX / 2, 3);
		_exit(0);
	}
	(void)close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	ssize_t n = read(fds[0], line, sizeof line - 1);
	(void)close(fds[0]);
	assert_true(n > 0);
	line[n] = '\0';
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(strncmp(line, "neap: out of memory: ", 21) == 0);
	assert_non_null(strchr(line, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_memory_is_zero),
	    cmocka_unit_test(text_is_copied),
	    cmocka_unit_test(what_cannot_be_had_aborts_with_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
