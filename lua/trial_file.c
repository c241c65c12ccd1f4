#include "lua/trial_file.h"

#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD      "neap trial 1\n"
#define SIZE_MOST (16 << 20)

static bool fill_path(const struct host *host, const char *name, struct buf *path)
{
	if (!host->services.state_dir)
		return false;
	buf_printf(path, "%s/trial-%s", host->services.state_dir, name);
	return true;
}

int trial_file_write(const struct script *script, const struct source *before, struct err *err)
{
	struct buf path = {0}, text = {0};
	int result = 0;
	buf_text(&text, HEAD);
	for (const struct source *source = script->sources; source; source = source->next)
		if (!source->missing)
			buf_printf(&text, "tried %08" PRIx32 " %s\n", source->crc, source->name);
	for (; before; before = before->next) {
		if (before->missing)
			continue;
		buf_printf(&text, "kept %zu %s\n", before->text.len, before->name);
		buf_add(&text, before->text.data, before->text.len);
		buf_char(&text, '\n');
	}
	if (fill_path(script->host, script->name, &path))
		result = fileio_replace(buf_str(&path), text.data, text.len, 0600, err);
	buf_free(&text);
	buf_free(&path);
	return result;
}

void trial_file_remove(const struct host *host, const char *name)
{
	struct buf path = {0};
	if (fill_path(host, name, &path))
		(void)unlink(buf_str(&path));
	buf_free(&path);
}

/* "tried HEX NAME", "kept NUMBER NAME": the number, and where the name begins; NULL: it is neither. */
static const char *read_line(const char *line, bool *tried, unsigned long *number)
{
	char *end = NULL;
	*tried = strncmp(line, "tried ", 6) == 0;
	if (!*tried && strncmp(line, "kept ", 5) != 0)
		return NULL;
	line += *tried ? 6 : 5;
	*number = strtoul(line, &end, *tried ? 16 : 10);
	return end > line && end[0] == ' ' && end[1] ? end + 1 : NULL;
}

/* One line and what belongs to it. Returns its length, 0 if it is none. */
static size_t read_entry(const char *text, size_t len, struct source **tried, struct source **kept)
{
	const char *end = memchr(text, '\n', len);
	size_t line = end ? (size_t)(end - text) + 1 : 0;
	unsigned long number = 0;
	bool is_tried = false;
	char *head = mem_strndup(text, line ? line - 1 : 0);
	const char *name = read_line(head, &is_tried, &number);
	if (!name || (!is_tried && number >= len - line)) {
		free(head);
		return 0;
	}
	struct source *source = mem_alloc(sizeof *source);
	*source = (struct source){
	    .name = mem_strdup(name), .crc = (uint32_t)number, .next = is_tried ? *tried : *kept};
	*(is_tried ? tried : kept) = source;
	free(head);
	if (is_tried)
		return line;
	buf_add(&source->text, text + line, number);
	source->crc = crc32c(0, source->text.data, source->text.len);
	return line + number + 1;
}

struct source *trial_file_read(const struct host *host, const char *name, struct source **tried)
{
	struct buf path = {0}, text = {0};
	struct source *kept = NULL;
	size_t at = strlen(HEAD), step = 1;
	*tried = NULL;
	if (!fill_path(host, name, &path))
		return NULL;
	bool found = fileio_read(buf_str(&path), SIZE_MOST, &text, NULL) == 0;
	if (found && text.len > at && memcmp(text.data, HEAD, at) == 0)
		for (; step && at < text.len; at += step)
			step = read_entry(text.data + at, text.len - at, tried, &kept);
	if (found &&
	    (!step || !kept || !*tried || source_changed(*tried, host->services.config->scripts.dir))) {
		log_info(
		    "scripts", "%s: what was on trial has been edited since: its files are loaded", name);
		trial_file_remove(host, name);
		source_free(kept);
		source_free(*tried);
		kept = *tried = NULL;
	}
	buf_free(&text);
	buf_free(&path);
	return kept;
}
