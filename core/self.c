#include "core/self.h"

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/problems.h"
#include "core/value_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct self {
	struct owner owner; /* first: a job gives it back */
	char *asset;
	const struct clock *clock;
	struct catalog *catalog;
	struct policies *policies;
	struct store *settings;
	void (*changed)(void *ctx);
	void *ctx;
	char *lost;              /* the path ASSET.lost */
	char *lost_text;         /* its value, or NULL */
	struct stamp lost_stamp; /* and time */
	char *shown;             /* the policies that have settings, by name, each with a newline */
};

/* --- a setting --- */

struct field {
	char policy[POLICY_NAME_MAX + 1];
	const char *name;
};

/* What path stands for; the policy need not be there any more. */
static bool parse(const struct self *self, const char *path, struct field *field)
{
	size_t asset = strlen(self->asset);
	const char *name = strrchr(path, '.');
	const char *policy = path + asset + strlen(".policy.");

	if (strncmp(path, self->asset, asset) != 0 || strncmp(path + asset, ".policy.", 8) != 0 ||
	    name <= policy || (size_t)(name - policy) > POLICY_NAME_MAX)
		return false;
	memcpy(field->policy, policy, (size_t)(name - policy));
	field->policy[name - policy] = '\0';
	field->name = name + 1;
	return true;
}

static enum value_type type_of(const char *field)
{
	if (strcmp(field, "max_samples") == 0)
		return VALUE_INT;
	return strcmp(field, "durable") == 0 ? VALUE_BOOLEAN : VALUE_STRING;
}

static struct value value_of(const struct policy *policy, const char *field, struct buf *text)
{
	enum value_type type = type_of(field);
	struct value value = {.type = type};

	policy_get(policy, field, text);
	if (type == VALUE_INT)
		value.integer = policy->max_samples;
	else if (type == VALUE_BOOLEAN)
		value.boolean = policy->durable;
	else
		value = (struct value){.type = type, .text = {.data = text->data, .len = text->len}};
	return value;
}

/* As policy_set wants it. */
static void text_of(const struct value *value, struct buf *text)
{
	if (value->type == VALUE_STRING)
		buf_add(text, value->text.data, value->text.len);
	else
		value_json(text, value);
}

static void answer(const struct self *self, struct job *job, const struct policy *policy,
    const char *field, const char *why)
{
	struct buf text = {0};
	struct sample sample = {.path = job->path, .time = clock_stamp(self->clock)};

	sample.value = value_of(policy, field, &text);
	job->done(job, !why, &sample, 1, why);
	buf_free(&text);
}

/* --- writing --- */

/* What cannot be kept is not in force either. */
static int save(struct self *self, const char *path, const struct value *value, struct err *err)
{
	struct value before;
	bool had = store_get(self->settings, path, &before);
	struct buf text = {0};

	if (had && before.type == VALUE_STRING) {
		buf_add(&text, before.text.data, before.text.len);
		before.text.data = text.data ? text.data : "";
	}
	store_set(self->settings, path, value);
	int rc = store_save(self->settings, err);
	if (rc < 0 && had)
		store_set(self->settings, path, &before);
	else if (rc < 0)
		store_remove(self->settings, path);
	buf_free(&text);
	return rc;
}

static int apply(struct self *self, const struct job *job, const struct field *field,
    const struct policy *policy, struct err *err)
{
	struct policy checked = *policy;
	struct buf text = {0};
	int rc;

	text_of(&job->value, &text);
	if (memchr(text.data ? text.data : "", '\0', text.len))
		rc = err_set(err, "%s: a NUL is no part of its value", field->name);
	else
		rc = policy_set(&checked, field->name, buf_str(&text), err);
	if (rc == 0)
		rc = save(self, job->path, &job->value, err);
	if (rc == 0)
		policies_override(self->policies, field->policy, field->name, buf_str(&text));
	buf_free(&text);
	if (rc == 0)
		self->changed(self->ctx);
	return rc;
}

static void answer_lost(const struct self *self, struct job *job)
{
	struct sample sample = {.path = self->lost, .time = self->lost_stamp};

	if (!self->lost_text) {
		job->done(job, false, NULL, 0, "nothing was lost since the agent's start");
		return;
	}
	sample.value = (struct value){
	    .type = VALUE_STRING, .text = {.data = self->lost_text, .len = strlen(self->lost_text)}};
	job->done(job, true, &sample, 1, NULL);
}

static void start(struct owner *owner, struct job *job)
{
	struct self *self = (struct self *)owner; /* its first member */
	const struct policy *policy;
	struct field field;
	struct err err = {0};

	if (strcmp(job->path, self->lost) == 0) {
		answer_lost(self, job);
		return;
	}

	must(parse(self, job->path, &field));
	policy = policies_find(self->policies, field.policy);
	if (!policy) {
		job->done(job, false, NULL, 0, "there is no such policy any more");
		return;
	}
	if (job->kind == JOB_WRITE && apply(self, job, &field, policy, &err) < 0) {
		answer(self, job, policy, field.name, err.text);
		return;
	}
	policy = policies_find(self->policies, field.policy);
	must(policy);
	answer(self, job, policy, field.name, NULL);
}

