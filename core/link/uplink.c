#include "core/link/uplink.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/link/bodies.h"
#include "core/link/poison.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOWEST_BODY_LIMIT 512 /* what a size found by poison.h may shrink bodies to */
#define UNBLOCKED         INT64_MIN
#define STUCK_MS          100 /* until the next try where something is due and cannot go */

/* What the uplink knows of one queue, by the queue's name. */
struct outlet {
	char name[POLICY_NAME_MAX + 1];
	bool flushing;     /* its batch was due: everything goes until the lane is empty */
	int64_t jitter_ms; /* drawn for the present batch */
	int64_t
	    blocked_until; /* its next sample waits for the clock, until then at most; or UNBLOCKED */
	uint64_t turn;     /* when it sent last: within a priority the queues take turns */
	struct outlet *next;
};

/* A message in flight; its address is the token. */
struct flight {
	struct queue *queue;
	struct outlet *outlet;
	struct range range;
	size_t bytes;
	bool dropped; /* it comes back because we gave the session up */
	struct flight *prev, *next;
};

struct uplink {
	uv_loop_t *loop;
	uv_timer_t *timer; /* the next flush */
	struct clock *clock;
	const struct config *config;
	struct queue_set *queues;
	struct policies *policies;
	struct uplink_link link;
	const struct observers *observers;
	struct bodies *bodies;
	struct outlet *outlets;
	struct flight *flights;
	struct poison poison;
	struct poison_flight returned; /* came back since the last loss: also in flight when it went */
	struct {
		const struct queue *queue;
		uint64_t seq;
	} last; /* the first sample sent last */
	struct uplink_figures figures;
	double fresh_debt; /* bytes: above 0 the fresh lanes have had more than their share */
	uint64_t turns;
	uint32_t random;
	uint64_t losses; /* of connections, seen */
	bool connected;
	bool pumping;
};

/* One thing that could be sent next. */
struct candidate {
	struct queue *queue;
	struct outlet *outlet;
	const struct policy *policy;
	enum queue_lane lane;
};

static struct outlet *outlet_of(struct uplink *uplink, const char *name)
{
	struct outlet *outlet = uplink->outlets;

	while (outlet && strcmp(outlet->name, name) != 0)
		outlet = outlet->next;
	if (!outlet) {
		outlet = mem_alloc(sizeof(*outlet));
		strncpy(outlet->name, name, POLICY_NAME_MAX);
		outlet->blocked_until = UNBLOCKED;
		outlet->jitter_ms = -1;
		outlet->next = uplink->outlets;
		uplink->outlets = outlet;
	}
	return outlet;
}

/* xorshift32 (Marsaglia 2003): spreads flushes over a fleet, no more. */
static int64_t draw_jitter(struct uplink *uplink, int64_t max_ms)
{
	uplink->random ^= uplink->random << 13;
	uplink->random ^= uplink->random >> 17;
	uplink->random ^= uplink->random << 5;
	return max_ms > 0 ? (int64_t)(uplink->random % (uint64_t)(max_ms + 1)) : 0;
}

/* A queue that no policy is declared for any more just drains. */
static const struct policy *policy_of(struct uplink *uplink, const struct queue *queue)
{
	const struct policy *policy = policies_find(uplink->policies, queue_name(queue));

	return policy ? policy : policies_find(uplink->policies, POLICY_DEFAULT);
}

static bool is_declared(struct uplink *uplink, const struct queue *queue)
{
	return policies_find(uplink->policies, queue_name(queue)) != NULL;
}

/* When the fresh lane of a queue is due, as monotonic ms. */
static int64_t fresh_due(struct uplink *uplink, const struct queue *queue, struct outlet *outlet)
{
	const struct policy *policy = policy_of(uplink, queue);
	struct queue_figures figures = queue_figures(queue);
	struct policy_state state = {
	    .waiting = figures.waiting - figures.backlog,
	    .first_mono_ms = figures.first_mono_ms,
	};

	if (state.waiting == 0) {
		outlet->flushing = false;
		return INT64_MAX;
	}
	if (outlet->flushing || !is_declared(uplink, queue))
		return 0;
	if (outlet->jitter_ms < 0)
		outlet->jitter_ms = draw_jitter(uplink, policy->jitter_ms);
	state.jitter_ms = outlet->jitter_ms;
	return policy_due(policy, &state);
}

static bool is_blocked(const struct uplink *uplink, const struct outlet *outlet, int64_t now)
{
	return outlet->blocked_until > now && !clock_is_set(uplink->clock);
}

