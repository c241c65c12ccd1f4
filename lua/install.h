/*
 * What changes in the set of scripts, at the start and at each reload: checked as a whole against
 * what stays, then put in force in one step.
 */
#ifndef NEAP_LUA_INSTALL_H
#define NEAP_LUA_INSTALL_H

#include "core/base/problems.h"
#include "lua/state.h"

struct change {
	char *name;
	struct script *old; /* in the host's list; NULL: there is none */
	struct script
	    *new;     /* loaded, or with its trouble; NULL: the script goes. Ours until install_swap
	                       gives it to the host's list */
	bool refused; /* the old one stays, if it runs */
	const char *result; /* in a word, a literal; or NULL */
	bool done;          /* by install_swap: the old one is no longer the host's */
	struct change *next;
};

struct change *change_new(const char *name, struct script *old, struct script *new);
/* Frees what did not come into force, too. */
void change_free_all(struct change *list);

/* Refuses what does not fit together: paths declared twice, policies that differ or are missing.
 * Each such one is a problem, and the state of its new script is gone. */
void install_check(struct host *host, struct change *list, struct problems *problems);
/*
 * Puts in force what is not refused: catalog, policies, the host's list. The old scripts stay in
 * the changes with all that is theirs; the new ones have not begun.
 */
void install_swap(struct host *host, struct change *list);

/* It is in force: its events and timers begin. */
void install_begin(struct script *script, const char *reason);

/* Loads and installs every script of scripts.dir. What fails stays in the list with its trouble. */
void install_all(struct host *host, struct problems *problems);
/* Warns of parameters in neap.yaml that no script takes. */
void install_check_params(struct host *host, struct problems *problems);

/* The name of the file of culprits (limits.h), which host->culprits then is; NULL without a state
 * folder. */
const char *install_culprits(struct host *host);

#endif
