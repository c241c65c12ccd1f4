#include "core/queue/boots.h"

#include <inttypes.h>
#include <stdlib.h>
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

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool parse_line(const char *line, uint8_t id[BOOT_ID_SIZE], int64_t *ahead_ms)
{
	char *end;

	for (size_t i = 0; i < BOOT_ID_SIZE; i++, line += 2) {
		int high = hex(line[0]), low = high < 0 ? -1 : hex(line[1]);

		if (high < 0 || low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	if (*line != ' ')
		return false;
	*ahead_ms = strtoll(line + 1, &end, 10); /* 18 digits cannot overflow */
	return end > line + 1 && end - line <= 19 && *end == '\0';
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
