#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/bus/bus.h"
#include "core/bus/slaves.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A device whose transactions wait until the test lets them pass; what it notes is under `mutex`.
 */
struct device {
	uv_mutex_t mutex;
	uv_sem_t pass;
	uv_sem_t begun;
	int closed;
	int units[400]; /* in the order they ran */
	int count;
	int at_once;
	int dead_unit;
};

struct fixture {
	uv_loop_t loop;
	struct clock *clock;
	struct buses *buses;
	struct device device;
};

struct outcome {
	int done;
	int released;
	struct err err;
	struct bus_request *again; /* what `done` submitted */
	struct bus *bus;
};

struct data {
	struct outcome *outcome;
	int unit;
	bool gated;
};

static int run(void *state, void *arg, struct err *err)
{
	struct device *device = state;
	struct data *data = arg;

	uv_mutex_lock(&device->mutex);
	must(device->at_once++ == 0);
	must(device->closed == 0);
	device->units[device->count++] = data->unit;
	bool dead = data->unit == device->dead_unit;
	uv_mutex_unlock(&device->mutex);
	if (data->gated) {
		uv_sem_post(&device->begun);
		uv_sem_wait(&device->pass);
	}
	uv_mutex_lock(&device->mutex);
	device->at_once--;
	uv_mutex_unlock(&device->mutex);
	return dead ? err_sys(err, ETIMEDOUT, "unit %d", data->unit) : 0;
}

static void done(void *ctx, void *arg, const struct err *err)
{
	struct outcome *outcome = ctx;

	assert_ptr_equal(((struct data *)arg)->outcome, outcome);
	outcome->done++;
	outcome->err.code = 0;
	if (err != NULL)
		outcome->err = *err;
}

static void release(void *arg)
{
	struct data *data = arg;

	data->outcome->released++;
	free(data);
}

static void close_device(void *state)
{
	struct device *device = state;

	uv_mutex_lock(&device->mutex);
	device->closed++;
	uv_mutex_unlock(&device->mutex);
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	log_open(LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	must(uv_loop_init(&f->loop) == 0);
	must(uv_mutex_init(&f->device.mutex) == 0);
	must(uv_sem_init(&f->device.pass, 0) == 0);
	must(uv_sem_init(&f->device.begun, 0) == 0);
	f->clock = clock_new_virtual(1800000000000);
	f->buses = buses_open(&f->loop, f->clock);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	buses_close(f->buses);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	uv_sem_destroy(&f->device.pass);
	uv_sem_destroy(&f->device.begun);
	uv_mutex_destroy(&f->device.mutex);
	clock_free(f->clock);
	free(f);
	return 0;
}

static struct bus *open_as(struct fixture *f, const char *params, const char *user, struct err *err)
{
	return bus_open(f->buses,
	    &(struct bus_device){
	        .port = "/dev/fake", .params = params, .state = &f->device, .close = close_device},
	    user, err);
}

static struct bus *open_bus(struct fixture *f)
{
	struct bus *bus = open_as(f, "9600 8N1", "script a", NULL);

	assert_non_null(bus);
	return bus;
}

static struct bus_request *submit_to(
    struct bus *bus, int unit, bool gated, struct outcome *outcome, struct err *err)
{
	struct data *data = mem_alloc(sizeof *data);

	*data = (struct data){.outcome = outcome, .unit = unit, .gated = gated};
	return bus_submit(bus,
	    &(struct bus_job){.unit = unit,
	        .run = run,
	        .done = done,
	        .release = release,
	        .data = data,
	        .ctx = outcome},
	    err);
}

static struct bus_request *submit(struct bus *bus, int unit, bool gated, struct outcome *outcome)
{
	struct bus_request *request = submit_to(bus, unit, gated, outcome, NULL);

	assert_non_null(request);
	return request;
}

/* tests/run ends what never comes */
static void run_until(struct fixture *f, const int *counter, int count)
{
	while (*counter < count)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
}

static int closed_count(struct fixture *f)
{
	uv_mutex_lock(&f->device.mutex);
	int closed = f->device.closed;
	uv_mutex_unlock(&f->device.mutex);
	return closed;
}

static void first_come_first_served(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome outcomes[20] = {0};

	for (int i = 0; i < 20; i++)
		(void)submit(bus, i + 1, false, &outcomes[i]);
	assert_int_equal(outcomes[0].done, 0);
	run_until(f, &outcomes[19].done, 1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(f->device.units[i], i + 1);
		assert_true(
		    outcomes[i].done == 1 && outcomes[i].released == 1 && outcomes[i].err.code == 0);
	}
	bus_close(bus);
}

static void a_port_is_shared(void **state)
{
	struct fixture *f = *state;
	struct bus *a = open_bus(f);
	struct bus *b = open_as(f, "9600 8N1", "script b", NULL);
	struct outcome of_a = {0};
	struct outcome of_b = {0};

	assert_int_equal(closed_count(f), 1); /* b's own device was not needed */
	f->device.closed = 0;
	(void)submit(a, 1, true, &of_a);
	(void)submit(b, 2, false, &of_b);
	uv_sem_wait(&f->device.begun);
	bus_close(a); /* while its transaction runs */
	uv_sem_post(&f->device.pass);
	run_until(f, &of_b.done, 1);
	assert_true(of_a.done == 1 && of_a.err.code == 0);
	assert_int_equal(of_b.err.code, 0);
	assert_int_equal(closed_count(f), 0);
	bus_close(b);
}

static void other_parameters_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct bus *a = open_bus(f);
	struct err err;

	assert_null(open_as(f, "19200 8E1", "script b", &err));
	assert_string_equal(err.text, "/dev/fake is open as 9600 8N1 (script a), and script b wants "
	                              "19200 8E1; all users of a port need the same parameters");
	assert_int_equal(closed_count(f), 1);
	f->device.closed = 0;
	bus_close(a);
}

