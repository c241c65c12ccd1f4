/* Digital inputs and outputs: core/bus/gpio.h. Nothing here waits. */
#include "core/bus/gpio.h"
#include "lua/bindings.h"
#include "lua/feed.h"
#include "lua/fiber.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#define INPUT  "neap.gpio_input"
#define OUTPUT "neap.gpio_output"

struct input {
	struct feed feed;
	struct gpio_input *line; /* NULL: closed */
	char what[];             /* "gpio DI1: " */
};

struct output {
	struct gpio_output *line; /* NULL: closed */
};

/* --- inputs --- */

struct event {
	const struct gpio_event *edge; /* NULL: the line is gone */
	const char *why;
	const struct clock *clock;
};

/* As now() would have given it then. */
static double seconds_of(const struct clock *clock, const struct stamp *stamp)
{
	int64_t ago_ms = clock_mono_ms(clock) - stamp->mono_ms;
	return (double)(clock_wall_ms(clock) - ago_ms) / 1000;
}

static int push_event(lua_State *L, const void *arg)
{
	const struct event *event = arg;
	if (!event->edge) {
		lua_pushnil(L);
		lua_pushstring(L, event->why);
		return 2;
	}
	lua_pushboolean(L, event->edge->active);
	lua_pushnumber(L, seconds_of(event->clock, &event->edge->time));
	lua_pushinteger(L, event->edge->edges);
	return 3;
}

static void on_event(void *ctx, const struct gpio_event *edge, const struct err *err)
{
	struct input *input = ctx;
	const struct event event = {
	    edge, err ? err->text : NULL, input->feed.script->host->services.clock};
	feed_start(&input->feed, push_event, &event);
}

static void end_input(lua_State *L, struct input *input)
{
	if (!input->line)
		return;
	gpio_input_close(input->line);
	input->line = NULL;
	feed_close(L, &input->feed);
}

/* close_input(input) */
static int close_input(lua_State *L)
{
	end_input(L, luaL_checkudata(L, 1, INPUT));
	return 0;
}

/* input(name, active_low, bias, edge, debounce, function) -> input; function(input, on, time, edges),
 * or function(input, nil, why) when the line is gone */
static int open_input(lua_State *L)
{
	static const char *const biases[] = {"as is", "up", "down", "off", NULL};
	static const char *const edges[] = {"none", "rising", "falling", "both", NULL};
	size_t len;
	struct err err;
	const struct gpio_input_params params = {
	    .line =
	        {
	            .name = luaL_checklstring(L, 1, &len),
	            .active_low = lua_toboolean(L, 2),
	            .bias = (enum gpio_bias)luaL_checkoption(L, 3, "as is", biases),
	        },
	    .edge = (enum gpio_edge)luaL_checkoption(L, 4, "none", edges),
	    .debounce_ms = luaL_checkinteger(L, 5),
	};
	luaL_checktype(L, 6, LUA_TFUNCTION);
	fiber_check_effect(L, "gpio.input");
	const struct services *services = &script_of(L)->host->services;
	struct input *input = lua_newuserdatauv(L, sizeof *input + len + sizeof "gpio : ", 0);
	input->line = NULL;
	(void)snprintf(input->what, len + sizeof "gpio : ", "gpio %s: ", params.line.name);
	luaL_setmetatable(L, INPUT);
	feed_open(L, &input->feed, input->what, 6);
	input->line = gpio_input_open(services->loop, services->clock, &params, on_event, input, &err);
	if (input->line)
		return 1;
	feed_close(L, &input->feed);
	return script_raise(L, &err);
}

static int raise_closed(lua_State *L)
{
	struct err err;
	(void)err_set(&err, "the gpio line was closed by this script");
	err.code = -EBADF;
	return script_raise(L, &err);
}

/* get(input) -> on? */
static int get_input(lua_State *L)
{
	struct input *input = luaL_checkudata(L, 1, INPUT);
	struct err err;
	bool active;
	if (!input->line)
		return raise_closed(L);
	if (gpio_input_get(input->line, &active, &err) < 0)
		return script_raise(L, &err);
	lua_pushboolean(L, active);
	return 1;
}

/* count(input) -> edges since it was opened */
static int count_input(lua_State *L)
{
	struct input *input = luaL_checkudata(L, 1, INPUT);
	if (!input->line)
		return raise_closed(L);
	lua_pushinteger(L, (lua_Integer)gpio_input_count(input->line));
	return 1;
}

/* --- outputs --- */

/* close_output(output) */
static int close_output(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT);
	if (output->line)
		gpio_output_close(output->line);
	output->line = NULL;
	return 0;
}

/* output(name, active_low, on) -> output */
static int open_output(lua_State *L)
{
	const struct gpio_line line = {
	    .name = luaL_checkstring(L, 1),
	    .active_low = lua_toboolean(L, 2),
	};
	struct err err;
	fiber_check_effect(L, "gpio.output");
	struct output *output = lua_newuserdatauv(L, sizeof *output, 0);
	output->line = NULL;
	luaL_setmetatable(L, OUTPUT);
	output->line = gpio_output_open(&line, lua_toboolean(L, 3), &err);
	return output->line ? 1 : script_raise(L, &err);
}

/* set(output, on) */
static int set_output(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT);
	struct err err;
	fiber_check_effect(L, "gpio.output");
	if (!output->line)
		return raise_closed(L);
	if (gpio_output_set(output->line, lua_toboolean(L, 2), &err) < 0)
		return script_raise(L, &err);
	return 0;
}

static const luaL_Reg functions[] = {
    {"input", open_input},
    {"close_input", close_input},
    {"get", get_input},
    {"count", count_input},
    {"output", open_output},
    {"close_output", close_output},
    {"set", set_output},
    {NULL, NULL},
};

static void new_metatable(lua_State *L, const char *name, lua_CFunction close)
{
	(void)luaL_newmetatable(L, name);
	lua_pushcfunction(L, close);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}

void bind_gpio(lua_State *L)
{
	new_metatable(L, INPUT, close_input);
	new_metatable(L, OUTPUT, close_output);
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "gpio");
}
