/* Tab: what may stand at the end of what is typed. */
#include "core/base/json.h"
#include "core/console/console_impl.h"

#include <dirent.h>
#include <string.h>

/* Texts of the catalog and of Lua, from whoever runs the chunks. */
static size_t ask(const struct console *console, const char *text, size_t *from, struct buf *list)
{
	struct buf answer = {0};
	struct json_doc *doc = NULL;
	const struct json *start, *texts;
	size_t count = 0;

	if (console->side->complete(console->side->ctx, text, &answer, &(struct err){0}) == 0)
		doc = console_parse(&answer);
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

/* Names of files that begin with `text`; each comes with its folder. */
static size_t files(const char *text, struct buf *list)
{
	const char *slash = strrchr(text, '/');
	const char *base = slash ? slash + 1 : text;
	struct buf folder = {0};
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	buf_add(&folder, text, (size_t)(base - text));
	dir = opendir(folder.len > 0 ? buf_str(&folder) : ".");
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, base, strlen(base)) != 0 ||
		    (!*base && entry->d_name[0] == '.') || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		buf_add(list, folder.data, folder.len);
		buf_text(list, entry->d_name);
		if (entry->d_type == DT_DIR)
			buf_char(list, '/');
		buf_char(list, '\0');
		count++;
	}
	if (dir)
		closedir(dir);
	buf_free(&folder);
	return count;
}

static size_t arguments(
    const struct console *console, const char *text, size_t *from, struct buf *list)
{
	const char *word = strrchr(text, ' ') + 1;
	struct buf quoted = {0};
	size_t count;

	*from = (size_t)(word - text);
	if (strncmp(text, ":load ", 6) == 0)
		return files(word, list);
	buf_printf(&quoted, "\"%s", word); /* a path, as in a chunk */
	count = ask(console, buf_str(&quoted), &(size_t){0}, list);
	buf_free(&quoted);
	return count;
}

size_t console_tab(void *ctx, const char *text, size_t *from, struct buf *list)
{
	const struct console *console = ctx;
	const char *quote = strrchr(text, '"');

	if (text[0] == ':' && strchr(text, ' '))
		return arguments(console, text, from, list);
	if (text[0] == ':') {
		*from = 1;
		return console_colon_names(text + 1, list);
	}
	if (!quote || (quote[1] != '/' && quote[1] != '.'))
		return ask(console, text, from, list);
	*from = (size_t)(quote + 1 - text);
	return files(quote + 1, list);
}
