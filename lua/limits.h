/*
 * Limits on the time that scripts take: the slice, after which others have their turn, and the
 * budget, after which a handler is ended.
 *
 * Nothing is counted while Lua runs; scripts run at full speed. When Lua is entered a timer is set,
 * unless it is set already, and when it fires with the same entry still inside, its signal's
 * handler, on the loop's own thread, arms Lua's count hook in the coroutine that runs (the one thing
 * that Lua allows a signal handler). The hook then makes the coroutine yield, if all between it and
 * the loop can, or ends it. That end can't be caught: pcall, xpcall, try and the functions of
 * coroutine.c pass it on. What no hook reaches (a C function that does not come back) costs the
 * process after three budgets: the script's name is put into the file of culprits, the program
 * starts again in its place, and a script that is there twice is set aside. If the name cannot be
 * written, the process ends, so that the service manager decides.
 *
 * The first slice of a handler is a quarter of scripts.slice, so that many that start at once keep
 * nobody waiting; then one slice of one handler goes between two turns of the loop.
 *
 * Loop thread. The signal is SIGURG: its default is to be ignored, should it come late.
 */
#ifndef NEAP_LUA_LIMITS_H
#define NEAP_LUA_LIMITS_H

#include "core/base/restart.h"
#include "lua/state.h"

struct time_limits;

/* culprits: the file; NULL: none is kept. restart: NULL: the process ends. NULL if the system has no timer to give: then there are
 * no limits on time, and it is said. */
struct time_limits *limits_new(
    int64_t slice_ms, int64_t budget_ms, const char *culprits, const struct restart *restart);
void limits_free(struct time_limits *limits);

/* An entry into Lua: everything between. They nest. */
struct entry_mark {
	struct script *script;
	lua_State *running;
	int64_t entered_us;
	int64_t slice_us;
	int64_t cpu_us; /* of the thread when the entry began; 0: not looked at yet */
};
/* again: the handler goes on that was made to yield; else its budget begins. */
void limits_enter(struct script *script, lua_State *co, bool again, struct entry_mark *before);
void limits_leave(struct script *script, const struct entry_mark *before);
/* Another coroutine of the same script runs from now on; returns the one before. */
lua_State *limits_switch(struct script *script, lua_State *co);
/* Inside an entry: of the budget only a twentieth is left, for what merely cleans up. */
void limits_hurry(struct script *script);
/* A handler that was ended is behind us: what runs on is not it. */
void limits_pardon(struct script *script);
/* In loops in C, every few microseconds: raises if the budget is over. The slice has its turn when
 * Lua code runs again. */
void limits_tick(lua_State *L);
/* Nothing runs any more for now: no more signals. */
void limits_idle(struct time_limits *limits);

/* How often the script brought the process down. */
int limits_culprit(const char *file, const char *script);
void limits_forgive(const char *file, const char *script);

#endif
