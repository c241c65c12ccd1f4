#include "core/link/bodies.h"

#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/catalog/policies.h"
#include "core/message/encoder.h"
#include "core/message/series.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 65536 /* bytes of refused bodies kept for inspection */

/* Where bodies go and what makes them. */
enum route_kind { ROUTE_DATA, ROUTE_TS, ROUTE_TSZ, ROUTE_ACKS, ROUTES };
struct route {
	const char *topic;
	struct encoder encoder;
};

struct bodies {
	const struct clock *clock;
	const struct config *config;
	struct catalog *catalog;
	struct route routes[ROUTES];
	size_t limit;
	struct buf text;
	struct {
		const struct queue *queue; /* NULL: none */
		uint64_t seq;
	} condemned;
};

/* The body that is being filled. */
struct filling {
	struct bodies *bodies;
	struct queue *queue;
	enum queue_lane lane;
	enum policy_encoding encoding;
	const struct route *route; /* NULL: nothing is in it */
	size_t found_limit;        /* put off for one sample that is above it; or 0 */
	struct body body;
};

static void free_routes(struct bodies *bodies)
{
	for (int i = 0; i < ROUTES; i++) {
		if (bodies->routes[i].encoder.self)
			bodies->routes[i].encoder.free(bodies->routes[i].encoder.self);
	}
}

void bodies_set_limit(struct bodies *bodies, size_t limit)
{
	const struct config *config = bodies->config;
	const struct message_format format = {
	    .form_a = config->payload.form_a,
	    .native_values = config->payload.native_values,
	    .milliseconds = config->payload.milliseconds,
	    .max_bytes = limit,
	};

	free_routes(bodies);
	bodies->routes[ROUTE_DATA] = (struct route){config->topics.data, encoder_of_messages(&format)};
	bodies->routes[ROUTE_TS] =
	    (struct route){config->topics.ts, encoder_of_series(false, limit, bodies->catalog)};
	bodies->routes[ROUTE_TSZ] =
	    (struct route){config->topics.tsz, encoder_of_series(true, limit, bodies->catalog)};
	bodies->routes[ROUTE_ACKS] =
	    (struct route){config->topics.acks, encoder_of_acks(config->payload.ack_error, limit)};
	bodies->limit = limit;
}

size_t bodies_limit(const struct bodies *bodies)
{
	return bodies->limit;
}

/* Leaves the sample where it is if its time may still become known; else settles whether it has
 * one. */
static bool settle_time(struct filling *filling, struct record *record)
{
	const char *name = queue_name(filling->queue);
	bool answer = strcmp(name, POLICY_ANSWERS) == 0 || strcmp(name, POLICY_ACKS) == 0;
	int64_t deadline = record->sample.time.mono_ms + filling->bodies->config->clock.deadline_ms;

	/* An answer goes at once: the server's own stamp on its arrival is right. An acknowledgement
	 * has no time. */
	if (record->time == TIME_WAITS && !answer && clock_mono_ms(filling->bodies->clock) < deadline) {
		filling->body.blocked_until = deadline;
		return false;
	}
	record->sample.time.wall_valid = record->time == TIME_KNOWN;
	return true;
}

/* The sample that the lane stands at is given up. The body is empty. */
static void lose(struct filling *filling)
{
	queue_advance(filling->queue, filling->lane);
	struct range range = queue_take(filling->queue, filling->lane);
	queue_lose(filling->queue, &range, LOSS_REFUSED);
}

/* A limit that was found is one of bodies that held several samples: a larger one goes alone, as
 * far as the configuration lets it. */
static void meet_oversized(struct filling *filling, const char *path)
{
	struct bodies *bodies = filling->bodies;

	if (bodies->limit < bodies->config->payload.max_bytes) {
		filling->found_limit = bodies->limit;
		bodies_set_limit(bodies, bodies->config->payload.max_bytes);
		return;
	}
	log_error("uplink",
	    "%s: one sample is above the body's limit of %zu bytes and cannot be sent; raise "
	    "payload.max_bytes",
	    path, filling->bodies->limit);
	lose(filling);
}

