/* Times by the calendar: reading the fields, and the next time in zones that change their clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/cron.h"

#define PARIS "CET-1CEST,M3.5.0,M10.5.0/3"
#define HOWE  "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

static int64_t utc(const char *text)
{
	struct tm tm = {0};
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return timegm(&tm);
}

static struct cron parse(const char *text)
{
	struct cron cron;
	struct err err = {0};
	if (cron_parse(&cron, text, &err) < 0)
		fail_msg("\"%s\": %s", text, err.text);
	return cron;
}

static void fields_are_read(void **state)
{
	(void)state;
	struct cron cron = parse("0 3 * * *");
	assert_true(cron.minutes == 1 && cron.hours == 8 && cron.days == 0xfffffffe);
	assert_true(cron.months == 0x1ffe && cron.weekdays == 0x7f && !cron.either_day);
	cron = parse("  5,10-14/2,*/30\t0-23/12  1,31 jan,NOV-dec mon-Wed,7 ");
	assert_true(cron.minutes ==
	            ((UINT64_C(1) << 5) | (1 << 10) | (1 << 12) | (1 << 14) | 1 | (UINT64_C(1) << 30)));
	assert_true(cron.hours == 0x1001 && cron.days == ((1U << 1) | (1U << 31)));
	assert_true(cron.months == ((1 << 1) | (1 << 11) | (1 << 12)));
	assert_true(cron.weekdays == 0xf && cron.either_day);
}

static void faults_are_named(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "the minute is missing"},
	    {"* * * *", "the day of the week is missing"},
	    {"* * * * * *", "there is more behind the five fields: \"*\""},
	    {"60 * * * *", "the minute cannot be read at \"60\": 0 to 59,"},
	    {"* 24 * * *", "the hour cannot be read at \"24\""},
	    {"* * 0 * *", "the day of the month cannot be read at \"0\""},
	    {"* * * foo *", "the month cannot be read at \"foo\": 1 to 12 or names"},
	    {"* * * * 8", "the day of the week cannot be read at \"8\""},
	    {"1, * * * *", "the minute is not complete"},
	    {"1,,2 * * * *", "the minute cannot be read at \",2\""},
	    {"5-1 * * * *", "cannot be read at \"5-1\""},
	    {"1- * * * *", "cannot be read at \"1-\""},
	    {"5/10 * * * *", "cannot be read at \"5/10\""},
	    {"*/0 * * * *", "cannot be read at \"*/0\""},
	    {"1x * * * *", "cannot be read at \"1x\""},
	    {"0001 * * * *", "cannot be read at \"0001\""},
	    {"-1 * * * *", "cannot be read at \"-1\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cron cron;
		struct err err = {0};
		assert_int_equal(cron_parse(&cron, cases[i].text, &err), -1);
		if (!strstr(err.text, cases[i].why))
			fail_msg("\"%s\": %s", cases[i].text, err.text);
	}
}

