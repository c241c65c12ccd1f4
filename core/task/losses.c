#include "core/task/losses.h"

#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/catalog/policies.h"
#include "core/catalog/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One policy and one reason. */
struct spell {
	char policy[POLICY_NAME_MAX + 1];
	enum loss reason;
	uint64_t seen;             /* the counter, at the last look */
	uint64_t told;             /* of them, reported */
	int64_t first_ms, last_ms; /* what is not told: 0 where it is not known */
	int64_t began_ms, grew_ms; /* monotonic; began 0: nothing goes on */
};

/* A queue's oldest sample at the last look: what is dropped next begins there. */
struct front {
	char policy[POLICY_NAME_MAX + 1];
	int64_t oldest_ms;
};

struct losses {
	struct losses_parts parts;
	struct store *store; /* NULL: it cannot be had; then a restart tells again */
	struct spell *spells;
	size_t count;
	struct front *fronts;
	size_t fronts_count;
	int64_t looked_ms; /* wall time of the last look; 0: the clock was not set */
	bool looked;       /* at all */
};

/* 0: not known */
static int64_t wall_ms(const struct losses *losses)
{
	return clock_is_set(losses->parts.clock) ? clock_wall_ms(losses->parts.clock) : 0;
}

/* --- what is kept --- */

static const char *key_of(const struct spell *spell, const char *what, struct buf *key)
{
	key->len = 0;
	buf_printf(key, "%s.%s.%s", spell->policy, loss_name(spell->reason), what);
	return buf_str(key);
}

static int64_t kept(const struct losses *losses, const struct spell *spell, const char *what)
{
	struct buf key = {0};
	struct value value = {.type = VALUE_INT};
	bool found = losses->store && store_get(losses->store, key_of(spell, what, &key), &value);

	buf_free(&key);
	return found && (value.type == VALUE_INT || value.type == VALUE_DATE) ? value.integer : 0;
}

static void keep(
    struct losses *losses, const struct spell *spell, const char *what, int64_t integer)
{
	struct buf key = {0};

	store_set(losses->store, key_of(spell, what, &key),
	    &(struct value){.type = VALUE_INT, .integer = integer});
	buf_free(&key);
}

static void note_all(struct losses *losses)
{
	if (!losses->store)
		return;
	for (size_t i = 0; i < losses->count; i++) {
		const struct spell *spell = &losses->spells[i];

		keep(losses, spell, "told", (int64_t)spell->told);
		keep(losses, spell, "first", spell->first_ms);
		keep(losses, spell, "last", spell->last_ms);
	}
}

static void save(struct losses *losses)
{
	note_all(losses);
	if (losses->store)
		store_save_later(losses->store, losses->parts.loop);
}

/* --- reports --- */

static void on_safe(void *ctx, int error)
{
	/* an error: the queue has said so; the report waits in memory as all does */
	(void)error;
	save(ctx);
}

static void write_report(const struct spell *spell, struct buf *text)
{
	struct json_out out = {.buf = text};

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "policy", spell->policy);
	json_out_text(&out, "reason", loss_name(spell->reason));
	json_out_int(&out, "count", (int64_t)(spell->seen - spell->told));
	if (spell->first_ms > 0)
		json_out_int(&out, "first", spell->first_ms);
	if (spell->last_ms > 0)
		json_out_int(&out, "last", spell->last_ms);
	json_out_close(&out, '}');
}

static void end_spell(struct losses *losses, struct spell *spell)
{
	struct buf text = {0};
	struct err err;

	events_note(losses->parts.events, EVENT_LOSS, "%s: %llu samples lost: %s", spell->policy,
	    (unsigned long long)(spell->seen - spell->told), loss_name(spell->reason));
	write_report(spell, &text);
	spell->told = spell->seen;
	spell->first_ms = spell->last_ms = spell->began_ms = 0;
	if (losses->parts.self &&
	    self_report_lost(losses->parts.self, losses->parts.ingest, buf_str(&text), &err) < 0)
		log_error("queue", "%s", err.text);
	buf_free(&text);
	ingest_sync(losses->parts.ingest, on_safe, losses);
}

/* --- looking --- */

static struct spell *find_spell(struct losses *losses, const char *policy, enum loss reason)
{
	struct spell *spell;

	for (size_t i = 0; i < losses->count; i++) {
		spell = &losses->spells[i];
		if (spell->reason == reason && strcmp(spell->policy, policy) == 0)
			return spell;
	}
	losses->spells = mem_resize(losses->spells, losses->count + 1, sizeof(*losses->spells));
	spell = &losses->spells[losses->count++];
	*spell = (struct spell){.reason = reason};
	(void)snprintf(spell->policy, sizeof(spell->policy), "%s", policy);
	spell->told = spell->seen = (uint64_t)kept(losses, spell, "told");
	spell->first_ms = kept(losses, spell, "first");
	spell->last_ms = kept(losses, spell, "last");
	return spell;
}

