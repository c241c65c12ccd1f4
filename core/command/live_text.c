#include "core/command/live_text.h"

#include "core/base/mem.h"
#include "core/base/number.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPARKS    12  /* values in a line */
#define PATHS_MAX 500 /* with a line of their own; later ones have none */
#define OLD_S     1   /* from that age on it is said */
#define VALUE_MAX 40  /* bytes of a text that are shown */

/* --- pieces --- */

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static bool number(const struct json *member, double *value)
{
	if (member && member->kind == JSON_INTEGER)
		*value = (double)member->integer;
	else if (member && member->kind == JSON_DOUBLE)
		*value = member->number;
	else if (member && member->kind == JSON_BOOLEAN)
		*value = member->boolean;
	else
		return false;
	return true;
}

static void format_value(char out[VALUE_MAX + 1], const struct json *value)
{
	char digits[NUMBER_TEXT] = "-";

	if (value && value->kind == JSON_STRING)
		(void)snprintf(out, VALUE_MAX + 1, "%s", value->string.data);
	else if (value && value->kind == JSON_BOOLEAN)
		(void)snprintf(out, VALUE_MAX + 1, "%s", value->boolean ? "true" : "false");
	else {
		if (value && value->kind == JSON_INTEGER)
			number_from_int(digits, value->integer);
		else if (value && value->kind == JSON_DOUBLE)
			(void)snprintf(digits, sizeof(digits), "%.9g", value->number);
		(void)snprintf(out, VALUE_MAX + 1, "%s", digits);
	}
	/* no control sequence of a script's reaches the terminal */
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

static void print_clock(int64_t wall_ms)
{
	time_t seconds = wall_ms >= 0 ? (time_t)(wall_ms / 1000) : time(NULL);
	struct tm tm;
	char out[16] = "";

	if (localtime_r(&seconds, &tm))
		(void)strftime(out, sizeof(out), "%H:%M:%S", &tm);
	printf("%s ", out);
}

static void print_span(const char *before, double seconds, const char *behind)
{
	char span[NUMBER_TEXT];

	if (!(seconds < 1e10))
		return;
	/* what is long is said in whole seconds */
	(void)duration_format(span, seconds < 10 ? (int64_t)(seconds * 1000) : (int64_t)seconds * 1000);
	printf("%s%s%s", before, span, behind);
}

static bool print_dropped(const struct json *message)
{
	const struct json *dropped = json_member(message, "dropped");

	if (!dropped)
		return false;
	printf(
	    "... %lld left out: this reader is slower than they come\n", (long long)dropped->integer);
	return true;
}

/* --- tail --- */

struct line {
	char *path;
	double values[SPARKS];
	size_t count;
};

struct tail_view {
	bool utf8;
	int width; /* of paths */
	struct line lines[PATHS_MAX];
	size_t count;
};

struct tail_view *tail_view_new(void)
{
	struct tail_view *view = mem_alloc(sizeof(*view));

	(void)setlocale(LC_CTYPE, "");
	view->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	view->width = 20;
	return view;
}

void tail_view_free(struct tail_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		free(view->lines[i].path);
	free(view);
}

static struct line *line_of(struct tail_view *view, const char *path)
{
	for (size_t i = 0; i < view->count; i++)
		if (strcmp(view->lines[i].path, path) == 0)
			return &view->lines[i];
	if (view->count == PATHS_MAX)
		return NULL;
	struct line *line = &view->lines[view->count++];

	line->path = mem_strdup(path);
	return line;
}

static void add(struct line *line, double value)
{
	if (line->count == SPARKS)
		memmove(line->values, line->values + 1, (SPARKS - 1) * sizeof(line->values[0]));
	else
		line->count++;
	line->values[line->count - 1] = value;
}

static void print_sparks(const struct line *line, bool utf8)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const marks[] = {"_", ".", ",", "-", "~", "=", "+", "*"};
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < line->count; i++) {
		low = fmin(low, line->values[i]);
		high = fmax(high, line->values[i]);
	}
	for (size_t i = 0; i < SPARKS; i++) {
		size_t blank = SPARKS - line->count;
		int level = 3; /* where all are the same */

		if (i >= blank && high > low)
			level = (int)((line->values[i - blank] - low) / (high - low) * 7.99);
		fputs(i < blank ? " " : utf8 ? blocks[level] : marks[level], stdout);
	}
}

