#include "core/config/config.h"

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/config/config_schema.h"
#include "core/config/config_text.h"
#include "core/config/policy.h"

#include <stdlib.h>
#include <string.h>

static void read_urls(struct config_reader *reader, struct config_node *node);
static void read_policies(struct config_reader *reader, struct config_node *node);
static void read_params(struct config_reader *reader, struct config_node *node);

/* --- the keys --- */

static const char *const dialects[] = {"tutorial", "current", NULL};
/* Where a bool or enum takes the index, the order is the meaning. */
static const char *const forms[] = {"c", "a", NULL};
static const char *const value_forms[] = {"text", "native", NULL};
static const char *const timestamps[] = {"s", "ms", NULL};
static const char *const holds[] = {"wait", "refuse", NULL};
static const char *const trusts[] = {"date", "sync", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const targets[] = {"stderr", "syslog", NULL};

_Static_assert(CLOCK_TRUST_DATE == 0 && CLOCK_TRUST_SYNC == 1, "the order of trusts");
_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_DEBUG == 3, "the order of levels");
_Static_assert(LOG_TARGET_STDERR == 0 && LOG_TARGET_SYSLOG == 1, "the order of targets");
_Static_assert(sizeof(enum clock_trust) == sizeof(int) && sizeof(enum log_level) == sizeof(int) &&
                   sizeof(enum log_target) == sizeof(int),
    "config_value_set() stores an int");

#define AT(field) \
	.offset = offsetof(struct config, field), .size = sizeof(((struct config *)0)->field)
#define TEXT(field)              CONFIG_TEXT, AT(field)
#define FILE_NAME(field)         CONFIG_FILE, AT(field)
#define BOOL(field)              CONFIG_BOOL, AT(field)
#define CHOICE(field, set)       CONFIG_CHOICE, AT(field), .choices = (set)
#define TIME(field, least, most) CONFIG_DURATION, AT(field), .min = (least), .max = (most)
#define SIZE(field, least, most) CONFIG_SIZE, AT(field), .min = (least), .max = (most)

