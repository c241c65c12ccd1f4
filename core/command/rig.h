/*
 * The parts of an agent around its scripts, without a broker, a lock or a control socket, in a
 * temporary folder of its own that is removed at the end: for the console offline, for tests and for
 * simulations.
 *
 * On a virtual clock time passes only in rig_advance; whoever owns the rig calls rig_settle before,
 * so that nothing that is under way is overtaken; the queues are synced by it alone then. Loop
 * thread.
 */
#ifndef NEAP_CORE_RIG_H
#define NEAP_CORE_RIG_H

#include "core/base/problems.h"
#include "core/catalog/observe.h"
#include "core/config/config.h"
#include "core/task/host.h"

struct rig_options {
	const char *name;            /* of the folder: "repl" */
	const struct config *config; /* outlives the rig; its folders are not touched */
	const struct host_ops *ops;
	bool copy_state;         /* begins with a copy of state.dir, else with nothing */
	bool is_virtual;         /* the clock */
	int64_t wall_ms;         /* when a virtual clock begins */
	const char *const *only; /* the scripts that are loaded, ends with NULL; NULL: all */
	bool faked, invented;    /* scripts reach no device: host.h */
	bool in_memory;          /* the folder, where TMPDIR says nothing else and the system has one */
	void (*committed)(void *ctx); /* samples came in; or NULL */
	void *ctx;
};

struct rig {              /* to be read only */
	struct config config; /* the user's, but for the folders */
	const struct host_ops *ops;
	uv_loop_t loop;
	struct clock *clock;
	struct policies *policies;
	struct catalog *catalog;
	struct queue_set *queues;
	struct store *settings;
	struct ingest *ingest;
	struct observers observers; /* of what comes in; not of the uplink, which is no part of it */
	struct inbox *inbox;
	bool is_virtual;
	struct host *host; /* open, with nothing loaded */
	struct buf dir, state, queue;
	void (*committed)(void *ctx);
	void *ctx;
};

struct rig *rig_open(const struct rig_options *options, struct err *err);
void rig_close(struct rig *rig);

/* From here to rig_release_signals, which ends the process then, INT, TERM and HUP only make
 * rig_settle false: so that the folder is removed. */
void rig_hold_signals(void);
bool rig_interrupted(void);
void rig_release_signals(void);

/* Does all that is due, and waits for what disks do: then nothing is due before `ops->next`. False:
 * that does not come within a minute, as with a script that sleeps for no time, again and again;
 * or a signal came. */
bool rig_settle(struct rig *rig);
void rig_advance(struct rig *rig, int64_t to_mono_ms);

#endif
