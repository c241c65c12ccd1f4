/*
 * A script host with all it needs, in a folder of its own, on a virtual clock: real configuration,
 * catalog, policies, queues, store. Nothing happens but in world_run().
 */
#ifndef NEAP_TESTS_HOST_FIXTURE_H
#define NEAP_TESTS_HOST_FIXTURE_H

#include "core/base/problems.h"
#include "core/config/config.h"
#include "core/task/host.h"

#define WORLD_WALL_MS INT64_C(1767225600000) /* 2026-01-01, when the virtual clock begins */

struct outcome { /* of a job */
	int calls;
	bool ok;
	char values[200]; /* "machine.threshold=25" */
	char why[500];
};

struct world {
	char dir[64];
	const char *yaml; /* more of neap.yaml; set before world_open */
	const char *memory, *budget;
	bool watch; /* scripts.watch */
	uv_loop_t loop;
	struct clock *clock;
	struct config *config;
	struct catalog *catalog;
	struct policies *policies;
	struct queue_set *queues;
	struct ingest *ingest;
	struct store *settings;
	struct buses *buses;
	struct host *host;
	struct problems problems; /* of the load */
	struct buf log;           /* "warn script.machine: text" lines */
	bool stopped;
};

struct world *world_new(void);
void world_free(struct world *world); /* closes if open, removes the folder */

/* Writes scripts/NAME. */
void world_script(struct world *world, const char *name, const char *text);
void world_file(struct world *world, const char *name, const char *text);
void world_open(struct world *world);  /* and loads */
void world_close(struct world *world); /* as a process ends: the folder stays */
void world_start(
    struct world *world, const char *script); /* machine.lua is that; open, no problem, start */
void world_run(struct world *world, int64_t ms);
/* In real time instead, for what meets other processes and devices: before world_open. Then
 * world_wait runs until the text is logged, and fails the test after two minutes. */
void world_real(struct world *world);
void world_wait(struct world *world, const char *text);
void world_stop(struct world *world, int64_t limit_ms);

/* What waits in the queue of a policy, "path=value@ms\n" each (ms of the monotonic clock), and is
 * taken out of it. Valid until the next call. */
const char *world_take(struct world *world, const char *policy);
/* Starts a job; `outcome` is filled by a later world_run. `text`: the value or the parameter "n" */
void world_job(struct world *world, enum job_kind kind, const char *path, const char *text,
    struct outcome *outcome);
bool world_logged(struct world *world, const char *text);
const char *world_problems(struct world *world); /* all, a line each */

/* A test of cmocka in a world of its own, which is *state. */
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int world_setup(void **state);
int world_teardown(void **state);

#define assert_has(text, part)                             \
	do {                                                   \
		if (!strstr(text, part))                           \
			fail_msg("\"%s\" is not in:\n%s", part, text); \
	} while (0)

#define assert_logged(world, text) assert_has(buf_str(&(world)->log), text)

#endif
