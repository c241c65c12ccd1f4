#include "lua/timer.h"

#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct ticker {
	struct timer timer;
	struct script *script;
	char *what;
	int64_t period_ms; /* 0: it fires when it was armed, once */
	int64_t first_ms;  /* from the start; -1: not by itself */
	int function;      /* in the registry */
	bool running;      /* its function: it does not overlap itself */
	bool stopped;
	bool carried; /* it has a successor */
	struct ticker *next;
};

static void on_ended(void *ctx)
{
	struct ticker *ticker = ctx;
	ticker->running = false;
}

struct begin {
	struct ticker *ticker;
	struct fiber *fiber;
};

static int begin(lua_State *L)
{
	struct begin *begin = lua_touserdata(L, 1);
	struct ticker *ticker = begin->ticker;
	(void)lua_rawgeti(L, LUA_REGISTRYINDEX, ticker->function);
	begin->fiber = fiber_new(
	    L, 0, &(struct fiber_options){.what = ticker->what, .ended = on_ended, .ctx = ticker});
	return 0;
}

/* Missed times are skipped, the phase stays. */
static int64_t after(const struct ticker *ticker, int64_t now)
{
	int64_t due = ticker->timer.due_ms + ticker->period_ms;
	if (due <= now)
		due += (now - due) / ticker->period_ms * ticker->period_ms + ticker->period_ms;
	return due;
}

static void on_timer(struct timer *timer)
{
	struct ticker *ticker = (struct ticker *)timer; /* its first member */
	struct script *script = ticker->script;
	int64_t now = clock_mono_ms(script->host->services.clock);
	if (ticker->period_ms)
		scheduler_add(script->host->scheduler, timer, after(ticker, now));
	if (ticker->running)
		return;
	struct begin arg = {ticker, NULL};
	struct err err;
	if (script_call(script, begin, &arg, &err) < 0) {
		script_error(script, ticker->what, err.text);
		return;
	}
	ticker->running = true;
	fiber_run(arg.fiber);
}

static void fire_in(struct ticker *ticker, int64_t ms)
{
	const struct host *host = ticker->script->host;
	scheduler_add(host->scheduler, &ticker->timer, clock_mono_ms(host->services.clock) + ms);
}

static void start(struct ticker *ticker)
{
	if (ticker->first_ms >= 0)
		fire_in(ticker, ticker->first_ms);
}

/* ticker(what, period, first, function) -> ticker; `first` counts from the start, -1: it does not
 * fire by itself. Period 0: it fires once each time it is armed. */
static int new_ticker(lua_State *L)
{
	struct script *script = script_of(L);
	const char *what = luaL_checkstring(L, 1);
	int64_t period_ms = luaL_checkinteger(L, 2), first_ms = luaL_checkinteger(L, 3);
	luaL_argcheck(L, period_ms >= 0, 2, "must not be below 0");
	luaL_checktype(L, 4, LUA_TFUNCTION);
	lua_settop(L, 4);
	int function = luaL_ref(L, LUA_REGISTRYINDEX);
	struct ticker *ticker = mem_alloc(sizeof *ticker);
	*ticker = (struct ticker){
	    .timer.fire = on_timer,
	    .script = script,
	    .what = mem_strdup(what),
	    .period_ms = period_ms,
	    .first_ms = first_ms,
	    .function = function,
	};
	if (script->last_ticker)
		script->last_ticker->next = ticker;
	else
		script->tickers = ticker;
	script->last_ticker = ticker;
	if (script->host->started && !script->loading)
		start(ticker);
	lua_pushlightuserdata(L, ticker);
	return 1;
}

/* period(ticker, period): from its last time on, or from the start */
static int period(lua_State *L)
{
	struct ticker *ticker = lua_touserdata(L, 1);
	int64_t period_ms = luaL_checkinteger(L, 2);
	const struct host *host = script_of(L)->host;
	luaL_argcheck(L, ticker, 1, "no ticker");
	luaL_argcheck(L, period_ms > 0, 2, "must be above 0");
	if (ticker->timer.place) {
		int64_t now = clock_mono_ms(host->services.clock);
		int64_t due = ticker->timer.due_ms - ticker->period_ms + period_ms;
		scheduler_add(host->scheduler, &ticker->timer, due > now ? due : now);
	} else if (ticker->first_ms > 0) {
		ticker->first_ms = period_ms;
	}
	ticker->period_ms = period_ms;
	return 0;
}

/* arm(ticker, ms): it fires then, and not before; nil: not at all */
static int arm(lua_State *L)
{
	struct ticker *ticker = lua_touserdata(L, 1);
	const struct host *host = script_of(L)->host;
	luaL_argcheck(L, ticker && !ticker->period_ms, 1, "no ticker that fires once");
	if (lua_isnoneornil(L, 2))
		scheduler_cancel(host->scheduler, &ticker->timer);
	else if (!ticker->stopped)
		fire_in(ticker, luaL_checkinteger(L, 2));
	return 0;
}

void ticker_start_all(struct script *script)
{
	for (struct ticker *ticker = script->tickers; ticker; ticker = ticker->next)
		if (!ticker->timer.place)
			start(ticker);
}

static bool is_same(const struct ticker *a, const struct ticker *b)
{
	return !a->carried && a->period_ms && a->period_ms == b->period_ms &&
	       strcmp(a->what, b->what) == 0;
}

void ticker_carry(const struct script *from, struct script *to)
{
	struct ticker *next = from->tickers; /* most come in the order they had */
	for (struct ticker *ticker = to->tickers; ticker; ticker = ticker->next) {
		struct ticker *before = next;
		while (before && !is_same(before, ticker))
			before = before->next;
		for (struct ticker *other = from->tickers; !before && other; other = other->next)
			if (is_same(other, ticker))
				before = other;
		if (!before)
			continue;
		before->carried = true;
		next = before->next;
		scheduler_add(to->host->scheduler, &ticker->timer, before->timer.due_ms);
	}
}

void ticker_stop_all(struct script *script)
{
	for (struct ticker *ticker = script->tickers; ticker; ticker = ticker->next) {
		ticker->stopped = true;
		scheduler_cancel(script->host->scheduler, &ticker->timer);
	}
}

void ticker_close_all(struct script *script)
{
	while (script->tickers) {
		struct ticker *ticker = script->tickers;
		script->tickers = ticker->next;
		scheduler_cancel(script->host->scheduler, &ticker->timer);
		free(ticker->what);
		free(ticker);
	}
	script->last_ticker = NULL;
}

int64_t ticker_next_ms(const struct ticker *ticker, int64_t skips)
{
	return ticker->timer.place ? ticker->timer.due_ms + skips * ticker->period_ms : INT64_MAX;
}

static const luaL_Reg functions[] = {
    {"ticker", new_ticker},
    {"period", period},
    {"arm", arm},
    {NULL, NULL},
};

void bind_timer(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
