#include "lua/help.h"

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "lua/embed.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static const struct embedded_file *find_file(const char *name)
{
	const struct embedded_file *file = neap_embedded;
	while (file->name && strcmp(file->name, name) != 0)
		file++;
	must(file->name);
	return file;
}

/* Pushes the function that the embedded file is. */
static void load(lua_State *L, const char *name)
{
	const struct embedded_file *file = find_file(name);
	if (luaL_loadbufferx(L, file->source, file->length, name, "t") != LUA_OK)
		(void)lua_error(L);
}

static void add_nearest(lua_State *L, const char *topic, struct buf *text)
{
	size_t count = lua_rawlen(L, -1);
	const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0); /* list names */
	for (size_t i = 0; i < count; i++) {
		(void)lua_rawgeti(L, -2, (lua_Integer)i + 1);
		names[i] = lua_tostring(L, -1); /* the list keeps it */
		lua_pop(L, 1);
	}
	names[count] = NULL;
	const char *nearest = nearest_name(topic, names);
	buf_text(text, nearest ? nearest : "");
}

struct request {
	const char *topic;
	struct buf *text;
	bool found;
};

static int find(lua_State *L)
{
	struct request *request = lua_touserdata(L, 1);
	const struct embedded_file *meta = find_file("neap.meta");
	luaL_openlibs(L);
	load(L, "neap.help");
	load(L, "neap.reference");
	lua_call(L, 0, 1);
	lua_call(L, 1, 1); /* help */
	(void)lua_pushlstring(L, meta->source, meta->length);
	(void)lua_pushstring(L, request->topic);
	lua_call(L, 2, 2); /* text names */
	request->found = lua_isstring(L, -2);
	if (request->found)
		buf_text(request->text, lua_tostring(L, -2));
	else
		add_nearest(L, request->topic, request->text);
	return 0;
}

int help_find(const char *topic, struct buf *text)
{
	struct request request = {.topic = topic, .text = text};
	lua_State *L = luaL_newstate();
	must(L);
	lua_pushcfunction(L, find);
	lua_pushlightuserdata(L, &request);
	must(lua_pcall(L, 1, 0, 0) == LUA_OK); /* but for want of memory */
	lua_close(L);
	return request.found ? 0 : -1;
}
