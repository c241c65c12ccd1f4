#include "core/bus/bus.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/bus/slaves.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum request_state { WAITING, RUNNING, ENDED };

struct bus_request {
	struct bus_request *next;
	struct port *port;
	const struct bus *owner; /* only to compare, and while it waits */
	struct bus_job job;
	enum request_state state;
	bool forgotten;
	bool failed;
	struct err err;
};

struct list {
	struct bus_request *first;
	struct bus_request **end;
	size_t count;
};

/* What the loop and the port's thread share is `task` to `gone`, under the mutex. While a task is
 * not finished, it and the device are the thread's. */
struct port {
	struct port *next;
	struct buses *buses;
	char *name;
	char *params;
	char *user; /* who opened it first */
	unsigned users;
	struct bus_device device;
	struct slaves slaves;
	struct list waiting;
	struct bus_request *running;

	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t wake;
	struct bus_request *task;
	bool finished;
	bool quit;
	bool gone;
};

struct bus {
	struct port *port;
};

struct buses {
	const struct clock *clock;
	uv_async_t async;
	struct port *ports;
	struct list ended; /* without having run */
};

static void list_add(struct list *list, struct bus_request *request)
{
	if (list->first == NULL)
		list->end = &list->first;
	request->next = NULL;
	*list->end = request;
	list->end = &request->next;
	list->count++;
}

/* `place` is where the list points to the request. */
static struct bus_request *list_take(struct list *list, struct bus_request **place)
{
	struct bus_request *request = *place;

	*place = request->next;
	if (request->next == NULL)
		list->end = place;
	list->count--;
	return request;
}

static int fail(struct err *err, int code, const struct err *why)
{
	if (err != NULL) {
		*err = *why;
		err->code = code;
	}
	return -1;
}

/* --- the port's thread --- */

static void serve(void *arg)
{
	struct port *port = arg;

	uv_mutex_lock(&port->mutex);
	for (;;) {
		bool busy = port->task != NULL && !port->finished;

		if (!busy && port->quit)
			break;
		if (!busy) {
			uv_cond_wait(&port->wake, &port->mutex);
			continue;
		}
		struct bus_request *task = port->task;
		uv_mutex_unlock(&port->mutex);
		task->failed = task->job.run(port->device.state, task->job.data, &task->err) < 0;
		uv_mutex_lock(&port->mutex);
		port->finished = true;
		(void)uv_async_send(&port->buses->async);
	}
	uv_mutex_unlock(&port->mutex);

	port->device.close(port->device.state);

	uv_mutex_lock(&port->mutex);
	port->gone = true;
	(void)uv_async_send(&port->buses->async);
	uv_mutex_unlock(&port->mutex);
}

