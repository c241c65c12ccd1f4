#include "core/console/console.h"

#include "core/base/json.h"
#include "core/command/command.h"
#include "core/console/console_impl.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NODES_MAX 200000

/* --- what comes back --- */

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static bool flag(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_BOOLEAN && member->boolean;
}

void console_put(const struct console *console, const char *color, const char *text, bool message)
{
	FILE *out = message && !console_line_is_terminal(console->line) ? stderr : stdout;

	if (!*text)
		return;
	if (console->color && *color)
		fprintf(out, "\033[%sm%s\033[0m\n", color, text);
	else
		fprintf(out, "%s\n", text);
}

struct json_doc *console_parse(const struct buf *answer)
{
	struct err err = {0};
	size_t pos = 0;
	struct json_doc *doc = json_parse(answer->data, answer->len, &pos, NODES_MAX, &err);

	if (!doc)
		fprintf(stderr, "neap repl: the answer is not understood: %s\n", err.text);
	return doc;
}

static void show(struct console *console, const struct json *answer)
{
	const struct json *results = json_member(answer, "results");

	console_put(console, "2", text_of(answer, "steps"), true);
	console_put(console, "", text_of(answer, "output"), false);
	for (const struct json *one = results ? results->child : NULL; one; one = one->next)
		console_put(console, "", one->string.data, false);
	console_put(console, "31", text_of(answer, "error"), true);
	/* a chunk of one line says no more by it than the error does */
	if (strchr(text_of(answer, "traceback"), '\n'))
		console_put(console, "2", text_of(answer, "traceback"), true);
}

/* --- chunks --- */

void console_forget_interrupts(const struct console *console)
{
	struct signalfd_siginfo info;

	while (console->interrupt >= 0 && read(console->interrupt, &info, sizeof(info)) > 0)
		continue;
}

void console_put_failure(const struct console *console, const struct err *err)
{
	if (err->code == -ECANCELED && console_line_is_terminal(console->line))
		putchar('\n'); /* behind the terminal's ^C */
	console_put(console, "31", err->code == -ECANCELED ? "stopped" : err->text, true);
}

/* True: the chunk is not whole. last: nothing follows. */
static bool eval(struct console *console, const char *chunk, bool last)
{
	struct buf answer = {0};
	struct err err = {0};
	struct json_doc *doc = NULL;
	bool incomplete = false;

	console->status = EXIT_FAILED;
	if (console->side->eval(console->side->ctx, chunk, console->interrupt, &answer, &err) < 0)
		console_put_failure(console, &err);
	else
		doc = console_parse(&answer);
	if (doc) {
		incomplete = flag(json_root(doc), "incomplete") && !last;
		if (flag(json_root(doc), "ok"))
			console->status = EXIT_DONE;
		if (!incomplete && console->json)
			printf("%.*s\n", (int)answer.len, answer.data);
		else if (!incomplete)
			show(console, json_root(doc));
	}
	fflush(stdout);
	console_forget_interrupts(console);
	json_free(doc);
	buf_free(&answer);
	return incomplete;
}

/* --- lines --- */

static void read_lines(struct console *console)
{
	struct buf chunk = {0};
	bool interrupted;
	const char *line;

	while (!console->over) {
		line = console_line_read(console->line, chunk.len > 0 ? "   > " : "neap> ", &interrupted);
		if (!line)
			break;
		if (interrupted) {
			chunk.len = 0;
		} else if (chunk.len == 0 && line[0] == ':') {
			console_colon(console, line + 1);
		} else if (chunk.len > 0 || line[strspn(line, " \t")]) {
			buf_printf(&chunk, "%s%s", chunk.len > 0 ? "\n" : "", line);
			if (!eval(console, buf_str(&chunk), false))
				chunk.len = 0;
		}
	}
	if (chunk.len > 0)
		eval(console, buf_str(&chunk), true);
	buf_free(&chunk);
}

int console_run(const struct console_side *side, const char *chunk, bool json)
{
	const char *no_color = getenv("NO_COLOR");
	struct console console = {.side = side, .json = json};
	sigset_t set;

	(void)setlocale(LC_CTYPE, ""); /* of what is typed */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (!chunk) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		console.interrupt = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	} else {
		console.interrupt = -1; /* then Ctrl-C ends the program, and with it the chunk */
	}
	console.line = console_line_new(console.interrupt, console_tab, &console);
	console.color = console_line_is_terminal(console.line) && !(no_color && *no_color);
	if (chunk) {
		eval(&console, chunk, true);
	} else {
		if (console_line_is_terminal(console.line))
			printf("%s\n", side->greeting);
		read_lines(&console);
		if (console_line_is_terminal(console.line) && !console.over)
			putchar('\n');
	}
	console_line_free(console.line);
	if (console.interrupt >= 0)
		close(console.interrupt);
	return console.status;
}
