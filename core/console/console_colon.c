/* The console's commands that begin with a colon. */
#include "core/agent/control.h"
#include "core/agent/status_text.h"
#include "core/base/fileio.h"
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/number.h"
#include "core/command/command.h"
#include "core/command/live_text.h"
#include "core/command/reload_text.h"
#include "core/console/console_impl.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_MAX (1024 * 1024) /* bytes of a file */

/* --- asking --- */

/* The request's result as text; NULL: said why not. */
static struct json_doc *ask(struct console *console, struct buf *answer, const char *request)
{
	struct err err = {0};

	if (console->side->ask(console->side->ctx, request, answer, &err) == 0)
		return console_parse(answer);
	console_put(console, "31", err.text, true);
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

static void open_request(struct json_out *out, const char *cmd)
{
	json_out_open(out, NULL, '{');
	json_out_int(out, "v", CONTROL_VERSION);
	json_out_text(out, "cmd", cmd);
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
		console_put(console, "31", "how long? `:arm 5m`, or `:arm off`", true);
		return;
	}
	buf_printf(&by, "%s%s%.*s", user ? user->pw_name : "?", from ? " from " : "",
	    (int)strcspn(from ? from : "", " "), from ? from : "");
	open_request(&out, "arm");
	json_out_int(&out, "for_ms", ms);
	json_out_text(&out, "by", buf_str(&by));
	json_out_close(&out, '}');
	ask_only(console, &request);
	buf_free(&by);
}

/* --- scripts --- */

static bool reload(struct console *console, const char *script, int64_t try_ms)
{
	struct buf request = {0}, answer = {0};
	struct json_out out = {.buf = &request};
	struct json_doc *doc;
	bool well;

	open_request(&out, "reload");
	if (*script)
		json_out_text(&out, "script", script);
	if (try_ms > 0)
		json_out_int(&out, "try_ms", try_ms);
	json_out_close(&out, '}');
	doc = ask(console, &answer, buf_str(&request));
	well = doc && reload_print(json_root(doc));
	if (!well)
		console->status = EXIT_FAILED;
	json_free(doc);
	buf_free(&answer);
	buf_free(&request);
	return well;
}

static void do_reload(struct console *console, const char *argument)
{
	(void)reload(console, argument, 0);
}

/* "NAME" of "/tmp/NAME.lua". */
static void name_of(const char *file, struct buf *name)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t len = strlen(base);

	buf_add(name, base, len > 4 && strcmp(base + len - 4, ".lua") == 0 ? len - 4 : 0);
}

/* The file becomes the script of its name; the one before is kept beside it: 1; 0: there was none, or
 * the same. -1: said why not. */
static int put_in_place(const struct console *console, const char *file, const char *name)
{
	struct buf text = {0}, before = {0}, path = {0}, kept = {0};
	struct err err = {0};
	int rc = fileio_read(file, SCRIPT_MAX, &text, &err);
	bool keeps = false;

	buf_printf(&path, "%s/%s.lua", console->side->scripts, name);
	buf_printf(&kept, "%s.before", buf_str(&path));
	if (rc == 0 && fileio_read(buf_str(&path), SCRIPT_MAX, &before, NULL) == 0 &&
	    (before.len != text.len || memcmp(before.data, text.data, text.len) != 0)) {
		rc = fileio_replace(buf_str(&kept), before.data, before.len, 0644, &err);
		keeps = rc == 0;
		if (keeps)
			printf("the script from before is kept as %s\n", buf_str(&kept));
	}
	if (rc == 0)
		rc = fileio_replace(buf_str(&path), text.data, text.len, 0644, &err);
	if (rc < 0)
		console_put(console, "31", err.text, true);
	buf_free(&text);
	buf_free(&before);
	buf_free(&path);
	buf_free(&kept);
	return rc < 0 ? -1 : keeps;
}

