#include "core/config.h"

#include "core/buf.h"
#include "core/config_schema.h"
#include "core/config_text.h"
#include "core/err.h"
#include "core/fileio.h"
#include "core/mem.h"
#include "core/nearest.h"
#include "core/policy.h"
#include "core/sample.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define FILE_MAX           ((size_t)256 * 1024)
#define SERIAL_FILE_MAX    4096
#define KEEPALIVE_COSTS_MS 30000 /* below this the pings are most of a quiet device's traffic */

static void read_urls(struct config_reader *reader, struct config_node *node);
static void read_policies(struct config_reader *reader, struct config_node *node);
static void read_params(struct config_reader *reader, struct config_node *node);

/* --- the keys --- */

static const char *const dialects[] = {"tutorial", "current", NULL};
/* Where a bool or enum takes the index, the order is the meaning. */
static const char *const forms[] = {"c", "a", NULL};
static const char *const value_forms[] = {"text", "native", NULL};
static const char *const timestamps[] = {"s", "ms", NULL};
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
    {"payload.max_bytes", SIZE(payload.max_bytes, "256B", "256KB"), .fallback = "16000"},
    {"topics.data", TEXT(topics.data), .fallback = "{username}/messages/json"},
    {"topics.tasks", TEXT(topics.tasks), .fallback = "{username}/tasks/json"},
    {"topics.acks", TEXT(topics.acks), .fallback = "{username}/acks/json"},
    {"tasks.strict", BOOL(tasks.strict), .fallback = "false"},
    {"tasks.sync", BOOL(tasks.sync), .fallback = "false"},
    {"tasks.max_bytes", SIZE(tasks.max_bytes, "1KB", "16MB"), .fallback = "256KB"},
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
    {NULL},
};

const struct config_key *config_keys(void)
{
	return keys;
}

/* --- the keys that are more than a value --- */

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

	if (node->kind != CONFIG_LIST)
		*urls = read_url(reader, node);
	for (struct config_node *item = node->kind == CONFIG_LIST ? first : NULL; item != NULL;
	     item = item->next)
		*urls++ = read_url(reader, item);
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

/* --- what keys must be together --- */

struct load {
	struct config_reader reader;
	struct config *config;
	struct config_node *root;
};

static struct config_node *given(const struct load *load, const char *path)
{
	struct config_node *node = config_tree_find(load->root, path);
	return config_tree_empty(node) ? NULL : node;
}

/* At the section's key, or the top of the file. */
static void missing(const struct load *load, const char *section, const char *key, const char *what)
{
	const struct config_node *node = config_tree_find(load->root, section);
	if (node != NULL && !config_tree_empty(node) && node->kind != CONFIG_MAP)
		return; /* that was told */
	problems_at(load->reader.source.problems, false, load->reader.source.file,
	    node != NULL ? node->key_line : 1, node != NULL ? node->key_column : 1, "%s.%s: %s",
	    section, key, what);
}

/* Of two keys that say the same thing. */
static void not_both(const struct load *load, const char *one, const char *other)
{
	const struct config_node *a = given(load, one), *b = given(load, other);
	if (a == NULL || b == NULL)
		return;
	bool a_first =
	    a->key_line != b->key_line ? a->key_line < b->key_line : a->key_column < b->key_column;
	config_tree_key_error(&load->reader.source, a_first ? b : a,
	    "%s is given too: remove one of them", a_first ? one : other);
}

static void not_above(
    const struct load *load, const char *low_path, int64_t low, const char *high_path, int64_t high)
{
	const struct config_node *node = given(load, high_path);
	if (node == NULL)
		node = given(load, low_path);
	if (node != NULL && low > high)
		config_tree_error(&load->reader.source, node, "%s is above %s", low_path, high_path);
}

static char *read_serial_file(const struct load *load, const struct config_node *node)
{
	struct buf content = {0};
	struct err err = {0};
	char *serial = NULL;
	if (fileio_read(load->config->device.serial_file, SERIAL_FILE_MAX, &content, &err) < 0)
		config_tree_error(&load->reader.source, node, "%s", err.text);
	/* The device tree's own end with a NUL, people's with a newline. */
	while (content.len > 0 && memchr(" \t\r\n", content.data[content.len - 1], 5) != NULL)
		content.len--;
	if (content.len > 0)
		serial = arena_strndup(&load->config->memory, content.data, content.len);
	else if (err.text[0] == '\0')
		config_tree_error(
		    &load->reader.source, node, "%s is empty", load->config->device.serial_file);
	buf_free(&content);
	return serial;
}

/* A text that passes `check`, or "x": its error is told, and what builds on it can be looked at. */
static const char *checked(const struct load *load, const struct config_node *node,
    const char *text, int (*check)(const char *text, struct err *err))
{
	struct err err = {0};
	if (text == NULL || text[0] == '\0')
		return "x";
	if (check(text, &err) == 0)
		return text;
	config_tree_error(&load->reader.source, node, "%s", err.text);
	return "x";
}

