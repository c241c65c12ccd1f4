/*
 * `neap queue`: list, dump and check read the files, beside a running agent or without one; drop
 * asks the agent, or opens the queue itself where none runs.
 */
#include "core/agent/control.h"
#include "core/base/fileio.h"
#include "core/base/json_out.h"
#include "core/base/value_json.h"
#include "core/command/command.h"
#include "core/command/queue_files.h"
#include "core/command/queue_list.h"
#include "core/queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- list --- */

static int list(const struct options *options, const struct config *config, struct err *err)
{
	struct buf out = {0};
	int rc = queue_list(config->queue.dir, options->json, &out, err);

	fputs(buf_str(&out), stdout);
	buf_free(&out);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* --- dump --- */

static void dump_item(void *ctx, const struct queue_file_item *item)
{
	struct buf *line = ctx;
	struct json_out out = {.buf = line};

	if (item->what != QUEUE_FILE_SAMPLE)
		return;
	line->len = 0;
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "policy", item->policy);
	json_out_int(&out, "seq", (int64_t)item->seq);
	json_out_text(&out, "path", item->sample->path);
	json_out_text(&out, "type", value_type_name(item->sample->value.type));
	json_out_raw(&out, "value");
	value_json(line, &item->sample->value);
	if (item->sample->time.wall_valid)
		json_out_int(&out, "wall_ms", item->sample->time.wall_ms);
	json_out_int(&out, "mono_ms", item->sample->time.mono_ms);
	json_out_close(&out, '}');
	puts(buf_str(line));
}

static int dump(const struct options *options, const struct config *config, struct err *err)
{
	struct buf line = {0};
	int rc = queue_files_walk(config->queue.dir, options->args[1], dump_item, &line, err);

	buf_free(&line);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* --- check --- */

struct checking {
	uint64_t segments, samples, faults;
};

static void check_item(void *ctx, const struct queue_file_item *item)
{
	struct checking *checking = ctx;

	checking->segments += item->what == QUEUE_FILE_BEGINS;
	checking->samples += item->what == QUEUE_FILE_SAMPLE;
	if (item->what == QUEUE_FILE_DAMAGE)
		printf("%s: damaged at byte %llu, %llu bytes\n", item->file, (unsigned long long)item->at,
		    (unsigned long long)item->bytes);
	else if (item->what == QUEUE_FILE_UNREADABLE)
		printf("%s: %s\n", item->file, item->text);
	else
		return;
	checking->faults++;
}

static int check(const struct config *config, struct err *err)
{
	struct checking checking = {0};

	if (queue_files_walk(config->queue.dir, NULL, check_item, &checking, err) < 0)
		return EXIT_FAILED;
	printf("%llu samples in %llu segments, %llu damaged places\n",
	    (unsigned long long)checking.samples, (unsigned long long)checking.segments,
	    (unsigned long long)checking.faults);
	return checking.faults > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* --- drop --- */

static bool confirmed(const struct options *options, const char *policy)
{
	char answer[8] = "";

	if (options->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "neap queue: drop loses data: say --yes\n");
		return false;
	}
	printf("Drop all samples of policy %s that are not in flight? [y/N] ", policy);
	(void)fflush(stdout);
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* No agent runs: the lock says so while we work. */
static int drop_offline(
    const struct config *config, const char *policy, uint64_t *dropped, struct err *err)
{
	const struct queue_options options = {
	    config->queue.dir, config->queue.sync_ms, config->queue.memory, config->queue.limit};
	struct clock *clock = clock_new(config->clock.trust);
	struct queue_set *set;
	uv_loop_t loop;
	int rc = -1;

	must(uv_loop_init(&loop) == 0);
	set = queue_set_open(&loop, clock, &options, err);
	for (struct queue *queue = set ? queue_next(set, NULL) : NULL; queue;
	     queue = queue_next(set, queue)) {
		if (strcmp(queue_name(queue), policy) != 0)
			continue;
		*dropped = queue_drop_all(queue);
		rc = 0;
		break;
	}
	if (set && rc < 0)
		err_set(err, "there is no queue of a policy \"%s\" in %s", policy, config->queue.dir);
	queue_set_close(set);
	uv_run(&loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&loop) == 0);
	clock_free(clock);
	return rc;
}

static int drop_by_agent(
    const struct config *config, const char *policy, uint64_t *dropped, struct err *err)
{
	struct buf text = {0}, result = {0};
	struct json_out out = {.buf = &text};

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "queue-drop");
	json_out_text(&out, "policy", policy);
	json_out_close(&out, '}');
	int rc = control_call(config->control.socket, buf_str(&text), 10000, &result, err);
	if (rc == 0)
		*dropped = strtoull(buf_str(&result), NULL, 10);
	buf_free(&text);
	buf_free(&result);
	return rc;
}

static int drop(const struct options *options, const struct config *config, struct err *err)
{
	const char *policy = options->args[1];
	struct buf path = {0};
	uint64_t dropped = 0;
	int rc, lock;

	if (!confirmed(options, policy))
		return EXIT_WRONG;
	buf_printf(&path, "%s/lock", config->state.dir);
	lock = fileio_lock(buf_str(&path), NULL);
	rc = lock >= 0 ? drop_offline(config, policy, &dropped, err)
	               : drop_by_agent(config, policy, &dropped, err);
	if (lock >= 0)
		close(lock);
	buf_free(&path);
	if (rc == 0)
		printf("%llu samples of policy %s dropped\n", (unsigned long long)dropped, policy);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

int command_queue(const struct invocation *invocation)
{
	const struct options *options = &invocation->options;
	const char *what = options->count > 0 ? options->args[0] : "";
	bool dropping = strcmp(what, "drop") == 0, dumping = strcmp(what, "dump") == 0;
	struct config *config;
	struct err err = {0};
	int status;

	if ((strcmp(what, "list") != 0 && strcmp(what, "check") != 0 && !dumping && !dropping) ||
	    options->count > 1 + (dumping || dropping) || (dropping && options->count != 2)) {
		fprintf(stderr, "usage: neap queue %s\n", invocation->command->synopsis);
		return EXIT_WRONG;
	}
	config = command_config(options);
	if (!config)
		return EXIT_WRONG;
	if (dropping)
		status = drop(options, config, &err);
	else if (dumping)
		status = dump(options, config, &err);
	else
		status = what[0] == 'l' ? list(options, config, &err) : check(config, &err);
	if (err.text[0])
		fprintf(stderr, "neap queue: %s\n", err.text);
	config_free(config);
	return status;
}
