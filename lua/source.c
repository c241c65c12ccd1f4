#include "lua/source.h"

#include "core/base/crc32c.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_MAX (1 << 20)

static int read_file(const char *dir, const char *name, struct buf *text, struct err *err)
{
	struct buf path = {0};
	buf_printf(&path, "%s/%s", dir, name);
	int result = fileio_read(buf_str(&path), SOURCE_MAX, text, err);
	buf_free(&path);
	return result;
}

const struct source *source_get(
    struct source **list, const char *dir, const char *name, struct err *err)
{
	struct source **end = list;
	while (*end && strcmp((*end)->name, name) != 0)
		end = &(*end)->next;
	struct source *source = *end;
	if (source && !source->missing)
		return source;
	if (!source) {
		*end = source = mem_alloc(sizeof *source);
		source->name = mem_strdup(name);
	}
	source->missing = read_file(dir, name, &source->text, err) < 0;
	if (source->missing)
		return NULL;
	source->crc = crc32c(0, source->text.data, source->text.len);
	return source;
}

bool source_changed(const struct source *list, const char *dir)
{
	struct buf text = {0};
	bool changed = false;
	for (; list && !changed; list = list->next) {
		bool missing = read_file(dir, list->name, &text, NULL) < 0;
		changed =
		    missing != list->missing || (!missing && crc32c(0, text.data, text.len) != list->crc);
	}
	buf_free(&text);
	return changed;
}

void source_forget_texts(struct source *list)
{
	for (; list; list = list->next)
		buf_free(&list->text);
}

void source_free(struct source *list)
{
	while (list) {
		struct source *next = list->next;
		buf_free(&list->text);
		free(list->name);
		free(list);
		list = next;
	}
}
