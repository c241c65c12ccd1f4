#include "core/agent/status_metrics.h"

#include <string.h>

static double number(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	if (!member)
		return 0;
	if (member->kind == JSON_INTEGER)
		return (double)member->integer;
	if (member->kind == JSON_BOOLEAN)
		return member->boolean;
	return member->kind == JSON_DOUBLE ? member->number : 0;
}

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static const struct json *first(const struct json *object, const char *key)
{
	const struct json *list = json_member(object, key);

	return list ? list->child : NULL;
}

static bool is_connected(const struct json *status)
{
	return strcmp(text(json_member(status, "link"), "state"), "connected") == 0;
}

/* --- metrics --- */

struct metric {
	const char *name, *key, *kind, *help;
};

static void head(struct buf *out, const struct metric *metric)
{
	buf_printf(out, "# HELP neap_%s %s\n# TYPE neap_%s %s\n", metric->name, metric->help,
	    metric->name, metric->kind);
}

static void plain(struct buf *out, const struct metric *metric, double value)
{
	head(out, metric);
	buf_printf(out, "neap_%s %.15g\n", metric->name, value);
}

static void add_object(
    struct buf *out, const struct json *object, const struct metric *metrics, size_t count)
{
	for (size_t i = 0; i < count; i++)
		plain(out, &metrics[i], number(object, metrics[i].key));
}

/* Names are of letters, digits, - and _: nothing in them is to be escaped. */
static void add_list(struct buf *out, const struct json *object, const char *list,
    const char *label, const struct metric *metrics, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		head(out, &metrics[i]);
		for (const struct json *one = first(object, list); one; one = one->next)
			buf_printf(out, "neap_%s{%s=\"%s\"} %.15g\n", metrics[i].name, label, text(one, "name"),
			    number(one, metrics[i].key));
	}
}

static void add_losses(struct buf *out, const struct json *status)
{
	static const struct metric metric = {
	    "samples_lost_total", "", "counter", "Samples lost, by policy and reason."};

	head(out, &metric);
	for (const struct json *one = first(status, "policies"); one; one = one->next)
		for (const struct json *lost = first(one, "lost"); lost; lost = lost->next)
			buf_printf(out, "neap_%s{policy=\"%s\",reason=\"%s\"} %lld\n", metric.name,
			    text(one, "name"), lost->key, (long long)lost->integer);
}

