/*
 * The functions in C that the embedded library is built on: one file for each of these, each adds
 * its own to the table on top of the stack. Scripts see what lua/neap/ makes of them, never the
 * table. Durations are integers in milliseconds here; wrong use of them is a fault of the library.
 */
#ifndef NEAP_LUA_BINDINGS_H
#define NEAP_LUA_BINDINGS_H

#include <lua.h>

void bind_agent(lua_State *L);
void bind_asset(lua_State *L);
void bind_bus(lua_State *L);
void bind_carry(lua_State *L);
void bind_chunk(lua_State *L);
void bind_clock(lua_State *L);
void bind_console(lua_State *L);
void bind_cron(lua_State *L);
void bind_error(lua_State *L);
void bind_event(lua_State *L);
void bind_exec(lua_State *L);
void bind_fake(lua_State *L);
void bind_fiber(lua_State *L);
void bind_file(lua_State *L);
void bind_gpio(lua_State *L);
void bind_job(lua_State *L);
void bind_json(lua_State *L);
void bind_kept(lua_State *L);
void bind_log(lua_State *L);
void bind_params(lua_State *L);
void bind_policy(lua_State *L);
void bind_registers(lua_State *L);
void bind_setting(lua_State *L);
void bind_sight(lua_State *L);
void bind_tcp(lua_State *L);
void bind_test(lua_State *L);
void bind_timer(lua_State *L);
void bind_udp(lua_State *L);
void bind_watch(lua_State *L);

/* In the place of Lua's own pcall, xpcall, setmetatable and some coroutine functions. */
void coroutine_replace(lua_State *L);
/* What loops in C, and comes back in time. */
void string_replace(lua_State *L);
void table_replace(lua_State *L);

#endif