static const struct config_key keys[] = {
    {"device.serial", TEXT(device.serial), .fallback = "", .filled = true},
    {"device.serial_file", FILE_NAME(device.serial_file), .fallback = "", .filled = true},
    {"broker.url", CONFIG_CUSTOM, .read = read_urls},
    {"broker.username", TEXT(broker.username), .fallback = "", .filled = true},
    {"broker.client_id", TEXT(broker.client_id), .fallback = "", .filled = true},
    {"broker.password", TEXT(broker.password), .fallback = ""},
    {"broker.password_file", FILE_NAME(broker.password_file), .fallback = ""},
    {"broker.tls.ca", FILE_NAME(broker.tls.ca), .fallback = "/etc/ssl/certs/ca-certificates.crt"},
    {"broker.tls.cert", FILE_NAME(broker.tls.cert), .fallback = ""},
    {"broker.tls.key", FILE_NAME(broker.tls.key), .fallback = ""},
    {"broker.keepalive", TIME(broker.keepalive_ms, "5s", "18h"), .fallback = "2m"},
    {"broker.reconnect.min", TIME(broker.reconnect_min_ms, "100ms", "1h"), .fallback = "1s"},
    {"broker.reconnect.max", TIME(broker.reconnect_max_ms, "100ms", "1d"), .fallback = "5m"},
    {"broker.puback_timeout", TIME(broker.puback_timeout_ms, "1s", "1h"), .fallback = "30s"},
    {"dialect", TEXT(dialect), .fallback = "tutorial", .choices = dialects},
    {"payload.form", CHOICE(payload.form_a, forms), .fallback = "c", .current = "a"},
    {"payload.values", CHOICE(payload.native_values, value_forms), .fallback = "text",
        .current = "native"},
    {"payload.timestamps", CHOICE(payload.milliseconds, timestamps), .fallback = "s",
        .current = "ms"},
    {"payload.acks", BOOL(payload.acks), .fallback = "false", .current = "true"},
    {"payload.ack_error", TEXT(payload.ack_error), .fallback = "ERROR"},
    {"payload.max_bytes", SIZE(payload.max_bytes, "256B", "256KB"), .fallback = "16000"},
    {"topics.data", TEXT(topics.data), .fallback = "{username}/messages/json"},
    {"topics.ts", TEXT(topics.ts), .fallback = "{username}/messages/ts"},
    {"topics.tsz", TEXT(topics.tsz), .fallback = "{username}/messages/tsz"},
    {"topics.tasks", TEXT(topics.tasks), .fallback = "{username}/tasks/json"},
    {"topics.acks", TEXT(topics.acks), .fallback = "{username}/acks/json"},
    {"topics.presence", TEXT(topics.presence), .fallback = ""},
    {"presence.online", TEXT(presence.online), .fallback = "online"},
    {"presence.offline", TEXT(presence.offline), .fallback = "offline"},
    {"tasks.strict", BOOL(tasks.strict), .fallback = "false"},
    {"tasks.sync", BOOL(tasks.sync), .fallback = "false"},
    {"tasks.max_bytes", SIZE(tasks.max_bytes, "1KB", "16MB"), .fallback = "256KB"},
    {"tasks.hold", CHOICE(tasks.hold_refuses, holds), .fallback = "wait"},
    {"tasks.queue", CONFIG_COUNT, AT(tasks.queue), .min = "1", .max = "10000", .fallback = "1000"},
    {"window.messages", CONFIG_COUNT, AT(window.messages), .min = "1", .max = "100",
        .fallback = "20"},
    {"window.bytes", SIZE(window.bytes, "256KB", "64MB"), .fallback = "1MB"},
    {"drain.fresh", CONFIG_SHARE, AT(window.fresh), .fallback = "50%"},
    {"clock.trust", CHOICE(clock.trust, trusts), .fallback = "date"},
    {"clock.deadline", TIME(clock.deadline_ms, "0s", "30d"), .fallback = "10m"},
    {"state.dir", FILE_NAME(state.dir), .fallback = "/etc/neap/state", .filled = true},
    {"queue.dir", FILE_NAME(queue.dir), .fallback = "/var/lib/neap", .filled = true},
    {"queue.sync", TIME(queue.sync_ms, "100ms", "1h"), .fallback = "5s"},
    {"queue.memory", SIZE(queue.memory, "16KB", "1GB"), .fallback = "256KB"},
    {"queue.limit", SIZE(queue.limit, "64KB", "1024GB"), .fallback = "32MB"},
    {"params", CONFIG_CUSTOM, .read = read_params},
    {"policies", CONFIG_CUSTOM, .read = read_policies},
    {"scripts.dir", FILE_NAME(scripts.dir), .fallback = "/etc/neap/scripts", .filled = true},
    {"scripts.memory", SIZE(scripts.memory, "128KB", "1GB"), .fallback = "4MB"},
    {"scripts.slice", TIME(scripts.slice_ms, "1ms", "1s"), .fallback = "10ms"},
    {"scripts.budget", TIME(scripts.budget_ms, "10ms", "1h"), .fallback = "1s"},
    {"scripts.watch", BOOL(scripts.watch), .fallback = "false"},
    {"control.socket", FILE_NAME(control.socket), .fallback = "/run/neap.sock", .filled = true},
    {"log.level", CHOICE(log.level, levels), .fallback = "info"},
    {"log.target", CHOICE(log.target, targets), .fallback = "stderr"},
    {"agent.asset", TEXT(agent_asset), .fallback = ""},
    {.path = NULL},
};

const struct config_key *config_keys(void)
{
	return keys;
}

/* --- the keys that are more than a value --- */

static bool is_tls(const char *url)
{
	return strncmp(url, "ssl:", 4) == 0;
}

/* What the link cannot do, of a good address in a list that begins with `first`. */
static void check_url(const struct config_reader *reader, const struct config_node *node,
    const char *url, const char *first)
{
	if (is_tls(url) != is_tls(first))
		config_tree_error(&reader->source, node,
		    "%s and %s are mixed: a list is either all tcp:// or all ssl://, so that the password "
		    "never leaves without TLS where TLS is wanted",
		    first, url);
	else if (is_tls(url) && strchr(url, '['))
		config_tree_error(&reader->source, node,
		    "over TLS an IPv6 address cannot be checked against the certificate: write the "
		    "broker's name");
}

