#include "lua/kept.h"

#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/entry.h"
#include "lua/fiber.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE     "neap.kept.give" /* in the registry: the library's functions */
#define TAKE     "neap.kept.take"
#define READ_MAX (1 << 20)

/* --- the writers, one for each script's file: they outlive its versions --- */

struct save {
	struct buf text;
	struct fiber *fiber; /* NULL: nobody waits */
	bool done;
	int result; /* -1: err */
	struct err err;
	struct save *next;
};

struct keeper {
	char *name, *path;
	uint32_t crc; /* of what the file has, if that is known */
	size_t len;
	bool known;
	bool closed;        /* the host is gone */
	struct save *first; /* the first one is under way */
	struct buf text;    /* while it is read */
	uv_loop_t *loop;
	uv_work_t work;
	struct keeper *next;
};

static void free_save(struct save *save)
{
	buf_free(&save->text);
	free(save);
}

static void free_keeper(struct keeper *keeper)
{
	free(keeper->name);
	free(keeper->path);
	buf_free(&keeper->text);
	free(keeper);
}

/* NULL: there is no state folder. */
static struct keeper *keeper_of(const struct script *script)
{
	struct host *host = script->host;
	struct keeper *keeper = host->keepers;
	struct buf path = {0};
	if (!host->services.state_dir || script == host->console)
		return NULL;
	while (keeper && strcmp(keeper->name, script->name) != 0)
		keeper = keeper->next;
	if (keeper)
		return keeper;
	buf_printf(&path, "%s/state-%s.json", host->services.state_dir, script->name);
	keeper = mem_alloc(sizeof *keeper);
	*keeper = (struct keeper){
	    .name = mem_strdup(script->name),
	    .path = mem_strdup(buf_str(&path)),
	    .loop = host->services.loop,
	    .next = host->keepers,
	};
	buf_free(&path);
	return host->keepers = keeper;
}

static void remember(struct keeper *keeper, const struct buf *text)
{
	keeper->crc = crc32c(0, text->data, text->len);
	keeper->len = text->len;
	keeper->known = true;
}

static bool is_written(const struct keeper *keeper, const char *text, size_t len)
{
	return !keeper->first && keeper->known && keeper->len == len &&
	       keeper->crc == crc32c(0, text, len);
}

static void work(uv_work_t *uv) /* on a thread of the pool */
{
	const struct keeper *keeper = uv->data;
	struct save *save = keeper->first;
	save->result = fileio_replace(keeper->path, save->text.data, save->text.len, 0600, &save->err);
}

static void start(struct keeper *keeper);

static void on_written(uv_work_t *uv, int status)
{
	struct keeper *keeper = uv->data;
	struct save *save = keeper->first;
	(void)status;
	keeper->first = save->next;
	keeper->known = false;
	if (save->result == 0)
		remember(keeper, &save->text);
	save->done = true;
	if (save->fiber) {
		fiber_wake(save->fiber);
	} else {
		if (save->result < 0)
			log_error(
			    "scripts", "what %s.lua keeps is not saved: %s", keeper->name, save->err.text);
		free_save(save);
	}
	if (keeper->first)
		start(keeper);
	else if (keeper->closed)
		free_keeper(keeper);
}

static void start(struct keeper *keeper)
{
	keeper->work.data = keeper;
	must(uv_queue_work(keeper->loop, &keeper->work, work, on_written) == 0);
}

static struct save *add_save(struct keeper *keeper, const char *text, size_t len)
{
	struct save *save = mem_alloc(sizeof *save);
	struct save **end = &keeper->first;
	buf_add(&save->text, text, len);
	while (*end)
		end = &(*end)->next;
	*end = save;
	if (keeper->first == save)
		start(keeper);
	return save;
}

/* --- for the library --- */

static int finish(lua_State *L, void *request)
{
	struct save *save = request;
	return save->result < 0 ? script_raise(L, &save->err) : 0;
}

static void release(void *request)
{
	struct save *save = request;
	save->fiber = NULL;
	if (save->done)
		free_save(save);
}

static const struct wait_ops ops = {finish, release, false};

/* kept_write(text): waits until the file has it */
static int kept_write(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct keeper *keeper = keeper_of(script_of(L));
	fiber_check_io(L, "save");
	if (!keeper || is_written(keeper, text, len))
		return 0;
	struct save *save = add_save(keeper, text, len);
	save->fiber = script_of(L)->current;
	return fiber_wait(L, &ops, save);
}

