#include "lua/undefined.h"

#include "core/base/mem.h"
#include "lua/chunk.h"
#include "lua/entry.h"
#include "lua/globals.h"
#include "lua/source.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct use {
	char *name;
	const char *file; /* the source's */
	int line;
	bool written;
};

struct uses {
	struct use *list;
	size_t count;
	const struct source *source; /* that is looked through */
};

static void on_found(void *ctx, const char *name, int line, bool written)
{
	struct uses *uses = ctx;
	for (size_t i = 0; i < uses->count; i++) {
		const struct use *use = &uses->list[i];
		if (use->file == uses->source->name && use->line == line && use->written == written &&
		    strcmp(use->name, name) == 0)
			return;
	}
	uses->list = mem_resize(uses->list, uses->count + 1, sizeof *uses->list);
	uses->list[uses->count++] = (struct use){mem_strdup(name), uses->source->name, line, written};
}

static int look_through(lua_State *L)
{
	struct uses *uses = lua_touserdata(L, 1);
	const struct buf *text = &uses->source->text;
	if (chunk_load(L, text->data ? text->data : "", text->len, "@source") == LUA_OK)
		globals_find(L, on_found, uses);
	return 0; /* the compiler's errors have been told */
}

static bool is_written(const struct uses *uses, const char *name)
{
	for (size_t i = 0; i < uses->count; i++)
		if (uses->list[i].written && strcmp(uses->list[i].name, name) == 0)
			return true;
	return false;
}

/* Raises what reading it would. */
static int read_global(lua_State *L)
{
	(void)lua_getglobal(L, lua_touserdata(L, 1));
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct use *left = a, *right = b;
	int order = strcmp(left->file, right->file);
	return order ? order : left->line - right->line;
}

void undefined_find(struct script *script, bool warning, struct problems *problems)
{
	struct uses uses = {0};
	struct err err;
	for (uses.source = script->sources; uses.source; uses.source = uses.source->next)
		if (!uses.source->missing)
			(void)script_call(script, look_through, &uses, &err);
	if (uses.count)
		qsort(uses.list, uses.count, sizeof *uses.list, by_place);
	for (size_t i = 0; i < uses.count; i++) {
		const struct use *use = &uses.list[i];
		if (!use->written && !is_written(&uses, use->name) &&
		    script_call(script, read_global, use->name, &err) < 0)
			problems_add(problems, warning, "%s:%d: %s", use->file, use->line, err.text);
	}
	for (size_t i = 0; i < uses.count; i++)
		free(uses.list[i].name);
	free(uses.list);
}