static void print_quality(const struct json *point)
{
	const struct json *reported = json_member(point, "reported");
	double age;

	printf("  %s", text(point, "quality"));
	if (text(point, "error")[0])
		printf(": %s", text(point, "error"));
	else if (reported && !reported->boolean)
		printf(", kept: %s", text(point, "verdict"));
	if (number(json_member(point, "age_s"), &age) && age >= OLD_S)
		print_span(", ", age, " old");
	putchar('\n');
}

static void print_point(struct tail_view *view, const struct json *point)
{
	const struct json *value = json_member(point, "value");
	struct line *line = line_of(view, text(point, "path"));
	char shown[VALUE_MAX + 1];
	double parsed;

	if (line && number(value, &parsed))
		add(line, parsed);
	format_value(shown, value);
	print_clock(-1);
	printf("%-*s %12s  ", view->width, text(point, "path"), shown);
	if (line)
		print_sparks(line, view->utf8);
	print_quality(point);
}

int tail_print(struct tail_view *view, const struct json *message, bool first)
{
	const struct json *event = json_member(message, "event");

	for (const struct json *one = first ? message->child : NULL; one; one = one->next) {
		int width = (int)strlen(text(one, "path"));

		if (width > view->width)
			view->width = width < 34 ? width : 34;
	}
	for (const struct json *one = first ? message->child : NULL; one; one = one->next)
		print_point(view, one);
	if (first || print_dropped(message) || !event)
		return 0;
	print_point(view, event);
	return 1;
}

/* --- trace --- */

static void print_entry(const struct json *entry)
{
	const struct json *sensors = json_member(entry, "sensors");
	const struct json *sensor = sensors ? sensors->child : NULL;
	const struct json *waiting = json_member(entry, "waiting");
	const struct json *in_flight = json_member(entry, "in_flight");
	char shown[VALUE_MAX + 1];
	double seconds;

	printf("%s (%s)\n", text(entry, "path"), text(entry, "where"));
	if (sensor) {
		format_value(shown, json_member(sensor, "value"));
		printf("  value    %s %s, %s", shown, text(sensor, "unit"), text(sensor, "quality"));
		if (number(json_member(sensor, "age_s"), &seconds))
			print_span(", ", seconds, " old");
		if (number(json_member(sensor, "next_s"), &seconds))
			print_span(", next read in ", seconds, "");
		putchar('\n');
		if (text(sensor, "error")[0])
			printf("  error    %s\n", text(sensor, "error"));
	}
	printf("  policy   %s: %lld wait, %lld in flight", text(entry, "policy"),
	    (long long)(waiting ? waiting->integer : 0),
	    (long long)(in_flight ? in_flight->integer : 0));
	if (number(json_member(entry, "next_flush_s"), &seconds))
		print_span(", next flush in ", seconds, "");
	putchar('\n');
}

int trace_print(const struct json *message, bool first)
{
	const struct json *event = json_member(message, "event");
	const struct json *at = event ? json_member(event, "at_ms") : NULL;
	const struct json *seq = event ? json_member(event, "seq") : NULL;
	const struct json *reported = event ? json_member(event, "reported") : NULL;
	char shown[VALUE_MAX + 1];
	double seconds;

	if (first)
		print_entry(message);
	if (first || print_dropped(message) || !event)
		return 0;
	print_clock(at ? at->integer : -1);
	printf("%-12s", text(event, "event"));
	if (json_member(event, "value")) {
		format_value(shown, json_member(event, "value"));
		printf(" %s", shown);
	}
	if (reported)
		printf("  %s: %s", reported->boolean ? "to be reported" : "not reported",
		    text(event, "verdict"));
	if (text(event, "error")[0])
		printf(" %s", text(event, "error"));
	if (seq)
		printf("  %s #%lld", text(event, "policy"), (long long)seq->integer);
	if (number(json_member(event, "after_s"), &seconds))
		print_span(", ", seconds, " after it was queued");
	putchar('\n');
	return 1;
}

/* --- log --- */

int log_print(const struct json *message, bool first)
{
	const struct json *event = json_member(message, "event");
	const struct json *at = event ? json_member(event, "at_ms") : NULL;

	if (first || print_dropped(message) || !event)
		return 0;
	print_clock(at ? at->integer : -1);
	printf("%-5s %s: %s\n", text(event, "level"), text(event, "topic"), text(event, "text"));
	return 1;
}
