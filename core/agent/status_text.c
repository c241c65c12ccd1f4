#include "core/agent/status_text.h"

#include "core/base/number.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t integer(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_INTEGER ? member->integer : 0;
}

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

/* A number of seconds, as a person says it: parts of a second only where there is no whole one, and
 * of long times what matters. */
static const char *say_time(double seconds, char out[NUMBER_TEXT])
{
	int64_t whole = (int64_t)seconds;

	if (whole >= 86400)
		whole -= whole % 3600;
	else if (whole >= 3600)
		whole -= whole % 60;
	duration_format(out, seconds < 1 ? (int64_t)(seconds * 1000) : whole * 1000);
	return out;
}

static double number(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	if (!member)
		return 0;
	return member->kind == JSON_INTEGER  ? (double)member->integer
	       : member->kind == JSON_DOUBLE ? member->number
	                                     : 0;
}

/* A member in seconds. */
static const char *span(const struct json *object, const char *key, char out[NUMBER_TEXT])
{
	return say_time(number(object, key), out);
}

/* A member in bytes. */
static const char *size(const struct json *object, const char *key, char out[NUMBER_TEXT])
{
	static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
	double bytes = number(object, key);
	size_t unit = 0;

	if (!json_member(object, key))
		return "?";
	for (; bytes >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	(void)snprintf(
	    out, NUMBER_TEXT, "%.*f %s", unit > 0 && bytes < 100 ? 1 : 0, bytes, units[unit]);
	return out;
}

static void print_link(const struct json *link)
{
	char time[NUMBER_TEXT];

	printf("link    %s for %s", text(link, "state"), span(link, "since_s", time));
	if (text(link, "url")[0])
		printf(", %s", text(link, "url"));
	if (json_member(link, "next_try_s"))
		printf(", next try in %s", span(link, "next_try_s", time));
	if (integer(link, "losses") > 0)
		printf(", went down %lld time%s", (long long)integer(link, "losses"),
		    integer(link, "losses") == 1 ? "" : "s");
	putchar('\n');
	if (text(link, "reason")[0])
		printf("        last failure: %s\n", text(link, "reason"));
}

static void print_clock(const struct json *clock)
{
	const struct json *set = json_member(clock, "set");
	time_t now = (time_t)(integer(clock, "wall_ms") / 1000);
	char when[40] = "?";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (set && set->boolean)
		printf("clock   %s\n", when);
	else
		printf("clock   not set yet (clock.trust: %s; it shows %s): samples wait for their time\n",
		    text(clock, "trust"), when);
}

static void print_usage(const struct json *usage)
{
	static const struct {
		const char *key, *words;
	} spans[] = {{"start", "since the start"}, {"day", "today"}, {"month", "this month"}};
	const char *lead = "bytes  ";

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		const struct json *one = json_member(usage, spans[i].key);
		char out[NUMBER_TEXT], in[NUMBER_TEXT], flash[NUMBER_TEXT];

		if (!one)
			continue;
		printf("%s %-15s %9s sent %9s received %9s to flash\n", lead, spans[i].words,
		    size(one, "out", out), size(one, "in", in), size(one, "flash", flash));
		lead = "       ";
	}
}

static void print_losses(const struct json *policy)
{
	const struct json *lost = json_member(policy, "lost");

	for (const struct json *reason = lost ? lost->child : NULL; reason; reason = reason->next)
		printf("        %s lost %lld: %s\n", text(policy, "name"), (long long)reason->integer,
		    reason->key);
}

static int64_t sum_of_losses(const struct json *policy)
{
	const struct json *lost = json_member(policy, "lost");
	int64_t sum = 0;

	for (const struct json *reason = lost ? lost->child : NULL; reason; reason = reason->next)
		sum += reason->integer;
	return sum;
}

/* now_ms: the time of day, 0 if it is not known. */
static void print_policy(const struct json *policy, int64_t now_ms)
{
	char flush[NUMBER_TEXT], age[NUMBER_TEXT], bytes[NUMBER_TEXT];
	int64_t oldest = integer(policy, "oldest_wall_ms");

	printf("%-14s %7lld %9lld %7s %8s %9lld %7lld  %s\n", text(policy, "name"),
	    (long long)integer(policy, "waiting"), (long long)integer(policy, "in_flight"),
	    oldest > 0 && now_ms >= oldest ? say_time((double)(now_ms - oldest) / 1000, age) : "-",
	    size(policy, "bytes", bytes), (long long)integer(policy, "delivered"),
	    (long long)sum_of_losses(policy),
	    json_member(policy, "next_flush_s") ? span(policy, "next_flush_s", flush) : "-");
	if (text(policy, "trouble")[0])
		printf("        %s: %s\n", text(policy, "name"), text(policy, "trouble"));
	print_losses(policy);
}

