/* What neap.yaml says under params.NAME, as Lua values. */
#include "core/base/number.h"
#include "lua/bindings.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <string.h>

static void push_scalar(lua_State *L, const struct config_node *node)
{
	int64_t integer;
	double number;
	if (!node->quoted) {
		if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0) {
			lua_pushboolean(L, node->text[0] == 't');
			return;
		}
		switch (number_parse(node->text, strlen(node->text), &integer, &number)) {
		case NUMBER_INTEGER:
			lua_pushinteger(L, integer);
			return;
		case NUMBER_DOUBLE:
			lua_pushnumber(L, number);
			return;
		case NUMBER_NONE:
			break;
		}
	}
	lua_pushstring(L, node->text);
}

/* {key=, value=, text=, where="neap.yaml:3:5"}: `text` of a scalar as written */
static void push_node(lua_State *L, const struct config_node *node, const char *file);

static void push_children(lua_State *L, const struct config_node *node, const char *file)
{
	luaL_checkstack(L, 8, "params");
	lua_newtable(L);
	lua_Integer i = 1;
	for (const struct config_node *child = node->child; child; child = child->next) {
		push_node(L, child, file);
		lua_seti(L, -2, i++);
	}
}

static void push_node(lua_State *L, const struct config_node *node, const char *file)
{
	static const char *const kinds[] = {
	    [CONFIG_SCALAR] = "scalar", [CONFIG_LIST] = "list", [CONFIG_MAP] = "map"};
	lua_newtable(L);
	lua_pushstring(L, kinds[node->kind]);
	lua_setfield(L, -2, "kind");
	lua_pushstring(L, node->key);
	lua_setfield(L, -2, "key");
	(void)lua_pushfstring(L, "%s:%d:%d", file, node->line, node->column);
	lua_setfield(L, -2, "where");
	if (node->kind == CONFIG_SCALAR) {
		lua_pushstring(L, node->text);
		lua_setfield(L, -2, "text");
		push_scalar(L, node);
	} else {
		push_children(L, node, file);
	}
	lua_setfield(L, -2, "value");
}

/* params() -> the script's node, or nil; marks them as asked for */
static int params(lua_State *L)
{
	struct script *script = script_of(L);
	const struct config *config = script->host->services.config;
	script->params_taken = true;
	const struct config_node *all = config->params;
	for (const struct config_node *node = all ? all->child : NULL; node; node = node->next) {
		if (node->key && strcmp(node->key, script->name) == 0) {
			push_node(L, node, config->path);
			return 1;
		}
	}
	return 0;
}

static const luaL_Reg functions[] = {
    {"params", params},
    {NULL, NULL},
};

void bind_params(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