/* What runs after `after`, one after the other, all in UTC. */
static const struct {
	const char *cron, *zone, *after, *next[4];
} cases[] = {
    {"0 3 * * *", "UTC", "2026-01-01 02:59", {"2026-01-01 03:00", "2026-01-02 03:00"}},
    {"0 3 * * *", "UTC", "2026-01-01 03:00", {"2026-01-02 03:00"}},
    {"*/20 * * * *", "UTC", "2026-12-31 23:30",
        {"2026-12-31 23:40", "2027-01-01 00:00", "2027-01-01 00:20"}},
    {"0 0 29 2 *", "UTC", "2026-01-01 00:00", {"2028-02-29 00:00", "2032-02-29 00:00"}},
    {"0 0 31 * *", "UTC", "2026-01-31 00:00", {"2026-03-31 00:00", "2026-05-31 00:00"}},
    {"0 12 * * mon-fri", "UTC", "2026-01-02 12:00", {"2026-01-05 12:00"}}, /* from Friday on */
    {"0 12 13 * fri", "UTC", "2026-02-13 12:00",
        {"2026-02-20 12:00", "2026-02-27 12:00", "2026-03-06 12:00", "2026-03-13 12:00"}},
    {"0 12 */10 * *", "UTC", "2026-01-12 00:00", {"2026-01-21 12:00", "2026-01-31 12:00"}},
    /* spring: 2 o'clock does not exist on 29 March */
    {"0 3 * * *", PARIS, "2026-03-28 02:00", {"2026-03-29 01:00", "2026-03-30 01:00"}},
    {"30 2 * * *", PARIS, "2026-03-28 01:30", {"2026-03-29 01:00", "2026-03-30 00:30"}},
    {"*/10 2 * * *", PARIS, "2026-03-29 00:00", {"2026-03-29 01:00", "2026-03-30 00:00"}},
    {"30 2,3 * * *", PARIS, "2026-03-29 00:00", {"2026-03-29 01:00", "2026-03-29 01:30"}},
    {"0 2,3 * * *", PARIS, "2026-03-29 00:00", {"2026-03-29 01:00", "2026-03-30 00:00"}},
    {"30 * * * *", PARIS, "2026-03-29 00:00", {"2026-03-29 00:30", "2026-03-29 01:30"}},
    /* autumn: 2 o'clock comes twice on 25 October */
    {"30 2 * * *", PARIS, "2026-10-24 12:00", {"2026-10-25 00:30", "2026-10-26 01:30"}},
    {"30 2 * * *", PARIS, "2026-10-25 01:00", {"2026-10-26 01:30"}},
    {"*/30 2 * * *", PARIS, "2026-10-25 00:00", {"2026-10-25 00:30", "2026-10-26 01:00"}},
    {"0 3 * * *", PARIS, "2026-10-25 00:00", {"2026-10-25 02:00"}},
    {"30 * * * *", PARIS, "2026-10-25 00:00",
        {"2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"}},
    {"0 0 * * *", PARIS, "2026-10-25 00:00", {"2026-10-25 23:00", "2026-10-26 23:00"}},
    {"*/5 * 26 10 *", PARIS, "2026-01-01 00:00", {"2026-10-25 23:00", "2026-10-25 23:05"}},
    /* half an hour, in the south: back on 5 April, forward on 4 October */
    {"45 1 * * *", HOWE, "2026-04-04 12:00", {"2026-04-04 14:45", "2026-04-05 15:15"}},
    {"15 2 * * *", HOWE, "2026-10-03 00:00", {"2026-10-03 15:30", "2026-10-04 15:15"}},
};

static void next_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cron cron = parse(cases[i].cron);
		struct zone *zone = zone_open(cases[i].zone, NULL);
		int64_t time = utc(cases[i].after);
		assert_non_null(zone);
		for (int n = 0; n < 4 && cases[i].next[n]; n++) {
			char text[40];
			time = cron_next(&cron, zone, time);
			time_t seconds = (time_t)time;
			(void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", gmtime(&seconds));
			if (time != utc(cases[i].next[n]))
				fail_msg("\"%s\" in %s: %s, not %s", cases[i].cron, cases[i].zone, text,
				    cases[i].next[n]);
		}
		zone_free(zone);
	}
}

static void seconds_count(void **state)
{
	(void)state;
	struct cron cron = parse("0 3 * * *");
	struct zone *zone = zone_open("UTC", NULL);
	int64_t three = utc("2026-01-01 03:00");
	assert_int_equal(cron_next(&cron, zone, three - 1), three);
	assert_int_equal(cron_next(&cron, zone, three + 59), three + 86400);
	assert_int_equal(cron_next(&cron, zone, -1), 3 * 3600);
	assert_int_equal(cron_next(&cron, zone, -80000), -86400 + 3 * 3600);
	zone_free(zone);
}

static void never(void **state)
{
	(void)state;
	struct zone *zone = zone_open("UTC", NULL);
	struct cron cron = parse("0 0 30 2 *");
	assert_true(cron_next(&cron, zone, utc("2026-01-01 00:00")) == CRON_NEVER);
	cron = parse("* * 31 apr,jun *");
	assert_true(cron_next(&cron, zone, utc("2026-01-01 00:00")) == CRON_NEVER);
	zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_read),
	    cmocka_unit_test(faults_are_named),
	    cmocka_unit_test(next_times),
	    cmocka_unit_test(seconds_count),
	    cmocka_unit_test(never),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
