/*
 * The script host as the agent sees it: a table of functions, so that no file of core/ needs Lua's
 * headers. lua/script.h provides it; main.c hands it over. Loop thread.
 */
#ifndef NEAP_CORE_HOST_H
#define NEAP_CORE_HOST_H

#include "core/buf.h"
#include "core/bus.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/inbox.h"
#include "core/ingest.h"
#include "core/policies.h"
#include "core/store.h"

#include <uv.h>

struct events;

/* What scripts may use of the rest. All outlive the host. */
struct services {
	uv_loop_t *loop;
	struct clock *clock;
	const struct config *config;
	struct catalog *catalog;
	struct policies *policies;
	struct ingest *ingest;  /* NULL in `neap check` and `neap model`: nothing runs there */
	struct store *settings; /* NULL likewise */
	struct inbox *inbox;    /* for the console; NULL: there is none */
	const char *state_dir;  /* NULL likewise */
	struct buses *buses;    /* NULL likewise */
	struct events *events;  /* NULL likewise */
	void (*policies_changed)(void *ctx);
	/* A reload waits for handlers to end, so that no task shall begin; then: it is over. */
	void (*reloading)(void *ctx, bool waits);
	/* What `neap status --json` says; NULL where there is no agent. */
	void (*status)(void *ctx, struct buf *json);
	void *ctx;
};

struct host;

/*
 * The console: chunks of Lua in a state of its own, under the limits of any script, which reaches
 * the scripts by path only. Unarmed, it changes nothing outside of itself.
 */
struct console_ops {
	/*
	 * `done` comes once, from the loop: json (docs/control.md: eval) is valid during the call; NULL
	 * if the host closes. -1: another chunk runs, or there is no memory; `done` does not come.
	 */
	int (*eval)(struct host *host, const char *chunk, size_t len,
	    void (*done)(void *ctx, struct buf *json), void *ctx, struct err *err);
	void (*stop)(struct host *host);                /* the chunk that runs; its `done` comes */
	void (*arm)(struct host *host, int64_t for_ms); /* 0: no more */
	/* Every variable and setting: value, age, quality (docs/control.md). */
	void (*sensors)(struct host *host, struct buf *json);
	/* What the text may go on with: an array of texts, each in the place of its last word. */
	int (*complete)(
	    struct host *host, const char *text, size_t len, struct buf *json, struct err *err);
};

struct reload_request {
	const char *script; /* NULL: all whose files are not what they were when they were loaded */
	const char *reason; /* for the scripts: "command", "signal"; a literal */
	int64_t try_ms;     /* above 0: unless it is confirmed in that time, the old one comes back */
	/*
	 * Called once, from within `reload` or later, when what changes is in force; or NULL. changes:
	 * JSON, [{"script":"machine","result":"reloaded"}], or "new", "removed", "refused"; the problems
	 * say why.
	 */
	void (*done)(void *ctx, const struct problems *problems, const struct buf *changes);
	void *ctx;
};

struct host_ops {
	struct host *(*open)(const struct services *services);
	/* Loads every script of scripts.dir: a problem "file:line: text" for each that does not load;
	 * the others are installed. */
	void (*load)(struct host *host, struct problems *problems);
	void (*start)(struct host *host); /* handlers with at_start, on("start"), timers */
	void (*event)(struct host *host, const char *name,
	    const char *reason); /* "connected", "disconnected", "clock", "full", "reload" */
	/*
	 * New versions are loaded and checked; if anything is wrong with one, it is logged and the old
	 * one goes on. The others come into force as soon as the handlers of the old ones are idle,
	 * after 10 s at the latest.
	 */
	void (*reload)(struct host *host, const struct reload_request *request);
	/* Ends the trials (NULL: all) in favour of what is tried. How many there were. */
	unsigned (*confirm)(struct host *host, const char *script);
	/* on("stop") handlers, then nothing more runs; calls back when idle or after limit_ms. */
	void (*stop)(struct host *host, int64_t limit_ms, void (*stopped)(void *ctx), void *ctx);
	void (*close)(struct host *host);
	void (*status)(struct host *host, struct buf *json); /* appends an array of objects */
	const struct console_ops *console;
};

#endif
