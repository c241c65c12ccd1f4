/*
 * Test files (core/task/host.h: test_ops): what lua/neap/test.lua is built on, and the way from a script's
 * I/O to the fakes.
 */
#ifndef NEAP_LUA_TEST_H
#define NEAP_LUA_TEST_H

#include "lua/state.h"

extern const struct test_ops test_ops;

/* An I/O of a script that a fake answers (fake.c). */
struct call;

/* In the test file's state: starts its function for fakes, in a fiber, with what `push` pushes;
 * `ended` is called in the end. -1: `ended` does not come. */
int test_serve(struct host *host, int (*push)(lua_State *L, void *ctx), void (*ended)(void *ctx),
    void *ctx, struct err *err);

/* Functions of the test file. answer(call, ok, ...): the results; or false, message, CODE */
int fake_answer(lua_State *L);
/* feed(...): what happened outside, for every script's function for that (fake.lua) */
int fake_feed(lua_State *L);

/* Frees what the test has, after its state. */
void test_end(struct host *host);

#endif
