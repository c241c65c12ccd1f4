/*
 * core/link/mqtt.c alone, for tests: no scripts, no queue.
 *
 *   mqtt_probe KEY=VALUE...      url (more than one fails over), client_id, username, password,
 *                                password_file, ca, cert, key, tasks, min_ms, max_ms, keepalive_ms,
 *                                puback_timeout_ms, window
 *
 * Commands are lines on standard input; what happens are lines on standard output:
 *
 *   publish COUNT [SIZE]   numbered messages to the topic "data", SIZE bytes each  -> acked N,
 * failed N retry  drop            mqtt_retry_now, mqtt_drop_session fds                    the
 * descriptors that a child would inherit              -> fds N stop [GRACE_MS]        (or the end
 * of the input)                               -> stopped anything               -> state NAME
 * REASON, arrived LEN, message TOPIC LEN PAYLOAD
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/config/config.h"
#include "core/link/mqtt.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { URLS_MAX = 8, LINE_MAX_BYTES = 200 };

struct message {
	struct message *next;
	unsigned number;
};

struct probe {
	uv_loop_t loop;
	uv_pipe_t input;
	struct clock *clock;
	struct config config;
	const char *urls[URLS_MAX + 1];
	size_t urls_count;
	struct mqtt *mqtt;
	struct message *waiting; /* to be sent, or again */
	unsigned numbered, in_flight, window;
	size_t size;
	char *payload;
	char line[LINE_MAX_BYTES];
	size_t line_len;
	bool stopping;
	atomic_uint arrived;
};

/* --- sending --- */

static int send_number(struct probe *probe, struct message *message)
{
	char number[16];
	size_t len = (size_t)snprintf(number, sizeof number, "%u ", message->number);

	probe->payload = mem_resize(probe->payload, probe->size + sizeof number, 1);
	memset(probe->payload, 'x', probe->size);
	memcpy(probe->payload, number, len);
	return mqtt_publish(
	    probe->mqtt, "data", probe->payload, probe->size > len ? probe->size : len - 1, message);
}

static void fill_window(struct probe *probe)
{
	while (probe->waiting && probe->in_flight < probe->window) {
		struct message *message = probe->waiting;

		if (send_number(probe, message) != 0)
			return;
		probe->waiting = message->next;
		probe->in_flight++;
	}
}

static void add_numbers(struct probe *probe, unsigned count)
{
	struct message **end = &probe->waiting;

	while (*end)
		end = &(*end)->next;
	for (; count > 0; count--) {
		*end = mem_alloc(sizeof **end);
		(*end)->number = probe->numbered++;
		end = &(*end)->next;
	}
	fill_window(probe);
}

/* --- events --- */

static void on_state(void *ctx, const struct link_status *status)
{
	printf("state %s %s\n", link_state_name(status->state), status->reason);
	if (status->state == LINK_CONNECTED)
		fill_window(ctx);
}

static void on_acked(void *ctx, void *token)
{
	struct probe *probe = ctx;
	struct message *message = token;

	printf("acked %u\n", message->number);
	free(message);
	probe->in_flight--;
	fill_window(probe);
}

static void on_failed(void *ctx, void *token)
{
	struct probe *probe = ctx;
	struct message *message = token;

	printf("failed %u\n", message->number);
	message->next = probe->waiting;
	probe->waiting = message;
	probe->in_flight--;
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, uint64_t id)
{
	(void)ctx;
	printf("message %s %zu %.*s id %llu\n", topic, len, len > 60 ? 60 : (int)len,
	    (const char *)payload, (unsigned long long)id);
}

/* paho's thread */
static int on_arrived(void *ctx, const char *topic, const void *payload, size_t len, uint64_t *id)
{
	struct probe *probe = ctx;

	(void)topic;
	(void)payload;
	(void)len;
	*id = atomic_fetch_add(&probe->arrived, 1) + 1;
	return 0;
}

static void on_stopped(void *ctx)
{
	struct probe *probe = ctx;

	printf("stopped\n");
	mqtt_free(probe->mqtt);
	uv_close((uv_handle_t *)&probe->input, NULL);
}

/* --- commands --- */

static void stop(struct probe *probe, int64_t grace_ms)
{
	if (probe->stopping)
		return;
	probe->stopping = true;
	mqtt_stop(probe->mqtt, grace_ms, on_stopped);
}

static void count_inheritable(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10), flags = fcntl(fd, F_GETFD);
		struct stat what;

		if (fd > 2 && fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode))
			count += !(flags & FD_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	printf("fds %d\n", count);
}

