#include "core/agent/status.h"

#include "core/base/json_out.h"

#include <sys/resource.h>
#include <unistd.h>

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static void write_link(struct json_out *out, const struct status_parts *parts, int64_t now)
{
	const struct link_status *link = mqtt_status(parts->mqtt);

	json_out_open(out, "link", '{');
	json_out_text(out, "state", link_state_name(link->state));
	json_out_number(out, "since_s", seconds(now - link->since_mono_ms));
	json_out_text(out, "url", link->url);
	json_out_text(out, "reason", link->reason);
	if (link->next_try_mono_ms > now)
		json_out_number(out, "next_try_s", seconds(link->next_try_mono_ms - now));
	json_out_int(out, "connects", (int64_t)link->connects);
	json_out_int(out, "losses", (int64_t)link->losses);
	json_out_int(out, "messages_out", (int64_t)link->messages_out);
	json_out_int(out, "messages_in", (int64_t)link->messages_in);
	json_out_int(out, "bytes_out", (int64_t)link->bytes_out);
	json_out_int(out, "tcp_out", (int64_t)link->tcp_out);
	json_out_int(out, "tcp_in", (int64_t)link->tcp_in);
	json_out_close(out, '}');
}

static void write_clock(struct json_out *out, const struct status_parts *parts)
{
	json_out_open(out, "clock", '{');
	json_out_bool(out, "set", clock_is_set(parts->clock));
	json_out_text(out, "trust", parts->config->clock.trust == CLOCK_TRUST_SYNC ? "sync" : "date");
	json_out_int(out, "wall_ms", clock_wall_ms(parts->clock));
	json_out_close(out, '}');
}

static void write_losses(struct json_out *out, const struct queue_figures *figures)
{
	json_out_open(out, "lost", '{');
	for (int reason = 0; reason < LOSS_REASONS; reason++) {
		if (figures->lost[reason] > 0)
			json_out_int(out, loss_name(reason), (int64_t)figures->lost[reason]);
	}
	json_out_close(out, '}');
}

static void write_queue(
    struct json_out *out, const struct status_parts *parts, const struct queue *queue, int64_t now)
{
	struct queue_figures figures = queue_figures(queue);
	int64_t due = uplink_next_flush(parts->uplink, queue);

	json_out_open(out, NULL, '{');
	json_out_text(out, "name", queue_name(queue));
	json_out_bool(out, "declared", policies_find(parts->policies, queue_name(queue)) != NULL);
	json_out_int(out, "waiting", (int64_t)figures.waiting);
	json_out_int(out, "in_flight", (int64_t)figures.in_flight);
	json_out_int(out, "backlog", (int64_t)figures.backlog);
	json_out_int(out, "bytes", (int64_t)figures.bytes);
	json_out_int(out, "memory_bytes", (int64_t)figures.memory_bytes);
	json_out_int(out, "unsynced", (int64_t)figures.unsynced);
	json_out_int(out, "segments", figures.segments);
	json_out_int(out, "accepted", (int64_t)figures.accepted);
	json_out_int(out, "delivered", (int64_t)figures.delivered);
	if (figures.oldest_wall_ms)
		json_out_int(out, "oldest_wall_ms", figures.oldest_wall_ms);
	if (due != INT64_MAX)
		json_out_number(out, "next_flush_s", due > now ? seconds(due - now) : 0);
	if (figures.trouble)
		json_out_text(out, "trouble", figures.trouble);
	write_losses(out, &figures);
	json_out_close(out, '}');
}

static void write_queues(struct json_out *out, const struct status_parts *parts, int64_t now)
{
	struct uplink_figures figures = uplink_figures(parts->uplink);

	json_out_open(out, "policies", '[');
	for (struct queue *queue = queue_next(parts->queues, NULL); queue;
	     queue = queue_next(parts->queues, queue))
		write_queue(out, parts, queue, now);
	json_out_close(out, ']');
	json_out_open(out, "sent", '{');
	json_out_int(out, "messages", (int64_t)figures.messages);
	json_out_int(out, "samples", (int64_t)figures.samples);
	json_out_int(out, "bytes", (int64_t)figures.bytes);
	json_out_int(out, "untimed", (int64_t)figures.untimed);
	json_out_int(out, "in_flight", figures.in_flight);
	json_out_int(out, "in_flight_bytes", (int64_t)figures.in_flight_bytes);
	json_out_close(out, '}');
}

static void write_tasks(struct json_out *out, const struct status_parts *parts)
{
	struct inbox_figures figures = inbox_figures(parts->inbox);

	json_out_open(out, "tasks", '{');
	json_out_int(out, "payloads", (int64_t)figures.payloads);
	json_out_int(out, "done", (int64_t)figures.done);
	json_out_int(out, "failed", (int64_t)figures.failed);
	json_out_int(out, "refused", (int64_t)figures.refused);
	json_out_int(out, "repeated", (int64_t)figures.repeated);
	json_out_int(out, "running", figures.running);
	if (figures.held_ms > 0)
		json_out_number(out, "held_s", seconds(figures.held_ms));
	json_out_close(out, '}');
}

static void write_span(struct json_out *out, const char *key, const uint64_t bytes[USAGE_KINDS],
    const struct usage_figures *figures)
{
	json_out_open(out, key, '{');
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		if (kind != USAGE_FLASH || figures->has_flash)
			json_out_int(out, usage_name((enum usage_kind)kind), (int64_t)bytes[kind]);
	}
	json_out_close(out, '}');
}

static void write_usage(struct json_out *out, const struct status_parts *parts)
{
	const struct usage_figures *figures = usage_figures(parts->usage);

	json_out_open(out, "usage", '{');
	write_span(out, "start", figures->start, figures);
	if (figures->dated) {
		write_span(out, "day", figures->day, figures);
		write_span(out, "month", figures->month, figures);
	}
	json_out_close(out, '}');
}

static void write_process(struct json_out *out)
{
	struct rusage used = {0};
	size_t resident = 0;

	(void)getrusage(RUSAGE_SELF, &used);
	(void)uv_resident_set_memory(&resident);
	json_out_open(out, "process", '{');
	json_out_int(out, "memory", (int64_t)resident);
	json_out_int(out, "cpu_ms",
	    (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
	        (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
	json_out_close(out, '}');
}

void status_write(const struct status_parts *parts, struct buf *json)
{
	struct json_out out = {.buf = json};
	int64_t now = clock_mono_ms(parts->clock);

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "version", NEAP_VERSION);
	json_out_int(&out, "pid", getpid());
	json_out_text(&out, "serial", parts->config->device.serial);
	json_out_number(&out, "uptime_s", seconds(now - parts->started_mono_ms));
	write_link(&out, parts, now);
	write_clock(&out, parts);
	write_queues(&out, parts, now);
	write_tasks(&out, parts);
	write_usage(&out, parts);
	write_process(&out);
	json_out_raw(&out, "scripts");
	parts->ops->status(parts->host, json);
	json_out_close(&out, '}');
}