static void the_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome running = {0};
	struct outcome waiting = {0};
	struct outcome over = {0};
	struct err err;

	(void)submit(bus, 1, true, &running);
	for (int i = 0; i < BUS_QUEUE_MAX; i++)
		(void)submit(bus, 2, false, &waiting);
	assert_null(submit_to(bus, 3, false, &over, &err));
	assert_string_equal(err_code(&err), "EBUSY");
	assert_true(over.done == 0 && over.released == 1);
	uv_sem_post(&f->device.pass);
	run_until(f, &waiting.done, BUS_QUEUE_MAX);
	bus_close(bus);
}

static void forgotten_ones_are_not_heard_of(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome running = {0};
	struct outcome waiting = {0};
	struct outcome last = {0};

	struct bus_request *first = submit(bus, 1, true, &running);
	struct bus_request *second = submit(bus, 2, false, &waiting);
	struct bus_request *third = submit(bus, 3, false, &waiting);
	(void)submit(bus, 4, false, &last);
	uv_sem_wait(&f->device.begun);
	bus_forget(first);
	bus_forget(third);
	bus_forget(second);
	assert_true(running.released == 0 && waiting.released == 2);
	uv_sem_post(&f->device.pass);
	run_until(f, &last.done, 1);
	assert_true(running.done == 0 && running.released == 1 && waiting.done == 0);
	assert_true(f->device.count == 2 && f->device.units[1] == 4);
	bus_close(bus);
}

static void close_ends_what_waits(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome running = {0};
	struct outcome waiting = {0};
	struct outcome forgotten = {0};

	(void)submit(bus, 1, true, &running);
	(void)submit(bus, 2, false, &waiting);
	struct bus_request *request = submit(bus, 3, false, &forgotten);
	uv_sem_wait(&f->device.begun);
	bus_close(bus);
	bus_forget(request);
	run_until(f, &waiting.done, 1); /* without waiting for what runs */
	assert_int_equal(waiting.err.code, -ECANCELED);
	assert_string_equal(waiting.err.text, "/dev/fake was closed");
	assert_true(forgotten.done == 0 && forgotten.released == 1);
	assert_int_equal(running.done, 0);
	uv_sem_post(&f->device.pass);
	run_until(f, &running.done, 1);
	assert_true(running.err.code == 0 && running.released == 1);
}

static void who_reopens_a_port_waits_for_its_end(void **state)
{
	struct fixture *f = *state;
	struct bus *old = open_bus(f);
	struct outcome running = {0};
	struct outcome next = {0};

	(void)submit(old, 1, true, &running);
	uv_sem_wait(&f->device.begun);
	bus_close(old);
	struct device second = {0};
	must(uv_mutex_init(&second.mutex) == 0);
	struct bus *bus = bus_open(f->buses,
	    &(struct bus_device){
	        .port = "/dev/fake", .params = "19200 8E1", .state = &second, .close = close_device},
	    "script b", NULL);
	assert_non_null(bus);
	(void)submit(bus, 2, false, &next);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	uv_mutex_lock(&second.mutex);
	assert_int_equal(second.count, 0);
	uv_mutex_unlock(&second.mutex);
	uv_sem_post(&f->device.pass);
	run_until(f, &next.done, 1);
	assert_true(running.done == 1 && next.err.code == 0);
	assert_int_equal(closed_count(f), 1);
	bus_close(bus);
	buses_close(f->buses);
	assert_int_equal(second.closed, 1);
	uv_mutex_destroy(&second.mutex);
	f->buses = buses_open(&f->loop, f->clock);
}

static void buses_close_drops_the_rest(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome running = {0};
	struct outcome waiting = {0};

	(void)submit(bus, 1, true, &running);
	(void)submit(bus, 2, false, &waiting);
	uv_sem_wait(&f->device.begun);
	bus_close(bus);
	uv_sem_post(&f->device.pass);
	buses_close(f->buses);
	assert_true(running.done == 0 && running.released == 1);
	assert_true(waiting.done == 0 && waiting.released == 1);
	assert_int_equal(f->device.closed, 1);
	f->buses = buses_open(&f->loop, f->clock);
}

