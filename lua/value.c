#include "lua/value.h"

#include <lauxlib.h>
#include <math.h>

static int from_number(lua_State *L, int index, enum value_type type, struct value *out)
{
	if (type == VALUE_DATE) {
		double ms = rint(lua_tonumber(L, index) * 1000);
		if (!(fabs(ms) < 9e15)) {
			*out = (struct value){.type = VALUE_DOUBLE, .number = ms};
			return 0;
		}
		*out = (struct value){.type = VALUE_DATE, .integer = (int64_t)ms};
	} else if (lua_isinteger(L, index)) {
		*out = (struct value){.type = VALUE_INT, .integer = lua_tointeger(L, index)};
	} else {
		*out = (struct value){.type = VALUE_DOUBLE, .number = lua_tonumber(L, index)};
	}
	return 0;
}

int value_from_lua(
    lua_State *L, int index, enum value_type type, struct value *out, struct err *err)
{
	switch (lua_type(L, index)) {
	case LUA_TNUMBER:
		(void)from_number(L, index, type, out);
		break;
	case LUA_TBOOLEAN:
		*out = (struct value){.type = VALUE_BOOLEAN, .boolean = lua_toboolean(L, index)};
		break;
	case LUA_TSTRING:
		*out = (struct value){.type = type == VALUE_BINARY ? VALUE_BINARY : VALUE_STRING};
		out->text.data = lua_tolstring(L, index, &out->text.len);
		break;
	default:
		return err_set(err, "%s is not a value: it must be a%s %s", luaL_typename(L, index),
		    type == VALUE_INT ? "n" : "", value_type_name(type));
	}
	return value_fit(out, type, false, err);
}

void value_to_lua(lua_State *L, const struct value *value)
{
	switch (value->type) {
	case VALUE_INT:
		lua_pushinteger(L, value->integer);
		break;
	case VALUE_DOUBLE:
		lua_pushnumber(L, value->number);
		break;
	case VALUE_BOOLEAN:
		lua_pushboolean(L, value->boolean);
		break;
	case VALUE_DATE:
		lua_pushnumber(L, (lua_Number)value->integer / 1000);
		break;
	case VALUE_STRING:
	case VALUE_BINARY:
	default:
		lua_pushlstring(L, value->text.data, value->text.len);
	}
}
