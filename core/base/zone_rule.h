/*
 * The rule of a time zone as POSIX.1-2017 8.3 writes it, with RFC 8536's extension of the times:
 * "CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3". Plain data; pure; any thread.
 */
#ifndef NEAP_CORE_ZONE_RULE_H
#define NEAP_CORE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum zone_day { DAY_OF_WEEK, DAY_JULIAN, DAY_OF_YEAR };

struct zone_change {
	enum zone_day kind;
	int month, week, day; /* day: of the week from Sunday 0, or of the year */
	int64_t seconds;      /* after midnight, may be below 0 */
};

struct zone_rule {
	int64_t standard, summer; /* seconds ahead of UTC */
	bool has_summer;
	struct zone_change begin, end; /* of summer time */
};

/* -1: the text is no such rule. */
int zone_rule_parse(struct zone_rule *rule, const char *text);
int64_t zone_rule_offset(const struct zone_rule *rule, int64_t time);

#endif
