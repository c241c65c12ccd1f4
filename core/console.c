#include "core/console.h"

#include "core/command.h"
#include "core/console_line.h"
#include "core/control.h"
#include "core/json_out.h"
#include "core/number.h"
#include "core/status_text.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NODES_MAX 200000

struct console {
	const struct console_side *side;
	struct console_line *line;
	int interrupt; /* readable at Ctrl-C */
	bool json, color, over;
	int status;
};

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

/* In colour on a terminal; else steps and errors are messages, on standard error. */
static void put(const struct console *console, const char *color, const char *text, bool message)
{
	FILE *out = message && !console_line_is_terminal(console->line) ? stderr : stdout;

	if (!*text)
		return;
	if (console->color && *color)
		fprintf(out, "\033[%sm%s\033[0m\n", color, text);
	else
		fprintf(out, "%s\n", text);
}

static struct json_doc *parse(const struct buf *answer)
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

	put(console, "2", text_of(answer, "steps"), true);
	put(console, "", text_of(answer, "output"), false);
	for (const struct json *one = results ? results->child : NULL; one; one = one->next)
		put(console, "", one->string.data, false);
	put(console, "31", text_of(answer, "error"), true);
	/* a chunk of one line says no more by it than the error does */
	if (strchr(text_of(answer, "traceback"), '\n'))
		put(console, "2", text_of(answer, "traceback"), true);
}

/* --- chunks --- */

static void forget_interrupts(const struct console *console)
{
	struct signalfd_siginfo info;

	while (console->interrupt >= 0 && read(console->interrupt, &info, sizeof(info)) > 0)
		continue;
}

static void put_failure(const struct console *console, const struct err *err)
{
	if (err->code == -ECANCELED && console_line_is_terminal(console->line))
		putchar('\n'); /* behind the terminal's ^C */
	put(console, "31", err->code == -ECANCELED ? "stopped" : err->text, true);
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
		put_failure(console, &err);
	else
		doc = parse(&answer);
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
	forget_interrupts(console);
	json_free(doc);
	buf_free(&answer);
	return incomplete;
}

/* --- colon commands --- */

/* The request's result as text; NULL: said why not. */
static struct json_doc *ask(struct console *console, struct buf *answer, const char *request)
{
	struct err err = {0};

	if (console->side->ask(console->side->ctx, request, answer, &err) == 0)
		return parse(answer);
	put(console, "31", err.text, true);
	console->status = EXIT_FAILED;
	return NULL;
}

static void ask_only(struct console *console, struct buf *request)
{
	struct buf answer = {0};

	json_free(ask(console, &answer, buf_str(request)));
	buf_free(&answer);
	buf_free(request);
}

static void do_status(struct console *console, const char *argument)
{
	struct buf answer = {0};
	struct json_doc *doc = ask(console, &answer, "{\"v\":1,\"cmd\":\"status\"}");

	(void)argument;
	if (doc)
		status_print(json_root(doc));
	json_free(doc);
	buf_free(&answer);
}

static void do_queue(struct console *console, const char *argument)
{
	struct buf answer = {0};
	struct json_doc *doc = ask(console, &answer, "{\"v\":1,\"cmd\":\"status\"}");

	(void)argument;
	if (doc)
		status_print_policies(json_root(doc));
	json_free(doc);
	buf_free(&answer);
}

static void do_sensors(struct console *console, const char *argument)
{
	struct buf answer = {0};
	struct json_doc *doc = ask(console, &answer, "{\"v\":1,\"cmd\":\"sensors\"}");

	if (doc)
		status_print_sensors(json_root(doc), argument);
	json_free(doc);
	buf_free(&answer);
}

static void do_arm(struct console *console, const char *argument)
{
	const struct passwd *user = getpwuid(getuid());
	const char *from = getenv("SSH_CONNECTION");
	struct buf by = {0}, request = {0};
	struct json_out out = {.buf = &request};
	int64_t ms = 0;

	if (strcmp(argument, "off") != 0 && duration_parse(*argument ? argument : "5m", &ms) < 0) {
		put(console, "31", "how long? `:arm 5m`, or `:arm off`", true);
		return;
	}
	buf_printf(&by, "%s%s%.*s", user ? user->pw_name : "?", from ? " from " : "",
	    (int)strcspn(from ? from : "", " "), from ? from : "");
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "arm");
	json_out_int(&out, "for_ms", ms);
	json_out_text(&out, "by", buf_str(&by));
	json_out_close(&out, '}');
	ask_only(console, &request);
	buf_free(&by);
}

static void do_reload(struct console *console, const char *argument)
{
	struct buf request = {0};
	struct json_out out = {.buf = &request};

	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "reload");
	if (*argument)
		json_out_text(&out, "script", argument);
	json_out_close(&out, '}');
	ask_only(console, &request);
}

