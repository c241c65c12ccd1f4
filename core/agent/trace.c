#include "core/agent/trace.h"

#include "core/base/json_out.h"
#include "core/base/mem.h"
#include "core/base/value_json.h"

#include <stdlib.h>
#include <string.h>

#define PARCELS_MAX 256 /* samples whose end is awaited; of more, the oldest are forgotten */

/* A sample on its way. */
struct parcel {
	char queue[POLICY_NAME_MAX + 1];
	uint64_t seq;
	int64_t queued_ms; /* monotonic */
};

struct trace {
	struct observer observer; /* first */
	struct observers *observers;
	struct control_stream *stream;
	const struct clock *clock;
	struct queue_set *queues;
	char *path;
	struct parcel *parcels; /* in the order of their queueing */
	size_t count;
};

/* --- events --- */

static void begin_event(struct json_out *out, const struct trace *trace, const char *name)
{
	json_out_open(out, NULL, '{');
	json_out_text(out, "event", name);
	json_out_text(out, "path", trace->path);
	json_out_int(out, "at_ms", clock_wall_ms(trace->clock));
}

static void end_event(struct json_out *out, const struct trace *trace)
{
	json_out_close(out, '}');
	control_send(trace->stream, out->buf);
	buf_free(out->buf);
}

static void tell_read(const struct trace *trace, const struct sighting *sighting)
{
	struct buf event = {0};
	struct json_out out = {.buf = &event};

	begin_event(&out, trace, "read");
	json_out_raw(&out, "value");
	value_json(&event, sighting->value);
	json_out_bool(&out, "reported", sighting->reported);
	json_out_text(&out, "verdict", sighting->text);
	end_event(&out, trace);
}

static void tell_failed(const struct trace *trace, const char *why)
{
	struct buf event = {0};
	struct json_out out = {.buf = &event};

	begin_event(&out, trace, "failed");
	json_out_text(&out, "error", why);
	end_event(&out, trace);
}

static void tell_queued(const struct trace *trace, const struct sighting *sighting)
{
	struct buf event = {0};
	struct json_out out = {.buf = &event};
	bool lost = sighting->what == SIGHT_LOST;

	begin_event(&out, trace, lost ? "lost" : "queued");
	json_out_raw(&out, "value");
	value_json(&event, sighting->value);
	json_out_text(&out, "policy", sighting->queue);
	if (!lost)
		json_out_int(&out, "seq", (int64_t)sighting->first);
	end_event(&out, trace);
}

static void tell_parcel(const struct trace *trace, const char *name, const struct parcel *parcel)
{
	struct buf event = {0};
	struct json_out out = {.buf = &event};

	begin_event(&out, trace, name);
	json_out_text(&out, "policy", parcel->queue);
	json_out_int(&out, "seq", (int64_t)parcel->seq);
	json_out_number(
	    &out, "after_s", (double)(clock_mono_ms(trace->clock) - parcel->queued_ms) / 1000);
	end_event(&out, trace);
}

/* --- the parcels --- */

static void remove_parcel(struct trace *trace, size_t index)
{
	trace->count--;
	memmove(&trace->parcels[index], &trace->parcels[index + 1],
	    (trace->count - index) * sizeof(*trace->parcels));
}

static void add_parcel(struct trace *trace, const char *queue, uint64_t seq)
{
	if (trace->count == PARCELS_MAX)
		remove_parcel(trace, 0);
	struct parcel *parcel = &trace->parcels[trace->count++];

	*parcel = (struct parcel){.seq = seq, .queued_ms = clock_mono_ms(trace->clock)};
	strncpy(parcel->queue, queue, POLICY_NAME_MAX);
}

/* A message's range may enclose samples that are another's, or wait: the queue knows. */
static bool is_under_way(const struct trace *trace, const struct parcel *parcel)
{
	for (struct queue *queue = queue_next(trace->queues, NULL); queue;
	     queue = queue_next(trace->queues, queue))
		if (strcmp(queue_name(queue), parcel->queue) == 0)
			return queue_where(queue, parcel->seq) == PLACE_IN_FLIGHT;
	return false;
}

static bool is_gone(const struct trace *trace, const struct parcel *parcel)
{
	for (struct queue *queue = queue_next(trace->queues, NULL); queue;
	     queue = queue_next(trace->queues, queue))
		if (strcmp(queue_name(queue), parcel->queue) == 0)
			return queue_where(queue, parcel->seq) == PLACE_GONE;
	return true;
}

