#include "core/console/console_line.h"

#include "core/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_LINES 500
#define SHOWN_MAX     60 /* completions */

struct console_line {
	int interrupt;
	console_complete *complete;
	void *ctx;
	bool terminal, interrupted;
	struct buf text;
	char prompt[16];
	void *edit, *history;
	struct buf history_file;
};

static void drain(struct console_line *line)
{
	char bytes[512];

	(void)!read(line->interrupt, bytes, sizeof(bytes));
	line->interrupted = true;
}

/* One byte of standard input: 1; 0 at its end; -1 at Ctrl-C. */
static int next_byte(struct console_line *line, char *byte)
{
	struct pollfd waits[2] = {
	    {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = line->interrupt, .events = POLLIN}};

	/* offline the limits' timer may still fire once after a chunk */
	while (poll(waits, line->interrupt < 0 ? 1 : 2, -1) < 0)
		if (errno != EINTR)
			return -1;
	if (line->interrupt >= 0 && (waits[1].revents & POLLIN)) {
		drain(line);
		return -1;
	}
	return read(STDIN_FILENO, byte, 1) == 1;
}

#ifdef HAVE_LIBEDIT
#include <histedit.h>

static char *give_prompt(EditLine *edit)
{
	struct console_line *line = NULL;

	el_get(edit, EL_CLIENTDATA, &line);
	return line->prompt;
}

static int get_char(EditLine *edit, wchar_t *out)
{
	struct console_line *line;
	mbstate_t state = {0};
	char byte;

	el_get(edit, EL_CLIENTDATA, &line);
	for (;;) {
		int got = next_byte(line, &byte);

		if (got <= 0)
			return got;
		size_t used = mbrtowc(out, &byte, 1, &state);
		if (used == (size_t)-2)
			continue; /* more of a character */
		if (used == (size_t)-1) {
			memset(&state, 0, sizeof(state));
			*out = L'?';
		}
		return 1;
	}
}

/* The length of what all the texts begin with. */
static size_t common(const struct buf *list, size_t count)
{
	const char *text = list->data;
	size_t len = strlen(list->data);

	for (size_t i = 1; i < count; i++) {
		size_t same = 0;

		text += strlen(text) + 1;
		while (same < len && text[same] == list->data[same])
			same++;
		len = same;
	}
	return len;
}

static void show_list(const struct buf *list, size_t count)
{
	const char *text = list->data;

	putchar('\n');
	for (size_t i = 0; i < count && i < SHOWN_MAX; i++, text += strlen(text) + 1)
		printf("%s%s", i > 0 ? "  " : "", text);
	if (count > SHOWN_MAX)
		printf("  and %zu more", count - SHOWN_MAX);
	putchar('\n');
	fflush(stdout);
}

static unsigned char on_tab(EditLine *edit, int key)
{
	struct console_line *line;
	const LineInfo *info = el_line(edit);
	struct buf text = {0}, list = {0};
	size_t from, count, len, typed;
	unsigned char result = CC_REFRESH;

	(void)key;
	el_get(edit, EL_CLIENTDATA, &line);
	buf_add(&text, info->buffer, (size_t)(info->cursor - info->buffer));
	from = text.len;
	count = line->complete(line->ctx, buf_str(&text), &from, &list);
	len = count > 0 ? common(&list, count) : 0;
	typed = text.len - from;
	if (count > 0 && len > typed) {
		struct buf more = {0};

		buf_add(&more, list.data + typed, len - typed);
		el_insertstr(edit, buf_str(&more));
		buf_free(&more);
	} else if (count > 1) {
		show_list(&list, count);
		result = CC_REDISPLAY;
	} else {
		result = CC_REFRESH_BEEP;
	}
	buf_free(&text);
	buf_free(&list);
	return result;
}

