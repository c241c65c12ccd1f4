#include "core/base/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY       86400
#define DAYS_MOST 10958 /* 30 years: 29 February of 2100 does not exist, days of the week recur */
#define ALL_HOURS 0xffffff

/* --- reading --- */

static const char *const months[] = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
	const char *what;
	int least, most;
	const char *const *names; /* the first is `least` */
} fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, months},
    {"day of the week", 0, 7, weekdays},
};

static bool is_end(char c)
{
	return c == '\0' || isspace((unsigned char)c);
}

static int fail(const struct field *field, const char *at, struct err *err)
{
	int len = 0;
	while (len < 30 && !is_end(at[len]))
		len++;
	if (len == 0)
		return err_set(err, "the %s is not complete", field->what);
	return err_set(err, "the %s cannot be read at \"%.*s\": %d to %d%s, *, lists, ranges and steps",
	    field->what, len, at, field->least, field->most, field->names ? " or names" : "");
}

static int read_value(const struct field *field, const char **at, int *value)
{
	for (int i = 0; field->names && field->names[i]; i++) {
		if (strncasecmp(*at, field->names[i], 3) == 0) {
			*at += 3;
			*value = field->least + i;
			return 0;
		}
	}
	const char *begin = *at;
	*value = 0;
	while (isdigit((unsigned char)**at) && *at - begin < 3)
		*value = *value * 10 + *(*at)++ - '0';
	return *at > begin && *value >= field->least && *value <= field->most ? 0 : -1;
}

/* "*", "5", "1-5", each but the second with "/2" */
static int read_range(const struct field *field, const char **at, uint64_t *bits, struct err *err)
{
	const char *begin = *at;
	int low = field->least, high = field->most, step = 1;
	bool many = **at == '*';
	if (many) {
		(*at)++;
	} else {
		if (read_value(field, at, &low) < 0)
			return fail(field, begin, err);
		high = low;
		many = **at == '-';
		if (many && ((*at)++, read_value(field, at, &high) < 0 || high < low))
			return fail(field, begin, err);
	}
	if (many && **at == '/') {
		static const struct field steps = {"step", 1, 99, NULL};
		(*at)++;
		if (read_value(&steps, at, &step) < 0)
			return fail(field, begin, err);
	}
	for (int value = low; value <= high; value += step)
		*bits |= UINT64_C(1) << value;
	return 0;
}

static int read_field(const struct field *field, const char **at, uint64_t *bits, struct err *err)
{
	const char *begin;
	*bits = 0;
	do {
		begin = *at;
		if (read_range(field, at, bits, err) < 0)
			return -1;
	} while (**at == ',' && *(*at)++);
	return is_end(**at) ? 0 : fail(field, begin, err);
}

int cron_parse(struct cron *cron, const char *text, struct err *err)
{
	uint64_t bits[5];
	bool is_any[5];
	for (size_t i = 0; i < 5; i++) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text)
			return err_set(err,
			    "the %s is missing: minute, hour, day of the month, month and day of "
			    "the week are needed",
			    fields[i].what);
		is_any[i] = *text == '*';
		if (read_field(&fields[i], &text, &bits[i], err) < 0)
			return -1;
	}
	while (isspace((unsigned char)*text))
		text++;
	if (*text)
		return err_set(err, "there is more behind the five fields: \"%.30s\"", text);
	*cron = (struct cron){
	    .minutes = bits[0],
	    .hours = (uint32_t)bits[1],
	    .days = (uint32_t)bits[2],
	    .months = (uint32_t)bits[3],
	    .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
	    .either_day = !is_any[2] && !is_any[4],
	};
	return 0;
}

/* --- the next time --- */

static struct tm calendar(int64_t local)
{
	time_t seconds = (time_t)local;
	struct tm tm = {0};
	(void)gmtime_r(&seconds, &tm);
	return tm;
}

static bool is_day(const struct cron *cron, const struct tm *tm)
{
	bool of_month = cron->days >> tm->tm_mday & 1, of_week = cron->weekdays >> tm->tm_wday & 1;
	if (!(cron->months >> (tm->tm_mon + 1) & 1))
		return false;
	return cron->either_day ? of_month || of_week : of_month && of_week;
}

static int64_t floor_to(int64_t time, int64_t unit)
{
	int64_t rest = time % unit;
	return time - (rest < 0 ? rest + unit : rest);
}

/* Local time, as if there were no zones; CRON_NEVER. `local` is a full minute. */
static int64_t next_local(const struct cron *cron, int64_t local)
{
	int64_t last = local + (int64_t)DAYS_MOST * DAY;
	for (local += 60; local < last;) {
		struct tm tm = calendar(local);
		if (!is_day(cron, &tm))
			local = floor_to(local, DAY) + DAY;
		else if (!(cron->hours >> tm.tm_hour & 1))
			local = floor_to(local, 3600) + 3600;
		else if (!(cron->minutes >> tm.tm_min & 1))
			local += 60;
		else
			return local;
	}
	return CRON_NEVER;
}

/* All hours count: minute by minute of real time, but for days that are out. */
static int64_t next_real(const struct cron *cron, const struct zone *zone, int64_t after)
{
	int64_t time = floor_to(after, 60) + 60, last = time + (int64_t)DAYS_MOST * DAY;
	while (time < last) {
		int64_t local = time + zone_offset(zone, time);
		struct tm tm = calendar(local);
		if (!is_day(cron, &tm)) {
			int64_t midnight = zone_time(zone, floor_to(local, DAY) + DAY);
			time = midnight > time ? midnight : time + 60;
		} else if (!(cron->minutes >> tm.tm_min & 1)) {
			time += 60;
		} else {
			return time;
		}
	}
	return CRON_NEVER;
}

int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after)
{
	if (cron->hours == ALL_HOURS)
		return next_real(cron, zone, after);
	int64_t local = floor_to(after + zone_offset(zone, after), 60);
	while ((local = next_local(cron, local)) != CRON_NEVER) {
		int64_t time = zone_time(zone, local);
		if (time > after) /* not one that has come before the clocks were put back */
			return time;
	}
	return CRON_NEVER;
}
