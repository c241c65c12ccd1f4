/*
 * Times by the calendar, as cron's five fields give them: "0 3 * * mon-fri".
 *
 * Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday): each *, a number, a
 * range, a list of them, with a step: "*" "5" "1-5" "0,30" "10-50/20"; months and days of the week
 * by name too. If both days are restricted, either is enough, as cron has it. Plain data; pure; any
 * thread.
 */
#ifndef NEAP_CORE_CRON_H
#define NEAP_CORE_CRON_H

#include "core/base/zone.h"

#include <stdbool.h>

#define CRON_NEVER INT64_MAX

struct cron { /* a bit for each value */
	uint64_t minutes;
	uint32_t hours, days, months, weekdays;
	bool either_day;
};

/* -1: why it is not one, without the text itself. */
int cron_parse(struct cron *cron, const char *text, struct err *err);

/*
 * The next time after `after`, both seconds since 1970; CRON_NEVER: there is none within 30 years.
 * When clocks are put forward, what was to run meanwhile runs then, once. When they are put back,
 * a time that comes twice runs the first time only; but under "*" hours, where what counts is the
 * distance, each real hour has its runs.
 */
int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after);

#endif
