#include "core/catalog/policies.h"

#include "core/base/arena.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct owned {
	char *owner;
	struct declaration *list;
	size_t count;
};

struct override {
	const char *policy, *field, *value;
};

/* The server's. */
struct written {
	char policy[POLICY_NAME_MAX + 1];
	const char *field; /* one of policy_fields */
	char *value;
};

struct policies {
	struct arena texts; /* of the overrides */
	struct override *overrides;
	size_t overrides_count;
	struct written *written;
	size_t written_count;
	struct owned *owners;
	size_t owners_count;
	struct policy *in_force; /* made anew at each change; by name */
	size_t in_force_count;
};

/* --- what is in force --- */

/* The policy of that name, made with the defaults if there is none. */
static struct policy *ensure(struct policies *policies, const char *name)
{
	size_t at = 0;
	for (; at < policies->in_force_count; at++) {
		int order = strcmp(policies->in_force[at].name, name);
		if (order == 0)
			return &policies->in_force[at];
		if (order > 0)
			break;
	}
	policies->in_force =
	    mem_resize(policies->in_force, policies->in_force_count + 1, sizeof *policies->in_force);
	struct policy *made = &policies->in_force[at];
	memmove(made + 1, made, (policies->in_force_count - at) * sizeof *made);
	policies->in_force_count++;
	policy_init(made, name);
	return made;
}

static void ensure_built_in(struct policies *policies, const char *name, bool durable)
{
	struct policy *policy = ensure(policies, name);
	policy->flush_ms = 0;
	policy->priority = PRIORITY_HIGH;
	policy->limit = 256 << 10;
	policy->durable = durable;
}

static bool is_built_in(const char *name)
{
	return !strcmp(name, POLICY_ANSWERS) || !strcmp(name, POLICY_ACKS);
}

static struct policy *find(const struct policies *policies, const char *name)
{
	for (size_t i = 0; i < policies->in_force_count; i++)
		if (!strcmp(policies->in_force[i].name, name))
			return &policies->in_force[i];
	return NULL;
}

static void lay_over(struct policies *policies)
{
	for (size_t i = 0; i < policies->written_count; i++) {
		const struct written *written = &policies->written[i];
		struct policy *policy = find(policies, written->policy);
		if (policy)
			(void)holds(policy_set(policy, written->field, written->value, NULL) == 0);
	}
}

static void rebuild(struct policies *policies)
{
	policies->in_force_count = 0;
	ensure(policies, POLICY_DEFAULT);
	ensure_built_in(policies, POLICY_ANSWERS, false);
	ensure_built_in(policies, POLICY_ACKS, true);

	for (size_t i = 0; i < policies->owners_count; i++)
		for (size_t k = 0; k < policies->owners[i].count; k++) {
			const struct policy *declared = &policies->owners[i].list[k].policy;
			*ensure(policies, declared->name) = *declared;
		}
	for (size_t i = 0; i < policies->overrides_count; i++) {
		const struct override *override = &policies->overrides[i];
		(void)holds(policy_set(ensure(policies, override->policy), override->field, override->value,
		                NULL) == 0);
	}
	lay_over(policies);
}

struct policies *policies_new(const struct config *config)
{
	struct policies *policies = mem_alloc(sizeof *policies);
	policies->overrides_count = config->policies_count;
	policies->overrides =
	    arena_alloc(&policies->texts, config->policies_count * sizeof *policies->overrides);
	for (size_t i = 0; i < config->policies_count; i++)
		policies->overrides[i] = (struct override){
		    .policy = arena_strdup(&policies->texts, config->policies[i].policy),
		    .field = arena_strdup(&policies->texts, config->policies[i].field),
		    .value = arena_strdup(&policies->texts, config->policies[i].value),
		};
	rebuild(policies);
	return policies;
}

void policies_free(struct policies *policies)
{
	if (!policies)
		return;
	for (size_t i = 0; i < policies->owners_count; i++) {
		free(policies->owners[i].owner);
		free(policies->owners[i].list);
	}
	for (size_t i = 0; i < policies->written_count; i++)
		free(policies->written[i].value);
	free(policies->written);
	free(policies->owners);
	free(policies->in_force);
	arena_free(&policies->texts);
	free(policies);
}

