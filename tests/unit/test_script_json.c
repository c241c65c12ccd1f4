/* cjson: JSON for scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "lua/bindings.h"
#include "lua/state.h"

struct states {
	lua_State *L;
	struct host host; /* without limits */
	struct script script;
};

static int setup(void **state)
{
	struct states *states = calloc(1, sizeof *states);
	assert_non_null(states);
	states->script.host = &states->host;
	states->L = luaL_newstate();
	luaL_openlibs(states->L);
	*(struct script **)lua_getextraspace(states->L) = &states->script;
	lua_newtable(states->L);
	bind_json(states->L);
	(void)lua_getfield(states->L, -1, "cjson");
	lua_setglobal(states->L, "cjson");
	*state = states;
	return 0;
}

static int teardown(void **state)
{
	struct states *states = *state;
	lua_close(states->L);
	free(states);
	return 0;
}

/* What the expression gives, or its error. */
static const char *eval(lua_State *L, const char *expression)
{
	lua_settop(L, 0);
	(void)lua_pushfstring(L, "return %s", expression);
	if (luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	(void)lua_pcall(L, 0, 1, 0);
	return luaL_tolstring(L, -1, NULL);
}

static void check(void **state, const char *const cases[][2], size_t count)
{
	struct states *states = *state;
	for (size_t i = 0; i < count; i++) {
		const char *got = eval(states->L, cases[i][0]);
		if (strcmp(got, cases[i][1]) != 0)
			fail_msg("%s gives:\n%s\nnot:\n%s", cases[i][0], got, cases[i][1]);
	}
}

#define CHECK(cases) check(state, cases, sizeof(cases) / sizeof *(cases))

static void values_are_encoded(void **state)
{
	static const char *const cases[][2] = {
	    {"cjson.encode(nil)", "null"},
	    {"cjson.encode(cjson.null)", "null"},
	    {"cjson.encode(true)", "true"},
	    {"cjson.encode(25)", "25"},
	    {"cjson.encode(25.0)", "25.0"},
	    {"cjson.encode(1755000000123456)", "1755000000123456"},
	    {"cjson.encode(0.1)", "0.1"},
	    {"cjson.encode(1e300)", "1e+300"},
	    {"cjson.encode(-0.0)", "-0.0"},
	    {"cjson.encode(math.mininteger)", "-9223372036854775808"},
	    {"cjson.encode('')", "\"\""},
	    {"cjson.encode('h\\u{e9}/\\\\\\\"')", "\"h\xc3\xa9/\\\\\\\"\""},
	    {"cjson.encode('\\0\\b\\f\\n\\r\\t\\x1f\\x7f')", "\"\\u0000\\b\\f\\n\\r\\t\\u001f\x7f\""},
	    {"cjson.encode({})", "{}"},
	    {"cjson.encode({ 1, 'a', { true } })", "[1,\"a\",[true]]"},
	    {"cjson.encode({ 1, nil, 3 })", "[1,null,3]"},
	    {"cjson.encode({ b = 1, a = { c = cjson.null } })", "{\"a\":{\"c\":null},\"b\":1}"},
	    {"cjson.encode({ [3] = 'x', [-1] = 'y', [12] = 'z', k = 0 })",
	        "{\"-1\":\"y\",\"3\":\"x\",\"12\":\"z\",\"k\":0}"},
	    {"cjson.encode({ [10] = 1 })", "[null,null,null,null,null,null,null,null,null,1]"},
	};
	CHECK(cases);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const cases[][2] = {
	    {"cjson.encode(0/0)", "cjson.encode: NaN and infinity cannot be written"},
	    {"cjson.encode({ math.huge })", "cjson.encode: NaN and infinity cannot be written"},
	    {"cjson.encode('\\xff')", "cjson.encode: a string is not UTF-8"},
	    {"cjson.encode(print)", "cjson.encode: a function has no JSON"},
	    {"cjson.encode(io.stdout)", "cjson.encode: a userdata has no JSON"},
	    {"cjson.encode({ [true] = 1 })",
	        "cjson.encode: a key must be text or a whole number, not a boolean"},
	    {"cjson.encode({ [1.5] = 1 })",
	        "cjson.encode: a key must be text or a whole number, not a number"},
	    {"cjson.encode({ [1000000] = 1 })",
	        "cjson.encode: a list has 1 values and goes to 1000000: give it text as keys"},
	    {"(function() local t = {} t.t = t return cjson.encode(t) end)()",
	        "cjson.encode: tables lie more than 100 deep, or in a circle"},
	};
	CHECK(cases);
}

static void values_are_decoded(void **state)
{
	static const char *const cases[][2] = {
	    {"cjson.decode('null') == cjson.null", "true"},
	    {"cjson.decode(' true ')", "true"},
	    {"cjson.decode('25')", "25"},
	    {"cjson.decode('25.0')", "25.0"},
	    {"cjson.decode('-1.5e3')", "-1500.0"},
	    {"cjson.decode('1755000000123456')", "1755000000123456"},
	    {"cjson.decode('9223372036854775808')", "9.2233720368548e+18"},
	    {"cjson.decode('\"a\\\\u00e9\\\\ud83d\\\\ude00\\\\n\\\\/\\\\\\\\\"')",
	        "a\xc3\xa9\xf0\x9f\x98\x80\n/\\"},
	    {"#cjson.decode('\"\\\\u0000x\"')", "2"},
	    {"cjson.encode(cjson.decode('\\t{\"a\" : [1 , 2,{}], \"b\":[],\\r\\n\"\":null}'))",
	        "{\"\":null,\"a\":[1,2,{}],\"b\":{}}"},
	    {"cjson.decode('{\"a\":1,\"a\":2}').a", "2"},
	    {"cjson.decode(('['):rep(100) .. (']'):rep(100)) ~= nil", "true"},
	};
	CHECK(cases);
}

static void wrong_json_is_refused_with_its_place(void **state)
{
	static const char *const cases[][2] = {
	    {"cjson.decode('')", "cjson.decode: byte 0: a value is expected"},
	    {"cjson.decode('nan')", "cjson.decode: byte 0: a value is expected"},
	    {"cjson.decode('[1,]')", "cjson.decode: byte 3: a value is expected"},
	    {"cjson.decode('[1 2]')", "cjson.decode: byte 3: a comma or ] is expected"},
	    {"cjson.decode('[1')", "cjson.decode: byte 2: a comma or ] is expected"},
	    {"cjson.decode('{a:1}')", "cjson.decode: byte 1: a name in quotes is expected"},
	    {"cjson.decode('{\"a\" 1}')", "cjson.decode: byte 5: a colon is expected"},
	    {"cjson.decode('{\"a\":1')", "cjson.decode: byte 6: a comma or } is expected"},
	    {"cjson.decode('01')", "cjson.decode: byte 0: this is not a number, or it is too large"},
	    {"cjson.decode('1e400')", "cjson.decode: byte 0: this is not a number, or it is too large"},
	    {"cjson.decode('0x10')", "cjson.decode: byte 1: there is more behind the value"},
	    {"cjson.decode('[1]\\0[2]')", "cjson.decode: byte 3: there is more behind the value"},
	    {"cjson.decode('\"abc')", "cjson.decode: byte 4: the string has no end"},
	    {"cjson.decode('\"a\\0\"')", "cjson.decode: byte 2: a control character in a string"},
	    {"cjson.decode('\"\\\\x\"')", "cjson.decode: byte 2: there is no such escape"},
	    {"cjson.decode('\"\\\\u12g4\"')",
	        "cjson.decode: byte 5: four hexadecimal digits are expected"},
	    {"cjson.decode('\"\\\\ud800\"')", "cjson.decode: byte 7: half a character"},
	    {"cjson.decode('\"\\\\udc00\"')", "cjson.decode: byte 7: half a character"},
	    {"cjson.decode('\"\\\\ud800\\\\u0041\"')",
	        "cjson.decode: byte 13: the second half of a character is missing"},
	    {"cjson.decode('\"\\\\')", "cjson.decode: byte 2: there is no such escape"},
	    {"cjson.decode(('['):rep(101))", "cjson.decode: byte 100: nested more than 100 deep"},
	};
	CHECK(cases);
}

/* Random values there and back; each text cut or with another byte is read or refused, no more. */
static void there_and_back(void **state)
{
	struct states *states = *state;
	static const char chunk[] =
	    "local seed = 5\n"
	    "local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648\n"
	    "  return seed // 65536 % n + 1 end\n"
	    "local function value(depth)\n"
	    "  local kind = random(depth > 4 and 5 or 7)\n"
	    "  if kind == 1 then return random(2) == 1 elseif kind == 2 then return random(1000) - "
	    "500\n"
	    "  elseif kind == 3 then return (random(30000) - 15000) / 7 * 10 ^ (random(40) - 20)\n"
	    "  elseif kind == 4 then return cjson.null\n"
	    "  elseif kind == 5 then local t = {} for i = 1, random(9) - 1 do t[i] = "
	    "utf8.char(random(2000)) end\n"
	    "    return table.concat(t)\n"
	    "  elseif kind == 6 then local t = {} for i = 1, random(5) do t[i] = value(depth + 1) end "
	    "return t\n"
	    "  else local t = {} for i = 1, random(5) - 1 do t['k' .. random(99)] = value(depth + 1) "
	    "end return t end\n"
	    "end\n"
	    "local function same(a, b)\n"
	    "  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b and math.type(a) == "
	    "math.type(b) end\n"
	    "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end\n"
	    "  for k in pairs(b) do if a[k] == nil then return false end end\n"
	    "  return true end\n"
	    "for i = 1, 1500 do\n"
	    "  local v = value(0) local text = cjson.encode(v)\n"
	    "  if not same(cjson.decode(text), v) then error(text) end\n"
	    "  if cjson.encode(cjson.decode(text)) ~= text then error(text) end\n"
	    "  for j = 1, 4 do local at = random(#text)\n"
	    "    pcall(cjson.decode, text:sub(1, at))\n"
	    "    pcall(cjson.decode, text:sub(1, at - 1) .. string.char(random(255)) .. text:sub(at + "
	    "1)) end\n"
	    "end\n";
	if (luaL_dostring(states->L, chunk) != LUA_OK)
		fail_msg("%s", lua_tostring(states->L, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_are_encoded, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_json_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(values_are_decoded, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_json_is_refused_with_its_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
