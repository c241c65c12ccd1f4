/* Limits on time, where no hook of Lua's comes: in loops of C functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "lua/limits.h"
#include "lua/script.h"
#include "lua/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUDGET_MS 200

static double cpu_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Each would take minutes to years. */
static const char *const endless[] = {
    "string.find(('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
    "string.match(('a'):rep(9000), '.-.-.-.-b')",
    "string.gsub(('x'):rep(100000), '.-.-b', '')",
    "for _ in string.gmatch(('x'):rep(100000), '(.-)(.-)(.-)b') do end",
    "string.find(('x'):rep(100000), '[' .. ('y'):rep(100000) .. ']*z')",
    "string.find(('a'):rep(200000), '(.*).*%1b')",
    "string.find(('('):rep(500000), '%b()')",
    "string.find(('x'):rep(50000), '%f[' .. ('y'):rep(100000) .. 'z]')",
    "string.gsub('x', 'x', function() return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(41)) "
    "end)",
    "table.move({}, 1, 1 << 60, 2)",
    "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 0)",
    "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
    "table.sort(setmetatable({}, { __len = function() return 1 << 30 end, __index = rawlen }))",
    "table.sort(setmetatable({}, { __len = function() return 1 << 30 end, __index = rawlen }), "
    "math.ult)",
    /* strings that differ at their end only */
    "local a, b, t = ('x'):rep(500000) .. 'a', ('x'):rep(500000) .. 'b', {}\n"
    "for i = 1, 20000 do t[i] = i % 2 == 0 and a or b end table.sort(t)",
    /* each use of a global is looked for in 60 functions of 190 variables */
    "local names = {} for i = 1, 190 do names[i] = 'v' .. i end\n"
    "local head = 'local ' .. table.concat(names, ',') .. ' return function() '\n"
    "load(head:rep(60) .. ('g=g '):rep(200000))",
    "for _ = 1, math.huge do string.rep('', 1 << 62) end",
    "pcall(string.find, ('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40) .. 'b') while true do end",
};

static void endless_calls_are_ended(void **state)
{
	struct world *world = *state;
#ifdef __SANITIZE_THREAD__
	skip(); /* it keeps signals back until the next system call */
#endif
	world->budget = "200ms";
	world->memory = "16MB";
	for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
		char script[1000];
		(void)snprintf(script, sizeof script,
		    "on('start', function() %s\nlog.info('it came back') end)", endless[i]);
		world_start(world, script);
		double begin = cpu_ms();
		world_run(world, 0);
		double used = cpu_ms() - begin;
		if (!world_logged(world, "ended: it took more than its budget of 200ms") ||
		    world_logged(world, "it came back"))
			fail_msg("not ended: %s\n%s", endless[i], buf_str(&world->log));
		/* and what the test itself takes; valgrind is slower than its own clock */
		if (used > BUDGET_MS * 1.1 + 30 && !getenv("NEAP_RUN"))
			fail_msg("%.0f ms: %s", used, endless[i]);
		world->log.len = 0;
		world_close(world);
	}
}

/* What is long, but has an end, comes to it. */
static void long_calls_come_back(void **state)
{
	struct world *world = *state;
	world->budget = "10m";
	world->memory = "16MB";
	world_start(world,
	    "on('start', function()\n"
	    "  log.info(string.find(('a'):rep(1000000), ('a'):rep(500000) .. 'b', 1, true))\n"
	    "  log.info(string.rep('', 1 << 62) == '', (('ab'):rep(200000):gsub('a', '')):len())\n"
	    "  local t = {} for i = 1, 100000 do t[i] = i * 7919 % 100003 end\n"
	    "  table.sort(t) log.info(t[1], t[2], t[100000])\n"
	    "  log.info(#load('return {' .. ('1,'):rep(100000) .. '}')())\n"
	    "end)\n");
	world_run(world, 0);
	assert_logged(world, "info script.machine: nil\n");
	assert_logged(world, "true 200000\n");
	assert_logged(world, "1 2 100002\n");
	assert_logged(world, ": 100000\n");
}

/* --- what does not come back at all --- */

static int hang(lua_State *L)
{
	volatile bool forever = true;
	(void)L;
	while (forever)
		;
	return 0;
}

/* In a process of its own, which ends. */
static void run_into_it(struct world *world)
{
	(void)!freopen("/dev/null", "w", stderr);
	world_start(world, "on('start', function() pcall(hang) end)");
	lua_State *L = world->host->scripts->L;
	lua_pushcfunction(L, hang);
	lua_setglobal(L, "hang");
	world_run(world, 0);
	_exit(98); /* it came back */
}

static void function_that_does_not_come_back_ends_the_process(void **state)
{
	struct world *world = *state;
	char culprits[200];
#ifdef __SANITIZE_THREAD__
	skip();
#endif
	(void)snprintf(culprits, sizeof culprits, "%s/culprits", world->dir);
	world->budget = "100ms";
	world_script(world, "other.lua", "asset('m'):variable('v', { every = 1, read = uptime })");
	for (int time = 1; time <= 2; time++) {
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			run_into_it(world);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		/* it leaves all that it holds, and valgrind then says 99 */
		if (!getenv("NEAP_RUN") || WEXITSTATUS(status) != 99)
			assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
		assert_int_equal(limits_culprit(culprits, "machine"), time);
		assert_int_equal(limits_culprit(culprits, "other"), 0);
	}
	/* the third start sets it aside, and it alone */
	world_open(world);
	assert_has(world_problems(world), "machine.lua: set aside: it brought neap down 2 times");
	script_host()->start(world->host);
	world_run(world, 0);
	assert_has(world_take(world, "default"), "m.v=");
	world_close(world);

	limits_forgive(culprits, "machine");
	world_start(world, "on('start', function() log.info('back') end)");
	world_run(world, 0);
	assert_logged(world, "back\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(endless_calls_are_ended),
	    WORLD_TEST(long_calls_come_back),
	    WORLD_TEST(function_that_does_not_come_back_ends_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
