#include "core/config/config_text.h"

#include "core/base/buf.h"
#include "core/base/nearest.h"
#include "core/base/number.h"
#include "core/base/sample.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPANDED_MAX 65536 /* bytes of a value after its expansion */
#define TOPIC_MAX    65535 /* MQTT 3.1.1, 1.5.3: the length is a 16 bit number */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static const char *keep(struct arena *arena, struct buf *buf, bool ok)
{
	const char *text = ok ? arena_strndup(arena, buf->len > 0 ? buf->data : "", buf->len) : NULL;
	buf_free(buf);
	return text;
}

/* --- ${ENV} --- */

/* `ref` is at "${"; returns what follows its "}", or NULL. */
static const char *expand_one(struct buf *out, const char *ref, struct err *err)
{
	const char *name = ref + 2;
	size_t len = strspn(name, LETTERS DIGITS "_");
	if (len == 0 || name[len] != '}') {
		err_set(err, "\"${\" begins the name of an environment variable, as in ${HOME}; "
		             "write $${ for the characters ${");
		return NULL;
	}

	struct buf key = {0};
	buf_add(&key, name, len);
	const char *value = getenv(buf_str(&key));
	buf_free(&key);
	if (value == NULL) {
		err_set(err, "the environment has no variable %.*s", len < 60 ? (int)len : 60, name);
		return NULL;
	}
	if (!utf8_valid(value, strlen(value), NULL)) {
		err_set(err, "the environment variable %.*s is not UTF-8", len < 60 ? (int)len : 60, name);
		return NULL;
	}
	buf_text(out, value);
	return name + len + 1;
}

