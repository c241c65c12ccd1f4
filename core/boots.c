#include "core/boots.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool boots_find(const struct boots *boots, const uint8_t id[BOOT_ID_SIZE], int64_t *ahead_ms)
{
	for (size_t i = 0; i < boots->count; i++) {
		if (memcmp(boots->boot[i].id, id, BOOT_ID_SIZE) == 0) {
			*ahead_ms = boots->boot[i].ahead_ms;
			return true;
		}
	}
	return false;
}

void boots_note(struct boots *boots, const uint8_t id[BOOT_ID_SIZE], int64_t ahead_ms)
{
	size_t i = 0;

	while (i < boots->count && memcmp(boots->boot[i].id, id, BOOT_ID_SIZE) != 0)
		i++;
	if (i == BOOTS_MAX)
		i = 0; /* the oldest goes */
	if (i < boots->count) {
		memmove(
		    &boots->boot[i], &boots->boot[i + 1], (boots->count - i - 1) * sizeof boots->boot[0]);
		boots->count--;
	}
	memcpy(boots->boot[boots->count].id, id, BOOT_ID_SIZE);
	boots->boot[boots->count++].ahead_ms = ahead_ms;
}

static bool parse_line(const char *line, uint8_t id[BOOT_ID_SIZE], int64_t *ahead_ms)
{
	int used = 0;

	for (size_t i = 0; i < BOOT_ID_SIZE; i++, line += 2) {
		unsigned byte;
		if (strspn(line, "0123456789abcdef") < 2 || sscanf(line, "%2x", &byte) != 1)
			return false;
		id[i] = (uint8_t)byte;
	}
	/* 18 digits cannot overflow */
	if (*line != ' ' || strspn(line + 1, "-0123456789") > 18)
		return false;
	return sscanf(line, " %" SCNd64 "%n", ahead_ms, &used) == 1 && line[used] == '\0';
}

void boots_parse(struct boots *boots, const char *text, size_t len)
{
	const char *end = text + len;

	*boots = (struct boots){0};
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t size = newline ? (size_t)(newline - text) : (size_t)(end - text);
		char line[64];
		uint8_t id[BOOT_ID_SIZE];
		int64_t ahead_ms;
		if (size < sizeof line) {
			memcpy(line, text, size);
			line[size] = '\0';
			if (parse_line(line, id, &ahead_ms))
				boots_note(boots, id, ahead_ms);
		}
		text += size + 1;
	}
}

void boots_format(const struct boots *boots, struct buf *out)
{
	for (size_t i = 0; i < boots->count; i++) {
		for (size_t j = 0; j < BOOT_ID_SIZE; j++)
			buf_printf(out, "%02x", boots->boot[i].id[j]);
		buf_printf(out, " %" PRId64 "\n", boots->boot[i].ahead_ms);
	}
}
