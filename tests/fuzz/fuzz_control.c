/* The control socket with any bytes, in any pieces: what it answers is framed JSON, it hangs up or
 * waits, and nothing is left behind. The first byte says how the rest is cut. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/agent/control.h"
#include "core/agent/log_control.h"
#include "core/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	uv_loop_t loop;
	struct clock *clock;
	struct control *control;
	struct log_control *log;
	struct control_answer *owed;
	char path[64];
};

static void on_gone(void *ctx)
{
	struct world *world = ctx;

	control_answer(world->owed, &(struct buf){0}, NULL);
	world->owed = NULL;
}

/* The log's requests for real; "later" is answered at the next request, or never. */
static int handle(void *ctx, const struct json *request, struct buf *result, struct err *err)
{
	struct world *world = ctx;
	const struct json *cmd = json_member(request, "cmd");

	if (!cmd || cmd->kind != JSON_STRING)
		return err_set(err, "a request needs \"cmd\": a string");
	if (strcmp(cmd->string.data, "later") == 0 && !world->owed) {
		world->owed = control_defer(world->control);
		control_on_gone(world->owed, on_gone, world);
		return 0;
	}
	if (strcmp(cmd->string.data, "say") == 0) {
		log_debug("fuzz", "%s", "a line");
		buf_text(result, "[1]");
		return 0;
	}
	int rc = log_control(world->log, world->control, request, err);

	return rc > 0 ? err_set(err, "there is no command \"%s\"", cmd->string.data) : rc;
}

static void turn(struct world *world)
{
	for (int i = 0; i < 4; i++)
		uv_run(&world->loop, UV_RUN_NOWAIT);
}

static int dial(const struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, world->path, sizeof(world->path));
	must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* All that was answered is whole messages of JSON. */
static void check_answers(int fd)
{
	static uint8_t answers[4 * CONTROL_MAX];
	size_t len = 0, at = 0;
	ssize_t got;

	while ((got = recv(fd, answers + len, sizeof(answers) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)got;
	while (at + 4 <= len) {
		size_t size = (size_t)answers[at] << 24 | (size_t)answers[at + 1] << 16 |
		              (size_t)answers[at + 2] << 8 | answers[at + 3];
		size_t pos = 0;
		struct json_doc *doc;

		must(size <= CONTROL_MAX);
		if (at + 4 + size > len)
			break; /* the socket's buffer was full */
		doc = json_parse((const char *)answers + at + 4, size, &pos, 1000, NULL);
		must(doc && pos == size && json_member(json_root(doc), "v"));
		json_free(doc);
		at += 4 + size;
	}
}

static void talk(struct world *world, const uint8_t *data, size_t size)
{
	int fd = dial(world), other = dial(world);
	size_t piece = size > 0 && data[0] > 0 ? data[0] : 65536;

	for (size_t at = 1; at < size; at += piece) {
		size_t len = size - at < piece ? size - at : piece;

		if (send(fd, data + at, len, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
			break;
		turn(world);
	}
	turn(world);
	check_answers(fd);
	close(fd);
	turn(world);
	must(!world->owed); /* who owed has heard that the client is gone */
	close(other);
	turn(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = {0};

	(void)snprintf(world.path, sizeof(world.path), "/tmp/neap-fuzz-%d", (int)getpid());
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as in the agent */
	must(uv_loop_init(&world.loop) == 0);
	world.clock = clock_new_virtual(0);
	world.log = log_control_new(world.clock);
	world.control = control_new(&world.loop, world.path, handle, &world, NULL);
	must(world.control);
	talk(&world, data, size);
	control_free(world.control);
	log_control_free(world.log);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&world.loop) == 0);
	clock_free(world.clock);
	log_close();
	return 0;
}