/* --- declarations --- */

/* Tells where `declared` does not agree with a declaration of the same name in the list. */
static void compare(const struct declaration *declared, const struct declaration *list,
    size_t count, struct problems *problems)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].policy.name, declared->policy.name) != 0)
			continue;
		const char *field = policy_difference(&list[i].policy, &declared->policy);
		if (field)
			problems_add(problems, false,
			    "%s: policy \"%s\" is already declared in %s, with another %s; declare it the same "
			    "in both, or give one of them another name",
			    declared->where, declared->policy.name, list[i].where, field);
	}
}

static void check(const struct policies *policies, const char *owner,
    const struct declaration *list, size_t count, struct problems *problems)
{
	for (size_t i = 0; i < count; i++) {
		struct err err;
		if (policy_name_check(list[i].policy.name, &err) < 0)
			problems_add(problems, false, "%s: %s", list[i].where, err.text);
		if (is_built_in(list[i].policy.name))
			problems_add(problems, false,
			    "%s: policy \"%s\" is built in and can be changed under policies: in "
			    "neap.yaml only; give this one another name",
			    list[i].where, list[i].policy.name);
		compare(&list[i], list, i, problems);
		for (size_t k = 0; k < policies->owners_count; k++) {
			const struct owned *other = &policies->owners[k];
			if (strcmp(other->owner, owner) != 0)
				compare(&list[i], other->list, other->count, problems);
		}
	}
}

/* Where the owner's declarations are; owners_count if nowhere. */
static size_t find_owner(const struct policies *policies, const char *owner)
{
	size_t at = 0;
	while (at < policies->owners_count && strcmp(policies->owners[at].owner, owner) != 0)
		at++;
	return at;
}

int policies_install(struct policies *policies, const char *owner, const struct declaration *list,
    size_t count, struct problems *problems)
{
	size_t errors = problems->errors;
	check(policies, owner, list, count, problems);
	if (problems->errors > errors)
		return -1;

	size_t at = find_owner(policies, owner);
	if (at == policies->owners_count) {
		policies->owners = mem_resize(policies->owners, at + 1, sizeof *policies->owners);
		policies->owners[at] = (struct owned){.owner = mem_strdup(owner)};
		policies->owners_count++;
	}
	struct owned *owned = &policies->owners[at];
	owned->list = mem_resize(owned->list, count, sizeof *list);
	if (count)
		memcpy(owned->list, list, count * sizeof *list);
	owned->count = count;
	rebuild(policies);
	return 0;
}

void policies_remove(struct policies *policies, const char *owner)
{
	size_t at = find_owner(policies, owner);
	if (at == policies->owners_count)
		return;
	free(policies->owners[at].owner);
	free(policies->owners[at].list);
	policies->owners_count--;
	memmove(&policies->owners[at], &policies->owners[at + 1],
	    (policies->owners_count - at) * sizeof *policies->owners);
	rebuild(policies);
}

/* The place of the server's word on the field, new if there is none. */
static struct written *written_place(
    struct policies *policies, const char *policy, const char *field)
{
	for (size_t i = 0; i < policies->written_count; i++) {
		struct written *written = &policies->written[i];
		if (!strcmp(written->policy, policy) && !strcmp(written->field, field))
			return written;
	}
	policies->written =
	    mem_resize(policies->written, policies->written_count + 1, sizeof *policies->written);
	struct written *made = &policies->written[policies->written_count++];
	const char *const *name = policy_fields();
	while (strcmp(*name, field) != 0)
		name++;
	*made = (struct written){.field = *name};
	must(strlen(policy) <= POLICY_NAME_MAX);
	memcpy(made->policy, policy, strlen(policy));
	return made;
}

void policies_override(
    struct policies *policies, const char *policy, const char *field, const char *value)
{
	struct written *written = written_place(policies, policy, field);
	free(written->value);
	written->value = mem_strdup(value);
	rebuild(policies);
}

const struct policy *policies_find(const struct policies *policies, const char *name)
{
	return find(policies, name);
}

const struct policy *policies_next(const struct policies *policies, const struct policy *after)
{
	const struct policy *next = after ? after + 1 : policies->in_force;
	return next < policies->in_force + policies->in_force_count ? next : NULL;
}