static bool lane_ready(struct uplink *uplink, const struct candidate *candidate, int64_t now)
{
	if (is_blocked(uplink, candidate->outlet, now))
		return false;
	if (candidate->lane == LANE_BACKLOG)
		return queue_figures(candidate->queue).backlog > 0;
	return fresh_due(uplink, candidate->queue, candidate->outlet) <= now;
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
	if (!b->queue)
		return true;
	if (a->policy->priority != b->policy->priority)
		return a->policy->priority < b->policy->priority;
	return a->outlet->turn < b->outlet->turn;
}

/* The first of one lane over all queues: by priority, then in turn. candidate.queue NULL: nothing
 * is due. */
static struct candidate first_of_lane(struct uplink *uplink, enum queue_lane lane, int64_t now)
{
	struct candidate best = {.lane = lane};

	for (struct queue *queue = queue_next(uplink->queues, NULL); queue;
	     queue = queue_next(uplink->queues, queue)) {
		struct candidate candidate = {
		    .queue = queue,
		    .outlet = outlet_of(uplink, queue_name(queue)),
		    .policy = policy_of(uplink, queue),
		    .lane = lane,
		};
		if (lane_ready(uplink, &candidate, now) && goes_before(&candidate, &best))
			best = candidate;
	}
	return best;
}

/* Fresh and backlog share the link by bytes; where only one of them waits it has the whole. */
static struct candidate next_candidate(struct uplink *uplink, int64_t now, bool *contended)
{
	struct candidate fresh = first_of_lane(uplink, LANE_FRESH, now);
	struct candidate backlog = first_of_lane(uplink, LANE_BACKLOG, now);

	*contended = fresh.queue && backlog.queue;
	if (!*contended)
		return fresh.queue ? fresh : backlog;
	return uplink->fresh_debt <= 0 ? fresh : backlog;
}

static void account_share(struct uplink *uplink, enum queue_lane lane, size_t bytes)
{
	double share = uplink->config->window.fresh;

	if (lane == LANE_FRESH)
		uplink->fresh_debt += (double)bytes * (1 - share);
	else
		uplink->fresh_debt -= (double)bytes * share;
}

static void add_flight(struct uplink *uplink, struct flight *flight)
{
	flight->next = uplink->flights;
	if (flight->next)
		flight->next->prev = flight;
	uplink->flights = flight;
	uplink->figures.in_flight++;
	uplink->figures.in_flight_bytes += flight->bytes;
}

static void remove_flight(struct uplink *uplink, struct flight *flight)
{
	*(flight->prev ? &flight->prev->next : &uplink->flights) = flight->next;
	if (flight->next)
		flight->next->prev = flight->prev;
	uplink->figures.in_flight--;
	uplink->figures.in_flight_bytes -= flight->bytes;
}

static void tell(const struct uplink *uplink, const struct flight *flight, enum sight what)
{
	const struct sighting sighting = {
	    .what = what,
	    .queue = queue_name(flight->queue),
	    .first = flight->range.first,
	    .last = flight->range.last,
	};

	observe_tell(uplink->observers, &sighting);
}

static bool send_one(struct uplink *uplink, const struct candidate *candidate, bool contended)
{
	struct outlet *outlet = candidate->outlet;
	struct body body =
	    bodies_next(uplink->bodies, candidate->queue, candidate->lane, candidate->policy->encoding,
	        poison_samples(&uplink->poison, candidate->policy->max_samples));

	outlet->blocked_until = body.blocked_until > 0 ? body.blocked_until : UNBLOCKED;
	if (body.range.count == 0) {
		/* Nothing but what waits for the clock: try the others. */
		return outlet->blocked_until != UNBLOCKED;
	}
	uplink->figures.untimed += body.untimed;

	struct flight *flight = mem_alloc(sizeof(*flight));
	flight->queue = candidate->queue;
	flight->outlet = outlet;
	flight->range = body.range;
	flight->bytes = body.text->len;
	uplink->last.queue = candidate->queue;
	uplink->last.seq = body.range.first;
	add_flight(uplink, flight);
	outlet->turn = ++uplink->turns;
	if (contended)
		account_share(uplink, candidate->lane, flight->bytes);
	const struct uplink_message message = {
	    .policy = outlet->name,
	    .topic = body.topic,
	    .payload = body.text->data,
	    .len = body.text->len,
	    .token = flight,
	};
	if (uplink->link.publish(uplink->link.ctx, &message) == 0) {
		tell(uplink, flight, SIGHT_SENT);
		return true;
	}
	remove_flight(uplink, flight);
	queue_release(candidate->queue, &body.range);
	free(flight);
	return false;
}

