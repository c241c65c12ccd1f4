#include "core/config/config_check.h"

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/fileio.h"
#include "core/base/sample.h"
#include "core/config/config_text.h"

#include <string.h>
#include <sys/un.h>

#define SERIAL_FILE_MAX    4096
#define KEEPALIVE_COSTS_MS 30000 /* below this the pings are most of a quiet device's traffic */

static struct config_node *given(const struct config_load *load, const char *path)
{
	struct config_node *node = config_tree_find(load->root, path);
	return config_tree_empty(node) ? NULL : node;
}

/* At the section's key, or the top of the file. */
static void missing(
    const struct config_load *load, const char *section, const char *key, const char *what)
{
	const struct config_node *node = config_tree_find(load->root, section);
	if (node != NULL && !config_tree_empty(node) && node->kind != CONFIG_MAP)
		return; /* that was told */
	problems_at(load->reader.source.problems, false, load->reader.source.file,
	    node != NULL ? node->key_line : 1, node != NULL ? node->key_column : 1, "%s.%s: %s",
	    section, key, what);
}

/* Of two keys that say the same thing. */
static void not_both(const struct config_load *load, const char *one, const char *other)
{
	const struct config_node *a = given(load, one), *b = given(load, other);
	if (a == NULL || b == NULL)
		return;
	bool a_first =
	    a->key_line != b->key_line ? a->key_line < b->key_line : a->key_column < b->key_column;
	config_tree_key_error(&load->reader.source, a_first ? b : a,
	    "%s is given too: remove one of them", a_first ? one : other);
}

static void not_above(const struct config_load *load, const char *low_path, int64_t low,
    const char *high_path, int64_t high)
{
	const struct config_node *node = given(load, high_path);
	if (node == NULL)
		node = given(load, low_path);
	if (node != NULL && low > high)
		config_tree_error(&load->reader.source, node, "%s is above %s", low_path, high_path);
}

static char *read_serial_file(const struct config_load *load, const struct config_node *node)
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
static const char *checked(const struct config_load *load, const struct config_node *node,
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

static void settle_identity(const struct config_load *load)
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

static void settle_topic(const struct config_load *load, const char *path, const char **topic)
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

static void check_broker(const struct config_load *load)
{
	const struct config *config = load->config;
	const struct config_node *node;
	if (given(load, "broker.url") == NULL)
		missing(
		    load, "broker", "url", "missing: give the broker's address, such as tcp://HOST:1883");
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

static void check_asset(const struct config_load *load)
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

void config_check(const struct config_load *load)
{
	struct config *config = load->config;
	settle_identity(load);
	settle_topic(load, "topics.data", &config->topics.data);
	settle_topic(load, "topics.ts", &config->topics.ts);
	settle_topic(load, "topics.tsz", &config->topics.tsz);
	settle_topic(load, "topics.tasks", &config->topics.tasks);
	settle_topic(load, "topics.acks", &config->topics.acks);
	if (*config->topics.presence)
		settle_topic(load, "topics.presence", &config->topics.presence);
	check_broker(load);
	check_asset(load);
	not_above(load, "scripts.slice", config->scripts.slice_ms, "scripts.budget",
	    config->scripts.budget_ms);
	if (strlen(config->control.socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
		config_tree_error(&load->reader.source, given(load, "control.socket"),
		    "longer than %zu bytes, which a socket's name cannot be",
		    sizeof((struct sockaddr_un *)0)->sun_path - 1);
}
