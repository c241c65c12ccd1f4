#include "core/command/follow.h"

#include "core/agent/control.h"
#include "core/base/number.h"
#include "core/command/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NODES_MAX 200000

struct reader {
	const struct follow *follow;
	int64_t left; /* below 0: without end */
};

static bool see(void *ctx, struct buf *message, bool first)
{
	struct reader *self = ctx;
	const struct follow *follow = self->follow;
	size_t pos = 0;
	struct json_doc *doc = json_parse(message->data, message->len, &pos, NODES_MAX, NULL);

	if (doc && follow->json) {
		printf("%.*s\n", (int)message->len, message->data);
		self->left -= !first && json_member(json_root(doc), "event");
	} else if (doc) {
		self->left -= follow->print(follow->ctx, json_root(doc), first);
	}
	json_free(doc);
	return fflush(stdout) == 0 && (!follow->count || self->left > 0);
}

static bool is_count(const char *text, int64_t *count)
{
	return number_parse(text, strlen(text), count, &(double){0}) == NUMBER_INTEGER && *count > 0;
}

int follow_until(const struct follow *follow, const char *socket, const char *request,
    int interrupt, struct err *err)
{
	struct reader self = {.follow = follow};

	if (follow->count && !is_count(follow->count, &self.left)) {
		err_set(err, "--count %s is no number above 0", follow->count);
		err->code = -EINVAL;
		return -1;
	}
	return control_follow(socket, request, interrupt, see, &self, err);
}

int follow_run(const struct follow *follow, const char *socket, const char *request)
{
	struct err err = {0};
	sigset_t set;
	int interrupt, rc;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	interrupt = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = follow_until(follow, socket, request, interrupt, &err);
	if (interrupt >= 0)
		close(interrupt);
	if (rc == 0)
		return EXIT_DONE;
	fprintf(stderr, "neap %s: %s\n", follow->command, err.text);
	return err.code == -EINVAL ? EXIT_WRONG : EXIT_FAILED;
}
