/* A declared path as its script knows it. The library holds handles: indexes from 1. */
#ifndef NEAP_LUA_POINT_H
#define NEAP_LUA_POINT_H

#include "lua/state.h"

struct point {
	struct script *script;
	char *path;
	enum value_type type;
	struct limits limits;
	const struct entry *entry;   /* in the catalog; NULL until installed */
	bool bad;                    /* its read fails */
	char *why;                   /* the last failure of its read; NULL: there was none */
	uint32_t failures;           /* of its reads, since the script was loaded */
	const struct ticker *ticker; /* that reads it; NULL: none */
	int64_t skips;               /* so many of its times are left out: it fails */
	bool has_last;               /* what was pushed, or is the value of a setting: */
	struct value last;
	char *text; /* of the last value, ours; NULL if it has none */
	struct stamp last_time;
};

/* The point of the handle at `index`; raises if there is none. */
struct point *point_of(lua_State *L, int index);
struct point *point_add(struct script *script, const struct entry *entry);
/* When it is read next, on the monotonic clock; INT64_MAX: not by itself. */
int64_t point_next_ms(const struct point *point);
/* Looks up every point's entry when the draft has been installed. */
void point_install(struct script *script);
/* Copies. */
void point_remember(struct point *point, const struct value *value, const struct stamp *time);
/* The last values of the paths that are declared in the same type again. */
void point_carry(const struct script *from, struct script *to);
void point_free_all(struct script *script);

#endif