static void open_history(struct console_line *line)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	HistEvent event;

	line->history = history_init();
	if (!line->history)
		return;
	history(line->history, &event, H_SETSIZE, HISTORY_LINES);
	history(line->history, &event, H_SETUNIQUE, 1);
	if (state && *state)
		buf_printf(&line->history_file, "%s/neap_history", state);
	else if (home && *home)
		buf_printf(&line->history_file, "%s/.neap_history", home);
	if (line->history_file.len > 0)
		history(line->history, &event, H_LOAD, buf_str(&line->history_file));
	el_set(line->edit, EL_HIST, history, line->history);
}

static void open_editor(struct console_line *line)
{
	line->edit = el_init("neap", stdin, stdout, stderr);
	if (!line->edit)
		return;
	el_set(line->edit, EL_CLIENTDATA, line);
	el_set(line->edit, EL_PROMPT, give_prompt);
	el_set(line->edit, EL_EDITOR, "emacs");
	el_set(line->edit, EL_GETCFN, get_char);
	el_set(line->edit, EL_ADDFN, "neap-complete", "completes", on_tab);
	el_set(line->edit, EL_BIND, "^I", "neap-complete", NULL);
	el_set(line->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	open_history(line);
	el_source(line->edit, NULL);
}

static void close_editor(struct console_line *line)
{
	HistEvent event;
	mode_t before;

	if (line->history && line->history_file.len > 0) {
		before = umask(0177);
		history(line->history, &event, H_SAVE, buf_str(&line->history_file));
		umask(before);
	}
	if (line->edit)
		el_end(line->edit);
	if (line->history)
		history_end(line->history);
}

static const char *edit_line(struct console_line *line, const char *prompt)
{
	HistEvent event;
	int count = 0;
	const char *text;

	(void)snprintf(line->prompt, sizeof(line->prompt), "%s", prompt);
	text = el_gets(line->edit, &count);
	line->text.len = 0;
	if (line->interrupted) {
		el_reset(line->edit);
		puts("^C");
		return buf_str(&line->text);
	}
	if (!text || count <= 0)
		return NULL;
	if (text[strspn(text, " \t\n")] && line->history)
		history(line->history, &event, H_ENTER, text);
	buf_add(&line->text, text, strcspn(text, "\n"));
	return buf_str(&line->text);
}
#else
static void open_editor(struct console_line *line)
{
	line->edit = NULL;
}

static void close_editor(struct console_line *line)
{
	(void)line;
}

static const char *edit_line(struct console_line *line, const char *prompt)
{
	(void)line;
	(void)prompt;
	return NULL;
}
#endif

static const char *plain_line(struct console_line *line, const char *prompt)
{
	char byte;
	int got;

	if (line->terminal) {
		fputs(prompt, stdout);
		fflush(stdout);
	}
	line->text.len = 0;
	while ((got = next_byte(line, &byte)) > 0 && byte != '\n')
		buf_char(&line->text, byte);
	if (line->interrupted) {
		line->text.len = 0;
		return buf_str(&line->text);
	}
	return got <= 0 && line->text.len == 0 ? NULL : buf_str(&line->text);
}

const char *console_line_read(struct console_line *line, const char *prompt, bool *interrupted)
{
	const char *text;

	line->interrupted = false;
	text = line->edit ? edit_line(line, prompt) : plain_line(line, prompt);
	*interrupted = line->interrupted;
	return text;
}

bool console_line_is_terminal(const struct console_line *line)
{
	return line->terminal;
}

struct console_line *console_line_new(int interrupt, console_complete *complete, void *ctx)
{
	struct console_line *line = mem_alloc(sizeof(*line));

	line->interrupt = interrupt;
	line->complete = complete;
	line->ctx = ctx;
	line->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (line->terminal)
		open_editor(line);
	return line;
}

void console_line_free(struct console_line *line)
{
	if (!line)
		return;
	close_editor(line);
	buf_free(&line->text);
	buf_free(&line->history_file);
	free(line);
}