static const char *read_url(struct config_reader *reader, struct config_node *node)
{
	struct err err = {0};
	const char *text = config_schema_text(reader, node);
	const char *url = text != NULL ? config_text_url(reader->source.arena, text, &err) : NULL;
	if (text != NULL && url == NULL)
		config_tree_error(&reader->source, node, "%s", err.text);
	return url;
}

static void read_urls(struct config_reader *reader, struct config_node *node)
{
	struct config *config = reader->target;
	struct config_node *first = node->kind == CONFIG_LIST ? node->child : node;
	size_t count = 0;
	for (struct config_node *item = first; item != NULL; item = item->next)
		count++;
	const char **urls = arena_alloc(reader->source.arena, (count + 1) * sizeof *urls);
	config->broker.urls = urls;

	count = 0;
	for (struct config_node *item = first; item != NULL;
	     item = node->kind == CONFIG_LIST ? item->next : NULL) {
		const char *url = read_url(reader, item);
		if (url == NULL)
			continue;
		urls[count++] = url;
		check_url(reader, item, url, urls[0]);
	}
	if (first == NULL)
		config_tree_error(&reader->source, node, "the list is empty: name a broker");
}

static bool is_field(const char *name)
{
	const char *const *fields = policy_fields();
	while (*fields != NULL && strcmp(*fields, name) != 0)
		fields++;
	return *fields != NULL;
}

/* A policy's field is checked here, and set later over what the scripts declare. */
static void read_field(
    struct config_reader *reader, struct config_node *node, struct config_policy_field *out)
{
	struct config *config = reader->target;
	const char *policy = node->parent->key;
	if (!is_field(node->key)) {
		config_schema_unknown(reader, node, nearest_name(node->key, policy_fields()));
		return;
	}
	const char *value = config_tree_empty(node) ? NULL : config_schema_text(reader, node);
	if (value == NULL)
		return;

	struct policy scratch;
	struct err err = {0};
	policy_init(&scratch, policy);
	if (policy_set(&scratch, node->key, value, &err) < 0) {
		/* the path in front of the message ends with the field's name */
		size_t name = strlen(node->key);
		bool named = strncmp(err.text, node->key, name) == 0 && err.text[name] == ':';
		config_tree_error(&reader->source, node, "%s", err.text + (named ? name + 2 : 0));
		return;
	}
	out[config->policies_count++] =
	    (struct config_policy_field){policy, node->key, value, node->line, node->column};
}

/* Whether it is a map, as it has to be, with something in it. */
static bool is_map(struct config_reader *reader, const struct config_node *node, const char *of)
{
	if (node->kind == CONFIG_MAP)
		return true;
	if (!config_tree_empty(node))
		config_tree_error(&reader->source, node, "must be a map of %s", of);
	return false;
}

static void read_policies(struct config_reader *reader, struct config_node *node)
{
	struct config *config = reader->target;
	struct err err = {0};
	if (!is_map(reader, node, "policies"))
		return;

	size_t count = 0;
	for (const struct config_node *policy = node->child; policy != NULL; policy = policy->next)
		for (const struct config_node *field = policy->child; field != NULL; field = field->next)
			count++;
	struct config_policy_field *fields =
	    arena_alloc(reader->source.arena, (count + 1) * sizeof *fields);
	config->policies = fields;

	for (const struct config_node *policy = node->child; policy != NULL; policy = policy->next) {
		if (policy_name_check(policy->key, &err) < 0)
			config_tree_key_error(&reader->source, policy, "%s", err.text);
		else if (is_map(reader, policy, "a policy's fields"))
			for (struct config_node *field = policy->child; field != NULL; field = field->next)
				read_field(reader, field, fields);
	}
}

static void expand_all(struct config_reader *reader, struct config_node *node)
{
	if (node->kind == CONFIG_SCALAR && !node->bad)
		(void)config_schema_text(reader, node);
	for (struct config_node *child = node->child; child != NULL; child = child->next)
		expand_all(reader, child);
}

static void read_params(struct config_reader *reader, struct config_node *node)
{
	struct config *config = reader->target;
	if (!is_map(reader, node, "scripts"))
		return;
	for (struct config_node *script = node->child; script != NULL; script = script->next)
		if (is_map(reader, script, "the script's parameters"))
			expand_all(reader, script);
	config->params = node;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	arena_free(&config->memory);
	free(config);
}
