#include "core/command/secrets.h"

#include "core/base/json.h"
#include "core/base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char struck[] = "[left out]";

void secrets_free(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		free(secrets->list[i]);
	free(secrets->list);
	*secrets = (struct secrets){0};
}

static void add_one(struct secrets *secrets, const char *text, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < secrets->count; i++) {
		if (strlen(secrets->list[i]) == len && memcmp(secrets->list[i], text, len) == 0)
			return;
	}
	secrets->list = mem_resize(secrets->list, secrets->count + 1, sizeof(*secrets->list));
	/* the longest first: one may be a part of another */
	while (at < secrets->count && strlen(secrets->list[at]) >= len)
		at++;
	memmove(
	    &secrets->list[at + 1], &secrets->list[at], (secrets->count - at) * sizeof(*secrets->list));
	secrets->list[at] = mem_strndup(text, len);
	secrets->count++;
}

void secrets_add(struct secrets *secrets, const char *text, size_t len)
{
	struct buf json = {0};
	char *copy;

	if (len == 0 || memchr(text, '\0', len))
		return;
	add_one(secrets, text, len);
	copy = mem_strndup(text, len);
	json_add_text(&json, copy);
	add_one(secrets, json.data + 1, json.len - 2);
	buf_free(&json);
	free(copy);
}

/* --- finding --- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

bool secrets_is_name(const char *name, size_t len)
{
	static const char *const words[] = {
	    "pass", "secret", "token", "apikey", "api_key", "credential", "psk"};

	if (len >= 4 && strncasecmp(name + len - 4, "file", 4) == 0)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t word = strlen(words[i]);

		for (size_t at = 0; at + word <= len; at++) {
			if (strncasecmp(name + at, words[i], word) == 0)
				return true;
		}
	}
	return false;
}

struct place {
	size_t from, len; /* of the secret */
};

static size_t skip_blanks(const struct buf *text, size_t at)
{
	while (at < text->len && (text->data[at] == ' ' || text->data[at] == '\t'))
		at++;
	return at;
}

static size_t line_end(const struct buf *text, size_t at)
{
	while (at < text->len && text->data[at] != '\n')
		at++;
	return at;
}

static size_t indent_of(const struct buf *text, size_t at)
{
	while (at > 0 && text->data[at - 1] != '\n')
		at--;
	return skip_blanks(text, at) - at;
}

/* YAML's folded text: the lines that stand deeper than its key, and empty ones. */
static size_t folded_end(const struct buf *text, size_t at)
{
	size_t key = indent_of(text, at), end = line_end(text, at);

	while (end + 1 < text->len && (indent_of(text, end + 1) > key || text->data[end + 1] == '\n'))
		end = line_end(text, end + 1);
	return end;
}

/* Behind the name: a colon or one equals sign, then the value. */
static bool value_behind(const struct buf *text, size_t at, bool bare, struct place *place)
{
	char quote;

	while (at < text->len && strchr("\"']", text->data[at])) /* the name's own quotes */
		at++;
	at = skip_blanks(text, at);
	if (at >= text->len || (text->data[at] != '=' && text->data[at] != ':') ||
	    (at + 1 < text->len && text->data[at + 1] == '='))
		return false;
	at = skip_blanks(text, at + 1);
	if (at >= text->len)
		return false;
	quote = text->data[at];
	if (quote == '"' || quote == '\'') {
		size_t end = at + 1;

		while (end < text->len && text->data[end] != quote && text->data[end] != '\n')
			end += text->data[end] == '\\' ? 2 : 1;
		*place = (struct place){at + 1, (end < text->len ? end : text->len) - at - 1};
		return place->len > 0;
	}
	*place = (struct place){at, 0};
	if (bare && (text->data[at] == '|' || text->data[at] == '>'))
		place->len = folded_end(text, at) - at;
	while (bare && at + place->len < text->len && !strchr("\n,}]", text->data[at + place->len]))
		place->len++;
	return place->len > 0;
}

/* scheme://HERE@host */
static bool user_of_url(const struct buf *text, size_t at, struct place *place)
{
	size_t end = at + 3;

	if (at + 3 > text->len || memcmp(text->data + at, "://", 3) != 0)
		return false;
	while (end < text->len && !strchr("@/ \t\n\"'", text->data[end]))
		end++;
	*place = (struct place){at + 3, end - at - 3};
	return end < text->len && text->data[end] == '@' && place->len > 0;
}

/* The first secret at or behind `at`. */
static bool next_place(const struct buf *text, size_t at, bool bare, struct place *place)
{
	for (; at < text->len; at++) {
		size_t end = at;

		if (user_of_url(text, at, place))
			return true;
		if (!is_word(text->data[at]) || (at > 0 && is_word(text->data[at - 1])))
			continue;
		while (end < text->len && is_word(text->data[end]))
			end++;
		if (secrets_is_name(text->data + at, end - at) && value_behind(text, end, bare, place))
			return true;
	}
	return false;
}

static void find_variables(struct secrets *secrets, const struct buf *text)
{
	for (size_t at = 0; at + 3 < text->len; at++) {
		size_t end = at + 2;
		char *name;
		const char *value;

		if (text->data[at] != '$' || text->data[at + 1] != '{')
			continue;
		while (end < text->len && text->data[end] != '}')
			end++;
		name = mem_strndup(text->data + at + 2, end - at - 2);
		value = getenv(name);
		if (value)
			secrets_add(secrets, value, strlen(value));
		free(name);
	}
}

void secrets_find(struct secrets *secrets, const struct buf *text, bool bare)
{
	struct place place;
	const char *colon;

	for (size_t at = 0; next_place(text, at, bare, &place); at = place.from + place.len) {
		const char *from = text->data + place.from;

		secrets_add(secrets, from, place.len);
		/* of user:password the password alone, too */
		colon = memchr(from, ':', place.len);
		if (colon && place.from >= 3 && memcmp(from - 3, "://", 3) == 0)
			secrets_add(secrets, colon + 1, place.len - (size_t)(colon + 1 - from));
	}
	find_variables(secrets, text);
}

/* --- striking --- */

static void strike_places(struct buf *text, bool bare)
{
	struct buf out = {0};
	struct place place;
	size_t at = 0;

	while (next_place(text, at, bare, &place)) {
		buf_add(&out, text->data + at, place.from - at);
		buf_text(&out, struck);
		at = place.from + place.len;
	}
	if (at < text->len)
		buf_add(&out, text->data + at, text->len - at);
	buf_free(text);
	*text = out;
}

static void strike_word(struct buf *text, const char *word)
{
	size_t len = strlen(word), at = 0;
	struct buf out = {0};
	const char *found;

	while ((found = memmem(text->data + at, text->len - at, word, len)) != NULL) {
		buf_add(&out, text->data + at, (size_t)(found - text->data) - at);
		buf_text(&out, struck);
		at = (size_t)(found - text->data) + len;
	}
	if (at == 0)
		return;
	buf_add(&out, text->data + at, text->len - at);
	buf_free(text);
	*text = out;
}

void secrets_strike(const struct secrets *secrets, struct buf *text, bool bare, size_t least)
{
	if (text->len == 0)
		return;
	strike_places(text, bare);
	for (size_t i = 0; i < secrets->count && strlen(secrets->list[i]) >= least; i++)
		strike_word(text, secrets->list[i]);
}