static int give(lua_State *L)
{
	struct buf *text = lua_touserdata(L, 1);
	size_t len;
	if (lua_getfield(L, LUA_REGISTRYINDEX, GIVE) != LUA_TFUNCTION)
		return 0;
	lua_call(L, 0, 1);
	const char *given = luaL_checklstring(L, -1, &len);
	buf_add(text, given, len);
	return 0;
}

/* Nothing: it keeps nothing, or its text cannot be made, which is said. */
static void text_of(struct script *script, struct buf *text)
{
	struct err err;
	if (script->L && script_call(script, give, text, &err) < 0) {
		log_error(script->topic, "what it keeps cannot be saved: %s", err.text);
		text->len = 0;
	}
}

static struct script *predecessor(const struct script *script)
{
	struct script *other = script->host->scripts;
	while (other && (other == script || !other->L || strcmp(other->name, script->name) != 0))
		other = other->next;
	return other;
}

/* kept_read() -> what the script's version before keeps, else the file's text; nil: there is
 * nothing; nil, why it cannot be read */
static int kept_read(lua_State *L)
{
	struct script *script = script_of(L), *before = predecessor(script);
	struct keeper *keeper = keeper_of(script);
	struct err err = {0};
	if (!keeper)
		return 0;
	struct buf *text = &keeper->text; /* the keeper's: what raises leaks nothing */
	text->len = 0;
	if (before)
		text_of(before, text);
	if (!text->len && fileio_read(keeper->path, READ_MAX, text, &err) == 0)
		remember(keeper, text);
	if (text->len) {
		lua_pushlstring(L, text->data, text->len);
		buf_free(text);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err.code == -ENOENT ? NULL : err.text);
	return err.text[0] ? 2 : 1;
}

/* kept_aside() -> the file's new name: what is in it is damaged */
static int kept_aside(lua_State *L)
{
	const struct keeper *keeper = keeper_of(script_of(L));
	char aside[400];
	if (!keeper)
		return 0;
	(void)snprintf(aside, sizeof aside, "%s.damaged", keeper->path);
	if (rename(keeper->path, aside) < 0)
		return 0;
	lua_pushstring(L, aside);
	return 1;
}

/* kept_by(give, take): give() -> the text; take(text) of the next version gets it */
static int kept_by(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	lua_setfield(L, LUA_REGISTRYINDEX, TAKE);
	lua_setfield(L, LUA_REGISTRYINDEX, GIVE);
	return 0;
}

static const luaL_Reg functions[] = {
    {"kept_aside", kept_aside},
    {"kept_by", kept_by},
    {"kept_read", kept_read},
    {"kept_write", kept_write},
    {NULL, NULL},
};

void bind_kept(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}

/* --- for the host --- */

struct take {
	const struct buf *text;
	bool taken; /* it keeps something, too */
};

static int take(lua_State *L)
{
	struct take *arg = lua_touserdata(L, 1);
	if (lua_getfield(L, LUA_REGISTRYINDEX, TAKE) != LUA_TFUNCTION)
		return 0;
	lua_pushlstring(L, arg->text->data, arg->text->len);
	lua_call(L, 1, 0);
	arg->taken = true;
	return 0;
}

static void save_text(const struct script *script, const struct buf *text)
{
	struct keeper *keeper = text->len ? keeper_of(script) : NULL;
	if (keeper && !is_written(keeper, text->data, text->len))
		(void)add_save(keeper, text->data, text->len);
}

void kept_carry(struct script *from, struct script *to)
{
	struct buf text = {0};
	struct take arg = {.text = &text};
	struct err err;
	text_of(from, &text);
	if (text.len && script_call(to, take, &arg, &err) < 0)
		log_error(to->topic, "what it kept is not carried over the reload: %s", err.text);
	if (!arg.taken)
		save_text(from, &text);
	buf_free(&text);
}

void kept_end(struct script *script)
{
	struct buf text = {0};
	text_of(script, &text);
	save_text(script, &text);
	buf_free(&text);
}

void kept_close(struct host *host)
{
	while (host->keepers) {
		struct keeper *keeper = host->keepers;
		host->keepers = keeper->next;
		keeper->closed = true;
		if (!keeper->first)
			free_keeper(keeper);
	}
}