const char *config_text_expand(struct arena *arena, const char *text, struct err *err)
{
	if (strstr(text, "${") == NULL)
		return text;

	struct buf out = {0};
	while (text != NULL && *text != '\0') {
		if (strncmp(text, "$${", 3) == 0) {
			buf_text(&out, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text = expand_one(&out, text, err);
		} else {
			buf_char(&out, *text++);
		}
		if (out.len > EXPANDED_MAX) {
			err_set(err, "longer than %d bytes after ${ } was expanded", EXPANDED_MAX);
			text = NULL;
		}
	}
	return keep(arena, &out, text != NULL);
}

/* --- names --- */

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

int config_text_check_name(const char *text, struct err *err)
{
	if (text[0] == '\0')
		return err_set(err, "must not be empty");
	if (has_control(text))
		return err_set(err, "must not hold a control character");
	if (!utf8_valid(text, strlen(text), NULL))
		return err_set(err, "must be UTF-8");
	return 0;
}

int config_text_check_level(const char *text, struct err *err)
{
	const char *bad = strpbrk(text, "/+#");
	if (bad != NULL)
		return err_set(err, "must not hold \"%c\": it becomes a part of topics", *bad);
	return config_text_check_name(text, err);
}

/* --- broker URLs --- */

static const struct scheme {
	const char *given, *scheme;
	int port;
} schemes[] = {
    {"tcp", "tcp", 1883},
    {"mqtt", "tcp", 1883},
    {"ssl", "ssl", 8883},
    {"mqtts", "ssl", 8883},
};

static const struct scheme *find_scheme(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (strlen(schemes[i].given) == len && strncmp(schemes[i].given, text, len) == 0)
			return &schemes[i];
	return NULL;
}

/* What may follow the host: nothing, or a colon and a port. -1: neither. */
static int read_port(const char *text, int fallback, struct err *err)
{
	if (*text == '\0')
		return fallback;
	if (*text != ':')
		return err_set(err, "nothing may follow the host and port, but \"%.60s\" does", text);
	int64_t port;
	double unused;
	if (number_parse(text + 1, strlen(text + 1), &port, &unused) != NUMBER_INTEGER || port < 1 ||
	    port > 65535)
		return err_set(err, "the port must be a number from 1 to 65535, not \"%.60s\"", text + 1);
	return (int)port;
}

/* Returns the length of the host, with its brackets if it has them, or -1. */
static int check_host(const char *host, struct err *err)
{
	size_t len = strcspn(host, ":/?#");
	if (host[0] == '[') {
		char address[INET6_ADDRSTRLEN] = "";
		struct in6_addr binary;
		len = strcspn(host, "]") + 1;
		if (len - 2 < sizeof address && host[len - 1] == ']')
			memcpy(address, host + 1, len - 2);
		if (inet_pton(AF_INET6, address, &binary) != 1)
			return err_set(err, "\"%.60s\" holds no IPv6 address in brackets", host);
		return (int)len;
	}
	if (host[len] == ':' && strchr(host + len + 1, ':') != NULL)
		return err_set(err, "an IPv6 address stands in brackets, as in tcp://[::1]:1883");
	if (len == 0)
		return err_set(err, "the host is missing");
	size_t good = strspn(host, LETTERS DIGITS ".-_");
	if (good < len)
		return err_set(err, "a host name cannot hold \"%.*s\"",
		    (int)strcspn(host + good, LETTERS DIGITS ".-_:/?#"), host + good);
	if (len > 253)
		return err_set(err, "the host name is longer than 253 characters");
	return (int)len;
}

const char *config_text_url(struct arena *arena, const char *text, struct err *err)
{
	const char *colon = strstr(text, "://");
	if (text[0] == '\0') {
		err_set(err, "must not be empty");
		return NULL;
	}
	if (strchr(text, '@') != NULL) {
		err_set(err, "a username and password do not belong here: set broker.username and "
		             "broker.password_file");
		return NULL;
	}
	if (colon == NULL) {
		err_set(err, "a scheme is missing: write tcp://%.60s, or ssl:// for TLS", text);
		return NULL;
	}
	const struct scheme *scheme = find_scheme(text, (size_t)(colon - text));
	if (scheme == NULL) {
		err_set(err,
		    "the scheme must be tcp:// or ssl:// (mqtt:// and mqtts:// mean the same), "
		    "not \"%.*s://\"",
		    colon - text < 60 ? (int)(colon - text) : 60, text);
		return NULL;
	}
	const char *host = colon + 3;
	int len = check_host(host, err);
	int port = len >= 0 ? read_port(host + len, scheme->port, err) : -1;
	return port < 0 ? NULL : arena_printf(arena, "%s://%.*s:%d", scheme->scheme, len, host, port);
}

/* --- topics --- */

/* `ref` is at "{"; returns what follows its "}", or NULL. */
static const char *replace_one(struct buf *out, const char *ref, const char *const *names,
    const char *const *values, struct err *err)
{
	struct buf name = {0};
	size_t len = strcspn(ref + 1, "{}");
	bool closed = ref[1 + len] == '}';
	buf_add(&name, ref + 1, len);
	const char *key = buf_str(&name), *near = nearest_name(key, names);
	size_t i = 0;
	while (names[i] != NULL && strcmp(names[i], key) != 0)
		i++;

	if (!closed)
		err_set(err, "a \"{\" is not closed");
	else if (names[i] == NULL && near != NULL)
		err_set(err, "{%.60s} is not known (did you mean \"{%s}\"?)", key, near);
	else if (names[i] == NULL)
		err_set(err, "{%.60s} is not known: there are {username}, {client_id} and {serial}", key);
	else
		buf_text(out, values[i]);
	buf_free(&name);
	return closed && names[i] != NULL ? ref + len + 2 : NULL;
}

static int check_topic(const char *topic, struct err *err)
{
	const char *wildcard = strpbrk(topic, "+#");
	if (topic[0] == '\0')
		return err_set(err, "must not be empty");
	if (wildcard != NULL)
		return err_set(err, "a topic must not hold the wildcard \"%c\"", *wildcard);
	if (has_control(topic))
		return err_set(err, "a topic must not hold a control character");
	if (strlen(topic) > TOPIC_MAX)
		return err_set(err, "a topic has %d bytes at most", TOPIC_MAX);
	return 0;
}

const char *config_text_topic(struct arena *arena, const char *text, const char *const *names,
    const char *const *values, struct err *err)
{
	struct buf out = {0};
	while (text != NULL && *text != '\0') {
		if (*text == '{')
			text = replace_one(&out, text, names, values, err);
		else
			buf_char(&out, *text++);
	}
	const char *topic = keep(arena, &out, text != NULL);
	return topic != NULL && check_topic(topic, err) == 0 ? topic : NULL;
}
