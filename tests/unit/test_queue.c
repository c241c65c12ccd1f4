/* The queue as its users see it, against a model in memory: random operations with fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/queue/queue.h"
#include "queue_fixture.h"

enum { FLIGHTS = 12, STEPS = 4000 };

/* What became of each sample, by number (its value): the queue must agree. */
enum fate { WAITS, TAKEN, DONE };

struct model {
	struct queue_fixture fixture;
	struct queue *queue;
	uint8_t *fate;
	uint64_t *seqs; /* by number */
	uint32_t made;
	struct flight {
		struct range range;
		uint32_t *numbers;
	} flights[FLIGHTS];
	unsigned seed, random;
	uint32_t again; /* sent a second time after a restart: allowed */
};

static unsigned next_random(struct model *model, unsigned below)
{
	model->random = model->random * 1103515245u + 12345u;
	return (model->random >> 8) % below;
}

static void append_some(struct model *model)
{
	char text[600];
	unsigned count = 1 + next_random(model, 40);

	for (unsigned i = 0; i < count; i++) {
		char path[32];
		(void)snprintf(path, sizeof path, "m.p%u", next_random(model, 20));
		struct sample sample = {.path = path, .time = clock_stamp(model->fixture.clock)};
		int len = snprintf(text, sizeof text, "%u", model->made);
		sample.value.type = VALUE_INT;
		sample.value.integer = model->made;
		if (next_random(model, 5) == 0) {
			unsigned more = next_random(model, 500);
			memset(text + len, 'x', more);
			sample.value.type = VALUE_STRING;
			sample.value.text.data = text;
			sample.value.text.len = (size_t)len + more;
		}
		model->seqs[model->made] = queue_next_seq(model->queue);
		assert_int_equal(queue_append(model->queue, &sample, NULL), 0);
		model->fate[model->made++] = WAITS;
	}
}

static uint32_t number_of(const struct record *record)
{
	if (record->sample.value.type == VALUE_INT)
		return (uint32_t)record->sample.value.integer;
	assert_int_equal(record->sample.value.type, VALUE_STRING);
	char text[16] = "";
	size_t len = record->sample.value.text.len;
	memcpy(text, record->sample.value.text.data, len < 15 ? len : 15);
	return (uint32_t)strtoul(text, NULL, 10);
}

static void take_some(struct model *model)
{
	struct flight *flight = model->flights;
	struct record record;
	enum queue_lane lane = next_random(model, 2) ? LANE_FRESH : LANE_BACKLOG;
	unsigned most = 1 + next_random(model, 60);
	uint64_t before = 0;

	while (flight < model->flights + FLIGHTS && flight->range.count)
		flight++;
	if (flight == model->flights + FLIGHTS)
		return;
	flight->numbers = calloc(most, sizeof *flight->numbers);
	uint32_t count = 0;
	while (count < most && queue_peek(model->queue, lane, &record)) {
		uint32_t number = number_of(&record);
		if (number >= model->made || model->fate[number] != WAITS)
			fail_msg(
			    "seed %u: sample %u handed out, fate %d", model->seed, number, model->fate[number]);
		assert_true(record.seq > before);
		before = record.seq;
		model->fate[number] = TAKEN;
		flight->numbers[count++] = number;
		queue_advance(model->queue, lane);
	}
	flight->range = queue_take(model->queue, lane);
	assert_int_equal(flight->range.count, count);
	if (count == 0)
		free(flight->numbers);
}

static void land_one(struct model *model)
{
	struct flight *flight = &model->flights[next_random(model, FLIGHTS)];
	bool done = next_random(model, 3) > 0;

	if (flight->range.count == 0)
		return;
	for (uint32_t i = 0; i < flight->range.count; i++)
		model->fate[flight->numbers[i]] = done ? DONE : WAITS;
	if (done)
		queue_ack(model->queue, &flight->range);
	else
		queue_release(model->queue, &flight->range);
	flight->range.count = 0;
	free(flight->numbers);
}

static void check_figures(struct model *model)
{
	struct queue_figures figures = queue_figures(model->queue);
	uint64_t waiting = 0, taken = 0;

	for (uint32_t i = 0; i < model->made; i++) {
		waiting += model->fate[i] == WAITS;
		taken += model->fate[i] == TAKEN;
	}
	if (figures.waiting != waiting || figures.in_flight != taken)
		fail_msg("seed %u: %llu wait instead of %llu, %llu in flight instead of %llu", model->seed,
		    (unsigned long long)figures.waiting, (unsigned long long)waiting,
		    (unsigned long long)figures.in_flight, (unsigned long long)taken);
	assert_true(figures.backlog <= figures.waiting);
	static const enum fate fates[] = {
	    [PLACE_WAITS] = WAITS, [PLACE_IN_FLIGHT] = TAKEN, [PLACE_GONE] = DONE};
	for (uint32_t i = 0; i < model->made; i++) {
		enum fate fate = fates[queue_where(model->queue, model->seqs[i])];
		if (fate != model->fate[i])
			fail_msg("seed %u: sample %u is said to be %d, and is %d", model->seed, i, fate,
			    model->fate[i]);
	}
	for (int i = 0; i < LOSS_REASONS; i++)
		assert_int_equal(figures.lost[i], 0);
}

/* What was in flight waits again; with the cursor written at the close nothing else changes. */
static void reopen(struct model *model)
{
	fixture_close(&model->fixture);
	for (int i = 0; i < FLIGHTS; i++) {
		if (model->flights[i].range.count)
			free(model->flights[i].numbers);
		model->flights[i].range.count = 0;
	}
	for (uint32_t i = 0; i < model->made; i++) {
		if (model->fate[i] == TAKEN)
			model->fate[i] = WAITS;
	}
	fixture_open(&model->fixture);
	model->queue = fixture_declare(&model->fixture, "model", 0, FULL_DROP_OLDEST);
}

static void run_model(unsigned seed)
{
	struct model model = {.seed = seed, .random = seed};

	fixture_init(&model.fixture);
	model.fate = mem_alloc(STEPS * 41);
	model.seqs = mem_alloc(STEPS * 41 * sizeof *model.seqs);
	fixture_open(&model.fixture);
	model.queue = fixture_declare(&model.fixture, "model", 0, FULL_DROP_OLDEST);
	for (int step = 0; step < STEPS; step++) {
		switch (next_random(&model, 16)) {
		case 0:
		case 1:
		case 2:
			append_some(&model);
			break;
		case 3:
		case 4:
			queue_commit(model.fixture.set);
			break;
		case 5:
			if (next_random(&model, 8) == 0)
				queue_mark_backlog(model.queue);
			break;
		case 6:
			if (next_random(&model, 20) == 0)
				reopen(&model);
			break;
		case 7:
			if (next_random(&model, 8) == 0)
				(void)fixture_sync(&model.fixture);
			break;
		case 8:
		case 9:
		case 10:
		case 11:
			take_some(&model);
			break;
		default:
			land_one(&model);
		}
		if (step % 50 == 0)
			check_figures(&model);
	}
	check_figures(&model);
	reopen(&model);
	check_figures(&model);
	fixture_free(&model.fixture);
	free(model.fate);
	free(model.seqs);
}

static void agrees_with_the_model(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++)
		run_model(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
