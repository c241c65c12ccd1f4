#include "core/config/config_syntax.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What libyaml says, and what it means in a configuration. */
static const struct wording {
	const char *problem, *words;
	bool at_context; /* the cause is where the construct began, not where it failed */
} wordings[] = {
    {"mapping values are not allowed in this context",
        "a second \": \" in one line, or a wrong indentation; text that holds \": \" must be "
        "quoted",
        false},
    {"did not find expected key",
        "the line fits nothing above it: look at its indentation, and "
        "for text behind a quote or bracket",
        false},
    {"did not find expected ',' or '}'", "a \",\" or \"}\" is missing before this", false},
    {"did not find expected ',' or ']'", "a \",\" or \"]\" is missing before this", false},
    {"could not find expected ':'", "a key needs \": \" and its value behind it", true},
    {"found unexpected end of stream", "the quote that opens here is never closed", true},
    {"found unexpected document indicator", "the quote that opens here is never closed", true},
    {"found unknown escape character",
        "no such escape in double quotes; in single quotes a backslash stands for itself", false},
    {"did not find expected alphabetic or numeric character",
        "text that begins with \"&\" or \"*\" must be quoted", true},
    {"did not find expected tag URI", "text that begins with \"!\" must be quoted", true},
    {"did not find expected comment or line break",
        "text that begins with \"|\" or \">\" must be quoted", true},
    {"did not find expected '-' indicator",
        "the line fits nothing above it: a list goes on with \"- \"", false},
    {"block sequence entries are not allowed in this context",
        "a list begins on a line of its own, or is written [a, b]", false},
    {"control characters are not allowed", "control characters are not allowed", false},
    {"did not find expected <document start>", "nothing may follow the end of the document", false},
};

/* Bytes of a line, without its end. */
struct line {
	const char *start;
	size_t len;
};

static struct line find_line(const char *text, size_t len, size_t number)
{
	const char *end = text + len, *start = text;
	while (number > 0 && start < end) {
		const char *newline = memchr(start, '\n', (size_t)(end - start));
		start = newline != NULL ? newline + 1 : end;
		number--;
	}
	const char *newline = start < end ? memchr(start, '\n', (size_t)(end - start)) : NULL;
	return (struct line){start, (size_t)((newline != NULL ? newline : end) - start)};
}

/* The byte at a column, which counts characters. */
static size_t column_offset(struct line line, size_t column)
{
	size_t at = 0;
	while (at < line.len && column > 0) {
		at++;
		while (at < line.len && ((unsigned char)line.start[at] & 0xc0) == 0x80)
			at++;
		column--;
	}
	return at;
}

static yaml_mark_t mark_of_offset(const char *text, size_t len, size_t offset)
{
	yaml_mark_t mark = {.index = offset};
	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static bool tab_in_indentation(struct line line)
{
	size_t at = 0;
	while (at < line.len && line.start[at] == ' ')
		at++;
	return at < line.len && line.start[at] == '\t';
}

/* The hints that need a look at the line itself. */
static bool hint(char *out, size_t size, struct line line, size_t at)
{
	if (tab_in_indentation(line)) {
		snprintf(out, size, "a tab in the indentation: use spaces");
		return true;
	}
	if (at > 0 && at < line.len && line.start[at] == '{' && line.start[at - 1] == '$') {
		const char *end = memchr(line.start + at, '}', line.len - at);
		int name = end != NULL ? (int)(end - line.start - (ptrdiff_t)at) : 1;
		snprintf(out, size, "${%.*s} within { } or [ ] must be quoted: \"${%.*s}\"",
		    name > 60 ? 60 : name - 1, line.start + at + 1, name > 60 ? 60 : name - 1,
		    line.start + at + 1);
		return true;
	}
	if (at > 1 && at <= line.len && line.start[at - 1] == '}' &&
	    memchr(line.start, '{', at) != NULL) {
		snprintf(out, size,
		    "text that begins with \"{\" must be quoted, and nothing else may "
		    "follow a \"}\" directly");
		return true;
	}
	if (at < line.len && line.start[at] != '\0' && strchr("@`%", line.start[at]) != NULL) {
		snprintf(out, size, "text that begins with \"%c\" must be quoted", line.start[at]);
		return true;
	}
	return false;
}

void config_syntax_problem(const yaml_parser_t *parser, struct problems *problems, const char *file,
    const char *text, size_t len)
{
	const char *problem = parser->problem != NULL ? parser->problem : "it cannot be read as YAML";
	yaml_mark_t mark = parser->problem_mark;
	char words[200];

	if (parser->error == YAML_MEMORY_ERROR) {
		problems_add(problems, false, "%s: out of memory", file);
		return;
	}
	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(text, len, parser->problem_offset);
	snprintf(words, sizeof words, "%s", problem);

	struct line line = find_line(text, len, mark.line);
	if (parser->error == YAML_READER_ERROR && strstr(problem, "UTF-8") != NULL) {
		snprintf(words, sizeof words, "the file must be UTF-8 (%s)", problem);
	} else if (!hint(words, sizeof words, line, column_offset(line, mark.column))) {
		for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++) {
			if (strcmp(problem, wordings[i].problem) != 0)
				continue;
			snprintf(words, sizeof words, "%s", wordings[i].words);
			if (wordings[i].at_context)
				mark = parser->context_mark;
		}
	}
	problems_at(problems, false, file, (int)mark.line + 1, (int)mark.column + 1, "%s", words);
}
