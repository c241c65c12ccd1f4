/*
 * find, match, gmatch and gsub of the string table, as Lua's manual says (6.4), over pattern.c, which
 * the limits on time reach; and rep, whose own loop of nothing never ends.
 */
#include "lua/bindings.h"
#include "lua/pattern.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

#define NODES 40 /* of a pattern that needs no memory of its own */

struct text {
	const char *begin, *end;
};

static struct text check_text(lua_State *L, int index)
{
	size_t len;
	const char *begin = luaL_checklstring(L, index, &len);
	return (struct text){begin, begin + len};
}

/* The nodes of a pattern: `few` if that suffices, else a userdata that is pushed. */
static const struct pattern_node *nodes_of(
    lua_State *L, struct text pattern, struct pattern_node few[NODES])
{
	size_t len = (size_t)(pattern.end - pattern.begin), count = PATTERN_NODES(len);
	struct pattern_node *nodes = few;
	if (count > NODES)
		nodes = lua_newuserdatauv(L, count * sizeof *nodes, 0);
	pattern_read(nodes, pattern.begin, len);
	return nodes;
}

static void init_match(
    struct pattern_match *match, lua_State *L, const struct pattern_node *nodes, struct text text)
{
	pattern_match_init(match, L, nodes, text.begin, (size_t)(text.end - text.begin));
}

/* Where the search begins, as the argument `init` says: NULL: behind the end. */
static const char *check_init(lua_State *L, int index, struct text text)
{
	lua_Integer init = luaL_optinteger(L, index, 1), len = text.end - text.begin;
	if (init < 0)
		init = init < -len ? 1 : len + init + 1;
	else if (init == 0)
		init = 1;
	return init > len + 1 ? NULL : text.begin + init - 1;
}

/* --- find, match --- */

static bool has_specials(struct text pattern)
{
	for (const char *at = pattern.begin; at < pattern.end; at++)
		if (*at && strchr("^$*+?.([%-", *at))
			return true;
	return false;
}

static int find_plain(lua_State *L, struct text text, const char *from, struct text pattern)
{
	size_t len = (size_t)(pattern.end - pattern.begin);
	/* linear, whatever the texts are */
	const char *at = len ? memmem(from, (size_t)(text.end - from), pattern.begin, len) : from;
	if (!at)
		return 0;
	lua_pushinteger(L, at - text.begin + 1);
	lua_pushinteger(L, at - text.begin + (lua_Integer)len);
	return 2;
}

static int find_pattern(
    lua_State *L, struct text text, const char *from, struct text pattern, bool find)
{
	struct pattern_node few[NODES];
	struct pattern_match match;
	bool anchored = pattern.begin < pattern.end && *pattern.begin == '^';
	pattern.begin += anchored;
	init_match(&match, L, nodes_of(L, pattern, few), text);
	for (; from <= text.end; from++) {
		const char *end = pattern_match_at(&match, from);
		if (end && find) {
			lua_pushinteger(L, from - text.begin + 1);
			lua_pushinteger(L, end - text.begin);
			return pattern_push_captures(&match, NULL, NULL) + 2;
		}
		if (end)
			return pattern_push_captures(&match, from, end);
		if (anchored)
			break;
	}
	return 0;
}

static int nothing_found(lua_State *L, int count)
{
	if (count == 0)
		luaL_pushfail(L);
	return count ? count : 1;
}

static int find(lua_State *L)
{
	struct text text = check_text(L, 1), pattern = check_text(L, 2);
	const char *from = check_init(L, 3, text);
	int count = 0;
	if (from && (lua_toboolean(L, 4) || !has_specials(pattern)))
		count = find_plain(L, text, from, pattern);
	else if (from)
		count = find_pattern(L, text, from, pattern, true);
	return nothing_found(L, count);
}

static int match(lua_State *L)
{
	struct text text = check_text(L, 1), pattern = check_text(L, 2);
	const char *from = check_init(L, 3, text);
	int count = from ? find_pattern(L, text, from, pattern, false) : 0;
	/* without captures "^" alone gives an empty text, which is a result */
	return nothing_found(L, count);
}

/* --- gmatch --- */

struct iteration {
	struct pattern_match match;
	const char *from, *last_end;
	struct pattern_node nodes[];
};

/* Upvalues: the iteration, and the texts that it points to. */
static int next_match(lua_State *L)
{
	struct iteration *iteration = lua_touserdata(L, lua_upvalueindex(1));
	struct pattern_match *match = &iteration->match;
	match->L = L;
	for (; iteration->from <= match->end; iteration->from++) {
		const char *from = iteration->from, *end = pattern_match_at(match, from);
		if (end && end != iteration->last_end) {
			iteration->from = iteration->last_end = end;
			return pattern_push_captures(match, from, end);
		}
	}
	return 0;
}

