/* Scripts that start programs, in real time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/script.h"

static int setup(void **state)
{
	struct world *world = world_new();
	world_real(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* Runs the lines in on("start"), which log "done" in the end. */
static void run(struct world *world, const char *lines)
{
	struct buf script = {0};
	buf_printf(&script, "on('start', function()\n%s\nlog.info('done') end)", lines);
	world_start(world, buf_str(&script));
	buf_free(&script);
	world_wait(world, "info script.machine: done\n");
}

static void list_and_shell(void **state)
{
	struct world *world = *state;
	run(world, "local r = exec{ 'printf', '%s|', 'a b', 7, '$HOME' }\n"
	           "log.info(r.status, r.signal, r.out, #r.err)\n"
	           "log.info(exec('echo $((6 * 7)) | tr 4 5').out)\n"
	           "log.info(exec{ 'cat', input = 'text\\0more' }.out == 'text\\0more')\n"
	           "log.info(exec{ 'pwd', cwd = '/usr' }.out)\n");
	assert_logged(world, "machine: 0 nil a b|7|$HOME| 0\n");
	assert_logged(world, "machine: 52\\x0a\n");
	assert_logged(world, "machine: true\n");
	assert_logged(world, "machine: /usr\\x0a\n");
}

static void failures_have_words_and_codes(void **state)
{
	struct world *world = *state;
	run(world, "log.info(try(exec, 'echo first; echo the reason >&2; exit 3'))\n"
	           "log.info(try(exec, { 'no-such-program' }))\n"
	           "log.info(try(exec, { 'pwd', cwd = '/no/such' }))\n"
	           "log.info(try(exec, 'kill -9 $$'))\n"
	           "log.info(try(exec, { 'yes', limit = '1KB' }))\n"
	           "log.info(try(exec, { 'sleep', 1000, timeout = '300ms' }))\n"
	           "local r = exec('exit 3', { check = false }) log.info('plain', r.status, r.signal)\n"
	           "r = exec('kill -9 $$', { check = false }) log.info('plain', r.status, r.signal)\n"
	           "log.info(pcall(exec, { 'false' }))");
	assert_logged(world, ": nil exec: /bin/sh: exit status 3: the reason EXIT\n");
	assert_logged(world, ": nil exec: no-such-program: No such file or directory ENOENT\n");
	assert_logged(world, ": nil exec: /no/such: No such file or directory ENOENT\n");
	assert_logged(world, ": nil exec: /bin/sh: was ended by signal 9 EXIT\n");
	assert_logged(world, ": nil exec: yes: wrote more than its limit of 1024 bytes ENOBUFS\n");
	assert_logged(world, ": nil exec: sleep: took longer than 300ms ETIMEDOUT\n");
	assert_logged(world, ": plain 3 nil\n");
	assert_logged(world, ": plain nil 9\n");
	assert_logged(world, ": false machine.lua:10: exec: false: exit status 1\n");
}

static void wrong_use_is_told(void **state)
{
	struct world *world = *state;
	run(world, "log.info(try(exec, {}))\n"
	           "log.info(try(exec, { 'ls', nil, 'x' }))\n"
	           "log.info(try(exec, { 'ls', {} }))\n"
	           "log.info(try(exec, { 'ls', 'a\\0b' }))\n"
	           "log.info(try(exec, { 'ls', timeuot = 3 }))\n"
	           "log.info(try(exec, { 'ls' }, { timeout = 3 }))\n"
	           "log.info(try(exec, { 'ls', limit = '3 miles' }))\n"
	           "log.info(try(exec, { 'ls', env = { ['A=B'] = 1 } }))\n"
	           "log.info(try(exec))");
	assert_logged(world, "machine.lua:2: exec: it needs a list of texts, the program first");
	assert_logged(world, "machine.lua:3: exec: it needs a list of texts, the program first");
	assert_logged(world, "machine.lua:4: exec: argument 2 must be text, not a table");
	assert_logged(world, "machine.lua:5: exec: argument 2 must not hold a NUL");
	assert_logged(
	    world, "machine.lua:6: exec: there is no field \"timeuot\" (did you mean \"timeout\"?)");
	assert_logged(world, "machine.lua:7: exec: the options belong into the same table");
	assert_logged(world, "machine.lua:8: exec: limit must be a number of bytes");
	assert_logged(world, "machine.lua:9: exec: env: \"A=B\" is not the name of a variable");
	assert_logged(world, "machine.lua:10: exec: argument 1 is missing");
}

static void the_environment_has_no_secrets(void **state)
{
	struct world *world = *state;
	(void)setenv("NEAP_TEST_SECRET", "hunter2", 1);
	run(world, "for line in exec{ 'env', env = { PORT = 7, PATH = '/bin:/usr/bin' } "
	           "}.out:gmatch('[^\\n]+') do\n"
	           "  log.info('env', line) end\n");
	(void)unsetenv("NEAP_TEST_SECRET");
	assert_logged(world, "env PORT=7\n");
	assert_logged(world, "env PATH=/bin:/usr/bin\n");
	assert_logged(world, "env LC_ALL=C\n");
	assert_false(world_logged(world, "hunter2"));
}

static void no_descriptor_is_inherited(void **state)
{
	struct world *world = *state;
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* as paho makes it */
	run(world, "log.info('fds', (exec('ls -l /proc/$$/fd').out:gsub('\\n', ' ')))");
	assert_logged(world, "/dev/null");
	assert_false(world_logged(world, "socket:"));
	assert_false(world_logged(world, world->dir)); /* queues, locks, stores */
	(void)close(fd);
}

static void handlers_go_on_meanwhile(void **state)
{
	struct world *world = *state;
	world_start(world,
	    "local n = 0\n"
	    "every('20ms', function() n = n + 1 end)\n"
	    "on('start', function() exec{ 'sleep', '0.5' } log.info('done', n > 3) end)");
	world_wait(world, "machine: done true\n");
}

/* The process group of a handler whose time is over, and of a script that is closed. */
static void a_program_ends_with_who_waits_for_it(void **state)
{
	struct world *world = *state;
	struct buf text = {0};
	buf_printf(&text,
	    "asset('m'):variable('v', { every = 1000, timeout = '400ms',\n"
	    "  read = function() exec('sleep 3000 & wait', { timeout = '1h' }) return 1 end })\n"
	    "on('start', function()\n"
	    "  exec('echo $$ >%s/pid; exec sleep 3000', { timeout = '1h' }) end)\n"
	    "every('50ms', function() if file.exists('%s/pid') then log.info('begun') end end)",
	    world->dir, world->dir);
	world_start(world, buf_str(&text));
	buf_free(&text);
	world_wait(world, "m.v: bad: machine.lua:2: took longer than 400ms");
	world_wait(world, "begun");
	world_close(world); /* runs the loop until it is empty: both are gone, or it hangs */
}

static void not_while_loading(void **state)
{
	struct world *world = *state;
	world_script(world, "machine.lua", "exec{ 'ls' }");
	world_open(world);
	assert_non_null(
	    strstr(world_problems(world), "machine.lua:1: exec is not there while the script loads"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(list_and_shell),
	    TEST(failures_have_words_and_codes),
	    TEST(wrong_use_is_told),
	    TEST(the_environment_has_no_secrets),
	    TEST(no_descriptor_is_inherited),
	    TEST(handlers_go_on_meanwhile),
	    TEST(a_program_ends_with_who_waits_for_it),
	    TEST(not_while_loading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