static struct front *find_front(struct losses *losses, const char *policy)
{
	struct front *front;

	for (size_t i = 0; i < losses->fronts_count; i++) {
		if (strcmp(losses->fronts[i].policy, policy) == 0)
			return &losses->fronts[i];
	}
	losses->fronts = mem_resize(losses->fronts, losses->fronts_count + 1, sizeof(*losses->fronts));
	front = &losses->fronts[losses->fronts_count++];
	*front = (struct front){0};
	(void)snprintf(front->policy, sizeof(front->policy), "%s", policy);
	return front;
}

/* Between which times the samples lie that were lost since the last look. */
static void stretch(const struct losses *losses, struct spell *spell, const struct front *front,
    const struct queue_figures *figures, int64_t now_ms)
{
	bool newest = spell->reason == LOSS_NEWEST || spell->reason == LOSS_MEMORY;
	int64_t from = newest || front->oldest_ms == 0 ? losses->looked_ms : front->oldest_ms;
	int64_t to = now_ms;

	if (spell->reason == LOSS_DAMAGED)
		return; /* nobody can read when it was */
	if (!losses->looked)
		from = spell->first_ms; /* what the process before knew */
	if (spell->reason == LOSS_OLDEST && figures->oldest_wall_ms > 0)
		to = figures->oldest_wall_ms;
	if (spell->first_ms == 0 || (from > 0 && from < spell->first_ms))
		spell->first_ms = from;
	if (to > spell->last_ms)
		spell->last_ms = to;
}

static bool look_at(struct losses *losses, const struct queue *queue, int64_t now_ms)
{
	struct queue_figures figures = queue_figures(queue);
	struct front *front = find_front(losses, queue_name(queue));
	bool lost = false;

	for (int reason = 0; reason < LOSS_REASONS; reason++) {
		uint64_t count = figures.lost[reason];
		struct spell *spell;

		if (count == 0)
			continue;
		spell = find_spell(losses, queue_name(queue), (enum loss)reason);
		if (count < spell->seen)
			spell->seen = spell->told = 0; /* the queue's folder is another, or was made anew */
		if (count == spell->seen)
			continue;
		spell->grew_ms = clock_mono_ms(losses->parts.clock);
		stretch(losses, spell, front, &figures, now_ms);
		spell->seen = count;
		lost = true;
		if (spell->began_ms)
			continue;
		spell->began_ms = spell->grew_ms;
		events_note(losses->parts.events, EVENT_LOSS, "%s: samples %s: %s", spell->policy,
		    losses->looked ? "are being lost" : "were lost before the start",
		    loss_name(spell->reason));
		save(losses);
	}
	front->oldest_ms = figures.oldest_wall_ms;
	return lost;
}

bool losses_tick(struct losses *losses, bool connected)
{
	int64_t mono = clock_mono_ms(losses->parts.clock);
	int64_t wall = wall_ms(losses);
	bool lost = false;

	for (const struct queue *queue = queue_next(losses->parts.queues, NULL); queue;
	     queue = queue_next(losses->parts.queues, queue))
		lost |= look_at(losses, queue, wall);
	lost &= losses->looked;
	losses->looked = true;
	losses->looked_ms = wall;
	for (size_t i = 0; connected && i < losses->count; i++) {
		struct spell *spell = &losses->spells[i];

		if (spell->began_ms &&
		    (mono - spell->grew_ms >= LOSSES_QUIET_MS || mono - spell->began_ms >= LOSSES_SPELL_MS))
			end_spell(losses, spell);
	}
	return lost;
}

/* --- the beginning and the end --- */

struct losses *losses_new(const struct losses_parts *parts)
{
	struct losses *losses = mem_alloc(sizeof(*losses));
	struct buf path = {0};
	struct err err;

	losses->parts = *parts;
	losses->looked_ms = wall_ms(losses);
	buf_printf(&path, "%s/losses.json", parts->state_dir);
	losses->store = store_open(buf_str(&path), &err);
	if (!losses->store)
		log_warn("queue", "%s; losses that were reported may be reported again", err.text);
	buf_free(&path);
	(void)losses_tick(losses, false);
	return losses;
}

void losses_free(struct losses *losses)
{
	struct err err;

	if (!losses)
		return;
	note_all(losses);
	if (losses->store && store_save(losses->store, &err) < 0)
		log_warn("queue", "%s", err.text);
	store_close(losses->store);
	free(losses->spells);
	free(losses->fronts);
	free(losses);
}
