/* Scripts that are told of what happens outside, in real time: files that change, GPIO lines that
 * move (tests/fault/gpio_preload.c: the program starts itself again under it). */
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_fixture.h"

#include "core/base/log.h"
#include "lua/script.h"

static void (*move_line)(int chip, int line, bool high, uint64_t time_ns);
static void (*lose)(int events);
static void (*unplug)(int chip, int line);
static bool (*level)(int chip, int line);

static int setup(void **state)
{
	(void)world_setup(state);
	world_real(*state);
	move_line(0, 0, false, 0);
	move_line(0, 1, false, 0);
	return 0;
}

/* Starts the script "machine", in which %DIR stands for the world's folder. */
static void start(struct world *world, const char *script)
{
	struct buf text = {0};
	for (const char *p = script; *p; p++) {
		if (strncmp(p, "%DIR", 4) != 0) {
			buf_char(&text, *p);
			continue;
		}
		buf_text(&text, world->dir);
		p += 3;
	}
	world_start(world, buf_str(&text));
	buf_free(&text);
}

static size_t count_logged(struct world *world, const char *text)
{
	size_t count = 0;
	const char *at = buf_str(&world->log);
	while ((at = strstr(at, text))) {
		at += strlen(text);
		count++;
	}
	return count;
}

static void run_a_while(struct world *world, int64_t ms)
{
	int64_t until = clock_io_ms() + ms;
	while (clock_io_ms() < until) {
		(void)uv_run(&world->loop, UV_RUN_NOWAIT);
		(void)usleep(500);
	}
}

/* --- files --- */

static void a_file_that_changes_is_told(void **state)
{
	struct world *world = *state;
	world_file(world, "other", "");
	start(world, "file.watch('%DIR/level', function(path)\n"
	             "  log.info('changed', path:match('[^/]+$'), (try(file.read, path)))\n"
	             "end, { quiet = '50ms' })\n"
	             "on('start', function() sleep(0) log.info('ready') end)");
	world_wait(world, "ready");
	world_file(world, "level", "1"); /* replaced as a whole, as file.write does */
	world_wait(world, "changed level 1\n");
	world_file(world, "level", "2");
	world_wait(world, "changed level 2\n");
	world_file(world, "other", "3");
	run_a_while(world, 150);
	assert_false(world_logged(world, "changed other"));
	char path[200];
	(void)snprintf(path, sizeof path, "%s/level", world->dir);
	assert_int_equal(unlink(path), 0);
	world_wait(world, "changed level nil\n");
}

static void many_changes_are_one(void **state)
{
	struct world *world = *state;
	start(world, "local n = 0\n" /* the log holds lines back that are the same */
	             "local w = file.watch('%DIR/', function() n = n + 1 log.info('changed', n) end,\n"
	             "  { quiet = 1 })\n"
	             "on('disconnected', function() w:close() log.info('closed') end)\n"
	             "on('start', function() sleep(0) log.info('ready') end)");
	world_wait(world, "ready");
	for (int i = 0; i < 20; i++)
		world_file(world, "a", "x");
	world_wait(world, "changed 1\n");
	run_a_while(world, 100);
	assert_false(world_logged(world, "changed 2\n"));
	script_host()->event(world->host, "disconnected", NULL);
	world_wait(world, "closed\n");
	world_file(world, "a", "y");
	run_a_while(world, 100);
	assert_false(world_logged(world, "changed 2\n"));
}

static void a_watch_that_cannot_be(void **state)
{
	struct world *world = *state;
	start(world, "file.watch('/no/such/file', print)\n"
	             "on('start', function() log.info(try(file.watch, '/no/such/file', print)) end)");
	world_wait(world, "error script.machine: on \"start\": file.watch: /no/such/: No such file");
	world_wait(world, "nil file.watch: /no/such/: No such file or directory ENOENT\n");
}

