/*
 * usage: encodings_bench
 * What a datapoint costs on the wire and in time, encoding by encoding: a day of 20 sensors, one
 * reading each in 10 s, doubles of 0.1 resolution that change slowly, a flush every 5 minutes. A
 * message is the MQTT PUBLISH at QoS 1 with its topic, and its PUBACK; below that (TCP, TLS)
 * nothing is counted. Deterministic but for the times.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/message/message.h"
#include "core/message/series.h"

enum { SENSORS = 20, PERIOD_MS = 10000, FLUSH_MS = 300000, DAY_MS = 86400000, MAX_BYTES = 16000 };

struct encoding {
	const char *name, *topic;
	struct message *message;
	struct series *series;
};

struct totals {
	size_t datapoints, messages, body_bytes, wire_bytes;
	double seconds;
};

static enum message_fit add(const struct encoding *encoding, const struct sample *sample)
{
	return encoding->series ? series_add(encoding->series, sample)
	                        : message_add(encoding->message, sample);
}

static void finish(const struct encoding *encoding, struct buf *body)
{
	if (encoding->series)
		series_finish(encoding->series, body);
	else
		message_finish(encoding->message, body);
}

/* MQTT 3.1.1, 3.3 and 3.4: 2 bytes and the topic, 2 of packet id; the fixed header. */
static size_t wire_size(const char *topic, size_t body)
{
	size_t rest = 2 + strlen(topic) + 2 + body, header = 2;
	for (size_t n = rest; n >= 128; n /= 128)
		header++;
	return header + rest + 4;
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state ^= *state << 13; /* xorshift32 (Marsaglia 2003) */
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

/* A day's samples in the order in which they are read. Each changes at every third reading, by one
 * or two tenths. Together: a row is read at once; else each sensor has its own time. The
 * scheduler's lateness is 0 to 3 ms; in_seconds there is none. */
static size_t make_day(struct sample *samples, char (*paths)[32], bool together, bool in_seconds)
{
	uint32_t random = 2463534242;
	int64_t start = INT64_C(1755000000000) + (in_seconds ? 0 : 123);
	int tenths[SENSORS];
	size_t count = 0;

	for (int i = 0; i < SENSORS; i++) {
		(void)snprintf(paths[i], sizeof paths[i], "machine.temperature.%02d", i);
		tenths[i] = 200 + 5 * i;
	}
	for (int64_t ms = 0; ms < DAY_MS; ms += PERIOD_MS) {
		int64_t late = draw(&random, 4);
		for (int i = 0; i < SENSORS; i++) {
			if (draw(&random, 3) == 0)
				tenths[i] += (int)draw(&random, 5) - 2;
			if (!together)
				late = i * 7 + draw(&random, 4);
			samples[count++] = (struct sample){paths[i], {VALUE_DOUBLE, .number = tenths[i] / 10.0},
			    {.wall_ms = start + ms + (in_seconds ? 0 : late), .wall_valid = true}};
		}
	}
	return count;
}

static void send_body(const struct encoding *encoding, struct buf *body, struct totals *totals)
{
	finish(encoding, body);
	totals->messages++;
	totals->body_bytes += body->len;
	totals->wire_bytes += wire_size(encoding->topic, body->len);
}

static struct totals run(
    const struct encoding *encoding, const struct sample *samples, size_t count)
{
	struct totals totals = {.datapoints = count};
	struct timespec from, to;
	struct buf body = {0};
	size_t held = 0;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (size_t i = 0; i < count; i++) {
		enum message_fit fit = add(encoding, &samples[i]);
		if (fit == MESSAGE_FULL) {
			send_body(encoding, &body, &totals);
			held = 0;
			fit = add(encoding, &samples[i]);
		}
		must(fit == MESSAGE_ADDED);
		held++;
		if ((i + 1) % (FLUSH_MS / PERIOD_MS * SENSORS) == 0) {
			send_body(encoding, &body, &totals);
			held = 0;
		}
	}
	if (held > 0)
		send_body(encoding, &body, &totals);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	totals.seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	buf_free(&body);
	return totals;
}

static void print_table(const char *title, const struct sample *samples, size_t count)
{
	const struct message_format form_c = {.max_bytes = MAX_BYTES};
	const struct message_format form_a = {
	    .form_a = true, .native_values = true, .milliseconds = true, .max_bytes = MAX_BYTES};
	const struct series_format ts = {.max_bytes = MAX_BYTES};
	const struct series_format tsz = {.zlib = true, .max_bytes = MAX_BYTES};
	struct encoding encodings[] = {
	    {"form C, text, s", "GW-0042/messages/json", message_new(&form_c), NULL},
	    {"form A, native, ms", "GW-0042/messages/json", message_new(&form_a), NULL},
	    {"ts", "GW-0042/messages/ts", NULL, series_new(&ts)},
	    {"tsz", "GW-0042/messages/tsz", NULL, series_new(&tsz)},
	};

	printf("\n%s\n", title);
	printf("| encoding           | bytes/datapoint | with MQTT | messages | KB/day | ns/datapoint "
	       "|\n");
	printf("|--------------------|----------------:|----------:|---------:|-------:|-------------:|"
	       "\n");
	for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
		struct totals totals = run(&encodings[i], samples, count);
		double n = (double)totals.datapoints;
		printf("| %-18s | %15.2f | %9.2f | %8zu | %6.0f | %12.0f |\n", encodings[i].name,
		    (double)totals.body_bytes / n, (double)totals.wire_bytes / n, totals.messages,
		    (double)totals.wire_bytes / 1024, totals.seconds * 1e9 / n);
		message_free(encodings[i].message);
		series_free(encodings[i].series);
	}
}

int main(void)
{
	static char paths[SENSORS][32];
	struct sample *samples = mem_alloc(sizeof *samples * SENSORS * (DAY_MS / PERIOD_MS));

	printf("%d sensors, a reading each in %d s, flush after %d s, bodies of %d bytes at most\n",
	    SENSORS, PERIOD_MS / 1000, FLUSH_MS / 1000, MAX_BYTES);
	size_t count = make_day(samples, paths, true, false);
	print_table("Read together, stamped in milliseconds", samples, count);
	count = make_day(samples, paths, true, true);
	print_table("Read together, stamped in whole seconds", samples, count);
	count = make_day(samples, paths, false, false);
	print_table("Each at its own time", samples, count);
	free(samples);
	return 0;
}