static void obey(struct probe *probe, const char *line)
{
	if (strncmp(line, "publish ", 8) == 0) {
		char *size;
		unsigned count = (unsigned)strtoul(line + 8, &size, 10);

		probe->size = strtoul(size, NULL, 10);
		add_numbers(probe, count);
	} else if (strcmp(line, "retry") == 0) {
		mqtt_retry_now(probe->mqtt);
	} else if (strcmp(line, "drop") == 0) {
		mqtt_drop_session(probe->mqtt);
	} else if (strcmp(line, "fds") == 0) {
		count_inheritable();
	} else if (strncmp(line, "stop", 4) == 0) {
		stop(probe, line[4] ? strtol(line + 4, NULL, 10) : 1000);
	} else {
		printf("unknown command: %s\n", line);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct probe *probe = handle->data;

	(void)suggested;
	*buf = uv_buf_init(
	    probe->line + probe->line_len, (unsigned)(sizeof probe->line - 1 - probe->line_len));
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct probe *probe = stream->data;
	char *end;

	(void)buf;
	if (count < 0) {
		stop(probe, 1000);
		return;
	}
	probe->line_len += (size_t)count;
	probe->line[probe->line_len] = '\0';
	while ((end = strchr(probe->line, '\n'))) {
		*end = '\0';
		obey(probe, probe->line);
		probe->line_len -= (size_t)(end + 1 - probe->line);
		memmove(probe->line, end + 1, probe->line_len + 1);
	}
}

/* --- the start --- */

static void set(struct probe *probe, const char *key, const char *value)
{
	struct config *config = &probe->config;
	const struct {
		const char *key;
		const char **text;
		int64_t *number;
	} keys[] = {
	    {"client_id", &config->broker.client_id, NULL},
	    {"username", &config->broker.username, NULL},
	    {"password", &config->broker.password, NULL},
	    {"password_file", &config->broker.password_file, NULL},
	    {"ca", &config->broker.tls.ca, NULL},
	    {"cert", &config->broker.tls.cert, NULL},
	    {"key", &config->broker.tls.key, NULL},
	    {"tasks", &config->topics.tasks, NULL},
	    {"min_ms", NULL, &config->broker.reconnect_min_ms},
	    {"max_ms", NULL, &config->broker.reconnect_max_ms},
	    {"keepalive_ms", NULL, &config->broker.keepalive_ms},
	    {"puback_timeout_ms", NULL, &config->broker.puback_timeout_ms},
	};

	if (strcmp(key, "url") == 0 && probe->urls_count < URLS_MAX) {
		probe->urls[probe->urls_count++] = value;
		return;
	}
	if (strcmp(key, "window") == 0) {
		probe->window = (unsigned)strtoul(value, NULL, 10);
		return;
	}
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(keys[i].key, key) != 0)
			continue;
		if (keys[i].text)
			*keys[i].text = value;
		else
			*keys[i].number = strtoll(value, NULL, 10);
		return;
	}
	fprintf(stderr, "mqtt_probe: unknown key %s\n", key);
	exit(2);
}

static void configure(struct probe *probe, int argc, char **argv)
{
	struct config *config = &probe->config;

	config->broker.urls = probe->urls;
	config->broker.username = config->broker.client_id = "probe";
	config->broker.password = config->broker.password_file = "";
	config->broker.tls.ca = config->broker.tls.cert = config->broker.tls.key = "";
	config->broker.keepalive_ms = 60000;
	config->broker.reconnect_min_ms = 100;
	config->broker.reconnect_max_ms = 1000;
	config->broker.puback_timeout_ms = 10000;
	config->tasks.max_bytes = 100000;
	config->topics.tasks = "tasks";
	config->topics.presence = "";
	probe->window = 20;
	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		if (!equals) {
			fprintf(stderr, "mqtt_probe: KEY=VALUE is wanted, not %s\n", argv[i]);
			exit(2);
		}
		*equals = '\0';
		set(probe, argv[i], equals + 1);
	}
}

static void free_messages(struct probe *probe)
{
	while (probe->waiting) {
		struct message *next = probe->waiting->next;

		free(probe->waiting);
		probe->waiting = next;
	}
	free(probe->payload);
}

int main(int argc, char **argv)
{
	static struct probe probe;
	static const struct mqtt_events events = {
	    .state = on_state,
	    .acked = on_acked,
	    .failed = on_failed,
	    .message = on_message,
	    .arrived = on_arrived,
	};
	struct err err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	configure(&probe, argc, argv);
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_DEBUG);
	uv_loop_init(&probe.loop);
	probe.clock = clock_new(CLOCK_TRUST_DATE);
	probe.mqtt = mqtt_new(&probe.loop, probe.clock, &probe.config, &events, &probe, &err);
	if (!probe.mqtt) {
		printf("error %s\n", err.text);
		return 1;
	}
	uv_pipe_init(&probe.loop, &probe.input, 0);
	probe.input.data = &probe;
	uv_pipe_open(&probe.input, 0);
	uv_read_start((uv_stream_t *)&probe.input, on_alloc, on_input);
	mqtt_start(probe.mqtt);
	uv_run(&probe.loop, UV_RUN_DEFAULT);
	int status = uv_loop_close(&probe.loop);
	if (status != 0)
		printf("handles are left open\n");
	clock_free(probe.clock);
	free_messages(&probe);
	log_close();
	return status != 0;
}
