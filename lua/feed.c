#include "lua/feed.h"

#include "core/base/log.h"
#include "lua/entry.h"
#include "lua/fiber.h"

#include <lauxlib.h>

struct begin {
	struct feed *feed;
	int (*push)(lua_State *L, const void *event);
	const void *event;
};

static int begin(lua_State *L)
{
	const struct begin *begin = lua_touserdata(L, 1);
	(void)lua_rawgeti(L, LUA_REGISTRYINDEX, begin->feed->function);
	(void)lua_rawgeti(L, LUA_REGISTRYINDEX, begin->feed->self);
	int count = begin->push(L, begin->event); /* function userdata event... */
	fiber_wake(fiber_new(L, 1 + count, &(struct fiber_options){.what = begin->feed->what}));
	return 0;
}

void feed_open(lua_State *L, struct feed *feed, const char *what, int function)
{
	feed->script = script_of(L);
	feed->what = what;
	feed->function = feed->self = LUA_NOREF;
	lua_pushvalue(L, function);
	feed->function = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, -1);
	feed->self = luaL_ref(L, LUA_REGISTRYINDEX);
}

void feed_close(lua_State *L, struct feed *feed)
{
	luaL_unref(L, LUA_REGISTRYINDEX, feed->function);
	luaL_unref(L, LUA_REGISTRYINDEX, feed->self);
	feed->function = feed->self = LUA_NOREF;
}

void feed_start(struct feed *feed, int (*push)(lua_State *L, const void *event), const void *event)
{
	struct begin arg = {feed, push, event};
	struct err err;
	if (feed->function == LUA_NOREF || !feed->script->L || feed->script->closing)
		return;
	if (script_call(feed->script, begin, &arg, &err) < 0)
		log_error(feed->script->topic, "%s%s", feed->what, err.text);
}
