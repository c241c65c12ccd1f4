#include "core/base/zone_rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY 86400

/* --- reading: each takes what it knows from *at; -1: it is not there --- */

static int read_number(const char **at, int least, int most, int *out)
{
	char *end;
	if (!isdigit((unsigned char)**at))
		return -1;
	long number = strtol(*at, &end, 10);
	if (number < least || number > most || end - *at > 3)
		return -1;
	*at = end;
	*out = (int)number;
	return 0;
}

static int read_name(const char **at)
{
	const char *begin = *at;
	if (*begin == '<') {
		const char *end = strchr(begin, '>');
		if (!end || end == begin + 1)
			return -1;
		*at = end + 1;
		return 0;
	}
	while (isalpha((unsigned char)**at))
		(*at)++;
	return *at - begin >= 3 ? 0 : -1;
}

/* "1", "-3:30", "+02:00:15" */
static int read_time(const char **at, int most_hours, int64_t *seconds)
{
	int hours, minutes = 0, rest = 0;
	bool negative = **at == '-';
	if (**at == '-' || **at == '+')
		(*at)++;
	if (read_number(at, 0, most_hours, &hours) < 0)
		return -1;
	if (**at == ':' && ((*at)++, read_number(at, 0, 59, &minutes) < 0))
		return -1;
	if (**at == ':' && ((*at)++, read_number(at, 0, 59, &rest) < 0))
		return -1;
	*seconds = hours * 3600 + minutes * 60 + rest;
	if (negative)
		*seconds = -*seconds;
	return 0;
}

/* West of Greenwich counts as positive there. */
static int read_offset(const char **at, int64_t *ahead)
{
	int64_t behind;
	if (read_time(at, 24, &behind) < 0)
		return -1;
	*ahead = -behind;
	return 0;
}

static int read_day(const char **at, struct zone_change *change)
{
	if (**at == 'M') {
		change->kind = DAY_OF_WEEK;
		(*at)++;
		if (read_number(at, 1, 12, &change->month) < 0 || *(*at)++ != '.' ||
		    read_number(at, 1, 5, &change->week) < 0 || *(*at)++ != '.')
			return -1;
		return read_number(at, 0, 6, &change->day);
	}
	change->kind = **at == 'J' ? DAY_JULIAN : DAY_OF_YEAR;
	*at += **at == 'J';
	return read_number(at, change->kind == DAY_JULIAN, 365, &change->day);
}

/* ",M3.5.0/2" */
static int read_change(const char **at, struct zone_change *change)
{
	change->seconds = 2 * 3600;
	if (*(*at)++ != ',' || read_day(at, change) < 0)
		return -1;
	if (**at != '/')
		return 0;
	(*at)++;
	return read_time(at, 167, &change->seconds);
}

int zone_rule_parse(struct zone_rule *rule, const char *text)
{
	memset(rule, 0, sizeof *rule);
	if (read_name(&text) < 0 || read_offset(&text, &rule->standard) < 0)
		return -1;
	if (!*text)
		return 0;
	rule->has_summer = true;
	rule->summer = rule->standard + 3600;
	if (read_name(&text) < 0)
		return -1;
	if (*text && *text != ',' && read_offset(&text, &rule->summer) < 0)
		return -1;
	if (!*text) /* up to the system, says POSIX: as all do it, what holds in New York */
		text = ",M3.2.0,M11.1.0";
	if (read_change(&text, &rule->begin) < 0 || read_change(&text, &rule->end) < 0)
		return -1;
	return *text ? -1 : 0;
}

/* --- the offset --- */

static int64_t first_of(int year, int month) /* from 1 */
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 1};
	return timegm(&tm);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* As local time of the year, as if that were UTC. */
static int64_t change_in(const struct zone_change *change, int year)
{
	if (change->kind == DAY_OF_YEAR)
		return first_of(year, 1) + change->day * DAY + change->seconds;
	if (change->kind == DAY_JULIAN) { /* 29 February is not counted */
		int day = change->day - 1 + (is_leap(year) && change->day > 59);
		return first_of(year, 1) + day * DAY + change->seconds;
	}
	int64_t first = first_of(year, change->month);
	int64_t after = change->month == 12 ? first_of(year + 1, 1) : first_of(year, change->month + 1);
	int weekday = (int)((first / DAY + 4) % 7 + 7) % 7; /* 1970 began on a Thursday */
	int64_t day = first + (change->day - weekday + 7) % 7 * DAY + (change->week - 1) * 7 * DAY;
	while (day >= after) /* 5: the last one */
		day -= 7 * DAY;
	return day + change->seconds;
}

int64_t zone_rule_offset(const struct zone_rule *rule, int64_t time)
{
	time_t local = (time_t)(time + rule->standard);
	struct tm tm;
	if (!rule->has_summer || !gmtime_r(&local, &tm))
		return rule->standard;
	int64_t begin = change_in(&rule->begin, tm.tm_year + 1900) - rule->standard;
	int64_t end = change_in(&rule->end, tm.tm_year + 1900) - rule->summer;
	bool is_summer = begin < end ? time >= begin && time < end : time >= begin || time < end;
	return is_summer ? rule->summer : rule->standard;
}
