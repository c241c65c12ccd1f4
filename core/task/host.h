/*
 * The script host as the agent sees it: a table of functions, so that no file of core/ needs Lua's
 * headers. lua/script.h provides it; main.c hands it over. Loop thread.
 */
#ifndef NEAP_CORE_HOST_H
#define NEAP_CORE_HOST_H

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/bus/bus.h"
#include "core/catalog/catalog.h"
#include "core/catalog/observe.h"
#include "core/catalog/policies.h"
#include "core/catalog/store.h"
#include "core/config/config.h"
#include "core/task/inbox.h"
#include "core/task/ingest.h"

#include <uv.h>

struct events;

/* What scripts may use of the rest. All outlive the host. */
struct services {
	uv_loop_t *loop;
	struct clock *clock;
	const struct config *config;
	struct catalog *catalog;
	struct policies *policies;
	struct ingest *ingest;         /* NULL in `neap check` and `neap model`: nothing runs there */
	struct store *settings;        /* NULL likewise */
	struct inbox *inbox;           /* for the console; NULL: there is none */
	const char *state_dir;         /* NULL likewise */
	const struct restart *restart; /* for what no limit ends; NULL: the process ends then */
	struct buses *buses;           /* NULL likewise, and where I/O is faked */
	struct events *events;         /* NULL likewise */
	struct observers *observers;   /* who looks on live; NULL: nobody can */
	const char *const *only;       /* the scripts that are loaded, ends with NULL; NULL: all */
	/* What scripts do to files, devices and programs goes to the test file's fakes instead, and
	 * fails where there is none. */
	bool faked;
	bool invented; /* and a sensor whose read meets no fake gets values that are made up */
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
	/* The variables and settings that are wanted (NULL: all): value, age, quality, and how their
	 * reads go (docs/control.md). */
	void (*sensors)(struct host *host, bool (*wanted)(const void *ctx, const char *path),
	    const void *ctx, struct buf *json);
	/* What the text may go on with: an array of texts, each in the place of its last word. */
	int (*complete)(
	    struct host *host, const char *text, size_t len, struct buf *json, struct err *err);
};

/* What became of a case; texts are lines without a newline at the end. */
struct test_result {
	const char *why;   /* "": it passed */
	const char *notes; /* what it printed */
	const char *log;   /* of the scripts, "warn script.machine: text" */
};

/*
 * A test file: Lua in a state of its own beside the scripts, which moves the clock, sees what the
 * scripts do and stands for their devices. It takes the console's place, and needs `faked`
 * services on a virtual clock. The scripts are loaded when a case begins to need them.
 */
struct test_ops {
	/* Makes the state, once, and runs the file scripts.dir/NAME.lua, which declares cases and fakes
	 * (NULL: none). -1: why not. Further files may follow in the same state. */
	int (*load)(struct host *host, const char *name, struct err *err);
	/* [{"name":"...","scripts":["machine"],"config":"YAML","wall_ms":...}] */
	void (*cases)(struct host *host, struct buf *json);
	/* Begins case `index`, from 0; `done` comes once, from the loop, with the texts valid during
	 * the call; at the latest when the host closes. */
	int (*begin)(struct host *host, size_t index,
	    void (*done)(void *ctx, const struct test_result *result), void *ctx, struct err *err);
	/* Until when the case lets time pass; INT64_MAX: it does not. */
	int64_t (*until)(const struct host *host);
	void (*arrive)(struct host *host);               /* it is that time, and all is settled */
	void (*end)(struct host *host, const char *why); /* the case cannot go on */
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
	/* On a virtual clock: when something is due (clock_mono_ms; INT64_MAX: nothing is), do what is
	 * due, and is anything under way that only real time brings to its end? */
	int64_t (*next)(const struct host *host);
	void (*run)(struct host *host);
	bool (*waits)(const struct host *host);
	/* For a device, a program or a file, which know nothing of a virtual clock. */
	bool (*waits_outside)(const struct host *host);
	/* What is to be said about a name that scripts use. -1: nothing; the text is the nearest name
	 * then, or empty. */
	int (*help)(const char *topic, struct buf *text);
	const struct console_ops *console;
	const struct test_ops *test;
};

#endif