/* Alone in a body, for whoever wants to know what the broker choked on. */
static void set_aside(struct filling *filling, const struct record *record)
{
	struct bodies *bodies = filling->bodies;
	size_t found_limit = bodies->limit;
	struct buf path = {0};
	struct stat info;

	/* it may be larger than the bodies that passed */
	bodies_set_limit(bodies, bodies->config->payload.max_bytes);
	const struct encoder *encoder = &bodies->routes[ROUTE_DATA].encoder;
	buf_printf(&path, "%s/refused.log", bodies->config->queue.dir);
	int fd = open(buf_str(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	bodies->text.len = 0;
	if (encoder->add(encoder->self, &record->sample) == MESSAGE_ADDED)
		encoder->finish(encoder->self, &bodies->text);
	buf_char(&bodies->text, '\n');
	bodies_set_limit(bodies, found_limit);
	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size + (off_t)bodies->text.len < ASIDE_MAX)
		(void)fileio_write_all(fd, bodies->text.data, bodies->text.len);
	if (fd >= 0)
		close(fd);
	log_error("uplink",
	    "%s: the broker hangs up on one sample of policy %s; it is set aside in %s and counted",
	    record->sample.path, queue_name(filling->queue), buf_str(&path));
	buf_free(&path);
	lose(filling);
	bodies->condemned.queue = NULL;
}

void bodies_condemn(struct bodies *bodies, const struct queue *queue, uint64_t seq)
{
	bodies->condemned.queue = queue;
	bodies->condemned.seq = seq;
}

static bool is_condemned(const struct filling *filling, const struct record *record)
{
	return filling->bodies->condemned.queue == filling->queue &&
	       filling->bodies->condemned.seq == record->seq;
}

/* The next sample that can be sent now. Those that never can are dealt with. */
static bool next_sample(struct filling *filling, struct record *record)
{
	while (queue_peek(filling->queue, filling->lane, record)) {
		if (!settle_time(filling, record))
			return false;
		if (!is_condemned(filling, record))
			return true;
		if (filling->route)
			return false;
		set_aside(filling, record);
	}
	return false;
}

/* What a series cannot hold goes as JSON, in a body of its own. */
static const struct route *route_of(const struct filling *filling, const struct sample *sample)
{
	const struct route *routes = filling->bodies->routes;

	if (strcmp(queue_name(filling->queue), POLICY_ACKS) == 0)
		return &routes[ROUTE_ACKS];
	if (filling->encoding == ENCODING_JSON || !series_takes(sample))
		return &routes[ROUTE_DATA];
	return &routes[filling->encoding == ENCODING_TS ? ROUTE_TS : ROUTE_TSZ];
}

static void fill(struct filling *filling, uint32_t max_samples)
{
	struct record record;

	while (next_sample(filling, &record)) {
		const struct route *route = route_of(filling, &record.sample);
		const struct encoder *encoder = &route->encoder;

		if (filling->route &&
		    (filling->route != route || encoder->count(encoder->self) >= max_samples))
			break;
		enum message_fit fit = encoder->add(encoder->self, &record.sample);
		if (fit == MESSAGE_TOO_BIG && !filling->route) {
			meet_oversized(filling, record.sample.path);
			continue;
		}
		if (fit != MESSAGE_ADDED)
			break;
		filling->route = route;
		filling->body.untimed += !record.sample.time.wall_valid;
		queue_advance(filling->queue, filling->lane);
		if (filling->found_limit)
			break;
	}
	filling->body.range = queue_take(filling->queue, filling->lane);
}

struct body bodies_next(struct bodies *bodies, struct queue *queue, enum queue_lane lane,
    enum policy_encoding encoding, uint32_t max_samples)
{
	struct filling filling = {.bodies = bodies, .queue = queue, .lane = lane, .encoding = encoding};

	fill(&filling, max_samples);
	filling.body.text = &bodies->text;
	if (filling.route) {
		filling.body.topic = filling.route->topic;
		filling.route->encoder.finish(filling.route->encoder.self, &bodies->text);
	}
	if (filling.found_limit)
		bodies_set_limit(bodies, filling.found_limit);
	return filling.body;
}

struct bodies *bodies_new(
    const struct clock *clock, const struct config *config, struct catalog *catalog)
{
	struct bodies *bodies = mem_alloc(sizeof *bodies);

	bodies->clock = clock;
	bodies->config = config;
	bodies->catalog = catalog;
	bodies_set_limit(bodies, config->payload.max_bytes);
	return bodies;
}

void bodies_free(struct bodies *bodies)
{
	if (!bodies)
		return;
	free_routes(bodies);
	buf_free(&bodies->text);
	free(bodies);
}
