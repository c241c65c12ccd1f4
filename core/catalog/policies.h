/*
 * The policies that are in force: what the scripts declared, with neap.yaml's overrides over it,
 * and the server's over these.
 *
 * Policies are the agent's, not a script's: two declarations must agree, or it is an error that
 * names both places. `default` always exists and may be redeclared; a policy that neap.yaml alone
 * names exists too. A script's declarations are swapped as a whole at a reload, like the catalog's
 * entries. Loop thread.
 */
#ifndef NEAP_CORE_POLICIES_H
#define NEAP_CORE_POLICIES_H

#include "core/config/config.h"
#include "core/config/policy.h"

#define POLICY_DEFAULT "default"
/* Built in, both flush now, high, 256KB; neap.yaml alone may change them. What read and write tasks
 * answer, and the acknowledgements of tasks, which are durable. */
#define POLICY_ANSWERS "answers"
#define POLICY_ACKS    "acks"

struct declaration {
	struct policy policy;
	char where[128]; /* "machine.lua:3" */
};

struct policies;

struct policies *policies_new(
    const struct config *config); /* its overrides, which config_load has checked, are copied */
void policies_free(struct policies *policies);

/* Replaces what `owner` (a script's name) declared before. -1: problems tell why, nothing is
 * changed. */
int policies_install(struct policies *policies, const char *owner, const struct declaration *list,
    size_t count, struct problems *problems);
void policies_remove(struct policies *policies, const char *owner);

/* What the server says, over everything else; it counts while there is a policy of that name, and
 * was checked by policy_set. Copies. */
void policies_override(
    struct policies *policies, const char *policy, const char *field, const char *value);

/* What is in force; valid until the next install or remove. */
const struct policy *policies_find(const struct policies *policies, const char *name); /* or NULL */
const struct policy *policies_next(const struct policies *policies,
    const struct policy *after); /* by name; NULL: the first; NULL at the end */

#endif
