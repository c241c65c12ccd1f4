/* `neap simulate`: what scripts would cost, before anything is deployed. */
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/number.h"
#include "core/command/command.h"
#include "core/command/rig.h"
#include "core/command/simulation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS      INT64_C(86400000)
#define DEFAULT_MS  DAY_MS
#define MONTH_DAYS  30
#define SIZE_TEXT   16
#define NOTES_SHOWN 20

/* --- as text --- */

static const char *size_text(char out[SIZE_TEXT], double bytes)
{
	static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
	size_t unit = 0;

	for (; bytes >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	(void)snprintf(
	    out, SIZE_TEXT, unit > 0 && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return out;
}

static double a_day(const struct simulation *simulation, uint64_t sum)
{
	return (double)sum * (double)DAY_MS / (double)simulation->length_ms;
}

static uint64_t wire_of(const struct simulation *simulation)
{
	uint64_t sum = simulation->link_wire;

	for (size_t i = 0; i < simulation->count; i++)
		sum += simulation->policies[i].wire;
	return sum;
}

static void print_policies(const struct simulation *simulation)
{
	char bytes[SIZE_TEXT], wire[SIZE_TEXT], flash[SIZE_TEXT], peak[SIZE_TEXT];

	printf("%-16s %10s %9s %9s %11s %9s %9s %9s\n", "a day, by policy", "samples", "messages",
	    "bodies", "on the wire", "flash", "writes", "peak");
	for (size_t i = 0; i < simulation->count; i++) {
		const struct simulated_policy *policy = &simulation->policies[i];

		if (policy->samples == 0)
			continue;
		printf("%-16s %10.0f %9.0f %9s %11s %9s %9.0f %9s\n", policy->name,
		    a_day(simulation, policy->samples), a_day(simulation, policy->messages),
		    size_text(bytes, a_day(simulation, policy->bytes)),
		    size_text(wire, a_day(simulation, policy->wire)),
		    size_text(flash, a_day(simulation, policy->flash_bytes)),
		    a_day(simulation, policy->flash_writes), size_text(peak, (double)policy->peak));
	}
}

static void print_link(const struct simulation *simulation)
{
	char day[SIZE_TEXT], month[SIZE_TEXT], link[SIZE_TEXT], down[NUMBER_TEXT];
	double wire = a_day(simulation, wire_of(simulation));

	(void)duration_format(down, simulation->down_ms);
	printf("\nThe link: down for %s in all, %" PRIu64 " connects, %" PRIu64 " pings (%s a day).\n",
	    simulation->down_ms > 0 ? down : "no time", simulation->connects, simulation->pings,
	    size_text(link, a_day(simulation, simulation->link_wire)));
	printf("All on the wire: %s a day, %s in %d days (an estimate, with TCP/IP%s).\n",
	    size_text(day, wire), size_text(month, wire * MONTH_DAYS), MONTH_DAYS, " and TLS if used");
}

static void print_ends(const struct simulation *simulation)
{
	uint64_t waiting = 0;

	for (size_t i = 0; i < simulation->count; i++) {
		const struct simulated_policy *policy = &simulation->policies[i];

		waiting += policy->waiting;
		if (policy->lost > 0)
			printf("LOST, the queue of %s was full: %" PRIu64 " of %" PRIu64 " samples.\n",
			    policy->name, policy->lost, policy->samples);
	}
	printf("At the end %" PRIu64 " samples wait for their batch.\n", waiting);
	if (simulation->notes.count > 0)
		puts("\nMade up, because nothing stands for the device (docs/testing.md tells of fakes):");
	for (size_t i = 0; i < simulation->notes.count && i < NOTES_SHOWN; i++)
		printf("  %s\n", simulation->notes.list[i].text);
	if (simulation->warned > 0)
		printf("\nThe scripts' warnings and errors, %" PRIu64 " in all:\n", simulation->warned);
	for (size_t i = 0; i < simulation->warnings.count; i++)
		printf("  %s\n", simulation->warnings.list[i].text);
}

static void print_text(const struct simulation *simulation)
{
	char length[NUMBER_TEXT];

	(void)duration_format(length, simulation->length_ms);
	printf("%s from 2026-01-01 00:00 UTC on\n\n", length);
	print_policies(simulation);
	print_link(simulation);
	print_ends(simulation);
}

/* --- as JSON --- */

static void add_policy(struct json_out *out, const struct simulated_policy *policy)
{
	json_out_open(out, NULL, '{');
	json_out_text(out, "name", policy->name);
	json_out_int(out, "samples", (int64_t)policy->samples);
	json_out_int(out, "delivered", (int64_t)policy->delivered);
	json_out_int(out, "lost", (int64_t)policy->lost);
	json_out_int(out, "waiting", (int64_t)policy->waiting);
	json_out_int(out, "messages", (int64_t)policy->messages);
	json_out_int(out, "body_bytes", (int64_t)policy->bytes);
	json_out_int(out, "wire_bytes", (int64_t)policy->wire);
	json_out_int(out, "flash_bytes", (int64_t)policy->flash_bytes);
	json_out_int(out, "flash_writes", (int64_t)policy->flash_writes);
	json_out_int(out, "peak_bytes", (int64_t)policy->peak);
	json_out_close(out, '}');
}

static void add_texts(struct json_out *out, const char *key, const struct problems *problems)
{
	json_out_open(out, key, '[');
	for (size_t i = 0; i < problems->count; i++)
		json_out_text(out, NULL, problems->list[i].text);
	json_out_close(out, ']');
}

static void print_json(const struct simulation *simulation)
{
	struct buf json = {0};
	struct json_out out = {.buf = &json};

	json_out_open(&out, NULL, '{');
	json_out_number(&out, "days", (double)simulation->length_ms / (double)DAY_MS);
	json_out_open(&out, "policies", '[');
	for (size_t i = 0; i < simulation->count; i++)
		add_policy(&out, &simulation->policies[i]);
	json_out_close(&out, ']');
	json_out_open(&out, "link", '{');
	json_out_number(&out, "down_s", (double)simulation->down_ms / 1000);
	json_out_int(&out, "connects", (int64_t)simulation->connects);
	json_out_int(&out, "pings", (int64_t)simulation->pings);
	json_out_int(&out, "wire_bytes", (int64_t)simulation->link_wire);
	json_out_close(&out, '}');
	json_out_int(&out, "wire_bytes", (int64_t)wire_of(simulation));
	add_texts(&out, "made_up", &simulation->notes);
	json_out_int(&out, "warned", (int64_t)simulation->warned);
	add_texts(&out, "warnings", &simulation->warnings);
	json_out_close(&out, '}');
	puts(buf_str(&json));
	buf_free(&json);
}

/* --- the command --- */

static int simulate(const struct invocation *invocation, const struct config *config,
    const struct link_model *link, int64_t length_ms)
{
	struct simulation simulation = {0};
	struct problems problems = {0};
	struct err err;
	int rc, status = EXIT_DONE;

	log_open(LOG_TARGET_TAP, LOG_LEVEL_INFO);
	rig_hold_signals();
	rc = simulation_run(config, invocation->host, link, length_ms, &simulation, &problems, &err);
	rig_release_signals();
	log_close();
	command_say(&problems);
	if (problems.errors > 0)
		status = EXIT_WRONG;
	if (rc < 0) {
		fprintf(stderr, "neap simulate: %s\n", err.text);
		status = EXIT_FAILED;
	} else if (invocation->options.json) {
		print_json(&simulation);
	} else {
		print_text(&simulation);
	}
	problems_free(&problems);
	simulation_free(&simulation);
	return status;
}

int command_simulate(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	struct link_model link = {0};
	int64_t length_ms = DEFAULT_MS;
	struct config *config;
	struct err err;
	int status;

	if (options->duration &&
	    (duration_parse(options->duration, &length_ms) < 0 || length_ms <= 0)) {
		fprintf(stderr, "neap simulate: -d %s is no time such as 7d\n", options->duration);
		return EXIT_WRONG;
	}
	if (options->outage && link_model_parse(&link, options->outage, &err) < 0) {
		fprintf(stderr, "neap simulate: --outage: %s\n", err.text);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	link.tls = strncmp(config->broker.urls[0], "ssl", 3) == 0;
	status = simulate(invocation, config, &link, length_ms);
	config_free(config);
	return status;
}
