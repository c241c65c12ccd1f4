/* A push through the real queues: types, policies, stamps, commits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/task/ingest.h"
#include "queue_fixture.h"

struct rig {
	struct queue_fixture queues;
	struct policies *policies;
	struct ingest *ingest;
	int woken;
};

static void wake(void *ctx)
{
	((struct rig *)ctx)->woken++;
}

static int set_up(void **state)
{
	static struct rig rig;
	static const struct config config;
	memset(&rig, 0, sizeof rig);
	fixture_init(&rig.queues);
	fixture_open(&rig.queues);
	rig.policies = policies_new(&config);
	struct declaration declared[2] = {{.where = "machine.lua:1"}, {.where = "machine.lua:2"}};
	policy_init(&declared[0].policy, "trend");
	policy_init(&declared[1].policy, "alarm");
	declared[1].policy.durable = true;
	struct problems problems = {0};
	if (policies_install(rig.policies, "machine", declared, 2, &problems) < 0)
		return -1;
	rig.ingest = ingest_new(rig.queues.clock, rig.queues.set, rig.policies, wake, &rig);
	*state = &rig;
	return ingest_policies_changed(rig.ingest, NULL);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;
	ingest_free(rig->ingest);
	policies_free(rig->policies);
	fixture_free(&rig->queues);
	return 0;
}

static struct queue *find_queue(struct rig *rig, const char *name)
{
	struct queue *queue = NULL;
	while ((queue = queue_next(rig->queues.set, queue)))
		if (!strcmp(queue_name(queue), name))
			return queue;
	fail_msg("there is no queue %s", name);
	return NULL;
}

static struct entry variable(const char *policy, enum value_type type)
{
	return (struct entry){
	    .path = "machine.temperature", .kind = ENTRY_VARIABLE, .type = type, .policy = policy};
}

static int push(struct rig *rig, const char *policy, double number)
{
	struct entry entry = variable(policy, VALUE_DOUBLE);
	struct value value = {VALUE_DOUBLE, .number = number};
	return ingest_push(rig->ingest, &entry, &value, NULL, NULL);
}

static void each_policy_has_its_queue(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(push(rig, "trend", 1), 0);
	assert_int_equal(push(rig, "trend", 2), 0);
	assert_int_equal(push(rig, "alarm", 3), 1);
	assert_int_equal(push(rig, "", 4), 0);
	assert_int_equal(push(rig, "nobody's", 5), 0);
	struct sample answer = {.path = "machine.threshold",
	    .value = {VALUE_INT, .integer = 25},
	    .time = clock_stamp(rig->queues.clock)};
	assert_int_equal(ingest_answer(rig->ingest, &answer, NULL), 0);
	assert_int_equal(queue_figures(find_queue(rig, "trend")).waiting, 2);
	assert_int_equal(queue_figures(find_queue(rig, "alarm")).waiting, 1);
	assert_int_equal(queue_figures(find_queue(rig, "default")).waiting, 2);
	assert_int_equal(queue_figures(find_queue(rig, "answers")).waiting, 1);

	struct record ack;
	assert_int_equal(ingest_ack(rig->ingest, "a uid / of any form", "why not", NULL), 1);
	assert_true(queue_peek(find_queue(rig, "acks"), LANE_FRESH, &ack));
	assert_string_equal(ack.sample.path, "a uid / of any form");
	assert_memory_equal(ack.sample.value.text.data, "why not", 7);

	/* a policy that comes with a reload */
	struct declaration late = {.where = "other.lua:1"};
	policy_init(&late.policy, "late");
	struct problems problems = {0};
	assert_int_equal(policies_install(rig->policies, "other", &late, 1, &problems), 0);
	assert_int_equal(ingest_policies_changed(rig->ingest, NULL), 0);
	assert_int_equal(push(rig, "late", 6), 0);
	assert_int_equal(push(rig, "trend", 7), 0);
	assert_int_equal(queue_figures(find_queue(rig, "late")).waiting, 1);
	assert_int_equal(queue_figures(find_queue(rig, "trend")).waiting, 3);
}

