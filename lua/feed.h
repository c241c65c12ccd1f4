/* What happens outside and starts a function of a script: an input's edge, a file's change. */
#ifndef NEAP_LUA_FEED_H
#define NEAP_LUA_FEED_H

#include "lua/state.h"

/*
 * A part of the userdata that stands for the source. The function and the userdata refer to each
 * other, so that the source lives until it is closed, or its script is.
 */
struct feed {
	struct script *script;
	const char *what; /* begins messages: "gpio DI1: "; of the userdata */
	int function;     /* in the registry; LUA_NOREF: closed */
	int self;         /* the userdata, likewise */
};

/* The function is at `function`, the userdata on top of the stack, where it stays. */
void feed_open(lua_State *L, struct feed *feed, const char *what, int function);
void feed_close(lua_State *L, struct feed *feed); /* again: nothing */

/* Starts the function, in a fiber, with the userdata and what `push` pushes, and how many it is. */
void feed_start(struct feed *feed, int (*push)(lua_State *L, const void *event), const void *event);

#endif
