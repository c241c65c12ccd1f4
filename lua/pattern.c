#include "lua/pattern.h"

#include "lua/limits.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH       200  /* nested repeats and captures */
#define STEPS       4096 /* between two looks at the limits */
#define UNFINISHED  (-1)
#define IS_POSITION (-2)

enum op { END, ANY, CHAR, CLASS, SET, OPEN, POSITION, CLOSE, BACK, BALANCE, FRONTIER, TAIL, FAULT };

/* --- reading --- */

struct reader {
	const char *at, *end;
	struct pattern_node *node;
};

static void fault(struct reader *reader, const char *text)
{
	reader->node->op = FAULT;
	reader->node->begin = text;
	reader->at = reader->end; /* no match comes further */
}

/* at: "[". The first byte behind "[" or "[^" belongs to the set, even if it is "]". */
static void read_set(struct reader *reader, enum op op)
{
	const char *at = reader->at + 1;
	if (at < reader->end && *at == '^')
		at++;
	do {
		if (at >= reader->end) {
			fault(reader, "malformed pattern (missing ']')");
			return;
		}
		at += *at == '%' && at + 1 < reader->end ? 2 : 1;
	} while (at >= reader->end || *at != ']');
	reader->node->op = op;
	reader->node->begin = reader->at;
	reader->node->end = at;
	reader->at = at + 1;
}

/* at: "%" */
static void read_escape(struct reader *reader)
{
	struct pattern_node *node = reader->node;
	const char *at = reader->at + 1;
	if (at >= reader->end) {
		fault(reader, "malformed pattern (ends with '%')");
	} else if (*at == 'b') {
		node->op = BALANCE;
		if (reader->end - at < 3) {
			fault(reader, "malformed pattern (missing arguments to '%b')");
			return;
		}
		node->a = at[1];
		node->b = at[2];
		reader->at = at + 3;
	} else if (*at == 'f') {
		reader->at = at + 1;
		if (reader->at < reader->end && *reader->at == '[')
			read_set(reader, FRONTIER);
		else
			fault(reader, "missing '[' after '%f' in pattern");
	} else {
		node->op = isdigit((unsigned char)*at) ? BACK : CLASS;
		node->a = *at;
		reader->at = at + 1;
	}
}

static void read_plain(struct reader *reader, enum op op)
{
	reader->node->op = op;
	reader->node->a = *reader->at++;
}

static void read_node(struct reader *reader)
{
	switch (*reader->at) {
	case '(':
		read_plain(reader, OPEN);
		if (reader->at < reader->end && *reader->at == ')') {
			reader->node->op = POSITION;
			reader->at++;
		}
		break;
	case ')':
		read_plain(reader, CLOSE);
		break;
	case '%':
		read_escape(reader);
		break;
	case '[':
		read_set(reader, SET);
		break;
	case '.':
		read_plain(reader, ANY);
		break;
	case '$':
		read_plain(reader, reader->at + 1 == reader->end ? TAIL : CHAR);
		break;
	default:
		read_plain(reader, CHAR);
	}
}

void pattern_read(struct pattern_node *nodes, const char *text, size_t len)
{
	struct reader reader = {text, text + len, nodes};
	for (; reader.at < reader.end; reader.node++) {
		reader.node->repeat = 0;
		read_node(&reader);
		bool is_single = reader.node->op >= ANY && reader.node->op <= SET;
		if (is_single && reader.at < reader.end && *reader.at && strchr("*+-?", *reader.at))
			reader.node->repeat = (uint8_t)*reader.at++;
	}
	reader.node->op = END;
}

/* --- one byte --- */

static bool is_class(int byte, char class)
{
	bool is;
	switch (class | 0x20) {
	case 'a':
		is = isalpha(byte);
		break;
	case 'c':
		is = iscntrl(byte);
		break;
	case 'd':
		is = isdigit(byte);
		break;
	case 'g':
		is = isgraph(byte);
		break;
	case 'l':
		is = islower(byte);
		break;
	case 'p':
		is = ispunct(byte);
		break;
	case 's':
		is = isspace(byte);
		break;
	case 'u':
		is = isupper(byte);
		break;
	case 'w':
		is = isalnum(byte);
		break;
	case 'x':
		is = isxdigit(byte);
		break;
	case 'z': /* of Lua 5.1, and still there */
		is = byte == 0;
		break;
	default:
		return (unsigned char)class == byte;
	}
	return is != (isupper((unsigned char)class) != 0);
}

static inline void spend(struct pattern_match *match, ptrdiff_t steps)
{
	match->steps -= (int)(steps < STEPS ? steps : STEPS);
	if (match->steps <= 0) {
		match->steps = STEPS;
		limits_tick(match->L);
	}
}

static bool is_in_set(struct pattern_match *match, int byte, const struct pattern_node *node)
{
	const unsigned char *at = (const unsigned char *)node->begin + 1;
	const unsigned char *end = (const unsigned char *)node->end;
	bool found = true;
	spend(match, end - at);
	if (*at == '^') {
		found = false;
		at++;
	}
	while (at < end) {
		if (*at == '%' && at + 1 <= end) {
			if (is_class(byte, (char)at[1]))
				return found;
			at += 2;
		} else if (at + 2 < end && at[1] == '-') {
			if (at[0] <= byte && byte <= at[2])
				return found;
			at += 3;
		} else if (*at++ == byte) {
			return found;
		}
	}
	return !found;
}