static void settle_identity(const struct load *load)
{
	struct config *config = load->config;
	const struct config_node *file = given(load, "device.serial_file");
	const struct config_node *node = given(load, "device.serial");
	const char *serial = config->device.serial;

	not_both(load, "device.serial", "device.serial_file");
	if (node == NULL && file != NULL) {
		node = file;
		serial = config->device.serial_file[0] != '\0' ? read_serial_file(load, file) : "";
	} else if (node == NULL) {
		missing(
		    load, "device", "serial", "missing: give the gateway's serial number, or serial_file");
	}
	config->device.serial = checked(load, node, serial, config_text_check_level);

	node = given(load, "broker.username");
	config->broker.username =
	    node == NULL ? config->device.serial
	                 : checked(load, node, config->broker.username, config_text_check_level);
	node = given(load, "broker.client_id");
	config->broker.client_id =
	    node == NULL ? config->device.serial
	                 : checked(load, node, config->broker.client_id, config_text_check_name);
}

static void settle_topic(const struct load *load, const char *path, const char **topic)
{
	static const char *const names[] = {"username", "client_id", "serial", NULL};
	const struct config *config = load->config;
	const char *const values[] = {
	    config->broker.username, config->broker.client_id, config->device.serial};
	struct err err = {0};
	const char *text = config_text_topic(&load->config->memory, *topic, names, values, &err);
	const struct config_node *node = given(load, path);
	if (text != NULL)
		*topic = text;
	else if (node != NULL && !node->bad)
		config_tree_error(&load->reader.source, node, "%s", err.text);
}

static void check_broker(const struct load *load)
{
	const struct config *config = load->config;
	const struct config_node *node;
	if (given(load, "broker.url") == NULL)
		missing(load, "broker", "url", "missing: give the broker's, such as tcp://HOST:1883");
	not_both(load, "broker.password", "broker.password_file");
	if ((node = given(load, "broker.tls.key")) != NULL && given(load, "broker.tls.cert") == NULL)
		config_tree_key_error(&load->reader.source, node,
		    "broker.tls.cert is missing: a key goes with its certificate");
	if (config->broker.keepalive_ms < KEEPALIVE_COSTS_MS &&
	    (node = given(load, "broker.keepalive")) != NULL)
		config_tree_warn(&load->reader.source, node,
		    "under 30s: pings alone then make more than 20 MB a month over TLS");
	not_above(load, "broker.reconnect.min", config->broker.reconnect_min_ms, "broker.reconnect.max",
	    config->broker.reconnect_max_ms);
}

static void check_asset(const struct load *load)
{
	const struct config_node *node = given(load, "agent.asset");
	const char *asset = load->config->agent_asset;
	if (asset[0] == '\0')
		return;
	struct err err;
	const char *path = arena_printf(&load->config->memory, "%s.x", asset);
	if (strchr(asset, '.') != NULL || path_check(path, &err) < 0)
		config_tree_error(&load->reader.source, node,
		    "\"%.60s\" cannot be the name of an asset: A-Z a-z 0-9 _ -", asset);
}

static void check_together(const struct load *load)
{
	struct config *config = load->config;
	settle_identity(load);
	settle_topic(load, "topics.data", &config->topics.data);
	settle_topic(load, "topics.tasks", &config->topics.tasks);
	settle_topic(load, "topics.acks", &config->topics.acks);
	check_broker(load);
	check_asset(load);
	not_above(load, "scripts.slice", config->scripts.slice_ms, "scripts.budget",
	    config->scripts.budget_ms);
	if (strlen(config->control.socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
		config_tree_error(&load->reader.source, given(load, "control.socket"),
		    "longer than %zu bytes, which a socket's name cannot be",
		    sizeof((struct sockaddr_un *)0)->sun_path - 1);
}

/* --- load --- */

static void load_tree(struct load *load, const char *text, size_t len)
{
	struct config_reader *reader = &load->reader;
	load->root = config_tree_parse(&reader->source, text, len);
	if (load->root == NULL)
		return;
	config_schema_defaults(reader);
	config_schema_read(reader, load->root);
	if (load->root->kind != CONFIG_MAP)
		return;
	if (strcmp(load->config->dialect, "current") == 0)
		config_schema_current(reader, load->root);
	check_together(load);
}

struct config *config_parse(
    const char *path, const char *text, size_t len, struct problems *problems)
{
	struct problems found = {0};
	struct config *config = mem_alloc(sizeof *config);
	const char *slash = strrchr(path, '/');
	struct load load = {
	    .reader = {.source = {.file = path, .arena = &config->memory, .problems = &found},
	        .keys = keys,
	        .folder = arena_strndup(
	            &config->memory, path, slash != NULL ? (size_t)(slash - path) + 1 : 0),
	        .target = config},
	    .config = config,
	};
	config->path = arena_strdup(&config->memory, path);
	load_tree(&load, text, len);

	bool good = found.errors == 0;
	problems_merge(problems, &found);
	if (good)
		return config;
	config_free(config);
	return NULL;
}

struct config *config_load(const char *path, struct problems *problems)
{
	struct buf text = {0};
	struct err err = {0};
	struct config *config = NULL;
	if (fileio_read(path, FILE_MAX, &text, &err) < 0)
		problems_add(problems, false, "%s", err.text);
	else
		config = config_parse(path, text.len > 0 ? text.data : "", text.len, problems);
	buf_free(&text);
	return config;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	arena_free(&config->memory);
	free(config);
}