static int gmatch(lua_State *L)
{
	struct text text = check_text(L, 1), pattern = check_text(L, 2);
	const char *from = check_init(L, 3, text);
	size_t len = (size_t)(pattern.end - pattern.begin);
	struct iteration *iteration;
	lua_settop(L, 2);
	iteration =
	    lua_newuserdatauv(L, sizeof *iteration + PATTERN_NODES(len) * sizeof *iteration->nodes, 0);
	lua_insert(L, 1); /* iteration text pattern */
	pattern_read(iteration->nodes, pattern.begin, len);
	init_match(&iteration->match, L, iteration->nodes, text);
	iteration->from = from ? from : text.end + 1;
	iteration->last_end = NULL;
	lua_pushcclosure(L, next_match, 3);
	return 1;
}

/* --- gsub --- */

/* The text, argument 3, with %0 to %9 and %% in it. */
static void add_text(
    struct pattern_match *match, luaL_Buffer *out, const char *from, const char *to)
{
	size_t len;
	const char *at = lua_tolstring(match->L, 3, &len), *end = at + len;
	for (const char *mark; (mark = memchr(at, '%', (size_t)(end - at))); at = mark + 2) {
		luaL_addlstring(out, at, (size_t)(mark - at));
		if (mark[1] == '%') {
			luaL_addchar(out, '%');
		} else if (mark[1] == '0') {
			luaL_addlstring(out, from, (size_t)(to - from));
		} else if (mark[1] >= '1' && mark[1] <= '9') {
			pattern_push_capture(match, mark[1] - '1', from, to);
			luaL_addvalue(out);
		} else {
			(void)luaL_error(match->L, "invalid use of '%c' in replacement string", '%');
		}
	}
	luaL_addlstring(out, at, (size_t)(end - at));
}

/* What the function or table, argument 3, has for the match. False: nothing. */
static bool add_value(
    struct pattern_match *match, luaL_Buffer *out, const char *from, const char *to)
{
	lua_State *L = match->L;
	if (lua_type(L, 3) == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, pattern_push_captures(match, from, to), 1);
	} else {
		pattern_push_capture(match, 0, from, to);
		(void)lua_gettable(L, 3);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(out, from, (size_t)(to - from));
		return false;
	}
	if (!lua_isstring(L, -1))
		return luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	luaL_addvalue(out);
	return true;
}

static lua_Integer replace_all(
    struct pattern_match *match, luaL_Buffer *out, bool anchored, lua_Integer most, bool *changed)
{
	bool is_text = lua_type(match->L, 3) == LUA_TSTRING || lua_type(match->L, 3) == LUA_TNUMBER;
	const char *from = match->begin, *last_end = NULL;
	lua_Integer count = 0;
	while (count < most) {
		const char *end = pattern_match_at(match, from);
		if (end && end != last_end) {
			count++;
			if (is_text)
				add_text(match, out, from, end);
			*changed = is_text || add_value(match, out, from, end) || *changed;
			from = last_end = end;
		} else if (from < match->end) {
			luaL_addchar(out, *from++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(out, from, (size_t)(match->end - from));
	return count;
}

static int gsub(lua_State *L)
{
	struct text text = check_text(L, 1), pattern = check_text(L, 2);
	int type = lua_type(L, 3);
	lua_Integer most = luaL_optinteger(L, 4, text.end - text.begin + 1);
	bool anchored = pattern.begin < pattern.end && *pattern.begin == '^', changed = false;
	luaL_argexpected(L,
	    type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
	    3, "string/function/table");
	struct pattern_node few[NODES];
	struct pattern_match match;
	luaL_Buffer out;
	pattern.begin += anchored;
	init_match(&match, L, nodes_of(L, pattern, few), text);
	luaL_buffinit(L, &out);
	lua_Integer count = replace_all(&match, &out, anchored, most, &changed);
	luaL_pushresult(&out);
	if (!changed)
		lua_pushvalue(L, 1);
	lua_pushinteger(L, count);
	return 2;
}

/* --- rep --- */

/* Upvalue: Lua's own. */
static int rep(lua_State *L)
{
	size_t len, separator = 0;
	(void)luaL_checklstring(L, 1, &len);
	(void)luaL_checkinteger(L, 2);
	if (!lua_isnoneornil(L, 3))
		(void)luaL_checklstring(L, 3, &separator);
	if (len + separator == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	lua_settop(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 3, 1);
	return 1;
}

static const luaL_Reg functions[] = {
    {"find", find},
    {"match", match},
    {"gmatch", gmatch},
    {"gsub", gsub},
    {NULL, NULL},
};

void string_replace(lua_State *L)
{
	(void)lua_getglobal(L, LUA_STRLIBNAME);
	luaL_setfuncs(L, functions, 0);
	(void)lua_getfield(L, -1, "rep");
	lua_pushcclosure(L, rep, 1);
	lua_setfield(L, -2, "rep");
	lua_pop(L, 1);
}