static inline bool is_one(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	if (at >= match->end)
		return false;
	switch (node->op) {
	case ANY:
		return true;
	case CHAR:
		return *at == node->a;
	case CLASS:
		return is_class((unsigned char)*at, node->a);
	default:
		return is_in_set(match, (unsigned char)*at, node);
	}
}

/* --- matching --- */

static const char *match_here(
    struct pattern_match *match, const char *at, const struct pattern_node *node);

/* The most that fits, and less and less of it. */
static const char *match_most(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	const char *least = at + (node->repeat == '+'), *most = at;
	while (is_one(match, most, node)) {
		most++;
		spend(match, 1);
	}
	for (; most >= least; most--) {
		const char *end = match_here(match, most, node + 1);
		if (end)
			return end;
	}
	return NULL;
}

static const char *match_least(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	for (;; at++) {
		const char *end = match_here(match, at, node + 1);
		if (end)
			return end;
		if (!is_one(match, at, node))
			return NULL;
	}
}

static const char *match_open(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	if (match->count >= PATTERN_CAPTURES)
		(void)luaL_error(match->L, "too many captures");
	match->captures[match->count].at = at;
	match->captures[match->count].len = node->op == POSITION ? IS_POSITION : UNFINISHED;
	match->count++;
	const char *end = match_here(match, at, node + 1);
	if (!end)
		match->count--;
	return end;
}

static const char *match_close(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	int index = match->count - 1;
	while (index >= 0 && match->captures[index].len != UNFINISHED)
		index--;
	if (index < 0)
		(void)luaL_error(match->L, "invalid pattern capture");
	match->captures[index].len = at - match->captures[index].at;
	const char *end = match_here(match, at, node + 1);
	if (!end)
		match->captures[index].len = UNFINISHED;
	return end;
}

/* The next three give where they end, or NULL. */

static const char *match_back(struct pattern_match *match, const char *at, char digit)
{
	int index = digit - '1';
	if (index < 0 || index >= match->count || match->captures[index].len == UNFINISHED)
		(void)luaL_error(match->L, "invalid capture index %%%d", index + 1);
	ptrdiff_t len = match->captures[index].len;
	if (len == IS_POSITION || match->end - at < len)
		return NULL;
	spend(match, len / 16);
	if (memcmp(match->captures[index].at, at, (size_t)len) != 0)
		return NULL;
	return at + len;
}

static const char *match_balance(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	int open = 1;
	if (*at != node->a)
		return NULL;
	while (++at < match->end) {
		spend(match, 1);
		if (*at == node->b) {
			if (--open == 0)
				return at + 1;
		} else if (*at == node->a) {
			open++;
		}
	}
	return NULL;
}

static const char *match_frontier(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	int before = at == match->begin ? 0 : (unsigned char)at[-1];
	bool is = !is_in_set(match, before, node) && is_in_set(match, (unsigned char)*at, node);
	return is ? at : NULL;
}

static const char *follow(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	for (; at; node++) {
		spend(match, 1);
		switch (node->op) {
		case END:
			return at;
		case OPEN:
		case POSITION:
			return match_open(match, at, node);
		case CLOSE:
			return match_close(match, at, node);
		case BACK:
			at = match_back(match, at, node->a);
			break;
		case BALANCE:
			at = match_balance(match, at, node);
			break;
		case FRONTIER:
			at = match_frontier(match, at, node);
			break;
		case TAIL:
			return at == match->end ? at : NULL;
		case FAULT:
			(void)luaL_error(match->L, "%s", node->begin);
			return NULL;
		default:
			if (node->repeat == '*' || node->repeat == '+')
				return match_most(match, at, node);
			if (node->repeat == '-')
				return match_least(match, at, node);
			bool is = is_one(match, at, node);
			const char *end = is && node->repeat ? match_here(match, at + 1, node + 1) : NULL;
			if (end)
				return end;
			if (!node->repeat)
				at = is ? at + 1 : NULL;
		}
	}
	return NULL;
}

static const char *match_here(
    struct pattern_match *match, const char *at, const struct pattern_node *node)
{
	if (match->depth-- == 0)
		(void)luaL_error(match->L, "pattern too complex");
	at = follow(match, at, node);
	match->depth++;
	return at;
}

void pattern_match_init(struct pattern_match *match, lua_State *L, const struct pattern_node *nodes,
    const char *subject, size_t len)
{
	match->L = L;
	match->nodes = nodes;
	match->begin = subject;
	match->end = subject + len;
	match->steps = STEPS;
}

const char *pattern_match_at(struct pattern_match *match, const char *at)
{
	match->count = 0;
	match->depth = DEPTH;
	return match_here(match, at, match->nodes);
}

/* --- captures --- */

void pattern_push_capture(struct pattern_match *match, int index, const char *from, const char *to)
{
	if (index >= match->count) {
		if (index != 0)
			(void)luaL_error(match->L, "invalid capture index %%%d", index + 1);
		lua_pushlstring(match->L, from, (size_t)(to - from));
		return;
	}
	ptrdiff_t len = match->captures[index].len;
	if (len == UNFINISHED)
		(void)luaL_error(match->L, "unfinished capture");
	if (len == IS_POSITION)
		lua_pushinteger(match->L, match->captures[index].at - match->begin + 1);
	else
		lua_pushlstring(match->L, match->captures[index].at, (size_t)len);
}

int pattern_push_captures(struct pattern_match *match, const char *from, const char *to)
{
	int count = match->count == 0 && from ? 1 : match->count;
	luaL_checkstack(match->L, count, "too many captures");
	for (int i = 0; i < count; i++)
		pattern_push_capture(match, i, from, to);
	return count;
}
