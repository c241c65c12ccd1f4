/*
 * usage: latency URL USERNAME PASSWORD DEVICE COUNT
 *
 * From a server's publish of a read task to the arrival of its answer, one task at a time: those to
 * the device's topics are answered by neap, those in turn with them by the echo, a process of this
 * program that has paho alone and publishes what comes in from paho's own callback. No agent that
 * answers through paho can be sooner. All sockets are without Nagle's algorithm, neap's and these:
 * else each answer waits 44 ms for an ACK, which hides what is measured. Prints the median and the
 * 90th percentile of each in ms, and the medians' ratio.
 */
#include "core/link/mqtt_socket.h"

#include <MQTTAsync.h>

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ECHO   "ECHO"
#define WARMUP 50 /* of each, not measured */

struct peer {
	MQTTAsync client;
	sem_t ready;
	const char *answers; /* the echo: where its answers go; the server: NULL */
};

static void die(const char *what, int code)
{
	fprintf(stderr, "latency: %s: %d\n", what, code);
	_exit(1); /* also from paho's threads */
}

static void on_ready(void *context, MQTTAsync_successData *data)
{
	struct peer *peer = context;

	(void)data;
	sem_post(&peer->ready);
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

static void publish(struct peer *peer, const char *topic, const void *payload, int len)
{
	int rc = MQTTAsync_send(peer->client, topic, len, payload, 1, 0, NULL);

	if (rc != MQTTASYNC_SUCCESS)
		die("send", rc);
}

static int on_message(void *context, char *topic, int len, MQTTAsync_message *message)
{
	struct peer *peer = context;

	(void)len;
	if (peer->answers)
		publish(peer, peer->answers, message->payload, message->payloadlen);
	else
		sem_post(&peer->ready);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

static void wait_ready(struct peer *peer, const char *what)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 20;
	while (sem_timedwait(&peer->ready, &limit) < 0) {
		if (errno != EINTR)
			die(what, errno);
	}
}

/* Connects and subscribes. */
static void open_peer(struct peer *peer, char **argv, const char *id, const char *const *topics)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
	int rc = MQTTAsync_create(&peer->client, argv[1], id, MQTTCLIENT_PERSISTENCE_NONE, NULL);

	if (rc != MQTTASYNC_SUCCESS)
		die("create", rc);
	sem_init(&peer->ready, 0, 0);
	MQTTAsync_setCallbacks(peer->client, peer, on_lost, on_message, NULL);
	options.MQTTVersion = MQTTVERSION_3_1_1;
	options.username = argv[2];
	options.password = argv[3];
	options.maxInflight = 65000;
	options.retryInterval = 0;
	options.onSuccess = on_ready;
	options.onFailure = on_failure;
	options.context = peer;
	rc = MQTTAsync_connect(peer->client, &options);
	if (rc != MQTTASYNC_SUCCESS)
		die("connect", rc);
	wait_ready(peer, "no CONNACK");
	const char *port = strrchr(argv[1], ':');
	if (!port || mqtt_socket_adopt((int)strtol(port + 1, NULL, 10)) < 0)
		die("paho's socket was not found", 0);
	response.onSuccess = on_ready;
	response.onFailure = on_failure;
	response.context = peer;
	for (; *topics; topics++) {
		rc = MQTTAsync_subscribe(peer->client, *topics, 1, &response);
		if (rc != MQTTASYNC_SUCCESS)
			die("subscribe", rc);
		wait_ready(peer, "no SUBACK");
	}
}

/* In a process of its own, ended with this one. Says by a byte that it is subscribed. */
static void start_echo(char **argv)
{
	static struct peer echo = {.answers = ECHO "/messages/json"};
	int ends[2];
	char byte = 0;

	if (pipe(ends) < 0)
		die("pipe", errno);
	pid_t pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_peer(&echo, argv, "echo", (const char *const[]){ECHO "/tasks/json", NULL});
		if (write(ends[1], &byte, 1) != 1)
			die("pipe", errno);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		die("the echo did not start", 0);
	close(ends[0]);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* uids differ from those of an earlier run: the agent would not do them again. */
static double ask(struct peer *server, const char *device, size_t number)
{
	char topic[100], task[160];
	int len = snprintf(task, sizeof(task),
	    "[{\"uid\":\"%ld-%zu\",\"timestamp\":1348836320188,\"read\":[\"bench.value\"]}]",
	    (long)getpid(), number);

	(void)snprintf(topic, sizeof(topic), "%s/tasks/json", device);
	double begin = now_ms();
	publish(server, topic, task, len);
	wait_ready(server, "no answer");
	return now_ms() - begin;
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double report(const char *who, double *times, size_t count)
{
	qsort(times, count, sizeof(*times), by_size);
	printf("%-6s %.3f ms median, %.3f ms 90%%\n", who, times[count / 2], times[count * 9 / 10]);
	return times[count / 2];
}

int main(int argc, char **argv)
{
	struct peer server = {0};
	char answers[100];
	size_t count = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;

	if (count == 0) {
		fprintf(stderr, "usage: latency URL USERNAME PASSWORD DEVICE COUNT\n");
		return 2;
	}
	start_echo(argv);
	(void)snprintf(answers, sizeof(answers), "%s/messages/json", argv[4]);
	open_peer(&server, argv, "server", (const char *const[]){answers, ECHO "/messages/json", NULL});
	double *neap = calloc(count, sizeof(*neap)), *echo = calloc(count, sizeof(*echo));
	if (!neap || !echo)
		die("out of memory", 0);
	for (size_t i = 0; i < count + WARMUP; i++) {
		double from_neap = ask(&server, argv[4], i), from_echo = ask(&server, ECHO, i);

		if (i < WARMUP)
			continue;
		neap[i - WARMUP] = from_neap;
		echo[i - WARMUP] = from_echo;
	}
	double ours = report("neap", neap, count), floor = report("echo", echo, count);
	printf("ratio  %.2f   (target 1.5)\n", ours / floor);
	free(neap);
	free(echo);
	return 0; /* the echo goes with this process */
}
