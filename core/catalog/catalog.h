/*
 * The catalog: what the scripts declared, by path. Tasks, the model, status, checks and completion
 * all ask it.
 *
 * A script collects its entries in a draft; installing the draft checks it against everybody else's
 * and swaps it for the owner's old entries in one step, or changes nothing. Entries belong to the
 * catalog from then on and stay valid until their owner's next install. A path may also be the
 * beginning of others (machine.a and machine.a.b). Loop thread.
 */
#ifndef NEAP_CORE_CATALOG_H
#define NEAP_CORE_CATALOG_H

#include "core/base/err.h"
#include "core/base/sample.h"
#include "core/config/policy.h"

#include <stdbool.h>
#include <stddef.h>

enum entry_kind { ENTRY_VARIABLE, ENTRY_SETTING, ENTRY_COMMAND };

struct limits {
	bool has_min, has_max;
	double min, max;
};

struct param { /* of a command */
	const char *name, *label;
	enum value_type type;
	struct limits limits;
	bool has_default;
	struct value fallback;
	struct param *next;
};

struct entry {
	const char *path; /* "machine.temperature" */
	enum entry_kind kind;
	enum value_type type; /* not of a command */
	struct limits limits;
	bool has_default; /* settings */
	struct value fallback;
	double factor;                     /* variable: in time series (series.h); 0: to be found */
	const char *label, *unit, *policy; /* "" if not given; policy is never "" for a variable */
	const char *where;                 /* "machine.lua:12", for messages */
	struct param *params;              /* command */
	bool repeatable;                   /* command: may run again after a crash */
	bool parallel;                     /* tasks on it wait for no other task */
	bool readable;                     /* has a read of its own, or is a setting */
	int64_t timeout_ms;                /* of its handlers; 0: none */
	int64_t ttl_ms;                    /* a task that is older is refused; 0: never */
	struct owner *owner;               /* who runs its handlers */
	int handler;                       /* the owner's own key to them */
};

/* --- jobs: a task's work on one path, done by its owner --- */

enum job_kind { JOB_READ, JOB_WRITE, JOB_COMMAND, JOB_INSTALL };

struct argument {
	const char *name;
	struct value value;
};

struct job {
	enum job_kind kind;
	const struct entry *entry;
	const char *path;   /* for the log, also after a reload */
	struct value value; /* write: fits the type and the limits */
	struct argument
	    *arguments; /* command: complete, defaults filled in; install: type, revision and
	                               url */
	size_t arguments_count;
	char *memory; /* of the value, where it could not stay what it was in the task; or NULL */
	/*
	 * Called once, on the loop thread, from within `start` or later. ok: the values to answer with
	 * (read: one or more samples; write: the value now in force; others: none). Not ok: `why`. All
	 * pointers are only valid during the call.
	 */
	void (*done)(
	    struct job *job, bool ok, const struct sample *samples, size_t count, const char *why);
	void *ctx;
};

struct owner {
	const char *name; /* "machine" for machine.lua */
	void (*start)(
	    struct owner *owner, struct job *job); /* the job stays the caller's until `done` */
};

/* --- the catalog --- */

struct catalog;
struct draft;

struct catalog *catalog_new(void);
struct catalog *catalog_copy(
    const struct catalog *catalog); /* of the same entries: to try changes */
void catalog_free(struct catalog *catalog);

struct draft *draft_new(struct owner *owner);  /* its name is copied */
struct draft *draft_hold(struct draft *draft); /* for one more holder: each frees it */
void draft_free(struct draft *draft);
/*
 * Copies everything (texts, params; NULL texts become ""), its owner is the draft's. -1: the path
 * is no path or stands in the draft already (the text names both places), a minimum is above its
 * maximum, a default does not fit its type or limits, a parameter comes twice, a factor is no finite
 * number above 0 or not one of numbers.
 */
int draft_add(struct draft *draft, const struct entry *entry, struct err *err);
/* Who installs software: one handler of one script in all; entry->path is for messages. -1: the draft
 * has one already. */
int draft_installer(struct draft *draft, const struct entry *entry, struct err *err);
/* The label of an asset, for the model. Scripts may share an asset: the first label given counts.
 */
void draft_asset(struct draft *draft, const char *id, const char *label);

struct problems;
/*
 * Takes the draft, also on failure. It replaces that of the owner of the same name, which may be
 * another object (a script's next generation). -1 if a path is somebody else's already: a problem
 * for each, naming both places, and nothing is changed.
 */
int catalog_install(struct catalog *catalog, struct draft *draft, struct problems *problems);
void catalog_remove(struct catalog *catalog,
    const struct owner *owner); /* this object's entries, if they are still installed */

const struct entry *catalog_find(const struct catalog *catalog, const char *path);
const struct entry *catalog_next(const struct catalog *catalog,
    const struct entry *after); /* by path; NULL: the first; NULL at the end */
const char *catalog_nearest(
    const struct catalog *catalog, const char *path);                 /* "did you mean", or NULL */
const struct entry *catalog_installer(const struct catalog *catalog); /* or NULL */
const char *catalog_asset_label(const struct catalog *catalog, const char *id); /* or NULL */

/*
 * Checks a value for a setting or a parameter: type (sample.h: value_fit), then limits, which only
 * numbers and dates have. The value is converted in place.
 */
int limits_check(struct value *value, enum value_type type, const struct limits *limits,
    bool from_text, struct err *err);

#endif