static void files_are_listed_moved_and_removed(void **state)
{
	struct world *world = *state;
	start(world,
	    "on('start', function()\n"
	    "  local d = '%DIR/scripts/'\n"
	    "  file.write(d .. 'b.txt', 'four') file.write(d .. 'a.txt', '')\n"
	    "  log.info('A', table.concat(file.list(d), ' '))\n"
	    "  local s = file.stat(d .. 'b.txt')\n"
	    "  log.info('B', s.kind, s.size, math.abs(s.time - now()) < 100, file.stat(d).kind)\n"
	    "  log.info('C', file.stat(d .. 'c.txt'), try(file.rename, d .. 'c.txt', d .. 'd.txt'))\n"
	    "  file.rename(d .. 'b.txt', d .. 'a.txt')\n"
	    "  log.info('D', file.read(d .. 'a.txt'), file.exists(d .. 'b.txt'))\n"
	    "  file.remove(d .. 'a.txt')\n"
	    "  log.info('E', try(file.remove, d .. 'a.txt'))\n"
	    "  log.info('F', try(file.list, '/no/such'))\n"
	    "  log.info('G', try(file.remove, d))\n"
	    "  log.info('done') end)");
	world_wait(world, "machine: done\n");
	assert_logged(world, "A a.txt b.txt lib machine.lua\n");
	assert_logged(world, "B file 4 true folder\n");
	assert_logged(world, "C nil nil file.rename: /");
	assert_logged(world, "c.txt: No such file or directory ENOENT\n");
	assert_logged(world, "D four false\n");
	assert_logged(world, "E nil file.remove: /");
	assert_logged(world, "F nil file.list: /no/such: No such file or directory ENOENT\n");
	assert_logged(world, "ENOTEMPTY\n");
}

/* The file as it is now; 0: not there, or empty. */
static size_t look(const struct world *world, const char *name, char *text, size_t size)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", world->dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, size);
	if (fd >= 0)
		(void)close(fd);
	return len < 0 ? 0 : (size_t)len;
}

static void a_file_is_written_as_a_whole(void **state)
{
	enum { SIZE = 200000 };
	struct world *world = *state;
	static char text[SIZE + 1];
	size_t seen[2] = {0};
	start(world, "on('start', function()\n"
	             "  for i = 1, 100 do\n"
	             "    file.write('%DIR/whole', (i % 2 == 0 and 'a' or 'b'):rep(200000)) end\n"
	             "  log.info('done') end)");
	while (!world_logged(world, "done")) {
		(void)uv_run(&world->loop, UV_RUN_NOWAIT);
		size_t len = look(world, "whole", text, sizeof text);
		if (!len)
			continue;
		assert_int_equal(len, SIZE);
		for (size_t i = 0; i < SIZE; i++)
			assert_int_equal(text[i], text[0]);
		seen[text[0] - 'a']++;
	}
	assert_true(seen[0] > 0 && seen[1] > 0);
}

static void what_cannot_be_written_leaves_the_old(void **state)
{
	struct world *world = *state;
	struct rlimit old, limit;
	char text[8] = "";
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 100000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	start(world, "on('start', function()\n"
	             "  file.write('%DIR/scripts/x', 'old')\n"
	             "  log.info(try(file.write, '%DIR/scripts/x', ('n'):rep(200000)))\n"
	             "  log.info('list', table.concat(file.list('%DIR/scripts'), ' ')) end)");
	world_wait(world, "list lib machine.lua x\n");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_logged(world, "EFBIG\n");
	assert_int_equal(look(world, "scripts/x", text, sizeof text), 3);
	assert_string_equal(text, "old");
}

/* --- GPIO --- */

