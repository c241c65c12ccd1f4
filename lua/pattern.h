/*
 * Lua's patterns (reference manual, 6.4.1), matched in steps that are counted, so that the limits on
 * time reach them: a bad pattern on 30 bytes can take longer than the device lives.
 *
 * A pattern is read into nodes first. What is wrong with it is said when the match comes to that
 * place, and not before, as Lua's own functions do. Errors are raised; nothing is allocated.
 */
#ifndef NEAP_LUA_PATTERN_H
#define NEAP_LUA_PATTERN_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_CAPTURES 32

struct pattern_node {
	uint8_t op, repeat; /* repeat: 0 or one of * + - ? */
	char a, b;
	const char *begin, *end; /* of a set: "[^a-z]" without its last bracket; of a fault: its text */
};

/* Nodes that a pattern of `len` bytes has at most. */
#define PATTERN_NODES(len) ((len) + 1)

/* `text` ends with a NUL, which does not count, and stays the caller's. */
void pattern_read(struct pattern_node *nodes, const char *text, size_t len);

struct pattern_match {
	lua_State *L;
	const struct pattern_node *nodes;
	const char *begin, *end; /* of the subject, which ends with a NUL, too */
	int depth, steps;
	int count; /* of captures */
	struct {
		const char *at;
		ptrdiff_t len;
	} captures[PATTERN_CAPTURES];
};

void pattern_match_init(struct pattern_match *match, lua_State *L, const struct pattern_node *nodes,
    const char *subject, size_t len);
/* Does it match at `at`? Where the match ends, or NULL. */
const char *pattern_match_at(struct pattern_match *match, const char *at);
/* Pushes a capture: text or position. The first one of a pattern without any is from..to. */
void pattern_push_capture(struct pattern_match *match, int index, const char *from, const char *to);
/* Pushes all and returns how many; `from` NULL: nothing for a pattern without any. */
int pattern_push_captures(struct pattern_match *match, const char *from, const char *to);

#endif
