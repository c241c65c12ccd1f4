/*
 * Files and folders that scripts watch. What is watched is the folder: a file that is replaced as a
 * whole, as is usual, is another file under the same name.
 */
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/feed.h"
#include "lua/fiber.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define WATCH "neap.file_watch"

/* libuv's; freed when it has been closed */
struct handle {
	uv_fs_event_t uv;
	struct watch *watch; /* NULL: closed */
	char *file;          /* in the folder; "": any */
};

struct watch {
	struct feed feed;
	struct handle *handle;
	char what[];
};

static int push_nothing(lua_State *L, const void *event)
{
	(void)L;
	(void)event;
	return 0;
}

static void on_event(uv_fs_event_t *uv, const char *file, int events, int status)
{
	struct handle *handle = uv->data;
	(void)events;
	bool any = status < 0 || !file || !*handle->file; /* the folder's own end is a change, too */
	if (handle->watch && (any || strcmp(file, handle->file) == 0))
		feed_start(&handle->watch->feed, push_nothing, NULL);
}

static void on_closed(uv_handle_t *uv)
{
	struct handle *handle = uv->data;
	free(handle->file);
	free(handle);
}

static void end(lua_State *L, struct watch *watch)
{
	if (!watch->handle)
		return;
	watch->handle->watch = NULL;
	uv_close((uv_handle_t *)&watch->handle->uv, on_closed);
	watch->handle = NULL;
	feed_close(L, &watch->feed);
}

/* unwatch(watch) */
static int unwatch(lua_State *L)
{
	end(L, luaL_checkudata(L, 1, WATCH));
	return 0;
}

/* watch(what, folder, file or "", function) -> watch: the function is called with it */
static int watch(lua_State *L)
{
	size_t len;
	const char *what = luaL_checklstring(L, 1, &len), *folder = luaL_checkstring(L, 2);
	const char *file = luaL_checkstring(L, 3);
	luaL_checktype(L, 4, LUA_TFUNCTION);
	fiber_check_effect(L, "file.watch");
	struct watch *watch = lua_newuserdatauv(L, sizeof *watch + len + 1, 0);
	watch->handle = NULL;
	memcpy(watch->what, what, len + 1);
	luaL_setmetatable(L, WATCH);
	feed_open(L, &watch->feed, watch->what, 4);
	struct handle *handle = mem_alloc(sizeof *handle);
	handle->file = mem_strdup(file);
	handle->watch = watch;
	handle->uv.data = handle;
	watch->handle = handle;
	must(uv_fs_event_init(script_of(L)->host->services.loop, &handle->uv) == 0);
	int result = uv_fs_event_start(&handle->uv, on_event, folder, 0);
	if (result == 0)
		return 1;
	struct err err;
	end(L, watch);
	(void)err_sys(&err, result, "file.watch: %s", folder);
	return script_raise(L, &err);
}

static const luaL_Reg functions[] = {
    {"watch", watch},
    {"unwatch", unwatch},
    {NULL, NULL},
};

void bind_watch(lua_State *L)
{
	(void)luaL_newmetatable(L, WATCH);
	lua_pushcfunction(L, unwatch);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_setfuncs(L, functions, 0);
}
