/* Declarations of policies: collected while the script loads, installed with the others'. */
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* policy(name, {field, text, field, text, ...}) -> why not, or nil */
static int policy(lua_State *L)
{
	struct script *script = script_of(L);
	const char *name = luaL_checkstring(L, 1);
	struct declaration declaration;
	struct err err;
	int fine = policy_name_check(name, &err);
	if (fine == 0)
		policy_init(&declaration.policy, name);
	for (lua_Integer i = 1; fine == 0 && i < (lua_Integer)lua_rawlen(L, 2); i += 2) {
		(void)lua_geti(L, 2, i);
		(void)lua_geti(L, 2, i + 1); /* name fields field text */
		fine = policy_set(&declaration.policy, lua_tostring(L, -2), lua_tostring(L, -1), &err);
		lua_pop(L, 2);
	}
	if (fine < 0) {
		lua_pushstring(L, err.text);
		return 1;
	}
	script_where(L);
	const char *where = lua_tostring(L, -1);
	size_t len = strlen(where);
	(void)snprintf(
	    declaration.where, sizeof declaration.where, "%.*s", len < 2 ? 0 : (int)len - 2, where);
	script->policies =
	    mem_resize(script->policies, script->policies_count + 1, sizeof *script->policies);
	script->policies[script->policies_count++] = declaration;
	return 0;
}

static const luaL_Reg functions[] = {
    {"policy", policy},
    {NULL, NULL},
};

void bind_policy(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
