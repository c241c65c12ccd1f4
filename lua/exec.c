/* Programs, through core/bus/process.h: one request for each, which is the process's context. */
#include "core/base/mem.h"
#include "core/bus/process.h"
#include "lua/bindings.h"
#include "lua/fiber.h"

#include <lauxlib.h>
#include <stdlib.h>

struct request {
	struct process *process; /* NULL: it has ended */
	struct fiber *fiber;
	struct process_result result;
	bool failed;
	struct err err;
};

static void on_done(void *ctx, struct process_result *result, const struct err *err)
{
	struct request *request = ctx;
	request->process = NULL;
	request->result = *result;
	*result = (struct process_result){0};
	request->failed = err != NULL;
	if (err)
		request->err = *err;
	fiber_wake(request->fiber);
}

static void push_text(lua_State *L, const struct buf *buf)
{
	lua_pushlstring(L, buf->data ? buf->data : "", buf->len);
}

static int finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	if (request->failed) {
		err_prefix(&request->err, "exec: ");
		return script_raise(L, &request->err);
	}
	lua_pushinteger(L, request->result.status);
	lua_pushinteger(L, request->result.signal);
	push_text(L, &request->result.out);
	push_text(L, &request->result.err);
	return 4;
}

static void release(void *ctx)
{
	struct request *request = ctx;
	if (request->process)
		process_forget(request->process);
	buf_free(&request->result.out);
	buf_free(&request->result.err);
	free(request);
}

static const struct wait_ops ops = {finish, release, true};

/* The list of texts at `index` as an array that ends with NULL; it is left on the stack, and the
 * texts are anchored in the list. */
static const char *const *text_list(lua_State *L, int index)
{
	luaL_checktype(L, index, LUA_TTABLE);
	size_t count = lua_rawlen(L, index);
	const char **texts = lua_newuserdatauv(L, (count + 1) * sizeof *texts, 0);
	for (size_t i = 0; i < count; i++) {
		(void)lua_rawgeti(L, index, (lua_Integer)i + 1);
		texts[i] = luaL_checkstring(L, -1);
		lua_pop(L, 1);
	}
	texts[count] = NULL;
	return texts;
}

/* exec(args, env, timeout, limit, input or nil, cwd or nil, file_limit or nil)
 * -> status, signal, out, err */
static int exec(lua_State *L)
{
	struct script *script = script_of(L);
	struct err err;
	lua_settop(L, 7);
	struct process_options options = {
	    .args = text_list(L, 1),
	    .env = text_list(L, 2),
	    .timeout_ms = luaL_checkinteger(L, 3),
	    .limit = (size_t)luaL_checkinteger(L, 4),
	    .cwd = luaL_optstring(L, 6, NULL),
	    .file_limit = (uint64_t)luaL_optinteger(L, 7, 0),
	};
	options.input = luaL_optlstring(L, 5, "", &options.input_len);
	luaL_argcheck(L, options.args[0], 1, "no program");
	fiber_check_effect(L, "exec");
	struct request *request = mem_alloc(sizeof *request);
	request->fiber = script->current;
	request->process = process_start(script->host->services.loop, &options, on_done, request, &err);
	if (!request->process) {
		release(request);
		err_prefix(&err, "exec: ");
		return script_raise(L, &err);
	}
	return fiber_wait(L, &ops, request);
}

static const luaL_Reg functions[] = {
    {"exec", exec},
    {NULL, NULL},
};

void bind_exec(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