static void do_log(struct console *console, const char *argument)
{
	size_t len = strcspn(argument, " ");
	struct buf request = {0}, level = {0};
	struct json_out out = {.buf = &request};

	buf_add(&level, argument, len);
	json_out_open(&out, NULL, '{');
	json_out_int(&out, "v", CONTROL_VERSION);
	json_out_text(&out, "cmd", "log-level");
	json_out_text(&out, "level", buf_str(&level));
	if (argument[len])
		json_out_text(&out, "topic", argument + len + strspn(argument + len, " "));
	json_out_close(&out, '}');
	ask_only(console, &request);
	buf_free(&level);
}

static void do_quit(struct console *console, const char *argument)
{
	(void)argument;
	console->over = true;
}

static void do_help(struct console *console, const char *argument);

static const struct colon {
	const char *name, *arguments, *help;
	void (*run)(struct console *console, const char *argument);
} colons[] = {
    {"status", "", "does it work, and if not, why", do_status},
    {"queue", "", "what waits, by policy", do_queue},
    {"sensors", "[BEGINNING]", "every path: value, age, quality", do_sensors},
    {"arm", "[TIME|off]", "lets writes, commands and what you type have effects, 5m", do_arm},
    {"reload", "[SCRIPT]", "loads the scripts again", do_reload},
    {"log", "LEVEL [TOPIC]", "error, warn, info or debug, until the next start", do_log},
    {"help", "[NAME]", "this, or a function for scripts, such as asset.variable", do_help},
    {"quit", "", "or Ctrl-D", do_quit},
};

static void do_help_of(struct console *console, const char *topic)
{
	struct buf text = {0};

	if (console->side->help(topic, &text) == 0) {
		fputs(buf_str(&text), stdout);
	} else {
		struct buf why = {0};

		buf_printf(&why, "there is no function %s%s%s%s", topic,
		    text.len ? " (did you mean \"" : "", buf_str(&text), text.len ? "\"?)" : "");
		put(console, "31", buf_str(&why), true);
		console->status = EXIT_FAILED;
		buf_free(&why);
	}
	buf_free(&text);
}

static void do_help(struct console *console, const char *argument)
{
	if (*argument) {
		do_help_of(console, argument);
		return;
	}
	puts("Lua: an expression prints its value. The scripts are reached by path:\n"
	     "  read \"machine.temperature\"          write(\"machine.threshold\", 25)\n"
	     "  command(\"machine.reset\", {delay=1}) task "
	     "'[{\"uid\":\"1\",\"read\":[\"machine.rpm\"]}]'\n"
	     "  all(value)                          the whole of what is cut otherwise");
	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++)
		printf("  :%-8s%-14s%s\n", colons[i].name, colons[i].arguments, colons[i].help);
}

static void colon(struct console *console, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *argument = line + len + strspn(line + len, " ");

	console->status = EXIT_DONE;
	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++) {
		if (strlen(colons[i].name) == len && strncmp(line, colons[i].name, len) == 0) {
			colons[i].run(console, argument);
			fflush(stdout);
			return;
		}
	}
	console->status = EXIT_FAILED;
	put(console, "31", "there is no such command; `:help` lists them", true);
}

/* --- completion --- */

static size_t complete_colon(const char *text, size_t *from, struct buf *list)
{
	size_t count = 0;

	*from = 1;
	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++) {
		if (strstr(colons[i].name, text + 1) != colons[i].name)
			continue;
		buf_add(list, colons[i].name, strlen(colons[i].name) + 1);
		count++;
	}
	return count;
}

static size_t complete(void *ctx, const char *text, size_t *from, struct buf *list)
{
	const struct console *console = ctx;
	struct buf answer = {0};
	struct json_doc *doc = NULL;
	const struct json *start, *texts;
	size_t count = 0;

	if (text[0] == ':')
		return complete_colon(text, from, list);
	if (console->side->complete(console->side->ctx, text, &answer, &(struct err){0}) == 0)
		doc = parse(&answer);
	start = doc ? json_member(json_root(doc), "from") : NULL;
	texts = doc ? json_member(json_root(doc), "texts") : NULL;
	if (start && start->integer >= 0 && (size_t)start->integer <= strlen(text)) {
		*from = (size_t)start->integer;
		for (const struct json *one = texts ? texts->child : NULL; one; one = one->next, count++)
			buf_add(list, one->string.data, strlen(one->string.data) + 1);
	}
	json_free(doc);
	buf_free(&answer);
	return count;
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
			colon(console, line + 1);
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

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (!chunk) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		console.interrupt = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	} else {
		console.interrupt = -1; /* then Ctrl-C ends the program, and with it the chunk */
	}
	console.line = console_line_new(console.interrupt, complete, &console);
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