void status_print_policies(const struct json *status)
{
	const struct json *list = json_member(status, "policies");
	const struct json *clock = json_member(status, "clock");
	const struct json *set = json_member(clock, "set");
	int64_t now_ms = set && set->boolean ? integer(clock, "wall_ms") : 0;

	printf("policy         waiting in flight  oldest    bytes      sent    lost  next flush\n");
	for (const struct json *policy = list ? list->child : NULL; policy; policy = policy->next)
		print_policy(policy, now_ms);
}

static void print_bad(const struct json *script)
{
	const struct json *bad = json_member(script, "bad");
	const char *lead = "        reads that fail: ";

	for (const struct json *path = bad ? bad->child : NULL; path; path = path->next) {
		printf("%s%s", lead, path->string.data);
		lead = ", ";
	}
	if (bad && bad->child)
		putchar('\n');
}

static void print_errors(const struct json *script)
{
	char time[NUMBER_TEXT];

	if (integer(script, "errors") > 0)
		printf("        %lld errors, the last %s ago: %s\n", (long long)integer(script, "errors"),
		    span(script, "last_error_s", time), text(script, "last_error"));
}

static void print_scripts(const struct json *list)
{
	for (const struct json *script = list ? list->child : NULL; script; script = script->next) {
		char cpu[NUMBER_TEXT], slowest[NUMBER_TEXT], left[NUMBER_TEXT];

		duration_format(cpu, integer(script, "cpu_ms"));
		duration_format(slowest, integer(script, "slowest_ms"));
		printf("script  %s: %lld KB of %lld, CPU %s, slowest slice %s", text(script, "name"),
		    (long long)integer(script, "memory") / 1024,
		    (long long)integer(script, "memory_limit") / 1024, cpu, slowest);
		if (integer(script, "limit_hits") > 0)
			printf(", over its budget %lld times", (long long)integer(script, "limit_hits"));
		if (text(script, "error")[0])
			printf(", %s", text(script, "error"));
		putchar('\n');
		print_errors(script);
		print_bad(script);
		if (text(script, "refused")[0])
			printf("        its newer version is refused: %s\n", text(script, "refused"));
		if (text(script, "back")[0])
			printf("        its version from before a trial: %s\n", text(script, "back"));
		if (json_member(script, "trial_left_s"))
			printf("        on trial for another %s, unless neap reload --confirm comes\n",
			    span(script, "trial_left_s", left));
	}
}

static void print_tasks(const struct json *tasks)
{
	char time[NUMBER_TEXT];

	printf("tasks   %lld done, %lld failed, %lld refused, %lld repeated, %lld running\n",
	    (long long)integer(tasks, "done"), (long long)integer(tasks, "failed"),
	    (long long)integer(tasks, "refused"), (long long)integer(tasks, "repeated"),
	    (long long)integer(tasks, "running"));
	if (json_member(tasks, "held_s"))
		printf("        held for another %s: neap hold off ends it\n", span(tasks, "held_s", time));
}

void status_print(const struct json *status)
{
	const struct json *process = json_member(status, "process");
	char time[NUMBER_TEXT], cpu[NUMBER_TEXT], memory[NUMBER_TEXT];

	printf("neap    %s, %s, pid %lld, up %s, CPU %s, %s\n", text(status, "version"),
	    text(status, "serial"), (long long)integer(status, "pid"), span(status, "uptime_s", time),
	    say_time(number(process, "cpu_ms") / 1000, cpu), size(process, "memory", memory));
	print_link(json_member(status, "link"));
	print_clock(json_member(status, "clock"));
	print_usage(json_member(status, "usage"));
	print_tasks(json_member(status, "tasks"));
	print_scripts(json_member(status, "scripts"));
	status_print_policies(status);
}

/* --- sensors --- */

static void print_value(const struct json *value)
{
	if (!value)
		printf("%-16s", "-");
	else if (value->kind == JSON_INTEGER)
		printf("%-16lld", (long long)value->integer);
	else if (value->kind == JSON_DOUBLE)
		printf("%-16.9g", value->number);
	else if (value->kind == JSON_STRING)
		printf("%-15.15s ", value->string.data);
	else
		printf("%-16s", value->boolean ? "true" : "false");
}

static void print_sensor(const struct json *sensor)
{
	char age[NUMBER_TEXT] = "-", next[NUMBER_TEXT] = "-";

	if (json_member(sensor, "age_s"))
		span(sensor, "age_s", age);
	if (json_member(sensor, "next_s"))
		span(sensor, "next_s", next);
	printf("%-29s ", text(sensor, "path"));
	print_value(json_member(sensor, "value"));
	printf("%-8s%-8s%-8s%lld\n", text(sensor, "quality"), age, next,
	    (long long)integer(sensor, "failures"));
	if (text(sensor, "error")[0])
		printf("  error: %s\n", text(sensor, "error"));
}

void status_print_sensors(const struct json *sensors, const char *beginning)
{
	printf("%-30s%-16s%-8s%-8s%-8s%s\n", "path", "value", "quality", "age", "next", "errors");
	for (const struct json *one = sensors->child; one; one = one->next)
		if (strncmp(text(one, "path"), beginning, strlen(beginning)) == 0)
			print_sensor(one);
}