static void add_sensors(struct buf *out, const struct json *status)
{
	static const struct metric metric = {
	    "script_sensors_bad", "", "gauge", "Paths whose last read failed."};

	head(out, &metric);
	for (const struct json *one = first(status, "scripts"); one; one = one->next) {
		int count = 0;

		for (const struct json *bad = first(one, "bad"); bad; bad = bad->next)
			count++;
		buf_printf(out, "neap_%s{script=\"%s\"} %d\n", metric.name, text(one, "name"), count);
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void status_metrics(const struct json *status, struct buf *out)
{
	static const struct metric up = {"link_up", "", "gauge", "1 while connected and subscribed."};
	static const struct metric top[] = {
	    {"uptime_seconds", "uptime_s", "gauge", "Since the agent's start."}};
	static const struct metric clock[] = {
	    {"clock_set", "set", "gauge", "1 if the time of day can be believed."}};
	static const struct metric link[] = {
	    {"link_connects_total", "connects", "counter", "How often the link came up."},
	    {"link_losses_total", "losses", "counter", "How often the link went down."},
	    {"link_bytes_out_total", "bytes_out", "counter", "Payloads and topics handed out."},
	    {"link_messages_in_total", "messages_in", "counter", "Messages that came."},
	    {"link_tcp_bytes_sent_total", "tcp_out", "counter",
	        "Bytes that TCP carried to the broker."},
	    {"link_tcp_bytes_received_total", "tcp_in", "counter", "Bytes that TCP carried from it."}};
	static const struct metric flash[] = {
	    {"flash_bytes_written_total", "flash", "counter", "Bytes written to devices."}};
	static const struct metric process[] = {
	    {"memory_bytes", "memory", "gauge", "Resident memory of the agent."},
	    {"cpu_milliseconds_total", "cpu_ms", "counter", "Processor time of the agent."}};
	static const struct metric sent[] = {
	    {"sent_messages_total", "messages", "counter", "Messages acknowledged."},
	    {"sent_samples_total", "samples", "counter", "Samples acknowledged."},
	    {"sent_bytes_total", "bytes", "counter", "Bytes of bodies acknowledged."}};
	static const struct metric tasks[] = {
	    {"tasks_done_total", "done", "counter", "Tasks carried out."},
	    {"tasks_failed_total", "failed", "counter", "Tasks that failed."},
	    {"tasks_refused_total", "refused", "counter", "What could not be read as a task."}};
	static const struct metric policies[] = {
	    {"samples_waiting", "waiting", "gauge", "Samples accepted and not in flight."},
	    {"samples_in_flight", "in_flight", "gauge", "Samples sent and not acknowledged."},
	    {"queue_bytes", "bytes", "gauge", "On disk and in memory."},
	    {"samples_delivered_total", "delivered", "counter", "Samples delivered."}};
	static const struct metric scripts[] = {
	    {"script_memory_bytes", "memory", "gauge", "Memory of the script."},
	    {"script_cpu_milliseconds_total", "cpu_ms", "counter", "Time the script has taken."},
	    {"script_errors_total", "errors", "counter", "Handlers that ended with an error."},
	    {"script_limit_hits_total", "limit_hits", "counter", "Handlers ended by the budget."}};

	const struct json *start = json_member(json_member(status, "usage"), "start");

	plain(out, &up, is_connected(status));
	add_object(out, status, top, COUNT(top));
	add_object(out, json_member(status, "clock"), clock, COUNT(clock));
	add_object(out, json_member(status, "link"), link, COUNT(link));
	add_object(out, json_member(status, "sent"), sent, COUNT(sent));
	add_object(out, json_member(status, "tasks"), tasks, COUNT(tasks));
	add_object(out, json_member(status, "process"), process, COUNT(process));
	if (json_member(start, "flash"))
		add_object(out, start, flash, COUNT(flash));
	add_list(out, status, "policies", "policy", policies, COUNT(policies));
	add_losses(out, status);
	add_list(out, status, "scripts", "script", scripts, COUNT(scripts));
	add_sensors(out, status);
}

/* --- the check --- */

static void add_reason(struct buf *reasons, int *level, int its, const char *what, const char *more)
{
	buf_printf(reasons, "%s%s%s%s", reasons->len > 0 ? "; " : "", what, *more ? ": " : "", more);
	if (its > *level)
		*level = its;
}

int status_check(const struct json *status, struct buf *out)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	const struct json *link = json_member(status, "link");
	struct buf reasons = {0};
	double waiting = 0;
	int level = CHECK_OK;

	if (!is_connected(status))
		add_reason(&reasons, &level, CHECK_CRITICAL, text(link, "state"), text(link, "reason"));
	for (const struct json *one = first(status, "scripts"); one; one = one->next) {
		if (strcmp(text(one, "state"), "failed") == 0 ||
		    strcmp(text(one, "state"), "set aside") == 0)
			add_reason(&reasons, &level, CHECK_CRITICAL, text(one, "name"), text(one, "error"));
		for (const struct json *bad = first(one, "bad"); bad; bad = bad->next)
			add_reason(&reasons, &level, CHECK_WARNING, bad->string.data, "its read fails");
	}
	for (const struct json *one = first(status, "policies"); one; one = one->next) {
		waiting += number(one, "waiting");
		if (*text(one, "trouble"))
			add_reason(&reasons, &level, CHECK_WARNING, text(one, "name"), text(one, "trouble"));
	}
	if (number(json_member(status, "clock"), "set") == 0)
		add_reason(&reasons, &level, CHECK_WARNING, "the clock is not set", "");
	buf_printf(out, "NEAP %s - %s | waiting=%.0f sent=%.0f bytes=%.0f\n", words[level],
	    reasons.len > 0 ? buf_str(&reasons) : "connected, all sensors good", waiting,
	    number(json_member(status, "sent"), "samples"),
	    number(json_member(status, "sent"), "bytes"));
	buf_free(&reasons);
	return level;
}
