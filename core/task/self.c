#include "core/task/self.h"

#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/problems.h"
#include "core/base/value_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variable, what it was last and when. */
struct told {
	char *path, *text; /* text: its value, where that is one */
	struct sample sample;
	bool known;
};
enum { TOLD_LOST, TOLD_HELD, TOLD };

struct self {
	struct owner owner; /* first: a job gives it back */
	char *asset;
	const struct clock *clock;
	struct catalog *catalog;
	struct policies *policies;
	struct store *settings;
	void (*changed)(void *ctx);
	void *ctx;
	struct told told[TOLD];
	char *shown; /* the policies that have settings, by name, each with a newline */
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

static void answer_told(const struct told *told, struct job *job)
{
	if (told->known)
		job->done(job, true, &told->sample, 1, NULL);
	else /* what is held is known from the start on */
		job->done(job, false, NULL, 0, "nothing was lost since the agent's start");
}

static void start(struct owner *owner, struct job *job)
{
	struct self *self = (struct self *)owner; /* its first member */
	const struct policy *policy;
	struct field field;
	struct err err = {0};

	for (int i = 0; i < TOLD; i++) {
		if (strcmp(job->path, self->told[i].path) == 0) {
			answer_told(&self->told[i], job);
			return;
		}
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

static void declare_told(const struct told *told, const char *label, struct draft *draft)
{
	struct err err;
	struct entry entry = {.path = told->path,
	    .kind = ENTRY_VARIABLE,
	    .type = told->sample.value.type,
	    .label = label,
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
	declare_told(&self->told[TOLD_LOST], "Samples lost", draft);
	declare_told(&self->told[TOLD_HELD], "Tasks are held", draft);
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

/* --- what it tells --- */

static int tell(struct self *self, struct told *told, struct ingest *ingest, struct err *err)
{
	const struct entry *entry = catalog_find(self->catalog, told->path);
	struct sample *sample = &told->sample;

	told->known = true;
	sample->time = clock_stamp(self->clock);
	if (!entry || entry->owner != &self->owner)
		return err_set(err, "%s is not declared: it cannot be reported", told->path);
	return ingest_push(ingest, entry, &sample->value, &sample->time, err) < 0 ? -1 : 0;
}

int self_report_lost(struct self *self, struct ingest *ingest, const char *text, struct err *err)
{
	struct told *told = &self->told[TOLD_LOST];

	free(told->text);
	told->text = mem_strdup(text);
	told->sample.value.text.data = told->text;
	told->sample.value.text.len = strlen(told->text);
	return tell(self, told, ingest, err);
}

void self_report_held(struct self *self, struct ingest *ingest, bool held)
{
	struct told *told = &self->told[TOLD_HELD];
	struct err err;

	if (told->known && told->sample.value.boolean == held)
		return;
	told->sample.value.boolean = held;
	if (tell(self, told, ingest, &err) < 0)
		log_error("agent", "%s", err.text);
	ingest_commit(ingest);
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
	static const struct {
		const char *name;
		enum value_type type;
	} told[TOLD] = {[TOLD_LOST] = {"lost", VALUE_STRING}, [TOLD_HELD] = {"held", VALUE_BOOLEAN}};
	struct self *self = mem_alloc(sizeof(*self));

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
	for (int i = 0; i < TOLD; i++) {
		struct buf path = {0};

		buf_printf(&path, "%s.%s", asset, told[i].name);
		self->told[i].path = mem_strdup(buf_str(&path));
		self->told[i].sample.path = self->told[i].path;
		self->told[i].sample.value.type = told[i].type;
		buf_free(&path);
	}
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
	for (int i = 0; i < TOLD; i++) {
		free(self->told[i].path);
		free(self->told[i].text);
	}
	free(self);
}
