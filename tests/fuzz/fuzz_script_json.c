/* cjson with any bytes. What core/base/json.c takes it takes too; what it took and can be written comes
 * back the same when it is read and written again. */
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/json.h"
#include "lua/json.h"
#include "lua/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_strict(const char *text, size_t len)
{
	size_t pos = 0;
	struct json_doc *doc = json_parse(text, len, &pos, 1000, NULL);
	bool whole = doc && json_only_space(text, len, &pos);
	json_free(doc);
	return whole;
}

/* What is on top is replaced by what the function makes of it, or by its error. */
static bool call(lua_State *L, lua_CFunction function)
{
	lua_pushcfunction(L, function);
	lua_insert(L, -2);
	bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
	if (!ok)
		must(strncmp(lua_tostring(L, -1), "cjson.", 6) == 0);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host host = {0};
	struct script script = {.host = &host};
	lua_State *L = luaL_newstate();

	*(struct script **)lua_getextraspace(L) = &script;
	lua_pushlstring(L, (const char *)data, size);
	bool taken = call(L, json_decode);
	must(taken || !is_strict((const char *)data, size));
	if (taken && call(L, json_encode)) {
		lua_pushvalue(L, -1); /* text text */
		must(call(L, json_decode) && call(L, json_encode));
		must(lua_rawequal(L, -1, -2));
	} else if (taken) {
		must(strstr(lua_tostring(L, -1), "UTF-8") != NULL);
	}
	lua_close(L);
	return 0;
}
