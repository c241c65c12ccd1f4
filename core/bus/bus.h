/*
 * Buses: serial lines and Modbus connections, one thread each, shared by all who open the same port
 * with the same parameters.
 *
 * A bus does one transaction at a time, in the order they came. All bookkeeping (queue, back-off,
 * callbacks) is the loop thread's; the bus's thread knows nothing but the one transaction it was
 * handed, and tells the loop through one uv_async when it is through. So a line that hangs holds
 * nobody up but those who wait for that line.
 *
 * A unit that did not answer three times running is left alone for a growing time (core/bus/slaves.h):
 * what is asked of it meanwhile fails at once and costs the others nothing. "Did not answer" is an
 * error whose code is -ETIMEDOUT; every other outcome counts as an answer.
 *
 * Lifetimes:
 * - A request owns its job's data and gives it back through `release`, always on the loop thread,
 *   after `done` or instead of it.
 * - bus_submit returns a request that is the caller's to name until its `done` was called or it was
 *   forgotten. `done` never runs inside bus_submit, bus_forget or bus_close.
 * - bus_forget: `done` will not be called. What waits is dropped; what runs goes on unheard.
 * - bus_close: what the handle has still waiting ends with -ECANCELED, what runs ends by itself;
 * the caller hears of both, unless it forgets them. It never blocks. With the last handle the
 * thread ends after the transaction under way, and gives the port back; who opens the port
 * meanwhile, with other parameters too, waits for that.
 * - buses_close: after the last handle was closed, not from a `done`; nothing is called any more.
 * It waits for the transactions under way, so for the longest of their timeouts at most. Loop
 * thread only, but for what says otherwise.
 */
#ifndef NEAP_CORE_BUS_H
#define NEAP_CORE_BUS_H

#include "core/base/clock.h"
#include "core/base/err.h"

#include <uv.h>

#define BUS_QUEUE_MAX 64 /* waiting for one port */
#define BUS_NO_UNIT   (-1)

struct buses;
struct bus; /* one user's handle of a port */
struct bus_request;

/* What a bus works on. `close` gives the device back and frees `state`; it runs on the bus's
 * thread, or, where the state was never used, inside bus_open. Texts are copied. */
struct bus_device {
	const char *port;   /* "/dev/ttyUSB0", "10.0.0.7:502" */
	const char *params; /* what users must agree on, to show: "Modbus RTU, 9600 8N1" */
	void *state;
	void (*close)(void *state);
};

struct bus_job {
	int unit; /* for the back-off; BUS_NO_UNIT: none */
	/* On the bus's thread; ends within its own timeout; 0, or -1 and why. */
	int (*run)(void *state, void *data, struct err *err);
	void (*done)(void *ctx, void *data, const struct err *err); /* err NULL: it worked */
	void (*release)(void *data);
	void *data;
	void *ctx;
};

struct buses *buses_open(uv_loop_t *loop, const struct clock *clock);
void buses_close(struct buses *buses);

/* Takes the device over, whatever comes of it. `user` is named to others whose parameters differ:
 * "script meter". NULL: the port is open with other parameters, or no thread can be had. */
struct bus *bus_open(
    struct buses *buses, const struct bus_device *device, const char *user, struct err *err);
void bus_close(struct bus *bus);
const char *bus_port(const struct bus *bus);

/* Takes the job's data over, whatever comes of it. NULL, and `done` is not called: the unit is left
 * alone (-EHOSTDOWN), or too many wait already (-EBUSY). */
struct bus_request *bus_submit(struct bus *bus, const struct bus_job *job, struct err *err);
void bus_forget(struct bus_request *request);

#endif
