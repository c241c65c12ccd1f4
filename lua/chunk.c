#include "lua/chunk.h"

#include "lua/bindings.h"
#include "lua/limits.h"

#include <lauxlib.h>

#define PIECE 256 /* bytes */

struct rest {
	const char *text;
	size_t len;
};

static const char *next_piece(lua_State *L, void *ctx, size_t *size)
{
	struct rest *rest = ctx;
	const char *piece = rest->text;
	limits_tick(L);
	*size = rest->len < PIECE ? rest->len : PIECE;
	rest->text += *size;
	rest->len -= *size;
	return piece;
}

/* An error in the reader is one of the compiler's to lua_load. */
int chunk_load(lua_State *L, const char *text, size_t len, const char *name)
{
	struct rest rest = {text, len};
	int status = lua_load(L, next_piece, &rest, name, "t");
	return script_of(L)->time.condemned ? lua_error(L) : status;
}

/* load(text, name, environment) -> function; or nil, why */
static int load(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len), *name = luaL_checkstring(L, 2);
	bool has_environment = !lua_isnone(L, 3);
	if (chunk_load(L, text, len, name) != LUA_OK) {
		luaL_pushfail(L);
		lua_insert(L, -2);
		return 2;
	}
	if (has_environment) {
		lua_pushvalue(L, 3);
		if (!lua_setupvalue(L, -2, 1))
			lua_pop(L, 1); /* it has no globals */
	}
	return 1;
}

static const luaL_Reg functions[] = {
    {"load", load},
    {NULL, NULL},
};

void bind_chunk(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
