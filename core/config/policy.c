#include "core/config/policy.h"

#include "core/base/nearest.h"
#include "core/base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES_MOST 100000
#define LIMIT_LEAST      4096

void policy_init(struct policy *policy, const char *name)
{
	*policy = (struct policy){
	    .flush_ms = 30000,
	    .max_samples = 500,
	    .priority = PRIORITY_NORMAL,
	    .limit = 8 << 20,
	    .full = FULL_DROP_OLDEST,
	};
	must(strlen(name) <= POLICY_NAME_MAX);
	memcpy(policy->name, name, strlen(name));
}

static const char *const priorities[] = {"high", "normal", "low", NULL};
static const char *const booleans[] = {"false", "true", NULL};
static const char *const fulls[] = {"drop_oldest", "drop_newest", "thin", NULL};
static const char *const encodings[] = {"json", "ts", "tsz", NULL};

static int choose(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(value, words[i]))
			return i;
	return -1;
}

static int set_flush(struct policy *policy, const char *value)
{
	if (!strcmp(value, "now")) {
		policy->flush_ms = 0;
		return 0;
	}
	return duration_parse(value, &policy->flush_ms);
}

static int set_jitter(struct policy *policy, const char *value)
{
	return duration_parse(value, &policy->jitter_ms);
}

static int set_max_samples(struct policy *policy, const char *value)
{
	char *end;
	errno = 0;
	unsigned long count = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || !count || count > MAX_SAMPLES_MOST)
		return -1;
	policy->max_samples = (uint32_t)count;
	return 0;
}

static int set_priority(struct policy *policy, const char *value)
{
	int chosen = choose(value, priorities);
	if (chosen < 0)
		return -1;
	policy->priority = (enum policy_priority)chosen;
	return 0;
}

static int set_durable(struct policy *policy, const char *value)
{
	int chosen = choose(value, booleans);
	if (chosen < 0)
		return -1;
	policy->durable = chosen;
	return 0;
}

static int set_limit(struct policy *policy, const char *value)
{
	uint64_t limit;
	if (size_parse(value, &limit) < 0 || limit < LIMIT_LEAST)
		return -1;
	policy->limit = limit;
	return 0;
}

static int set_full(struct policy *policy, const char *value)
{
	int chosen = choose(value, fulls);
	if (chosen < 0)
		return -1;
	policy->full = (enum policy_full)chosen;
	return 0;
}

static int set_encoding(struct policy *policy, const char *value)
{
	int chosen = choose(value, encodings);
	if (chosen < 0)
		return -1;
	policy->encoding = (enum policy_encoding)chosen;
	return 0;
}

/* --- as text again --- */

static void get_time(struct buf *out, int64_t ms)
{
	char text[NUMBER_TEXT];
	buf_add(out, text, duration_format(text, ms));
}

static void get_flush(const struct policy *policy, struct buf *out)
{
	if (policy->flush_ms == 0)
		buf_text(out, "now");
	else
		get_time(out, policy->flush_ms);
}

static void get_jitter(const struct policy *policy, struct buf *out)
{
	get_time(out, policy->jitter_ms);
}

static void get_max_samples(const struct policy *policy, struct buf *out)
{
	buf_printf(out, "%u", policy->max_samples);
}

static void get_priority(const struct policy *policy, struct buf *out)
{
	buf_text(out, priorities[policy->priority]);
}

static void get_durable(const struct policy *policy, struct buf *out)
{
	buf_text(out, booleans[policy->durable]);
}

static void get_limit(const struct policy *policy, struct buf *out)
{
	static const char *const units[] = {"B", "KB", "MB", "GB"};
	uint64_t limit = policy->limit;
	size_t unit = 0;
	while (unit < 3 && limit && limit % 1024 == 0) {
		limit /= 1024;
		unit++;
	}
	buf_printf(out, "%llu%s", (unsigned long long)limit, units[unit]);
}

static void get_full(const struct policy *policy, struct buf *out)
{
	buf_text(out, fulls[policy->full]);
}

static void get_encoding(const struct policy *policy, struct buf *out)
{
	buf_text(out, encodings[policy->encoding]);
}

/* setters[i] belongs to names[i]. */
static const char *const names[] = {
    "flush", "jitter", "max_samples", "priority", "durable", "limit", "full", "encoding", NULL};
static const struct {
	int (*set)(struct policy *policy, const char *value); /* -1: changes nothing */
	void (*get)(const struct policy *policy, struct buf *out);
	const char *takes;
} setters[] = {
    {set_flush, get_flush, "\"now\" or a duration such as \"60s\""},
    {set_jitter, get_jitter, "a duration such as \"5s\""},
    {set_max_samples, get_max_samples, "a whole number from 1 to 100000"},
    {set_priority, get_priority, "\"high\", \"normal\" or \"low\""},
    {set_durable, get_durable, "true or false"},
    {set_limit, get_limit, "a size of 4KB at least, such as \"2MB\""},
    {set_full, get_full, "\"drop_oldest\", \"drop_newest\" or \"thin\""},
    {set_encoding, get_encoding, "\"json\", \"ts\" or \"tsz\""},
};
_Static_assert(sizeof setters / sizeof *setters + 1 == sizeof names / sizeof *names,
    "a setter for each field");

int policy_set(struct policy *policy, const char *field, const char *value, struct err *err)
{
	int i = choose(field, names);
	if (i < 0) {
		const char *meant = nearest_name(field, names);
		if (meant)
			return err_set(
			    err, "%.60s: a policy has no such field (did you mean %s?)", field, meant);
		return err_set(err,
		    "%.60s: a policy has no such field; it has flush, jitter, max_samples, priority, "
		    "durable, limit, full and encoding",
		    field);
	}
	if (setters[i].set(policy, value) < 0)
		return err_set(err, "%s: takes %s, not \"%.60s\"", field, setters[i].takes, value);
	return 0;
}

void policy_get(const struct policy *policy, const char *field, struct buf *out)
{
	int i = choose(field, names);
	out->len = 0;
	must(i >= 0);
	setters[i].get(policy, out);
}

const char *const *policy_fields(void)
{
	return names;
}

int policy_name_check(const char *name, struct err *err)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
	                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	if (len && !name[len] && len <= POLICY_NAME_MAX)
		return 0;
	return err_set(err,
	    "\"%.60s\" cannot be the name of a policy: 1 to %d characters of a-z A-Z 0-9 _ -", name,
	    POLICY_NAME_MAX);
}

const char *policy_difference(const struct policy *a, const struct policy *b)
{
	const bool differs[] = {
	    a->flush_ms != b->flush_ms,
	    a->jitter_ms != b->jitter_ms,
	    a->max_samples != b->max_samples,
	    a->priority != b->priority,
	    a->durable != b->durable,
	    a->limit != b->limit,
	    a->full != b->full,
	    a->encoding != b->encoding,
	};
	for (int i = 0; names[i]; i++)
		if (differs[i])
			return names[i];
	return NULL;
}

int64_t policy_due(const struct policy *policy, const struct policy_state *state)
{
	if (!state->waiting)
		return INT64_MAX;
	if (state->waiting >= policy->max_samples)
		return state->first_mono_ms;
	int64_t due;
	if (__builtin_add_overflow(state->first_mono_ms, policy->flush_ms, &due) ||
	    __builtin_add_overflow(due, state->jitter_ms, &due))
		return INT64_MAX;
	return due;
}
