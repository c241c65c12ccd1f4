/* Register maps: formats, and how to read many values in few queries (core/bus/registers.h). */
#include "core/bus/registers.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/state.h"
#include "lua/value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "neap.registers"

/* format(as, little, bit, bits, registers, scale, offset) -> format, how many registers it takes */
static int format_new(lua_State *L)
{
	struct err err;
	struct reg_format *format = lua_newuserdatauv(L, sizeof *format, 0);
	*format = (struct reg_format){
	    .little = lua_toboolean(L, 2),
	    .bit = (int)luaL_checkinteger(L, 3),
	    .bits = (int)luaL_checkinteger(L, 4),
	    .registers = (int)luaL_checkinteger(L, 5),
	    .scale = luaL_checknumber(L, 6),
	    .offset = luaL_checknumber(L, 7),
	};
	if (reg_type_parse(luaL_checkstring(L, 1), &format->type, &err) < 0 ||
	    reg_check(format, &err) < 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	luaL_setmetatable(L, FORMAT);
	lua_pushinteger(L, reg_count(format));
	return 2;
}

/* decode(format, {registers}, first) -> value; or nil, why */
static int decode(lua_State *L)
{
	const struct reg_format *format = luaL_checkudata(L, 1, FORMAT);
	uint16_t regs[REG_STRING_MAX];
	char text[2 * REG_STRING_MAX];
	struct value value;
	struct err err;
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_Integer first = luaL_checkinteger(L, 3);
	for (int i = 0; i < reg_count(format); i++) {
		(void)lua_rawgeti(L, 2, first + i);
		regs[i] = (uint16_t)luaL_checkinteger(L, -1);
		lua_pop(L, 1);
	}
	if (reg_decode(format, regs, &value, text, &err) < 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	value_to_lua(L, &value);
	return 1;
}

/* encode(format, value) -> {registers}; or nil, why */
static int encode(lua_State *L)
{
	const struct reg_format *format = luaL_checkudata(L, 1, FORMAT);
	uint16_t regs[REG_STRING_MAX];
	struct value value = {.type = VALUE_STRING};
	struct err err;
	luaL_checkany(L, 2);
	if (lua_type(L, 2) == LUA_TSTRING)
		value.text.data = lua_tolstring(L, 2, &value.text.len);
	else if (lua_isboolean(L, 2))
		value = (struct value){.type = VALUE_BOOLEAN, .boolean = lua_toboolean(L, 2)};
	else if (lua_isinteger(L, 2))
		value = (struct value){.type = VALUE_INT, .integer = lua_tointeger(L, 2)};
	else
		value = (struct value){.type = VALUE_DOUBLE, .number = luaL_checknumber(L, 2)};
	if (reg_encode(format, &value, regs, &err) < 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	lua_createtable(L, reg_count(format), 0);
	for (int i = 0; i < reg_count(format); i++) {
		lua_pushinteger(L, regs[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int integer_at(lua_State *L, int list, size_t i)
{
	(void)lua_rawgeti(L, list, (lua_Integer)i + 1);
	int value = (int)luaL_checkinteger(L, -1);
	lua_pop(L, 1);
	return value;
}

/*
 * group({addresses}, {counts}, max, gap) -> for each query {address, count, {which of them}}, or
 * nil, why. In the order of the addresses.
 */
static int group(lua_State *L)
{
	const struct reg_rules rules = {
	    .max = (int)luaL_checkinteger(L, 3), .gap = (int)luaL_checkinteger(L, 4)};
	struct err err;
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, 2, LUA_TTABLE);
	size_t count = lua_rawlen(L, 1);
	struct reg_want *wants = lua_newuserdatauv(L, (count + 1) * sizeof *wants, 0);
	struct reg_span *spans = lua_newuserdatauv(L, (count + 1) * sizeof *spans, 0);
	for (size_t i = 0; i < count; i++)
		wants[i] = (struct reg_want){.at = {integer_at(L, 1, i), integer_at(L, 2, i)}};
	size_t span_count = reg_group(wants, count, &rules, spans, &err);
	if (span_count == 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	lua_createtable(L, (int)span_count, 0); /* result */
	for (size_t s = 0; s < span_count; s++) {
		lua_createtable(L, 3, 0);
		lua_pushinteger(L, spans[s].address);
		lua_rawseti(L, -2, 1);
		lua_pushinteger(L, spans[s].count);
		lua_rawseti(L, -2, 2);
		lua_newtable(L); /* result span which */
		for (size_t i = 0; i < count; i++) {
			if (wants[i].span != s)
				continue;
			lua_pushinteger(L, (lua_Integer)i + 1);
			lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
		}
		lua_rawseti(L, -2, 3);
		lua_rawseti(L, -2, (lua_Integer)s + 1);
	}
	return 1;
}

static const luaL_Reg functions[] = {
    {"format", format_new},
    {"decode", decode},
    {"encode", encode},
    {"group", group},
    {NULL, NULL},
};

void bind_registers(lua_State *L)
{
	(void)luaL_newmetatable(L, FORMAT);
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "registers");
}
