/* Time zones: rules, the database's files, and the C library as the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/base/zone.h"
#include "core/base/zone_rule.h"

#define DAY   INT64_C(86400)
#define PARIS "CET-1CEST,M3.5.0,M10.5.0/3"

static struct zone *open_zone(const char *name)
{
	struct err err = {0};
	struct zone *zone = zone_open(name, &err);
	if (!zone)
		fail_msg("%s: %s", name, err.text);
	return zone;
}

static int64_t utc(const char *text)
{
	struct tm tm = {0};
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm);
}

static void rules_are_read(void **state)
{
	static const struct {
		const char *rule;
		int64_t winter, summer;
	} cases[] = {
	    {"UTC0", 0, 0},
	    {"CET-1", 3600, 3600},
	    {"<-03>3", -10800, -10800},
	    {"<+0530>-5:30", 19800, 19800},
	    {"XXX-1:02:03", 3723, 3723},
	    {PARIS, 3600, 7200},
	    {"EST5EDT", -18000, -14400},
	    {"EST5EDT4,M3.2.0/2:00:00,M11.1.0", -18000, -14400},
	    {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, 37800}, /* July is winter there */
	    {"IST-2IDT,M3.4.4/26,M10.5.0", 7200, 10800},
	    {"AAA0BBB,J60,J300", 0, 3600},
	    {"AAA0BBB,59/-1,300/167", 0, 3600},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct zone_rule rule;
		if (zone_rule_parse(&rule, cases[i].rule) < 0)
			fail_msg("refused: %s", cases[i].rule);
		assert_int_equal(zone_rule_offset(&rule, utc("2026-01-15 12:00:00")), cases[i].winter);
		assert_int_equal(zone_rule_offset(&rule, utc("2026-07-15 12:00:00")), cases[i].summer);
	}
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const wrong[] = {"", "CET", "C-1", "<>1", "<CET1", "CET-25", "CET-1:60",
	    "CET-1x", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
	    "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5", "CET-1CEST,J366,J5",
	    "CET-1CEST,M3.5.0,M10.5.0/", "CET-1CEST,M3.5.0,M10.5.0/168", "CET-1CEST,M3.5.0,M10.5.0 ",
	    "CET-0001", "CET-1CEST,"};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct zone_rule rule;
		if (zone_rule_parse(&rule, wrong[i]) == 0)
			fail_msg("taken: \"%s\"", wrong[i]);
	}
}

/* From 1970 (before, the library is odd) to 2100. */
static void compare_with_library(const char *name, const char *tz)
{
	struct zone *zone = open_zone(name);
	assert_int_equal(setenv("TZ", tz, 1), 0);
	struct zone *local = open_zone("local");
	for (int64_t time = 0; time < DAY * 47482; time += 40000) {
		if (zone_offset(zone, time) != zone_offset(local, time))
			fail_msg("%s at %lld: %lld, and the library says %lld", name, (long long)time,
			    (long long)zone_offset(zone, time), (long long)zone_offset(local, time));
	}
	zone_free(local);
	zone_free(zone);
	assert_int_equal(unsetenv("TZ"), 0);
}

static void rules_are_as_the_library_has_them(void **state)
{
	static const char *const rules[] = {PARIS, "EST5EDT,M3.2.0,M11.1.0",
	    "AEST-10AEDT,M10.1.0,M4.1.0/3", "IST-2IDT,M3.4.4/26,M10.5.0", "<-03>3", "AAA0BBB,J60,J300",
	    "AAA0BBB,59,300/3", "IST-1GMT0,M10.5.0,M3.5.0/1"};
	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		compare_with_library(rules[i], rules[i]);
}

static void the_database_is_as_the_library_has_it(void **state)
{
	static const char *const names[] = {"Europe/Paris", "Europe/Dublin", "America/New_York",
	    "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
	    "Asia/Gaza", "Pacific/Apia", "America/Nuuk"};
	(void)state;
	if (access("/usr/share/zoneinfo/Europe/Paris", R_OK) < 0)
		skip();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		compare_with_library(names[i], names[i]);
}

/* --- files --- */

