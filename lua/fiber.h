/*
 * Fibers: the coroutines that the handlers of scripts run in, and how they wait.
 *
 * A fiber runs one function to its end. A C function of the API that must wait makes a request,
 * starts it and returns fiber_wait(); whoever completes the request calls fiber_wake(), and at the
 * scheduler's next turn the request's `finish` runs inside the coroutine: it gives the results or
 * raises. A request may outlive its fiber (which was closed, or whose time was over): `release` is
 * called exactly once, with the request complete or still going; then it frees itself in the end.
 * Loop thread.
 */
#ifndef NEAP_LUA_FIBER_H
#define NEAP_LUA_FIBER_H

#include "lua/state.h"

struct wait_ops {
	int (*finish)(lua_State *L, void *request); /* pushes results, returns how many; may raise */
	void (*release)(void *request);
	bool outside; /* for a device, a program, a file: in real time, whatever the clock says */
};

struct fiber_options {
	const char *what;         /* begins messages: "on \"stop\": "; lives as long as the fiber */
	void (*ended)(void *ctx); /* well or not: nothing of the fiber is in use any more; or NULL */
	void *ctx;
	bool holds; /* a stop waits for it */
};

/*
 * Makes a fiber of the function and the `nargs` arguments on top of L's stack, and pops them.
 * fiber_run or fiber_wake starts it. Raises for want of memory.
 */
struct fiber *fiber_new(lua_State *L, int nargs, const struct fiber_options *options);
void fiber_run(struct fiber *fiber); /* from a timer's `fire` only */
void fiber_close_all(struct script *script);

/* May the caller wait? Not while loading, nor in a sort's comparator and the like. */
bool fiber_can_wait(lua_State *L);
/* Before a request is made: raises if the caller cannot wait or its time is over. */
void fiber_check(lua_State *L, const char *function);
/* fiber_check for what the world can see: what was pushed before is handed over first. */
void fiber_check_io(lua_State *L, const char *function);
/* fiber_check_io for what changes something outside: not for a console that is not armed. */
void fiber_check_effect(lua_State *L, const char *function);
/* The last thing that a C function does: `return fiber_wait(...)`. */
int fiber_wait(lua_State *L, const struct wait_ops *ops, void *request);
void fiber_wake(struct fiber *fiber);

/* Waits until all that was pushed is synced; or, where the caller cannot wait, makes the end of its
 * fiber do so. `return fiber_sync(L)`, without results. */
int fiber_sync(lua_State *L);

#endif