static void a_silent_unit_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome dead = {0};
	struct outcome good = {0};
	struct err err;

	f->device.dead_unit = 3;
	for (int i = 0; i < 5; i++)
		(void)submit(bus, 3, false, &dead);
	(void)submit(bus, 4, false, &good);
	run_until(f, &dead.done, 5);
	run_until(f, &good.done, 1);
	assert_int_equal(good.err.code, 0);
	/* three tries; the two that waited behind them failed without one */
	assert_int_equal(f->device.count, 4);
	assert_int_equal(dead.err.code, -EHOSTDOWN);
	assert_string_equal(dead.err.text, "unit 3 on /dev/fake does not answer; next try in 1 s");

	clock_advance(f->clock, 1000);
	(void)submit(bus, 3, false, &dead);
	run_until(f, &dead.done, 6);
	assert_int_equal(dead.err.code, -ETIMEDOUT);
	assert_null(submit_to(bus, 3, false, &dead, &err));
	assert_string_equal(err.text, "unit 3 on /dev/fake does not answer; next try in 2 s");
	assert_string_equal(err_code(&err), "EHOSTDOWN");
	(void)submit(bus, 4, false, &good);
	run_until(f, &good.done, 2);
	assert_int_equal(good.err.code, 0);

	f->device.dead_unit = 0;
	clock_advance(f->clock, 2000);
	(void)submit(bus, 3, false, &dead);
	(void)submit(bus, 3, false, &dead);
	run_until(f, &dead.done, 8);
	assert_int_equal(dead.err.code, 0);
	bus_close(bus);
}

static void the_pause_doubles_up_to_a_minute(void **unused)
{
	(void)unused;
	struct slaves slaves = {0};
	int64_t now_ms = 5000;

	assert_false(slaves_silent(&slaves, 1, now_ms));
	assert_false(slaves_silent(&slaves, 2, now_ms));
	assert_false(slaves_answered(&slaves, 2));
	assert_false(slaves_silent(&slaves, 1, now_ms));
	assert_true(slaves_wait_ms(&slaves, 1, now_ms) == 0);
	assert_true(slaves_silent(&slaves, 1, now_ms));
	static const int64_t pauses[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
		assert_true(slaves_wait_ms(&slaves, 1, now_ms) == pauses[i]);
		assert_true(slaves_wait_ms(&slaves, 2, now_ms) == 0);
		now_ms += pauses[i];
		assert_true(slaves_wait_ms(&slaves, 1, now_ms) == 0);
		assert_false(slaves_silent(&slaves, 1, now_ms));
	}
	assert_true(slaves_answered(&slaves, 1));
	assert_true(slaves_wait_ms(&slaves, 1, now_ms) == 0);
	assert_false(slaves_silent(&slaves, 1, now_ms));
	slaves_free(&slaves);
}

static void resubmit(void *ctx, void *data, const struct err *err)
{
	struct outcome *outcome = ctx;

	done(ctx, data, err);
	if (outcome->bus != NULL)
		outcome->again = submit(outcome->bus, 1, false, outcome);
	outcome->bus = NULL;
}

static void close_from_done(void *ctx, void *data, const struct err *err)
{
	struct outcome *outcome = ctx;

	done(ctx, data, err);
	bus_close(outcome->bus);
}

static void callbacks_may_submit_and_close(void **state)
{
	struct fixture *f = *state;
	struct bus *bus = open_bus(f);
	struct outcome outcome = {.bus = bus};
	struct data *data = mem_alloc(sizeof *data);
	struct bus_job job = {
	    .unit = 1, .run = run, .done = resubmit, .release = release, .data = data, .ctx = &outcome};

	data->outcome = &outcome;
	assert_non_null(bus_submit(bus, &job, NULL));
	run_until(f, &outcome.done, 2);
	assert_non_null(outcome.again);

	outcome.bus = bus;
	data = mem_alloc(sizeof *data);
	data->outcome = &outcome;
	job.data = data;
	job.done = close_from_done;
	assert_non_null(bus_submit(bus, &job, NULL));
	struct outcome last = {0};
	(void)submit(bus, 2, false, &last);
	run_until(f, &last.done, 1);
	assert_int_equal(outcome.done, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(first_come_first_served, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_port_is_shared, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(other_parameters_are_an_error, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_queue_is_bounded, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(forgotten_ones_are_not_heard_of, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(close_ends_what_waits, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_reopens_a_port_waits_for_its_end, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(buses_close_drops_the_rest, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_silent_unit_is_left_alone, set_up, tear_down),
	    cmocka_unit_test(the_pause_doubles_up_to_a_minute),
	    cmocka_unit_test_setup_teardown(callbacks_may_submit_and_close, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
