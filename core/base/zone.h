/*
 * Time zones: how far local time is ahead of UTC at a time, without the process's own zone.
 *
 * A zone is named "UTC", "local" (what the C library has from TZ or /etc/localtime), by a name of
 * the zone database ("Europe/Paris"; TZDIR or /usr/share/zoneinfo), or by a rule as OpenWrt and
 * POSIX write it ("CET-1CEST,M3.5.0,M10.5.0/3"), which needs no database. Times are seconds since
 * 1970. Formats: RFC 8536 (TZif, version 2 and later), POSIX.1-2017 8.3 (TZ). Loop thread.
 */
#ifndef NEAP_CORE_ZONE_H
#define NEAP_CORE_ZONE_H

#include "core/base/err.h"

#include <stdint.h>

struct zone;

/* NULL: there is no such zone; the text tells what is possible. */
struct zone *zone_open(const char *name, struct err *err);
void zone_free(struct zone *zone);

/* Seconds to add to UTC. */
int64_t zone_offset(const struct zone *zone, int64_t time);
/* When the zone's clocks show `local` (as if that were UTC): the first time they do; if they never
 * do, because they are put forward over it, when that happens. */
int64_t zone_time(const struct zone *zone, int64_t local);

#endif