static char dir[] = "/tmp/neap-zone-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && setenv("TZDIR", dir, 1) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[100];
	(void)state;
	(void)snprintf(path, sizeof path, "%s/Test", dir);
	(void)unlink(path);
	return rmdir(dir) == 0 && unsetenv("TZDIR") == 0 ? 0 : -1;
}

static const uint8_t table[] =
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\4"
    "\0\0\0\0\0\0\0\xc8\0\0\0\0\0\0\1\x90" /* at 200 and at 400 */
    "\1\0"                                 /* the second, the first */
    "\0\0\x0e\x10\0\0\xff\xff\xf1\xf0\0\0" /* 3600, -3600 */
    "AAA\0\n";

static void files_are_read(void **state)
{
	char path[100];
	uint8_t file[300];
	size_t len = sizeof table - 1;
	(void)state;
	(void)snprintf(path, sizeof path, "%s/Test", dir);
	memcpy(file, table, len);
	memcpy(file + len, PARIS "\n", sizeof PARIS);
	assert_int_equal(fileio_replace(path, file, len + sizeof PARIS, 0600, NULL), 0);
	struct zone *zone = open_zone("Test");
	assert_int_equal(zone_offset(zone, 199), 3600);
	assert_int_equal(zone_offset(zone, 200), -3600);
	assert_int_equal(zone_offset(zone, 399), -3600);
	assert_int_equal(zone_offset(zone, 400), 3600);
	assert_int_equal(zone_offset(zone, utc("2026-07-15 12:00:00")), 7200);
	zone_free(zone);

	/* each cut, and each byte that is another one, is refused or read, and harms nothing */
	for (size_t cut = 0; cut < len + sizeof PARIS; cut++) {
		assert_int_equal(fileio_replace(path, file, cut, 0600, NULL), 0);
		assert_null(zone_open("Test", NULL));
	}
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			file[i] = (uint8_t)(file[i] ^ 1 << bit);
			assert_int_equal(fileio_replace(path, file, len + sizeof PARIS, 0600, NULL), 0);
			zone = zone_open("Test", NULL);
			if (zone)
				(void)zone_offset(zone, 300);
			zone_free(zone);
			file[i] = (uint8_t)(file[i] ^ 1 << bit);
		}
	}
}

static void names_stay_in_the_folder(void **state)
{
	static const char *const names[] = {
	    "", "/etc/passwd", "../x", "Europe/../../x", "Nowhere/At_All", "."};
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_null(zone_open(names[i], &err));
		assert_non_null(strstr(err.text, "there is no time zone \""));
	}
}

/* --- local times --- */

static void local_times_are_found(void **state)
{
	static const struct {
		const char *local, *utc;
	} cases[] = {
	    {"2026-01-15 03:00:00", "2026-01-15 02:00:00"},
	    {"2026-07-15 03:00:00", "2026-07-15 01:00:00"},
	    {"2026-03-29 01:59:59", "2026-03-29 00:59:59"},
	    {"2026-03-29 02:00:00", "2026-03-29 01:00:00"}, /* does not exist: when it is skipped */
	    {"2026-03-29 02:30:00", "2026-03-29 01:00:00"},
	    {"2026-03-29 03:00:00", "2026-03-29 01:00:00"},
	    {"2026-10-25 01:59:59", "2026-10-24 23:59:59"},
	    {"2026-10-25 02:00:00", "2026-10-25 00:00:00"}, /* comes twice: the first */
	    {"2026-10-25 02:59:59", "2026-10-25 00:59:59"},
	    {"2026-10-25 03:00:00", "2026-10-25 02:00:00"},
	};
	struct zone *zone = open_zone(PARIS);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(zone_time(zone, utc(cases[i].local)), utc(cases[i].utc));
	zone_free(zone);
	zone = open_zone("UTC");
	assert_int_equal(zone_time(zone, 12345), 12345);
	assert_int_equal(zone_offset(zone, 12345), 0);
	zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rules_are_read),
	    cmocka_unit_test(what_is_no_rule_is_refused),
	    cmocka_unit_test(rules_are_as_the_library_has_them),
	    cmocka_unit_test(the_database_is_as_the_library_has_it),
	    cmocka_unit_test_setup_teardown(files_are_read, make_dir, remove_dir),
	    cmocka_unit_test(names_stay_in_the_folder),
	    cmocka_unit_test(local_times_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
