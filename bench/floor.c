/*
 * usage: floor URL USERNAME PASSWORD TOPIC WINDOW <BODIES
 *
 * The floor: publishes each line of standard input with paho alone, at QoS 1, WINDOW messages in
 * flight. The bodies were encoded by somebody else, nothing is queued, nothing is kept: no program
 * that publishes them through paho can cost less. Prints the seconds from the first message to the
 * last PUBACK and the CPU seconds of the process meanwhile.
 */
#include <MQTTAsync.h>

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct body {
	char *text;
	size_t len;
};

struct floor {
	MQTTAsync client;
	const char *topic;
	struct body *bodies;
	size_t count;
	sem_t ready; /* how many more may be sent */
};

static void die(const char *what, int code)
{
	fprintf(stderr, "floor: %s: %d\n", what, code);
	exit(1);
}

static void on_ready(void *context, MQTTAsync_successData *data)
{
	struct floor *floor = context;

	(void)data;
	sem_post(&floor->ready);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
	(void)context;
	die("the broker or the connection failed", data ? data->code : 0);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is paho's */
static void on_lost(void *context, char *cause)
{
	(void)context;
	(void)cause;
	die("the connection was lost", 0);
}

static int on_message(void *context, char *topic, int len, MQTTAsync_message *message)
{
	(void)context;
	(void)len;
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

static void wait_ready(struct floor *floor)
{
	while (sem_wait(&floor->ready) < 0 && errno == EINTR)
		continue;
}

static void read_bodies(struct floor *floor)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 1) {
		if (floor->count % 1024 == 0)
			floor->bodies = realloc(floor->bodies, (floor->count + 1024) * sizeof(*floor->bodies));
		struct body body = {malloc((size_t)len), (size_t)len - 1}; /* without the newline */
		if (!floor->bodies || !body.text)
			die("out of memory", 0);
		memcpy(body.text, line, (size_t)len);
		floor->bodies[floor->count++] = body;
	}
	free(line);
}

static void connect_to(struct floor *floor, char **argv)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	int rc = MQTTAsync_create(&floor->client, argv[1], "floor", MQTTCLIENT_PERSISTENCE_NONE, NULL);

	if (rc != MQTTASYNC_SUCCESS)
		die("create", rc);
	MQTTAsync_setCallbacks(floor->client, floor, on_lost, on_message, NULL);
	options.MQTTVersion = MQTTVERSION_3_1_1;
	options.username = argv[2];
	options.password = argv[3];
	options.maxInflight = 65000;
	options.retryInterval = 0;
	options.onSuccess = on_ready;
	options.onFailure = on_failure;
	options.context = floor;
	rc = MQTTAsync_connect(floor->client, &options);
	if (rc != MQTTASYNC_SUCCESS)
		die("connect", rc);
	wait_ready(floor);
}

static void publish_all(struct floor *floor, unsigned window)
{
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

	response.onSuccess = on_ready;
	response.onFailure = on_failure;
	response.context = floor;
	for (unsigned i = 0; i < window; i++)
		sem_post(&floor->ready);
	for (size_t i = 0; i < floor->count; i++) {
		wait_ready(floor);
		int rc = MQTTAsync_send(floor->client, floor->topic, (int)floor->bodies[i].len,
		    floor->bodies[i].text, 1, 0, &response);
		if (rc != MQTTASYNC_SUCCESS)
			die("send", rc);
	}
	for (unsigned i = 0; i < window; i++)
		wait_ready(floor);
}

static double elapsed_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct floor floor = {0};
	unsigned window = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;

	if (window == 0) {
		fprintf(stderr, "usage: floor URL USERNAME PASSWORD TOPIC WINDOW <BODIES\n");
		return 2;
	}
	floor.topic = argv[4];
	sem_init(&floor.ready, 0, 0);
	read_bodies(&floor);
	connect_to(&floor, argv);
	double time = elapsed_s(), cpu = cpu_s();
	publish_all(&floor, window);
	printf("%.6f %.6f\n", elapsed_s() - time, cpu_s() - cpu);
	return 0; /* what was read is the process's, and goes with it */
}
