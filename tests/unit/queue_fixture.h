/* A queue set in a folder of its own, on a virtual clock, with a loop that runs when told to. */
#ifndef NEAP_TESTS_QUEUE_FIXTURE_H
#define NEAP_TESTS_QUEUE_FIXTURE_H

#include "core/queue/queue.h"

struct queue_fixture {
	uv_loop_t loop;
	struct clock *clock;
	struct queue_set *set;
	char dir[64];
	struct queue_options options; /* change before fixture_open */
};

void fixture_init(struct queue_fixture *fixture);
void fixture_open(struct queue_fixture *fixture);
void fixture_close(struct queue_fixture *fixture);
void fixture_free(struct queue_fixture *fixture); /* closes if open, removes the folder */

struct queue *fixture_declare(
    struct queue_fixture *fixture, const char *name, uint64_t limit, enum policy_full full);
int fixture_sync(struct queue_fixture *fixture); /* queue_sync, awaited; its error */
void fixture_push(struct queue_fixture *fixture, struct queue *queue, const char *path,
    int64_t value); /* appends an int, stamped now */

/* Runs the loop, timers included, until done(ctx), 20 s at most. */
bool fixture_run_until(
    struct queue_fixture *fixture, bool (*done)(const void *ctx), const void *ctx);

/* Every file of one queue whose name ends so; the first in the order of names. False: none. */
bool fixture_find(
    const struct queue_fixture *fixture, const char *queue, const char *suffix, char path[256]);

#endif