/* --- what is due, and when to look again --- */

static bool window_open(const struct uplink *uplink)
{
	uint32_t messages = poison_window(&uplink->poison, uplink->config->window.messages);

	return uplink->connected && uplink->figures.in_flight < messages &&
	       (uplink->figures.in_flight == 0 ||
	           uplink->figures.in_flight_bytes + bodies_limit(uplink->bodies) <=
	               uplink->config->window.bytes);
}

/* A batch that has become due goes as a whole, also when the window makes it wait. */
static void start_flushes(struct uplink *uplink, int64_t now)
{
	for (struct queue *queue = queue_next(uplink->queues, NULL); queue;
	     queue = queue_next(uplink->queues, queue)) {
		struct outlet *outlet = outlet_of(uplink, queue_name(queue));
		const struct policy *policy = policy_of(uplink, queue);
		struct queue_figures figures = queue_figures(queue);
		uint64_t fresh = figures.waiting - figures.backlog;

		/* Full batches leave by themselves; what is short of one waits for its time. */
		if (fresh > 0 && fresh < policy->max_samples && fresh_due(uplink, queue, outlet) <= now) {
			outlet->flushing = true;
			outlet->jitter_ms = -1;
		}
	}
}

static void on_timer(uv_timer_t *timer);

/* Never at once: libuv before 1.45 runs a timer that its own callback sets to 0 again and again, and
 * nothing else. */
static void arm_timer(struct uplink *uplink, int64_t now, int64_t least_ms)
{
	int64_t next = INT64_MAX;

	for (struct queue *queue = queue_next(uplink->queues, NULL); queue;
	     queue = queue_next(uplink->queues, queue)) {
		struct outlet *outlet = outlet_of(uplink, queue_name(queue));
		int64_t due = queue_figures(queue).backlog > 0 ? now : fresh_due(uplink, queue, outlet);

		if (due != INT64_MAX && is_blocked(uplink, outlet, now))
			due = outlet->blocked_until;
		if (due < next)
			next = due;
	}
	/* While the window is closed or the link down, a PUBACK or the link wakes us. */
	if (next == INT64_MAX || !window_open(uplink))
		uv_timer_stop(uplink->timer);
	else
		uv_timer_start(
		    uplink->timer, on_timer, (uint64_t)(next - now > least_ms ? next - now : least_ms), 0);
}

static void pump(struct uplink *uplink)
{
	int64_t now = clock_mono_ms(uplink->clock);
	bool stuck = false;

	if (uplink->pumping)
		return;
	uplink->pumping = true;
	start_flushes(uplink, now);
	while (!stuck && window_open(uplink)) {
		bool contended;
		struct candidate candidate = next_candidate(uplink, now, &contended);

		if (!candidate.queue)
			break;
		stuck = !send_one(uplink, &candidate, contended);
	}
	arm_timer(uplink, now, stuck ? STUCK_MS : 1);
	uplink->pumping = false;
}

static void on_timer(uv_timer_t *timer)
{
	pump(timer->data);
}

/* --- what became of it --- */

void uplink_acked(struct uplink *uplink, void *token)
{
	struct flight *flight = token;

	uplink->figures.messages++;
	uplink->figures.samples += flight->range.count;
	uplink->figures.bytes += flight->bytes;
	tell(uplink, flight, SIGHT_ACKED);
	queue_ack(flight->queue, &flight->range);
	remove_flight(uplink, flight);
	if (poison_acked(&uplink->poison, flight->range.count, flight->bytes)) {
		size_t limit = uplink->poison.largest_passed;
		bodies_set_limit(uplink->bodies, limit > LOWEST_BODY_LIMIT ? limit : LOWEST_BODY_LIMIT);
		log_warn("uplink",
		    "the broker hangs up on large bodies: sending %zu bytes at most from now on; set "
		    "payload.max_bytes to make it last",
		    bodies_limit(uplink->bodies));
	}
	free(flight);
	pump(uplink);
}

void uplink_failed(struct uplink *uplink, void *token)
{
	struct flight *flight = token;

	if (!flight->dropped) {
		uplink->returned.messages++;
		uplink->returned.samples += flight->range.count;
	}
	tell(uplink, flight, SIGHT_RETURNED);
	queue_release(flight->queue, &flight->range);
	remove_flight(uplink, flight);
	free(flight);
}

