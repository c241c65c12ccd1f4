#include "core/base/mem.h"
#include "core/bus/gpio.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* tests/fault/gpio_preload.c: the program starts itself again under it. */
struct fake {
	void (*move)(int chip, int line, bool high, uint64_t time_ns);
	void (*lose)(int events);
	void (*refuse_debounce)(bool refuse);
	bool (*level)(int chip, int line);
	int (*debounce_us)(int chip, int line);
	void (*unplug)(int chip, int line);
};

struct seen {
	int count;
	int gone;
	uint64_t edges;
	uint32_t most; /* edges in one event */
	struct gpio_event last;
	struct err err;
	struct gpio_input **close; /* at the next event */
};

struct fixture {
	uv_loop_t loop;
	struct clock *clock;
	struct fake fake;
	struct gpio_input *input; /* open until the test's end, at the latest */
	struct seen seen;
	struct err err;
	uint64_t now_ns; /* CLOCK_MONOTONIC */
};

static void *symbol(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	must(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	*(void **)&f->fake.move = symbol("fake_gpio_move");
	*(void **)&f->fake.lose = symbol("fake_gpio_lose");
	*(void **)&f->fake.refuse_debounce = symbol("fake_gpio_refuse_debounce");
	*(void **)&f->fake.level = symbol("fake_gpio_level");
	*(void **)&f->fake.debounce_us = symbol("fake_gpio_debounce_us");
	*(void **)&f->fake.unplug = symbol("fake_gpio_unplug");
	must(f->fake.move != NULL && f->fake.unplug != NULL);
	must(uv_loop_init(&f->loop) == 0);
	f->clock = clock_new(CLOCK_TRUST_DATE);
	f->now_ns = monotonic_ns();
	f->fake.move(0, 0, false, 0);
	f->fake.move(0, 1, false, 0);
	*state = f;
	return 0;
}

static void close_input(struct fixture *f)
{
	if (f->input != NULL)
		gpio_input_close(f->input);
	f->input = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close_input(f);
	f->fake.lose(0);
	f->fake.refuse_debounce(false);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&f->loop) == 0);
	clock_free(f->clock);
	free(f);
	return 0;
}

static void on_event(void *ctx, const struct gpio_event *event, const struct err *err)
{
	struct seen *seen = ctx;

	if (event == NULL) {
		seen->gone++;
		seen->err = *err;
		return;
	}
	seen->count++;
	seen->edges += event->edges;
	seen->most = event->edges > seen->most ? event->edges : seen->most;
	seen->last = *event;
	if (seen->close != NULL) {
		gpio_input_close(*seen->close);
		*seen->close = NULL;
	}
}

static struct gpio_input *try_input(struct fixture *f, const struct gpio_input_params *params)
{
	return gpio_input_open(&f->loop, f->clock, params, on_event, &f->seen, &f->err);
}

static void open_input(struct fixture *f, const struct gpio_input_params *params)
{
	f->input = try_input(f, params);
	if (f->input == NULL)
		fail_msg("%s", f->err.text);
}

static void run_until_seen(struct fixture *f, int count)
{
	while (f->seen.count < count && f->seen.gone == 0)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
}

/* --- finding --- */

static const char *refusal(struct fixture *f, const char *name)
{
	f->err.text[0] = '\0';
	assert_null(try_input(f, &(struct gpio_input_params){.line = {.name = name}}));
	return f->err.text;
}

static void a_line_is_found_by_name_or_place(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"DI9", "gpiochip1:0", "/dev/gpiochip1:0"};
	bool active;

	for (int i = 0; i < 3; i++) {
		open_input(f, &(struct gpio_input_params){.line = {.name = names[i]}});
		f->fake.move(1, 0, i % 2 == 0, f->now_ns);
		assert_int_equal(gpio_input_get(f->input, &active, &f->err), 0);
		assert_int_equal(active, i % 2 == 0);
		close_input(f);
	}
}

static void what_cannot_be_had_is_told(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(refusal(f, "DI77"),
	    "no GPIO line has the name DI77; `gpioinfo` lists them, "
	    "gpiochip0:3 names one by its place");
	assert_string_equal(refusal(f, "TWICE"), "two GPIO lines have the name TWICE: gpiochip0:3 and "
	                                         "gpiochip1:1; use one of these instead");
	assert_string_equal(
	    refusal(f, "gpiochip0:8"), "GPIO line gpiochip0:8: gpiochip0 has lines 0 to 7");
	assert_string_equal(refusal(f, "gpiochip5:0"),
	    "GPIO line gpiochip5:0: cannot open /dev/gpiochip5: No such file or directory");
	assert_string_equal(refusal(f, "LED"),
	    "GPIO line LED (gpiochip0:4) is used by \"leds\": Device or resource busy");
	assert_string_equal(err_code(&f->err), "EBUSY");
	assert_non_null(strstr(refusal(f, "gpiochip0:x"), "no GPIO line has the name"));
	assert_null(
	    try_input(f, &(struct gpio_input_params){.line = {.name = "DI1"}, .debounce_ms = 4000001}));
}

