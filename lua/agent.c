/* What scripts may know of the agent that runs them. */
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>

/* agent_status() -> JSON; or nothing where there is no agent */
static int agent_status(lua_State *L)
{
	struct host *host = script_of(L)->host;
	if (!host->services.status)
		return 0;
	host->status_text.len = 0;
	host->services.status(host->services.ctx, &host->status_text);
	lua_pushlstring(L, host->status_text.data, host->status_text.len);
	return 1;
}

static const luaL_Reg functions[] = {
    {"agent_status", agent_status},
    {NULL, NULL},
};

void bind_agent(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