/* What does not load shall not be there at the next start. */
static void put_back(const struct console *console, const char *name)
{
	struct buf path = {0}, kept = {0};

	buf_printf(&path, "%s/%s.lua", console->side->scripts, name);
	buf_printf(&kept, "%s.before", buf_str(&path));
	if (rename(buf_str(&kept), buf_str(&path)) == 0)
		console_put(console, "31", "the script from before is back in its place", true);
	buf_free(&path);
	buf_free(&kept);
}

/* True if it is in force. */
static bool load(struct console *console, const char *file, const char *name, int64_t try_ms)
{
	int kept = put_in_place(console, file, name);

	if (kept < 0)
		return false;
	if (reload(console, name, try_ms))
		return true;
	if (kept > 0)
		put_back(console, name);
	return false;
}

/* FILE [--try TIME] */
static void do_load(struct console *console, const char *argument)
{
	size_t len = strcspn(argument, " ");
	const char *rest = argument + len + strspn(argument + len, " ");
	const char *time = strncmp(rest, "--try ", 6) == 0 ? rest + 6 + strspn(rest + 6, " ") : NULL;
	struct buf file = {0}, name = {0};
	int64_t try_ms = 0;

	buf_add(&file, argument, len);
	name_of(buf_str(&file), &name);
	console->status = EXIT_FAILED;
	if (!console->side->scripts)
		console_put(console, "31", "offline the scripts are those of scripts.dir", true);
	else if (name.len == 0)
		console_put(console, "31", "which script? `:load /tmp/machine.lua --try 5m`", true);
	else if ((*rest && !time) || (time && (duration_parse(time, &try_ms) < 0 || try_ms <= 0)))
		console_put(console, "31", "behind the file only `--try 5m` may stand", true);
	else if (load(console, buf_str(&file), buf_str(&name), try_ms))
		console->status = EXIT_DONE;
	buf_free(&file);
	buf_free(&name);
}

/* --- live --- */

static void follow(struct console *console, struct buf *request,
    int (*print)(void *ctx, const struct json *message, bool first), void *ctx)
{
	struct err err = {0};

	if (!console->side->follow)
		err_set(&err, "offline there is no agent that tells anything");
	else
		(void)console->side->follow(
		    console->side->ctx, buf_str(request), console->interrupt, print, ctx, &err);
	if (err.text[0]) {
		console_put_failure(console, &err);
		console->status = EXIT_FAILED;
	} else if (console_line_is_terminal(console->line)) {
		putchar('\n'); /* behind the terminal's ^C */
	}
	console_forget_interrupts(console);
	buf_free(request);
}

static int print_tail(void *ctx, const struct json *message, bool first)
{
	return tail_print(ctx, message, first);
}

static int print_trace(void *ctx, const struct json *message, bool first)
{
	(void)ctx;
	return trace_print(message, first);
}

static int print_log(void *ctx, const struct json *message, bool first)
{
	(void)ctx;
	return log_print(message, first);
}

static void do_tail(struct console *console, const char *argument)
{
	struct tail_view *view = tail_view_new();
	struct buf request = {0};
	struct json_out out = {.buf = &request};

	open_request(&out, "tail");
	json_out_open(&out, "paths", '[');
	if (*argument)
		json_out_text(&out, NULL, argument);
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	follow(console, &request, print_tail, view);
	tail_view_free(view);
}

static void do_trace(struct console *console, const char *argument)
{
	struct buf request = {0};
	struct json_out out = {.buf = &request};

	open_request(&out, "trace");
	json_out_text(&out, "path", argument);
	json_out_close(&out, '}');
	follow(console, &request, print_trace, NULL);
}

