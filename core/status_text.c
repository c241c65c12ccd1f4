#include "core/status_text.h"

#include "core/number.h"

#include <stdio.h>
#include <string.h>

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

/* A member in seconds, as a person says it. */
static const char *span(const struct json *object, const char *key, char out[NUMBER_TEXT])
{
	const struct json *member = json_member(object, key);
	double value = 0;

	if (member && member->kind == JSON_INTEGER)
		value = (double)member->integer;
	else if (member && member->kind == JSON_DOUBLE)
		value = member->number;
	duration_format(out, value < 10 ? (int64_t)(value * 1000) : (int64_t)value * 1000);
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
	putchar('\n');
	if (text(link, "reason")[0])
		printf("        last failure: %s\n", text(link, "reason"));
}

static void print_losses(const struct json *policy)
{
	const struct json *lost = json_member(policy, "lost");

	for (const struct json *reason = lost ? lost->child : NULL; reason; reason = reason->next)
		printf("        %s lost %lld: %s\n", text(policy, "name"), (long long)reason->integer,
		    reason->key);
}

void status_print_policies(const struct json *list)
{
	char time[NUMBER_TEXT];

	printf("policy           waiting in flight   backlog      bytes  delivered next flush\n");
	for (const struct json *policy = list ? list->child : NULL; policy; policy = policy->next) {
		printf("%-16s %7lld %9lld %9lld %10lld %10lld %s\n", text(policy, "name"),
		    (long long)integer(policy, "waiting"), (long long)integer(policy, "in_flight"),
		    (long long)integer(policy, "backlog"), (long long)integer(policy, "bytes"),
		    (long long)integer(policy, "delivered"),
		    json_member(policy, "next_flush_s") ? span(policy, "next_flush_s", time) : "-");
		if (text(policy, "trouble")[0])
			printf("        %s: %s\n", text(policy, "name"), text(policy, "trouble"));
		print_losses(policy);
	}
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
		if (text(script, "refused")[0])
			printf("        its newer version is refused: %s\n", text(script, "refused"));
		if (text(script, "back")[0])
			printf("        its version from before a trial: %s\n", text(script, "back"));
		if (json_member(script, "trial_left_s"))
			printf("        on trial for another %s, unless neap reload --confirm comes\n",
			    span(script, "trial_left_s", left));
	}
}

void status_print(const struct json *status)
{
	const struct json *clock = json_member(status, "clock");
	const struct json *set = json_member(clock, "set");
	const struct json *tasks = json_member(status, "tasks");
	char time[NUMBER_TEXT];

	printf("neap    %s, %s, pid %lld, up %s\n", text(status, "version"), text(status, "serial"),
	    (long long)integer(status, "pid"), span(status, "uptime_s", time));
	print_link(json_member(status, "link"));
	printf(
	    "clock   %s\n", set && set->boolean ? "set" : "not set yet: samples wait for their time");
	printf("tasks   %lld done, %lld failed, %lld refused, %lld repeated, %lld running\n",
	    (long long)integer(tasks, "done"), (long long)integer(tasks, "failed"),
	    (long long)integer(tasks, "refused"), (long long)integer(tasks, "repeated"),
	    (long long)integer(tasks, "running"));
	if (json_member(tasks, "held_s"))
		printf("        held for another %s: neap hold off ends it\n", span(tasks, "held_s", time));
	print_scripts(json_member(status, "scripts"));
	status_print_policies(json_member(status, "policies"));
}

/* --- sensors --- */

static void print_value(const struct json *value)
{
	if (!value)
		printf("%-20s", "-");
	else if (value->kind == JSON_INTEGER)
		printf("%-20lld", (long long)value->integer);
	else if (value->kind == JSON_DOUBLE)
		printf("%-20.12g", value->number);
	else if (value->kind == JSON_STRING)
		printf("%-20.20s", value->string.data);
	else
		printf("%-20s", value->boolean ? "true" : "false");
}

void status_print_sensors(const struct json *sensors, const char *beginning)
{
	char time[NUMBER_TEXT];

	printf("%-36s%-20s%-8s%s\n", "path", "value", "quality", "age");
	for (const struct json *one = sensors->child; one; one = one->next) {
		if (strncmp(text(one, "path"), beginning, strlen(beginning)) != 0)
			continue;
		printf("%-35s ", text(one, "path"));
		print_value(json_member(one, "value"));
		printf("%-8s%s\n", text(one, "quality"),
		    json_member(one, "age_s") ? span(one, "age_s", time) : "-");
	}
}