static void values_fit_their_declaration(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum value_type type;
		struct value value;
		const char *says; /* NULL: taken */
	} rows[] = {
	    {VALUE_INT, {VALUE_DOUBLE, .number = 25}, NULL},
	    {VALUE_DOUBLE, {VALUE_INT, .integer = 25}, NULL},
	    {VALUE_INT, {VALUE_DOUBLE, .number = 25.5}, "25.5"},
	    {VALUE_INT, {VALUE_INT, .integer = INT64_C(1) << 31}, "2147483648"},
	    {VALUE_INT, {VALUE_STRING, .text = {"25", 2}}, "\"25\""},
	    {VALUE_DOUBLE, {VALUE_DOUBLE, .number = NAN}, "NaN"},
	    {VALUE_DOUBLE, {VALUE_DOUBLE, .number = -INFINITY}, "infinity"},
	    {VALUE_STRING, {VALUE_STRING, .text = {"\xff", 1}}, "UTF-8"},
	    {VALUE_BOOLEAN, {VALUE_INT, .integer = 1}, "boolean"},
	};
	struct queue *queue = find_queue(rig, "trend");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		struct entry entry = variable("trend", rows[i].type);
		uint64_t waiting = queue_figures(queue).waiting;
		int result = ingest_push(rig->ingest, &entry, &rows[i].value, NULL, &err);
		assert_int_equal(result, rows[i].says ? -1 : 0);
		assert_int_equal(queue_figures(queue).waiting, waiting + (result == 0));
		if (rows[i].says) {
			assert_int_equal(strncmp(err.text, "machine.temperature: ", 21), 0);
			assert_non_null(strstr(err.text, rows[i].says));
			continue;
		}
		struct record record;
		assert_true(queue_peek(queue, LANE_FRESH, &record));
		assert_int_equal(record.sample.value.type, rows[i].type);
		queue_advance(queue, LANE_FRESH);
	}
	assert_int_equal(rig->woken, 0);
}

static void samples_are_stamped(void **state)
{
	struct rig *rig = *state;
	struct queue *queue = find_queue(rig, "trend");
	struct entry entry = variable("trend", VALUE_INT);
	struct value value = {VALUE_INT, .integer = 1};
	struct stamp before = {.wall_ms = 1349907137000, .mono_ms = 5, .wall_valid = true};
	clock_advance(rig->queues.clock, 1234);
	assert_int_equal(ingest_push(rig->ingest, &entry, &value, NULL, NULL), 0);
	assert_int_equal(ingest_push(rig->ingest, &entry, &value, &before, NULL), 0);

	struct record record;
	assert_true(queue_peek(queue, LANE_FRESH, &record));
	assert_true(record.sample.time.wall_ms == clock_wall_ms(rig->queues.clock));
	queue_advance(queue, LANE_FRESH);
	assert_true(queue_peek(queue, LANE_FRESH, &record));
	assert_true(record.sample.time.wall_ms == before.wall_ms);
	assert_string_equal(record.sample.path, "machine.temperature");
}

static void one_commit_wakes_once(void **state)
{
	struct rig *rig = *state;
	ingest_commit(rig->ingest);
	assert_int_equal(rig->woken, 0);
	push(rig, "trend", 1);
	push(rig, "alarm", 2);
	push(rig, "trend", NAN);
	assert_int_equal(rig->woken, 0);
	ingest_commit(rig->ingest);
	assert_int_equal(rig->woken, 1);
	ingest_commit(rig->ingest);
	push(rig, "trend", NAN);
	ingest_commit(rig->ingest);
	assert_int_equal(rig->woken, 1);
}

struct synced {
	int calls, error;
};

static void on_synced(void *ctx, int error)
{
	struct synced *synced = ctx;
	synced->calls++;
	synced->error = error;
}

static void sync_commits_too(void **state)
{
	struct rig *rig = *state;
	struct synced synced = {0};
	push(rig, "alarm", 1);
	ingest_sync(rig->ingest, on_synced, &synced);
	assert_int_equal(rig->woken, 1);
	while (!synced.calls)
		uv_run(&rig->queues.loop, UV_RUN_ONCE);
	assert_int_equal(synced.calls, 1);
	assert_int_equal(synced.error, 0);
	assert_int_equal(queue_figures(find_queue(rig, "alarm")).unsynced, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_policy_has_its_queue, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(values_fit_their_declaration, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(samples_are_stamped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(one_commit_wakes_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(sync_commits_too, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