static uint64_t now_ns(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void edges_come_in_order_with_their_time(void **state)
{
	struct world *world = *state;
	start(world,
	    "local input = gpio.input('DI1', { debounce = '5ms', run = function(on, t, edges)\n"
	    "  sleep(0.02)\n" /* the next come meanwhile */
	    "  log.info('edge', on, math.abs(now() - t - 2) < 60 and now() - t > 1.9, edges) end })\n"
	    "local other = gpio.input('DI2', { active_low = true })\n"
	    "on('start', function() log.info('ready', input:get(), other:get(), input:count()) end)\n"
	    "on('connected', function() log.info('count', input:count()) end)");
	world_wait(world, "ready false true 0\n");
	for (int i = 0; i < 4; i++)
		move_line(0, 0, i % 2 == 0, now_ns() - 2000000000);
	lose(2); /* the kernel has no room for the next two */
	for (int i = 0; i < 3; i++)
		move_line(0, 0, i % 2 == 0, now_ns() - 2000000000);
	world_wait(world, "edge true true 3\n");
	assert_logged(world, "edge true true 1\ninfo script.machine: edge false true 1\n"
	                     "info script.machine: edge true true 1\n"
	                     "info script.machine: edge false true 1\n"
	                     "info script.machine: edge true true 3\n");
	script_host()->event(world->host, "connected", NULL);
	world_wait(world, "count 7\n");
}

static void pulses_are_counted_over_a_reload(void **state)
{
	struct world *world = *state;
	const char *script =
	    "local m = asset('m')\n"
	    "local water = m:counter('water', { gpio = 'DI1', scale = 0.01, debounce = '2ms' })\n"
	    "on('start', function(why) log.info('ready', why) end)\n"
	    "every(0.01, function() if water:get() == 0.05 then log.info('five') end\n"
	    "  if water:get() == 0.07 then log.info('seven') end end)\n";
	start(world, script);
	world_wait(world, "ready nil\n");
	for (int i = 0; i < 4; i++)
		move_line(0, 0, i % 2 == 0, now_ns());
	lose(2); /* three pulses more, which are counted all the same */
	for (int i = 0; i < 6; i++)
		move_line(0, 0, i % 2 == 0, now_ns());
	world_wait(world, "five\n");
	script_host()->reload(
	    world->host, &(struct reload_request){.script = "machine", .reason = "r"});
	world_wait(world, "ready reload\n");
	for (int i = 0; i < 4; i++)
		move_line(0, 0, i % 2 == 0, now_ns());
	world_wait(world, "seven\n");
}

static void a_line_that_goes_comes_back(void **state)
{
	struct world *world = *state;
	start(world, "gpio.input('gpiochip1:0', { edge = 'rising', run = function(on) log.info('edge', "
	             "on) end })\n"
	             "on('start', function() sleep(0) log.info('ready') end)");
	world_wait(world, "ready");
	unplug(1, 0);
	world_wait(world, "error script.machine: GPIO line gpiochip1:0 is gone: No such device\n");
	world_wait(world, "info script.machine: gpio gpiochip1:0: is there again\n");
	move_line(1, 0, false, now_ns());
	move_line(1, 0, true, now_ns());
	world_wait(world, "edge true\n");
}

static void a_line_that_is_not_there_is_told_once(void **state)
{
	struct world *world = *state;
	start(world, "gpio.input('NOPE', { run = print })\n"
	             "on('start', function() sleep(1.5) log.info('later') end)");
	world_wait(world, "later");
	assert_logged(world, "error script.machine: ");
	assert_int_equal(count_logged(world, "NOPE"), 1);
}

static void on_reloaded(void *ctx, const struct problems *problems, const struct buf *changes)
{
	(void)ctx;
	assert_int_equal(problems->count, 0);
	assert_true(changes->len > 0);
	log_info("test", "reload done");
}

/* The new version has the lines at once; one that is not there does not hold the old one up. */
static void a_reload_takes_the_lines_over(void **state)
{
	struct world *world = *state;
	const struct reload_request request = {
	    .script = "machine", .reason = "command", .done = on_reloaded};
	const char *script =
	    "local n, c = 0, 0\n"
	    "gpio.input('DI1', { run = function(on) n = n + 1 log.info('edge', on, n) end })\n"
	    "gpio.input('NOPE', { run = print })\n"
	    "file.watch('%DIR/', function() c = c + 1 log.info('changed', c) end)\n"
	    "on('start', function(why) sleep(0) log.info('ready', why) end)";
	start(world, script);
	world_wait(world, "ready nil\n");
	int64_t began = clock_io_ms();
	script_host()->reload(world->host, &request);
	world_wait(world, "reload done\n");
	world_wait(world, "ready reload\n");
	assert_true(clock_io_ms() - began < 5000);
	assert_false(world_logged(world, "handlers did not end"));
	move_line(0, 0, true, now_ns());
	world_wait(world, "edge true 1\n");
	world_file(world, "a", "");
	world_wait(world, "changed 1\n");
	run_a_while(world, 300);
	assert_false(world_logged(world, "changed 2\n"));
	assert_false(world_logged(world, "edge true 2\n"));
}

static void outputs_are_taken_when_they_are_set(void **state)
{
	struct world *world = *state;
	start(world, "local out = gpio.output('DO1')\n"
	             "on('start', function()\n"
	             "  log.info('A', out:get()) out:set(true) log.info('B', out:get())\n"
	             "  log.info('C', try(out.set, out, 1))\n"
	             "  local led = gpio.output('LED') log.info('D', try(led.set, led, true)) end)\n"
	             "on('connected', function() out:set(false) out:close()\n"
	             "  log.info('E', try(out.set, out, true)) end)");
	world_wait(world, "D nil ");
	assert_logged(world, "A nil\n");
	assert_logged(world, "B true\n");
	assert_logged(world, "C nil machine.lua:4: gpio:set: argument 1 must be true or false, not 1");
	assert_logged(world, "LED");
	assert_true(level(0, 2));
	script_host()->event(world->host, "connected", NULL);
	world_wait(world, "E nil gpio DO1 was closed by this script EBADF\n");
	assert_false(level(0, 2));
}

static void wrong_use_is_found_by_check(void **state)
{
	static const char *const cases[][2] = {
	    {"gpio.input('DI1', { edge = 'up', run = print })", "gpio DI1: edge must be \"both\","},
	    {"gpio.input('DI1', { debounce = '5ms' })", "gpio DI1: edge and debounce are for run"},
	    {"gpio.input('DI1', { bais = 'up' })",
	        "there is no field \"bais\" (did you mean \"bias\"?)"},
	    {"gpio.input('DI1'):get()", "gpio.input is not there while the script loads"},
	    {"gpio.output('DO1'):set(true)", "gpio.output is not there while the script loads"},
	    {"file.watch('/tmp/x')", "file.watch: argument 2 is missing"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world_script(world, "machine.lua", cases[i][0]);
		world_open(world);
		assert_has(world_problems(world), cases[i][1]);
		world_close(world);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

static int start_again(const char *self, const char *preload)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/tests/gpio_preload.so", getenv("NEAP_BUILD"));
	/* valgrind has something there too */
	if ((preload && strstr(preload, path)) || setenv("LD_PRELOAD", path, 1) < 0) {
		(void)fprintf(stderr, "test_host_feed: %s does not load\n", path);
		return 1;
	}
	(void)execl("/bin/sh", "sh", "-c", "exec $NEAP_RUN \"$0\"", self, (char *)NULL);
	return 1;
}

int main(int argc, char **argv)
{
	(void)argc;
	const struct CMUnitTest tests[] = {
	    TEST(a_file_that_changes_is_told),
	    TEST(many_changes_are_one),
	    TEST(a_watch_that_cannot_be),
	    TEST(files_are_listed_moved_and_removed),
	    TEST(a_file_is_written_as_a_whole),
	    TEST(what_cannot_be_written_leaves_the_old),
	    TEST(edges_come_in_order_with_their_time),
	    TEST(pulses_are_counted_over_a_reload),
	    TEST(a_line_that_goes_comes_back),
	    TEST(a_line_that_is_not_there_is_told_once),
	    TEST(a_reload_takes_the_lines_over),
	    TEST(outputs_are_taken_when_they_are_set),
	    TEST(wrong_use_is_found_by_check),
	};
	*(void **)&move_line = dlsym(RTLD_DEFAULT, "fake_gpio_move");
	*(void **)&lose = dlsym(RTLD_DEFAULT, "fake_gpio_lose");
	*(void **)&unplug = dlsym(RTLD_DEFAULT, "fake_gpio_unplug");
	*(void **)&level = dlsym(RTLD_DEFAULT, "fake_gpio_level");
	if (!move_line)
		return start_again(argv[0], getenv("LD_PRELOAD"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
