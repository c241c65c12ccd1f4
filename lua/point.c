#include "lua/point.h"

#include "core/base/mem.h"
#include "lua/timer.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct point *point_of(lua_State *L, int index)
{
	struct script *script = script_of(L);
	lua_Integer handle = luaL_checkinteger(L, index);
	luaL_argcheck(
	    L, handle >= 1 && (size_t)handle <= script->points_count, index, "no such handle");
	return &script->points[handle - 1];
}

struct point *point_add(struct script *script, const struct entry *entry)
{
	script->points = mem_resize(script->points, script->points_count + 1, sizeof *script->points);
	struct point *point = &script->points[script->points_count++];
	*point = (struct point){
	    .script = script,
	    .path = mem_strdup(entry->path),
	    .type = entry->type,
	    .limits = entry->limits,
	};
	return point;
}

int64_t point_next_ms(const struct point *point)
{
	return point->ticker && point->script->tickers ? ticker_next_ms(point->ticker, point->skips)
	                                               : INT64_MAX;
}

void point_install(struct script *script)
{
	for (size_t i = 0; i < script->points_count; i++) {
		struct point *point = &script->points[i];
		point->entry = catalog_find(script->host->services.catalog, point->path);
	}
}

void point_remember(struct point *point, const struct value *value, const struct stamp *time)
{
	free(point->text);
	point->text = NULL;
	point->has_last = true;
	point->last = *value;
	point->last_time = *time;
	if (value->type == VALUE_STRING || value->type == VALUE_BINARY) {
		point->text = mem_alloc(value->text.len + 1); /* it may hold NULs */
		memcpy(point->text, value->text.data, value->text.len);
		point->last.text.data = point->text;
	}
}

/* Most stand where they stood. */
static const struct point *find_point(const struct script *script, const char *path, size_t guess)
{
	for (size_t i = 0; i < script->points_count; i++) {
		const struct point *point = &script->points[(guess + i) % script->points_count];
		if (strcmp(point->path, path) == 0)
			return point;
	}
	return NULL;
}

void point_carry(const struct script *from, struct script *to)
{
	for (size_t i = 0; i < to->points_count; i++) {
		struct point *point = &to->points[i];
		const struct point *before = find_point(from, point->path, i);
		if (before && before->has_last && before->type == point->type && !point->has_last)
			point_remember(point, &before->last, &before->last_time);
	}
}

void point_free_all(struct script *script)
{
	for (size_t i = 0; i < script->points_count; i++) {
		free(script->points[i].text);
		free(script->points[i].why);
		free(script->points[i].path);
	}
	free(script->points);
	script->points = NULL;
	script->points_count = 0;
}
