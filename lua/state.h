/*
 * One script: a Lua state of its own with a memory limit, and all that belongs to it.
 *
 * Lua is entered through entry.h only, so that limits on time have one place. A C function finds its
 * script with script_of(L), in coroutines too. Chunks of the script are named "@machine.lua" and
 * "@lib/util.lua", those of the embedded library "=neap.asset": the first level of the stack whose
 * name begins with '@' is the script's own line. Loop thread.
 */
#ifndef NEAP_LUA_STATE_H
#define NEAP_LUA_STATE_H

#include "core/task/host.h"
#include "lua/scheduler.h"

#include <lua.h>

struct fiber;
struct keeper;
struct time_limits;
struct pending;
struct reload;
struct source;
struct ticker;
struct trial;
struct watch;

/* What all scripts share. host.c owns it. */
struct host {
	struct services services;
	struct scheduler *scheduler;
	struct script *scripts;
	struct time_limits *limits;    /* of time; NULL: none */
	char *culprits;                /* the file of scripts that brought the process down, or NULL */
	struct timer background;       /* lets one handler go on that was made to yield */
	const struct script *served;   /* by it, the last time; or NULL */
	uint32_t pushed;               /* samples since the last commit */
	struct script *console;        /* not one of the scripts; NULL until it is used */
	struct evaluation *evaluation; /* the console's chunk that runs, or NULL */
	int64_t armed_until_ms;        /* 0: the console is not armed */
	bool started;
	struct test *test; /* of the test file that is the console; NULL: there is none */
	unsigned outside;  /* fibers that wait for a device, a program or a file */
	unsigned syncing;  /* fibers that wait for the disk */
	uint32_t holding;  /* fibers that a stop waits for */
	struct {
		struct timer limit;
		void (*stopped)(void *ctx);
		void *ctx;
		bool asked, over; /* over: the limit has passed */
	} stop;
	struct reload *reload;  /* under way, or NULL */
	struct watch *watch;    /* or NULL */
	struct keeper *keepers; /* of what scripts keep on disk */
	bool connected;         /* as the events said */
	struct buf status_text; /* of the last agent.status(): an error on the way leaks nothing */
};

struct point;

struct script {
	struct owner owner; /* first: the catalog gives it back */
	struct host *host;
	char *name;            /* "machine" */
	char *topic;           /* "script.machine" */
	char *trouble;         /* why it does not run, or NULL */
	char *newer;           /* why what its files say now is not in force, or NULL */
	struct source *tried;  /* what was refused then, without the texts */
	char *last_error;      /* of its handlers, or NULL */
	int64_t last_error_ms; /* monotonic */
	uint32_t errors;
	char *back;          /* why its version from before a trial is in force, or NULL */
	struct trial *trial; /* or NULL */
	lua_State *L;        /* NULL if it did not load */
	size_t memory, memory_max;
	bool refused; /* the allocator's own, with -DNEAP_GC_STRESS */
	bool aside;   /* it does not run because it brought the process down */
	bool loading, closing;
	bool params_taken;
	struct fiber *current;   /* the one that runs now, or NULL */
	struct fiber *preempted; /* made to yield; until it goes on the script's others wait */
	struct fiber *fibers;
	struct coroutine {
		lua_State *co;
		int ref; /* in the registry */
	} idle[8];   /* ended, and can be used again */
	size_t idle_count;
	struct {
		int64_t used_us; /* processor time of the handler that runs */
		int64_t total_us, slowest_us;
		uint32_t limit_hits, hits_noted;
		bool preempting; /* a coroutine is on its way out to the loop */
		bool condemned;  /* the budget is over: nothing catches that */
	} time;
	struct point *points; /* grows while it loads, only (point.h) */
	size_t points_count;
	struct source *sources;
	struct problems *cautions; /* while it loads: where its warnings go */
	struct draft *draft;       /* shared with the catalog once it is installed */
	struct declaration *policies;
	size_t policies_count;
	struct ticker *tickers, *last_ticker;
	struct pending *jobs;
	unsigned sockets; /* that are open */
	struct script *next;
};

static inline struct script *script_of(lua_State *L)
{
	return *(struct script **)lua_getextraspace(L);
}

/* Makes the state, empty. NULL: not even that fits the memory. */
struct script *script_new(struct host *host, const char *name);
/* Closes the Lua state: fibers, tickers and jobs are gone already. The struct stays, for the
 * status.
 */
void script_drop_state(struct script *script);
void script_free(struct script *script); /* after that */

/* The text of a file in scripts.dir, as it is or was when the script read it first. */
const struct source *script_source(struct script *script, const char *name, struct err *err);

/* Pushes "machine.lua:12: ", the line of the script that is running, or "". */
void script_where(lua_State *L);
/* Before one more socket: raises if the script has too many open. */
void script_take_socket(lua_State *L);
/* Raises wrong use: a text that begins with the script's line. */
int script_fail(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Raises a failure as an error object (error.c), with the script's line. */
int script_raise(lua_State *L, const struct err *err);
int script_raise_code(lua_State *L, const struct err *err, const char *code);
/* A handler's error: logged, counted, kept for the status. */
void script_error(struct script *script, const char *what, const char *text);
/* Hands over to the kernel what was pushed. Before anything of it can be known outside. */
void host_commit(struct host *host);
/* May the console's chunks do what has effects? */
bool host_armed(const struct host *host);

#endif
