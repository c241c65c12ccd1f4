#include "core/base/problems.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 1000

/* `prefix` bytes of `text` are written already. */
__attribute__((format(printf, 5, 0))) static void add(struct problems *problems,
    struct problem problem, char text[TEXT_MAX + 1], size_t prefix, const char *fmt, va_list args)
{
	vsnprintf(text + prefix, TEXT_MAX + 1 - prefix, fmt, args);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';

	problem.text = mem_strdup(text);
	problems->list = mem_resize(problems->list, problems->count + 1, sizeof *problems->list);
	problems->list[problems->count++] = problem;
	problems->errors += !problem.warning;
}

void problems_add(struct problems *problems, bool warning, const char *fmt, ...)
{
	char text[TEXT_MAX + 1];
	va_list args;
	va_start(args, fmt);
	add(problems, (struct problem){.warning = warning}, text, 0, fmt, args);
	va_end(args);
}

void problems_at(struct problems *problems, bool warning, const char *file, int line, int column,
    const char *fmt, ...)
{
	char text[TEXT_MAX + 1];
	/* a long path must leave room for what is wrong */
	int prefix = snprintf(text, TEXT_MAX / 2, "%s:%d:%d: ", file, line, column);
	if (prefix >= TEXT_MAX / 2)
		prefix = TEXT_MAX / 2 - 1;
	va_list args;
	va_start(args, fmt);
	add(problems, (struct problem){.warning = warning, .line = line, .column = column}, text,
	    prefix > 0 ? (size_t)prefix : 0, fmt, args);
	va_end(args);
}

static bool behind(const struct problem *a, const struct problem *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

void problems_merge(struct problems *to, struct problems *from)
{
	if (from->count == 0)
		return;
	to->list = mem_resize(to->list, to->count + from->count, sizeof *to->list);
	/* By insertion: stable, and nearly in order already. */
	for (size_t i = 0; i < from->count; i++) {
		size_t at = to->count + i;
		for (; at > to->count && behind(&to->list[at - 1], &from->list[i]); at--)
			to->list[at] = to->list[at - 1];
		to->list[at] = from->list[i];
	}
	to->count += from->count;
	to->errors += from->errors;
	free(from->list);
	*from = (struct problems){0};
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->list[i].text);
	free(problems->list);
	*problems = (struct problems){0};
}