static void on_lost(struct uplink *uplink)
{
	struct poison_flight in_flight = uplink->returned;

	uplink->returned = (struct poison_flight){0};
	in_flight.messages += uplink->figures.in_flight;
	for (const struct flight *flight = uplink->flights; flight; flight = flight->next)
		in_flight.samples += flight->range.count;
	enum poison_advice advice = poison_lost(&uplink->poison, &in_flight);
	if (advice == POISON_NOTHING)
		return;
	log_warn("uplink",
	    "the broker hangs up again and again with the same %u messages in flight: sending "
	    "them again one by one, in a new session",
	    in_flight.messages);
	if (advice == POISON_SET_ASIDE)
		bodies_condemn(uplink->bodies, uplink->last.queue, uplink->last.seq);
	for (struct flight *flight = uplink->flights; flight; flight = flight->next)
		flight->dropped = true;
	uplink->link.drop_session(uplink->link.ctx);
}

/* What had to wait for the link is backlog: it drains beside what comes from now on. */
static void mark_backlogs(struct uplink *uplink)
{
	int64_t now = clock_mono_ms(uplink->clock);

	for (struct queue *queue = queue_next(uplink->queues, NULL); queue;
	     queue = queue_next(uplink->queues, queue)) {
		struct outlet *outlet = outlet_of(uplink, queue_name(queue));

		if (fresh_due(uplink, queue, outlet) <= now) {
			queue_mark_backlog(queue);
			outlet->flushing = false;
			outlet->jitter_ms = -1;
		}
	}
}

void uplink_link(struct uplink *uplink, const struct link_status *status)
{
	bool was = uplink->connected;

	uplink->connected = status->state == LINK_CONNECTED;
	/* paho sends what it holds right after the CONNACK: a poisoned session may never get as far
	 * as the SUBACK. */
	if (status->losses > uplink->losses) {
		uplink->losses = status->losses;
		if (status->hung_up)
			on_lost(uplink);
	}
	if (uplink->connected && !was) {
		mark_backlogs(uplink);
		pump(uplink);
	}
}

/* --- outside --- */

struct uplink *uplink_new(uv_loop_t *loop, struct clock *clock, const struct config *config,
    struct catalog *catalog, struct queue_set *queues, struct policies *policies,
    const struct uplink_link *link)
{
	struct uplink *uplink = mem_alloc(sizeof(*uplink));

	uplink->loop = loop;
	uplink->clock = clock;
	uplink->config = config;
	uplink->queues = queues;
	uplink->policies = policies;
	uplink->link = *link;
	uplink->random = ((uint32_t)clock_mono_us(clock) ^ ((uint32_t)getpid() << 16)) | 1;
	uplink->bodies = bodies_new(clock, config, catalog);
	uplink->timer = mem_alloc(sizeof(*uplink->timer));
	must(uv_timer_init(loop, uplink->timer) == 0);
	uplink->timer->data = uplink;
	return uplink;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

void uplink_free(struct uplink *uplink)
{
	if (!uplink)
		return;
	must(!uplink->flights);
	uv_close((uv_handle_t *)uplink->timer, on_timer_closed);
	for (struct outlet *outlet = uplink->outlets, *next; outlet; outlet = next) {
		next = outlet->next;
		free(outlet);
	}
	bodies_free(uplink->bodies);
	free(uplink);
}

void uplink_observed(struct uplink *uplink, const struct observers *observers)
{
	uplink->observers = observers;
}

void uplink_wake(struct uplink *uplink)
{
	pump(uplink);
}

static void flush_all(struct uplink *uplink)
{
	for (struct queue *queue = queue_next(uplink->queues, NULL); queue;
	     queue = queue_next(uplink->queues, queue))
		outlet_of(uplink, queue_name(queue))->flushing = true;
}

void uplink_flush(struct uplink *uplink)
{
	flush_all(uplink);
	pump(uplink);
}

void uplink_drain(struct uplink *uplink)
{
	flush_all(uplink);
	mark_backlogs(uplink); /* all is due */
	pump(uplink);
}

struct uplink_figures uplink_figures(const struct uplink *uplink)
{
	return uplink->figures;
}

int64_t uplink_next_flush(struct uplink *uplink, const struct queue *queue)
{
	return fresh_due(uplink, queue, outlet_of(uplink, queue_name(queue)));
}