static void a_closed_line_is_free_at_once(void **state)
{
	struct fixture *f = *state;
	const struct gpio_input_params params = {.line = {.name = "DI1"}, .edge = GPIO_BOTH};
	open_input(f, &params);

	assert_null(try_input(f, &params));
	close_input(f);
	open_input(f, &params);
	close_input(f);
}

/* --- edges --- */

static void edges_come_with_their_time(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){.line = {.name = "DI1"}, .edge = GPIO_BOTH});
	struct stamp before = clock_stamp(f->clock);

	f->fake.move(0, 0, true, f->now_ns - 5000000000);
	run_until_seen(f, 1);
	assert_true(f->seen.last.active && f->seen.last.edges == 1);
	/* 5 s before the set-up of this test, which was a moment ago */
	int64_t age_ms = before.mono_ms - f->seen.last.time.mono_ms;
	assert_in_range(age_ms, 4900, 60000);
	age_ms = before.wall_ms - f->seen.last.time.wall_ms;
	assert_in_range(age_ms, 4900, 60000);
	f->fake.move(0, 0, false, f->now_ns);
	run_until_seen(f, 2);
	assert_false(f->seen.last.active);
	close_input(f);
}

static void only_the_edges_asked_for(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){
	                  .line = {.name = "DI1", .active_low = true}, .edge = GPIO_RISING});

	f->fake.move(0, 0, true, f->now_ns); /* inactive */
	f->fake.move(0, 0, false, f->now_ns);
	run_until_seen(f, 1);
	assert_true(f->seen.last.active);
	assert_int_equal(gpio_input_count(f->input), 1);
	close_input(f);
}

static void no_pulse_is_lost(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){.line = {.name = "DI2"}, .edge = GPIO_RISING});
	uint64_t pulses = 0;

	for (int round = 1; round <= 20; round++) {
		/* the kernel has no room, and then has some again */
		f->fake.lose(round * 7);
		for (int i = 0; i < round * 7 + 3; i++) {
			f->fake.move(0, 1, true, f->now_ns);
			f->fake.move(0, 1, false, f->now_ns);
			pulses++;
		}
		run_until_seen(f, round * 3);
		assert_int_equal(f->seen.most, round * 7 + 1);
		assert_true(gpio_input_count(f->input) == pulses && f->seen.edges == pulses);
	}
}

static void an_input_may_close_in_its_callback(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){.line = {.name = "DI1"}, .edge = GPIO_BOTH});

	f->seen.close = &f->input;
	for (int i = 0; i < 5; i++)
		f->fake.move(0, 0, i % 2 == 0, f->now_ns);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->seen.count, 1);
}

static void a_chip_that_goes_is_told(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){.line = {.name = "DI1"}, .edge = GPIO_BOTH});

	f->fake.unplug(0, 0);
	run_until_seen(f, 1);
	assert_int_equal(f->seen.gone, 1);
	assert_string_equal(f->seen.err.text, "GPIO line DI1 is gone: No such device");
	close_input(f);
}

/* --- debouncing --- */

static void the_kernel_debounces(void **state)
{
	struct fixture *f = *state;
	open_input(f, &(struct gpio_input_params){
	                  .line = {.name = "DI1"}, .edge = GPIO_RISING, .debounce_ms = 50});

	assert_int_equal(f->fake.debounce_us(0, 0), 50000);
	f->fake.move(0, 0, true, f->now_ns);
	run_until_seen(f, 1);
	close_input(f);
}

static void where_it_refuses_we_do(void **state)
{
	struct fixture *f = *state;

	f->fake.refuse_debounce(true);
	open_input(f, &(struct gpio_input_params){
	                  .line = {.name = "DI1"}, .edge = GPIO_RISING, .debounce_ms = 200});
	assert_int_equal(f->fake.debounce_us(0, 0), 0);
	for (int i = 0; i < 9; i++) /* bounces, and ends high */
		f->fake.move(0, 0, i % 2 == 0, f->now_ns - (uint64_t)(9 - i) * 1000000000);
	run_until_seen(f, 1);
	assert_true(f->seen.last.active && f->seen.last.edges == 1);
	int64_t age_ms = clock_mono_ms(f->clock) - f->seen.last.time.mono_ms;
	assert_in_range(age_ms, 1000, 1999 + 60000); /* the last bounce's time */
	for (int i = 0; i < 8; i++) /* low, and high again before it is at rest: no edge */
		f->fake.move(0, 0, i % 2 != 0, f->now_ns);
	f->fake.move(0, 0, false, f->now_ns);
	(void)uv_run(&f->loop, UV_RUN_ONCE);
	f->fake.move(0, 0, true, f->now_ns);
	int64_t until_ms = clock_io_ms() + 500;
	while (clock_io_ms() < until_ms)
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(gpio_input_count(f->input), 1);
	close_input(f);
}

