/* What meta.lua, embedded, says about a name: a function, a field, a type. Any thread. */
#ifndef NEAP_LUA_HELP_H
#define NEAP_LUA_HELP_H

#include "core/base/buf.h"

/* Appends text for people. -1: there is no such name; the nearest is appended, if any is near. */
int help_find(const char *topic, struct buf *text);

#endif
