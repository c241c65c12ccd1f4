/* What we have in the place of Lua's own string and table functions, against Lua's: the same results
 * and the same errors. */
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
	lua_State *theirs, *ours;
	struct host host; /* without limits */
	struct script script;
};

static int setup(void **state)
{
	struct states *states = calloc(1, sizeof *states);
	assert_non_null(states);
	states->script.host = &states->host;
	states->theirs = luaL_newstate();
	states->ours = luaL_newstate();
	luaL_openlibs(states->theirs);
	luaL_openlibs(states->ours);
	*(struct script **)lua_getextraspace(states->ours) = &states->script;
	string_replace(states->ours);
	table_replace(states->ours);
	*state = states;
	return 0;
}

static int teardown(void **state)
{
	struct states *states = *state;
	lua_close(states->theirs);
	lua_close(states->ours);
	free(states);
	return 0;
}

/* What the chunk returns, as text. */
static const char *run(lua_State *L, const char *chunk)
{
	if (luaL_dostring(L, chunk) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	return luaL_tolstring(L, -1, NULL);
}

/* Both run it; the first line that is not the same fails the test. */
static void compare(struct states *states, const char *chunk)
{
	const char *theirs = run(states->theirs, chunk), *ours = run(states->ours, chunk);
	while (*theirs || *ours) {
		size_t len = strcspn(theirs, "\n"), our_len = strcspn(ours, "\n");
		if (len != our_len || memcmp(theirs, ours, len) != 0)
			fail_msg("Lua's:\n%.*s\nours:\n%.*s", (int)len, theirs, (int)our_len, ours);
		theirs += len + (theirs[len] != '\0');
		ours += our_len + (ours[our_len] != '\0');
	}
	lua_settop(states->theirs, 0);
	lua_settop(states->ours, 0);
}

#define SHOW                                                                               \
	"local out = {}\n"                                                                     \
	"local function show(...)\n"                                                           \
	"  local list = table.pack(...)\n"                                                     \
	"  for i = 1, list.n do list[i] = type(list[i]) == 'string' and ('%q'):format(list[i]" \
	":gsub('\\n', '|')) or tostring(list[i]):gsub('^(%a+): 0x.*', '%1') end\n"             \
	"  out[#out + 1] = table.concat(list, ' ')\n"                                          \
	"end\n"

static void each_kind_of_pattern(void **state)
{
	compare(*state, SHOW
	    "local subjects = { '', 'a', 'hello world', 'key = value', '  trim  ', '[[x]]', 'THE "
	    "(quick) "
	    "fox', 'a,b,,c', '2026-01-02', 'f(a(b)c)d)', '\\0\\1\\0', 'aaa', '%d', 'x^2', '\\xe9\\xff' "
	    "}\n"
	    "local patterns = { '', '.', '^', '$', '^$', '%a+', '^%s*(.-)%s*$', '(%w+) = (%w+)', "
	    "'%f[%w]%w+',\n"
	    "  '%b()', '%b', '%bx', '%', '[', '[^', '[]', '[]]', '[^]]', '[a-]', '[%a-z]', '[a-%%]', "
	    "'[%]]', "
	    "'[]-a]',\n"
	    "  '(', ')', '()', '(()', '(a*(.)%w(%s*))', '(.)%1', '%1', '%0', '(%1)', '%f', '%f%a', "
	    "'%f[', 'a?',\n"
	    "  'a-', 'a-$', '^a-$', 'a*?', '.-b', '%d+-%d+', '^^', 'x^', '$$', 'a$b', '%z', '%Z', "
	    "'%g+', '%S',\n"
	    "  '%u%l*', '%x+', '%p', '%c', '[%w_]+', '[^%s,]*', '()a()', '([^,]*),?', '\\0', "
	    "'[\\0-\\1]+', '\\xe9',\n"
	    "  '(((((((((((((((((((((((((((((((((', ('a?'):rep(210), ('(a'):rep(32) .. (')'):rep(32) "
	    "}\n"
	    "for _, s in ipairs(subjects) do for _, p in ipairs(patterns) do\n"
	    "  show('find', s, p, pcall(string.find, s, p))\n"
	    "  show('match', s, p, pcall(string.match, s, p))\n"
	    "  show('plain', s, p, pcall(string.find, s, p, 1, true))\n"
	    "  for _, init in ipairs { -100, -3, -1, 0, 2, 3, 100 } do\n"
	    "    show('init', s, p, init, pcall(string.find, s, p, init))\n"
	    "    show('init', s, p, init, pcall(string.match, s, p, init))\n"
	    "    show('plain', s, p, init, pcall(string.find, s, p, init, true)) end\n"
	    "  show('gmatch', s, p, pcall(function()\n"
	    "    local all = {} for a, b in s:gmatch(p) do all[#all + 1] = tostring(a) .. ':' .. "
	    "tostring(b) end\n"
	    "    return table.concat(all, ';') end))\n"
	    "  show('gmatch', s, p, pcall(function()\n"
	    "    local all = {} for a in s:gmatch(p, -4) do all[#all + 1] = tostring(a) end\n"
	    "    return table.concat(all, ';') end))\n"
	    "  for _, r in ipairs { '', 'x', '%0%0', '%1', '<%1>', '%2', '%%', '%', '%a', 7 } do\n"
	    "    show('gsub', s, p, r, pcall(string.gsub, s, p, r))\n"
	    "    show('gsub', s, p, r, pcall(string.gsub, s, p, r, 1)) end\n"
	    "  show('gsub', s, p, pcall(string.gsub, s, p, { a = 'A', b = false, ['2026'] = 1 }))\n"
	    "  show('gsub', s, p, pcall(string.gsub, s, p, function(a, b) return b or a ~= 'a' and a "
	    "end))\n"
	    "  show('gsub', s, p, pcall(string.gsub, s, p, function() return {} end))\n"
	    "end end\n"
	    "return table.concat(out, '\\n')");
}

static void arguments_are_checked_as_lua_does(void **state)
{
	compare(*state, SHOW
	    "show(pcall(string.find)) show(pcall(string.find, 'a')) show(pcall(string.find, {}, 'a'))\n"
	    "show(pcall(string.find, 'a', 'a', 'x')) show(pcall(string.gsub, 'a', 'a'))\n"
	    "show(pcall(string.gsub, 'a', 'a', true)) show(pcall(string.gsub, 'a', 'a', 'a', 'x'))\n"
	    "show(pcall(string.gmatch, 'a')) show(pcall(string.gmatch, 'a', nil))\n"
	    "show(pcall(string.match, 12345, '%d%d', 2)) show(pcall(string.rep, 'ab', 3, '-'))\n"
	    "show(pcall(string.rep, 'ab', -1)) show(pcall(string.rep, '', 10)) "
	    "show(pcall(string.rep))\n"
	    "show(pcall(string.rep, 'a', 'x')) show(pcall(string.rep, 'a', 1 << 62))\n"
	    "show(pcall(string.rep, '', 3, 'x')) show(pcall(string.rep, 'x', 0)) show(('x'):rep(3, "
	    "nil))\n"
	    "show(string.gsub('abc', '%w', '%0%0', 0)) show(string.gsub('abc', '%w', '%0%0', -1))\n"
	    "show(pcall(string.gsub, 'abc', '.', setmetatable({}, { __index = function(_, k)\n"
	    "  return k .. k end })))\n"
	    "show(select('#', string.gsub('', '', ''))) show(('x'):gsub('.', { x = 5.5 }))\n"
	    "return table.concat(out, '\\n')");
}

/* Random patterns of pieces that mean something, over a small alphabet. */
static void random_patterns(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip(); /* it does not know a fortified Lua's longjmp: each error stays on its own stack, which
	           holds 65,535 */
#endif
	static const char chunk[] = SHOW
	    "local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648\n"
	    "  return seed // 65536 % n + 1 end\n"
	    "local pieces = { 'a', 'b', 'c', '.', '%a', '%d', '%w', '%s', '%p', '%A', '%S', "
	    "'[ab]', "
	    "'[^a]', '[a-c]',\n"
	    "  '[%d_]', '[]x]', '[^%s]', '(', ')', '()', '%1', '%2', '%b()', '%bab', '%f[a]', "
	    "'%f[^b]', '^', '$',\n"
	    "  '*', '+', '-', '?', '%%', '%.', '1', ' ', '_', '[', ']', '%', '\\0' }\n"
	    "local letters = { 'a', 'b', 'c', 'A', '1', ' ', '(', ')', '_', '.', '-', '\\0', '\\xff' "
	    "}\n"
	    "local replacements = { '', '%0', '%1', '<%2>', '%%', 'z', '%' }\n"
	    "local function text(of, most) local t = {} for i = 1, random(most) - 1 do\n"
	    "  t[i] = of[random(#of)] end return table.concat(t) end\n"
	    "for i = 1, 6000 do\n"
	    "  local s, p, r = text(letters, 14), text(pieces, 9), "
	    "replacements[random(#replacements)]\n"
	    "  if random(4) == 1 then p = '^' .. p end\n"
	    "  if random(4) == 1 then p = '(' .. p .. ')' end\n"
	    "  local init = random(9) - 5\n"
	    "  show(s, p, pcall(string.find, s, p)) show(s, p, init, pcall(string.match, s, p, init))\n"
	    "  show(s, p, r, pcall(string.gsub, s, p, r))\n"
	    "  show(s, p, pcall(function() local n = {} for a, b in s:gmatch(p) do\n"
	    "    n[#n + 1] = tostring(a) .. tostring(b) end return table.concat(n, ';') end))\n"
	    "end\n"
	    "return table.concat(out, '\\n')";
	struct states *states = *state;
	for (int seed = 1; seed <= 4; seed++) {
		lua_pushinteger(states->theirs, seed);
		lua_setglobal(states->theirs, "seed");
		lua_pushinteger(states->ours, seed);
		lua_setglobal(states->ours, "seed");
		compare(states, chunk);
	}
}

static void tables(void **state)
{
	compare(*state, SHOW
	    "local function list(t) local n = {} for k, v in pairs(t) do n[#n + 1] = k .. '=' ..\n"
	    "  (type(v) == 'table' and 'T' or tostring(v)) end\n"
	    "  table.sort(n) return table.concat(n, ',') end\n"
	    "local names = { 'insert', 'remove', 'move', 'concat', 'sort' }\n"
	    "local values = { -1, 0, 1, 2, 3, 4, 5, 6, 1 << 62, math.mininteger, math.maxinteger, 'x', "
	    "'2', 2.0,\n"
	    "  2.5, false, {} }\n"
	    "local function fresh() return { 5, 3, 4, 1 } end\n"
	    "for _, name in ipairs(names) do local f = table[name]\n"
	    "  show(name, pcall(f)) show(name, pcall(f, 1)) show(name, pcall(f, 'x')) show(name, "
	    "pcall(f, {}))\n"
	    "  for _, a in ipairs(values) do\n"
	    "    local t = fresh() show(name, a, pcall(f, t, a)) show(list(t))\n"
	    "    for _, b in ipairs(values) do\n"
	    "      t = fresh()\n"
	    "      if name ~= 'move' then show(name, a, b, pcall(f, t, a, b)) show(list(t)) end\n"
	    "      for _, c in ipairs(values) do\n"
	    "        t = fresh()\n"
	    "        local far = (tonumber(b) or 0) - (tonumber(a) or 0.0) > 100\n"
	    "        if name == 'move' and not far then local d = fresh()\n"
	    "          show(name, a, b, c, pcall(f, t, a, b, c)) show(list(t))\n"
	    "          show(name, a, b, c, pcall(f, t, a, b, c, d)) show(list(d))\n"
	    "          show(name, a, b, c, pcall(f, t, a, b, c, 7)) end\n"
	    "        if name == 'concat' and not (math.type(b) and math.type(c) and c - b > 100) then\n"
	    "          show(name, a, b, c, pcall(f, t, a, b, c)) end\n"
	    "      end end end end\n"
	    "local proxy = setmetatable({}, { __len = function() return 3 end, __index = function(_, "
	    "k)\n"
	    "  return k * 2 end, __newindex = function(t, k, v) rawset(t, k, v) end })\n"
	    "show(table.concat(proxy, '-')) table.insert(proxy, 2, 'n') show(list(proxy))\n"
	    "show(table.remove(proxy, 1)) show(list(proxy))\n"
	    "show(pcall(table.insert, setmetatable({}, { __len = function() return 'x' end }), 1))\n"
	    "show(pcall(table.sort, { 3, 'x' })) show(pcall(table.sort, { {}, {} }))\n"
	    "show(pcall(table.sort, { 1, 2, 3 }, 7)) show(pcall(table.sort, { 3, 1, 2 }, nil))\n"
	    "show(pcall(table.sort, { 'b', 'a' }, math.ult)) show(pcall(table.insert, {}, 1, 2, 3))\n"
	    "show(pcall(table.concat, { 1, {}, 3 })) show(pcall(table.concat, { 1, 2 }, 'x', 1, 3))\n"
	    "local seed = 7\n"
	    "for i = 1, 300 do local t = {} for j = 1, i % 40 do seed = (seed * 69069 + 1) % "
	    "4294967296\n"
	    "    t[j] = seed // 65536 % 50 end\n"
	    "  table.sort(t) show(list(t)) table.sort(t, function(a, b) return a > b end) "
	    "show(list(t))\n"
	    "  table.sort(t, math.ult) show(list(t)) end\n"
	    "-- which argument it is differs between Lua 5.4.4 and later ones\n"
	    "return (table.concat(out, '\\n'):gsub('#%d to .table.remove', 'remove'))");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_kind_of_pattern, setup, teardown),
	    cmocka_unit_test_setup_teardown(arguments_are_checked_as_lua_does, setup, teardown),
	    cmocka_unit_test_setup_teardown(random_patterns, setup, teardown),
	    cmocka_unit_test_setup_teardown(tables, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