/* --- outputs --- */

static void an_output_is_set(void **state)
{
	struct fixture *f = *state;
	struct gpio_output *output =
	    gpio_output_open(&(struct gpio_line){.name = "DO1"}, true, &f->err);
	bool active;

	assert_non_null(output);
	assert_true(f->fake.level(0, 2));
	assert_int_equal(gpio_output_set(output, false, &f->err), 0);
	assert_false(f->fake.level(0, 2));
	assert_int_equal(gpio_output_get(output, &active, &f->err), 0);
	assert_false(active);
	gpio_output_close(output);
	output =
	    gpio_output_open(&(struct gpio_line){.name = "DO1", .active_low = true}, true, &f->err);
	assert_non_null(output);
	assert_false(f->fake.level(0, 2));
	gpio_output_close(output);
}

/* --- the kernel's own simulator --- */

#define SIM "/sys/kernel/config/gpio-sim"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	(void)close(fd);
}

static void read_name(const char *path, char name[64])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, name, 63);

	if (len <= 0)
		fail_msg("%s: %s", path, strerror(errno));
	name[len] = '\0';
	name[strcspn(name, "\n")] = '\0';
	(void)close(fd);
}

static void on_a_simulated_chip(void **state)
{
	struct fixture *f = *state;
	char root[64];
	char path[256];
	char device[64];
	char chip[64];
	char place[80];

	if (access(SIM, W_OK) < 0) {
		print_message("# no gpio-sim here: %s: %s\n", SIM, strerror(errno));
		skip();
	}
	(void)snprintf(root, sizeof root, SIM "/neap%d", (int)getpid());
	(void)snprintf(path, sizeof path, "%s/bank", root);
	assert_true(mkdir(root, 0700) == 0 && mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof path, "%s/bank/num_lines", root);
	write_file(path, "4");
	(void)snprintf(path, sizeof path, "%s/live", root);
	write_file(path, "1");
	(void)snprintf(path, sizeof path, "%s/dev_name", root);
	read_name(path, device);
	(void)snprintf(path, sizeof path, "%s/bank/chip_name", root);
	read_name(path, chip);
	(void)snprintf(place, sizeof place, "%s:2", chip);

	open_input(f,
	    &(struct gpio_input_params){.line = {.name = place}, .edge = GPIO_BOTH, .debounce_ms = 1});
	(void)snprintf(path, sizeof path, "/sys/devices/platform/%s/%s/sim_gpio2/pull", device, chip);
	write_file(path, "pull-up");
	run_until_seen(f, 1);
	assert_true(f->seen.last.active);
	assert_in_range(clock_mono_ms(f->clock) - f->seen.last.time.mono_ms, 0, 60000);
	close_input(f);

	(void)snprintf(path, sizeof path, "%s/live", root);
	write_file(path, "0");
	(void)snprintf(path, sizeof path, "%s/bank", root);
	assert_true(rmdir(path) == 0 && rmdir(root) == 0);
}

static int start_again(const char *self, const char *preload)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s/tests/gpio_preload.so", getenv("NEAP_BUILD"));
	/* valgrind has something there too */
	if ((preload != NULL && strstr(preload, path) != NULL) || setenv("LD_PRELOAD", path, 1) < 0) {
		(void)fprintf(stderr, "test_gpio: %s does not load\n", path);
		return 1;
	}
	(void)execl("/bin/sh", "sh", "-c", "exec $NEAP_RUN \"$0\"", self, (char *)NULL);
	return 1;
}

int main(int argc, char **argv)
{
	(void)argc;
#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH_FAKE(a_line_is_found_by_name_or_place),
	    WITH_FAKE(what_cannot_be_had_is_told),
	    WITH_FAKE(a_closed_line_is_free_at_once),
	    WITH_FAKE(edges_come_with_their_time),
	    WITH_FAKE(only_the_edges_asked_for),
	    WITH_FAKE(no_pulse_is_lost),
	    WITH_FAKE(an_input_may_close_in_its_callback),
	    WITH_FAKE(a_chip_that_goes_is_told),
	    WITH_FAKE(the_kernel_debounces),
	    WITH_FAKE(where_it_refuses_we_do),
	    WITH_FAKE(an_output_is_set),
	    WITH_FAKE(on_a_simulated_chip),
	};

	if (symbol("fake_gpio_move") == NULL)
		return start_again(argv[0], getenv("LD_PRELOAD"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