/* Signals are the loop thread's: a watchdog aims them, and no transaction should see EINTR. */
static int start_thread(struct port *port)
{
	sigset_t all;
	sigset_t old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = uv_thread_create(&port->thread, serve, port);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* --- requests --- */

static void request_free(struct bus_request *request)
{
	request->job.release(request->job.data);
	free(request);
}

static void deliver(struct bus_request *request)
{
	if (!request->forgotten)
		request->job.done(
		    request->job.ctx, request->job.data, request->failed ? &request->err : NULL);
	request_free(request);
}

/* Ends what did not run; `done` follows from the loop. */
static void end(struct bus_request *request)
{
	struct buses *buses = request->port->buses;

	request->state = ENDED;
	request->failed = true;
	list_add(&buses->ended, request);
	(void)uv_async_send(&buses->async);
}

/* 0, or -1 while the unit is left alone. */
static int check_unit(const struct port *port, int unit, struct err *err)
{
	int64_t wait_ms = slaves_wait_ms(&port->slaves, unit, clock_mono_ms(port->buses->clock));
	struct err why;

	if (wait_ms == 0)
		return 0;
	(void)err_set(&why, "unit %d on %s does not answer; next try in %" PRId64 " s", unit,
	    port->name, (wait_ms + 999) / 1000);
	return fail(err, -EHOSTDOWN, &why);
}

static void note_outcome(struct port *port, const struct bus_request *request)
{
	int unit = request->job.unit;

	if (unit == BUS_NO_UNIT)
		return;
	if (request->failed && request->err.code == -ETIMEDOUT) {
		if (slaves_silent(&port->slaves, unit, clock_mono_ms(port->buses->clock)))
			log_warn(
			    "bus", "unit %d on %s does not answer; it is tried now and then", unit, port->name);
	} else if (slaves_answered(&port->slaves, unit)) {
		log_info("bus", "unit %d on %s answers again", unit, port->name);
	}
}

/* --- ports --- */

static struct port *find_port(const struct buses *buses, const char *name, bool closing)
{
	for (struct port *port = buses->ports; port != NULL; port = port->next) {
		if ((port->users == 0) == closing && strcmp(port->name, name) == 0)
			return port;
	}
	return NULL;
}

/* Hands the next request to the thread, if it is idle and the device is ours to open: a predecessor
 * may be about to give it back. */
static void pump(struct port *port)
{
	while (port->running == NULL && port->waiting.first != NULL &&
	       find_port(port->buses, port->name, true) == NULL) {
		struct bus_request *request = list_take(&port->waiting, &port->waiting.first);

		if (check_unit(port, request->job.unit, &request->err) < 0) {
			end(request);
			continue;
		}
		request->state = RUNNING;
		port->running = request;
		uv_mutex_lock(&port->mutex);
		port->task = request;
		port->finished = false;
		uv_cond_signal(&port->wake);
		uv_mutex_unlock(&port->mutex);
	}
}

/* What the thread has finished, or NULL. */
static struct bus_request *take_finished(struct port *port)
{
	struct bus_request *request = NULL;

	uv_mutex_lock(&port->mutex);
	if (port->finished) {
		request = port->task;
		port->task = NULL;
		port->finished = false;
	}
	uv_mutex_unlock(&port->mutex);
	if (request != NULL)
		port->running = NULL;
	return request;
}

static struct port *port_new(struct buses *buses, const struct bus_device *device, const char *user)
{
	struct port *port = mem_alloc(sizeof *port);

	port->buses = buses;
	port->name = mem_strdup(device->port);
	port->params = mem_strdup(device->params);
	port->user = mem_strdup(user);
	port->device = *device;
	must(uv_mutex_init(&port->mutex) == 0);
	must(uv_cond_init(&port->wake) == 0);
	return port;
}

static void port_free(struct port *port)
{
	uv_mutex_destroy(&port->mutex);
	uv_cond_destroy(&port->wake);
	slaves_free(&port->slaves);
	free(port->name);
	free(port->params);
	free(port->user);
	free(port);
}

static void port_quit(struct port *port)
{
	uv_mutex_lock(&port->mutex);
	port->quit = true;
	uv_cond_signal(&port->wake);
	uv_mutex_unlock(&port->mutex);
}

static bool port_gone(struct port *port)
{
	uv_mutex_lock(&port->mutex);
	bool gone = port->gone;
	uv_mutex_unlock(&port->mutex);
	return gone;
}

static void reap(struct buses *buses)
{
	struct port **place = &buses->ports;

	while (*place != NULL) {
		struct port *port = *place;

		/* what it finished last may still have to be taken: the async comes again */
		if (!port_gone(port) || port->running != NULL) {
			place = &port->next;
			continue;
		}
		*place = port->next;
		must(uv_thread_join(&port->thread) == 0);
		struct port *heir = find_port(buses, port->name, false);
		port_free(port);
		if (heir != NULL)
			pump(heir);
	}
}

/* Callbacks may open, submit, forget and close; ports go in reap() only. */
static void on_async(uv_async_t *async)
{
	struct buses *buses = async->data;

	for (struct port *port = buses->ports; port != NULL; port = port->next) {
		struct bus_request *request = take_finished(port);

		if (request == NULL)
			continue;
		note_outcome(port, request);
		pump(port);
		deliver(request);
	}
	reap(buses);
	while (buses->ended.first != NULL)
		deliver(list_take(&buses->ended, &buses->ended.first));
}

/* --- what the others call --- */

struct buses *buses_open(uv_loop_t *loop, const struct clock *clock)
{
	struct buses *buses = mem_alloc(sizeof *buses);

	buses->clock = clock;
	must(uv_async_init(loop, &buses->async, on_async) == 0);
	buses->async.data = buses;
	return buses;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void buses_close(struct buses *buses)
{
	while (buses->ports != NULL) {
		struct port *port = buses->ports;

		must(port->users == 0);
		must(uv_thread_join(&port->thread) == 0);
		if (port->running != NULL)
			request_free(port->running);
		buses->ports = port->next;
		port_free(port);
	}
	while (buses->ended.first != NULL)
		request_free(list_take(&buses->ended, &buses->ended.first));
	uv_close((uv_handle_t *)&buses->async, on_closed);
}

static struct port *open_port(
    struct buses *buses, const struct bus_device *device, const char *user, struct err *err)
{
	struct port *port = find_port(buses, device->port, false);

	if (port == NULL) {
		port = port_new(buses, device, user);
		int rc = start_thread(port);
		if (rc == 0) {
			port->next = buses->ports;
			buses->ports = port;
			return port;
		}
		port_free(port);
		port = NULL;
		(void)err_sys(err, rc, "%s: cannot start a thread", device->port);
	} else if (strcmp(port->params, device->params) != 0) {
		(void)err_set(err,
		    "%s is open as %s (%s), and %s wants %s; all users of a port need the same parameters",
		    port->name, port->params, port->user, user, device->params);
		port = NULL;
	}
	device->close(device->state);
	return port;
}

struct bus *bus_open(
    struct buses *buses, const struct bus_device *device, const char *user, struct err *err)
{
	struct port *port = open_port(buses, device, user, err);

	if (port == NULL)
		return NULL;
	struct bus *bus = mem_alloc(sizeof *bus);
	bus->port = port;
	port->users++;
	return bus;
}

void bus_close(struct bus *bus)
{
	struct port *port = bus->port;

	for (struct bus_request **place = &port->waiting.first; *place != NULL;) {
		if ((*place)->owner != bus) {
			place = &(*place)->next;
			continue;
		}
		struct bus_request *request = list_take(&port->waiting, place);
		struct err why;
		(void)err_set(&why, "%s was closed", port->name);
		(void)fail(&request->err, -ECANCELED, &why);
		end(request);
	}
	if (--port->users == 0)
		port_quit(port);
	free(bus);
}

const char *bus_port(const struct bus *bus)
{
	return bus->port->name;
}

static int check_room(const struct port *port, struct err *err)
{
	struct err why;

	if (port->waiting.count < BUS_QUEUE_MAX)
		return 0;
	(void)err_set(&why, "%d transactions wait for %s already: more is asked of it than it can do",
	    BUS_QUEUE_MAX, port->name);
	return fail(err, -EBUSY, &why);
}

struct bus_request *bus_submit(struct bus *bus, const struct bus_job *job, struct err *err)
{
	struct port *port = bus->port;

	if (check_unit(port, job->unit, err) < 0 || check_room(port, err) < 0) {
		job->release(job->data);
		return NULL;
	}
	struct bus_request *request = mem_alloc(sizeof *request);
	request->port = port;
	request->owner = bus;
	request->job = *job;
	list_add(&port->waiting, request);
	pump(port);
	return request;
}

void bus_forget(struct bus_request *request)
{
	if (request->state != WAITING) {
		request->forgotten = true;
		return;
	}
	struct list *waiting = &request->port->waiting;
	struct bus_request **place = &waiting->first;
	while (*place != request)
		place = &(*place)->next;
	request_free(list_take(waiting, place));
}
