/* Globals of compiled chunks: scopes, lines, and what is no global although it looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "lua/globals.h"

#include <lauxlib.h>

static void on_found(void *ctx, const char *name, int line, bool written)
{
	buf_printf(ctx, "%s%s:%d ", name, written ? "=" : "", line);
}

static void assert_globals(const char *chunk, const char *expected)
{
	lua_State *L = luaL_newstate();
	struct buf got = {0};
	assert_non_null(L);
	assert_int_equal(luaL_loadstring(L, chunk), LUA_OK);
	globals_find(L, on_found, &got);
	assert_string_equal(buf_str(&got), expected);
	assert_int_equal(lua_gettop(L), 1);
	buf_free(&got);
	lua_close(L);
}

static void reads_and_writes_have_their_line(void **state)
{
	(void)state;
	assert_globals("", "");
	assert_globals("x = 1\n\ny = x\nz.a = 1\nf(z.b)", "x=:1 x:3 y=:3 z:4 f:5 z:5 ");
	assert_globals("function f() end\nlocal function g() return h end", "h:2 f=:1 ");
}

static void inner_functions_are_looked_through(void **state)
{
	(void)state;
	assert_globals(
	    "local a\nlocal f = function()\n\treturn function()\n\t\treturn a, b\n\tend\nend", "b:4 ");
	assert_globals("local t = { f = function() return function() x = y end end }", "y:1 x=:1 ");
}

static void locals_upvalues_and_fields_are_none(void **state)
{
	(void)state;
	assert_globals(
	    "local x = 1\nlocal f = function() x = x + 1 end\nlocal t = { y = x }\nt.z = t.y", "");
	assert_globals("for i = 1, 3 do local j = i end\ngoto done\n::done::", "");
	assert_globals("local _ENV = {}\nx = y\nlocal f = function() return z end", "");
	assert_globals("local f = function(_ENV) return function() return x end end", "");
	assert_globals("local e = _ENV\nlocal _ENV <const> = e\nlocal f = function() return x end", "");
}

static void long_functions_keep_their_lines(void **state)
{
	struct buf chunk = {0}, expected = {0};
	int line = 1;
	(void)state;
	buf_text(&chunk, "local y ");
	for (int i = 1; i <= 3000; i++) {
		buf_text(&chunk, i % 500 ? "y = 1\n" : "x()\n");
		for (int gap = i % 97 ? 0 : 300; gap > 0; gap--) /* more than a byte can tell */
			buf_char(&chunk, '\n');
	}
	for (const char *at = buf_str(&chunk); *at; at++) {
		if (*at == 'x')
			buf_printf(&expected, "x:%d ", line);
		line += *at == '\n';
	}
	assert_globals(buf_str(&chunk), buf_str(&expected));
	buf_free(&chunk);
	buf_free(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes_have_their_line),
	    cmocka_unit_test(inner_functions_are_looked_through),
	    cmocka_unit_test(locals_upvalues_and_fields_are_none),
	    cmocka_unit_test(long_functions_keep_their_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