static void see_message(struct trace *trace, const struct sighting *sighting)
{
	static const char *const names[] = {
	    [SIGHT_SENT] = "sent", [SIGHT_ACKED] = "acknowledged", [SIGHT_RETURNED] = "returned"};

	for (size_t i = 0; i < trace->count; i++) {
		const struct parcel *parcel = &trace->parcels[i];

		if (parcel->seq < sighting->first || parcel->seq > sighting->last ||
		    strcmp(parcel->queue, sighting->queue) != 0 || !is_under_way(trace, parcel))
			continue;
		tell_parcel(trace, names[sighting->what], parcel);
		if (sighting->what == SIGHT_ACKED)
			remove_parcel(trace, i--);
	}
}

/* Gone, and no message took it there: a full queue, or somebody dropped it. */
static void see_losses(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		if (!is_gone(trace, &trace->parcels[i]))
			continue;
		tell_parcel(trace, "lost", &trace->parcels[i]);
		remove_parcel(trace, i--);
	}
}

static void see(struct observer *observer, const struct sighting *sighting)
{
	struct trace *trace = (struct trace *)observer;

	if (sighting->path && strcmp(sighting->path, trace->path) != 0)
		return;
	switch (sighting->what) {
	case SIGHT_READ:
	case SIGHT_COLLECTED:
		tell_read(trace, sighting);
		break;
	case SIGHT_FAILED:
		tell_failed(trace, sighting->text);
		break;
	case SIGHT_QUEUED:
		add_parcel(trace, sighting->queue, sighting->first);
		tell_queued(trace, sighting);
		break;
	case SIGHT_LOST:
		tell_queued(trace, sighting);
		break;
	case SIGHT_SECOND:
		see_losses(trace);
		break;
	case SIGHT_SENT:
	case SIGHT_ACKED:
	case SIGHT_RETURNED:
	default:
		see_message(trace, sighting);
	}
}

/* --- the beginning --- */

static bool is_path(const void *ctx, const char *path)
{
	return strcmp(path, ctx) == 0;
}

static void write_policy(struct json_out *out, const struct live *live, const char *policy)
{
	for (struct queue *queue = queue_next(live->queues, NULL); queue;
	     queue = queue_next(live->queues, queue)) {
		struct queue_figures figures = queue_figures(queue);
		int64_t due = uplink_next_flush(live->uplink, queue);
		int64_t left = due - clock_mono_ms(live->clock);

		if (strcmp(queue_name(queue), policy) != 0)
			continue;
		json_out_int(out, "waiting", (int64_t)figures.waiting);
		json_out_int(out, "in_flight", (int64_t)figures.in_flight);
		if (due != INT64_MAX)
			json_out_number(out, "next_flush_s", left > 0 ? (double)left / 1000 : 0);
	}
}

static void write_beginning(const struct live *live, const struct entry *entry, struct buf *result)
{
	struct json_out out = {.buf = result};

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "path", entry->path);
	json_out_text(&out, "where", entry->where);
	json_out_text(&out, "policy", entry->policy);
	write_policy(&out, live, entry->policy);
	json_out_raw(&out, "sensors");
	live->ops->console->sensors(live->host, is_path, entry->path, result);
	json_out_close(&out, '}');
}

static void on_over(void *ctx)
{
	struct trace *trace = ctx;

	observe_end(trace->observers, &trace->observer);
	free(trace->parcels);
	free(trace->path);
	free(trace);
}

int trace_control(
    const struct live *live, const struct json *request, struct buf *result, struct err *err)
{
	const struct json *path = json_member(request, "path");
	const char *name = path && path->kind == JSON_STRING ? path->string.data : "";
	const struct entry *entry = catalog_find(live->catalog, name);
	const char *nearest = entry ? NULL : catalog_nearest(live->catalog, name);
	struct trace *trace;

	if (strcmp(json_member(request, "cmd")->string.data, "trace") != 0)
		return 1;
	if (!entry || entry->kind == ENTRY_COMMAND)
		return err_set(err, "%.200s is not declared as a variable or a setting%s%s%s",
		    *name ? name : "nothing", nearest ? " (did you mean \"" : "", nearest ? nearest : "",
		    nearest ? "\"?)" : "");
	write_beginning(live, entry, result);
	trace = mem_alloc(sizeof(*trace));
	trace->observer.see = see;
	trace->observers = live->observers;
	trace->clock = live->clock;
	trace->queues = live->queues;
	trace->path = mem_strdup(name);
	trace->parcels = mem_alloc(PARCELS_MAX * sizeof(*trace->parcels));
	trace->stream = control_stream(live->control, on_over, trace);
	observe_begin(live->observers, &trace->observer);
	return 0;
}