/* TOPIC=LEVEL [TIME] */
static void set_level(struct console *console, const char *argument, const char *sign)
{
	const char *level = sign + 1;
	size_t len = strcspn(level, " ");
	const char *time = level + len + strspn(level + len, " ");
	struct buf request = {0}, text = {0};
	struct json_out out = {.buf = &request};
	int64_t for_ms = 0;

	if (*time && duration_parse(time, &for_ms) < 0) {
		console_put(console, "31", "for how long? `:log mqtt=debug 10m`", true);
		console->status = EXIT_FAILED;
		return;
	}
	open_request(&out, "log-level");
	buf_add(&text, argument, (size_t)(sign - argument));
	json_out_text(&out, "topic", buf_str(&text));
	text.len = 0;
	buf_add(&text, level, len);
	json_out_text(&out, "level", buf_str(&text));
	json_out_int(&out, "for_ms", for_ms);
	json_out_close(&out, '}');
	ask_only(console, &request);
	buf_free(&text);
}

/* [LEVEL] [TOPIC] */
static void do_log(struct console *console, const char *argument)
{
	const char *sign = strchr(argument, '=');
	size_t len = strcspn(argument, " ");
	struct buf request = {0}, level = {0};
	struct json_out out = {.buf = &request};
	enum log_level parsed;

	if (sign) {
		set_level(console, argument, sign);
		return;
	}
	buf_add(&level, argument, len);
	open_request(&out, "log");
	if (log_level_parse(buf_str(&level), &parsed) == 0)
		json_out_text(&out, "level", buf_str(&level));
	else
		len = 0;
	len += strspn(argument + len, " ");
	if (argument[len])
		json_out_text(&out, "topic", argument + len);
	json_out_close(&out, '}');
	follow(console, &request, print_log, NULL);
	buf_free(&level);
}

/* --- the rest --- */

/* +1h */
static void do_time(struct console *console, const char *argument)
{
	struct buf request = {0}, answer = {0};
	struct json_out out = {.buf = &request};
	struct json_doc *doc;
	int64_t ms = 0;

	if (argument[0] != '+' || duration_parse(argument + 1, &ms) < 0) {
		console_put(console, "31", "how far? `:time +1h`", true);
		console->status = EXIT_FAILED;
		return;
	}
	open_request(&out, "time");
	json_out_int(&out, "ms", ms);
	json_out_close(&out, '}');
	doc = ask(console, &answer, buf_str(&request));
	if (doc)
		puts(json_root(doc)->string.data);
	json_free(doc);
	buf_free(&answer);
	buf_free(&request);
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
    {"sensors", "[BEGINNING]", "every path: value, age, next read, errors", do_sensors},
    {"arm", "[TIME|off]", "writes, commands, I/O have effects, 5m", do_arm},
    {"reload", "[SCRIPT]", "loads the scripts again", do_reload},
    {"load", "FILE [--try TIME]", "takes the place of the script of its name", do_load},
    {"tail", "[PATTERN]", "datapoints live, until Ctrl-C", do_tail},
    {"trace", "PATH", "each read, and where its samples are, until Ctrl-C", do_trace},
    {"log", "[LEVEL] [TOPIC]", "the log live; TOPIC=LEVEL [TIME] sets a level", do_log},
    {"time", "+TIME", "offline: time passes, timers run", do_time},
    {"help", "[NAME]", "this, or a function: asset.variable", do_help},
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
		console_put(console, "31", buf_str(&why), true);
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
	     "  command(\"machine.reset\", {delay=1}) task '[{\"uid\":\"1\",\"read\":[...]}]'\n"
	     "  all(value)                          the whole of what is cut otherwise");
	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++)
		printf("  :%-8s%-18s%s\n", colons[i].name, colons[i].arguments, colons[i].help);
}

void console_colon(struct console *console, const char *line)
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
	console_put(console, "31", "there is no such command; `:help` lists them", true);
}

size_t console_colon_names(const char *beginning, struct buf *list)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++) {
		if (strstr(colons[i].name, beginning) != colons[i].name)
			continue;
		buf_add(list, colons[i].name, strlen(colons[i].name) + 1);
		count++;
	}
	return count;
}