/* --- declaring --- */

static void declare(struct self *self, struct draft *draft, const struct policy *policy)
{
	for (const char *const *field = policy_fields(); *field; field++) {
		char path[PATH_MAX_BYTES + 1];
		struct err err;
		struct entry entry = {.path = path,
		    .kind = ENTRY_SETTING,
		    .type = type_of(*field),
		    .where = "agent.asset",
		    .readable = true};

		(void)snprintf(path, sizeof(path), "%s.policy.%s.%s", self->asset, policy->name, *field);
		if (draft_add(draft, &entry, &err) < 0)
			log_error("agent", "%s", err.text);
	}
}

static void declare_lost(struct self *self, struct draft *draft)
{
	struct err err;
	struct entry entry = {.path = self->lost,
	    .kind = ENTRY_VARIABLE,
	    .type = VALUE_STRING,
	    .label = "Samples lost",
	    .policy = POLICY_ANSWERS,
	    .where = "agent.asset"};

	if (draft_add(draft, &entry, &err) < 0)
		log_error("agent", "%s", err.text);
}

/* What reports and answers go through is not the server's to change. */
static bool is_shown(const struct policy *policy)
{
	return strcmp(policy->name, POLICY_ANSWERS) != 0 && strcmp(policy->name, POLICY_ACKS) != 0;
}

static void install(struct self *self)
{
	struct draft *draft = draft_new(&self->owner);
	struct problems problems = {0};

	draft_asset(draft, self->asset, "neap");
	declare_lost(self, draft);
	for (const struct policy *policy = NULL; (policy = policies_next(self->policies, policy));) {
		if (is_shown(policy))
			declare(self, draft, policy);
	}
	(void)catalog_install(self->catalog, draft, &problems);
	for (size_t i = 0; i < problems.count; i++)
		log_error("agent", "%s", problems.list[i].text);
	problems_free(&problems);
}

void self_refresh(struct self *self)
{
	struct buf names = {0};

	for (const struct policy *policy = NULL; (policy = policies_next(self->policies, policy));) {
		if (is_shown(policy))
			buf_printf(&names, "%s\n", policy->name);
	}
	/* A write changes no names: the entry that its job belongs to stays. */
	if (!self->shown || strcmp(self->shown, buf_str(&names)) != 0) {
		free(self->shown);
		self->shown = mem_strdup(buf_str(&names));
		install(self);
	}
	buf_free(&names);
}

/* --- losses --- */

int self_report_lost(struct self *self, struct ingest *ingest, const char *text, struct err *err)
{
	const struct entry *entry = catalog_find(self->catalog, self->lost);
	struct value value = {.type = VALUE_STRING, .text = {.data = text, .len = strlen(text)}};

	free(self->lost_text);
	self->lost_text = mem_strdup(text);
	self->lost_stamp = clock_stamp(self->clock);
	if (!entry || entry->owner != &self->owner)
		return err_set(err, "%s is not declared: losses cannot be reported", self->lost);
	return ingest_push(ingest, entry, &value, &self->lost_stamp, err) < 0 ? -1 : 0;
}

/* --- the start --- */

static void take_stored(void *ctx, const char *key, const struct value *value)
{
	struct self *self = ctx;
	struct buf text = {0};
	struct policy scratch;
	struct field field;
	struct err err;

	if (!parse(self, key, &field))
		return;
	text_of(value, &text);
	policy_init(&scratch, field.policy);
	if (policy_set(&scratch, field.name, buf_str(&text), &err) == 0)
		policies_override(self->policies, field.policy, field.name, buf_str(&text));
	else
		log_warn("agent", "%s: what the server wrote does not hold any more: %s", key, err.text);
	buf_free(&text);
}

struct self *self_new(const char *asset, const struct clock *clock, struct catalog *catalog,
    struct policies *policies, struct store *settings, void (*changed)(void *ctx), void *ctx)
{
	struct self *self = mem_alloc(sizeof(*self));
	struct buf path = {0};

	*self = (struct self){
	    .owner = {.name = "agent.asset", .start = start},
	    .asset = mem_strdup(asset),
	    .clock = clock,
	    .catalog = catalog,
	    .policies = policies,
	    .settings = settings,
	    .changed = changed,
	    .ctx = ctx,
	};
	buf_printf(&path, "%s.lost", asset);
	self->lost = mem_strdup(buf_str(&path));
	buf_free(&path);
	if (settings)
		store_each(settings, take_stored, self);
	return self;
}

void self_free(struct self *self)
{
	if (!self)
		return;
	catalog_remove(self->catalog, &self->owner);
	free(self->asset);
	free(self->shown);
	free(self->lost);
	free(self->lost_text);
	free(self);
}
