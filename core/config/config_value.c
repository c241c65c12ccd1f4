#include "core/config/config_value.h"

#include "core/base/buf.h"
#include "core/base/nearest.h"
#include "core/base/number.h"

#include <stdint.h>
#include <string.h>

#define TEXT_MAX 4096 /* bytes; longer than any path or name that works */

static int set_text(const struct config_key *key, const char *text, const char *folder,
    struct arena *arena, char *target, struct err *err)
{
	if (strlen(text) > TEXT_MAX)
		return err_set(err, "longer than %d bytes", TEXT_MAX);

	bool relative = key->type == CONFIG_FILE && text[0] != '/' && text[0] != '\0';
	const char *value = arena_printf(arena, "%s%s", relative ? folder : "", text);
	memcpy(target, &value, sizeof value);
	return 0;
}

static int set_bool(const char *text, char *target, struct err *err)
{
	bool value = strcmp(text, "true") == 0;
	if (!value && strcmp(text, "false") != 0)
		return err_set(err, "use true or false, not \"%.60s\"", text);
	memcpy(target, &value, sizeof value);
	return 0;
}

static int refuse_choice(const char *const *choices, const char *text, struct err *err)
{
	struct buf list = {0};
	for (size_t i = 0; choices[i] != NULL; i++)
		buf_printf(&list, "%s\"%s\"",
		    i == 0                   ? ""
		    : choices[i + 1] == NULL ? " or "
		                             : ", ",
		    choices[i]);
	const char *near = nearest_name(text, choices);
	if (near != NULL)
		err_set(
		    err, "must be %s, not \"%.60s\" (did you mean \"%s\"?)", buf_str(&list), text, near);
	else
		err_set(err, "must be %s, not \"%.60s\"", buf_str(&list), text);
	buf_free(&list);
	return -1;
}

/* The index of `text` among the choices, or -1. */
static int find_choice(const char *const *choices, const char *text, struct err *err)
{
	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(choices[i], text) == 0)
			return i;
	return refuse_choice(choices, text, err);
}

static int set_choice(const struct config_key *key, const char *text, char *target, struct err *err)
{
	int index = find_choice(key->choices, text, err);
	bool second = index == 1;
	if (index < 0)
		return -1;
	if (key->size == sizeof second)
		memcpy(target, &second, sizeof second);
	else
		memcpy(target, &index, sizeof index);
	return 0;
}

static int parse_number(enum config_type type, const char *text, int64_t *out)
{
	uint64_t bytes;
	if (type == CONFIG_DURATION)
		return duration_parse(text, out);
	if (type == CONFIG_COUNT)
		return number_parse(text, strlen(text), out, &(double){0}) == NUMBER_INTEGER ? 0 : -1;
	if (size_parse(text, &bytes) < 0 || bytes > INT64_MAX)
		return -1;
	*out = (int64_t)bytes;
	return 0;
}

static int set_number(const struct config_key *key, const char *text, char *target, struct err *err)
{
	int64_t value, min = 0, max = INT64_MAX;
	if (parse_number(key->type, text, &value) < 0) {
		if (key->type == CONFIG_DURATION)
			return err_set(err,
			    "\"%.60s\" is not a duration: a number and ms, s, m, h or d, such as %s", text,
			    key->fallback);
		if (key->type == CONFIG_SIZE)
			return err_set(err, "\"%.60s\" is not a size: a number and B, KB, MB or GB, such as %s",
			    text, key->fallback);
		return err_set(err, "\"%.60s\" is not a whole number", text);
	}
	/* The table's own texts; a test reads each. */
	(void)parse_number(key->type, key->min, &min);
	(void)parse_number(key->type, key->max, &max);
	if (value < min || value > max)
		return err_set(err, "must be between %s and %s, not %.60s", key->min, key->max, text);

	uint32_t count = (uint32_t)value;
	if (key->type == CONFIG_COUNT)
		memcpy(target, &count, sizeof count);
	else
		memcpy(target, &value, sizeof value);
	return 0;
}

static int set_share(const char *text, char *target, struct err *err)
{
	size_t len = strlen(text);
	bool percent = len > 0 && text[len - 1] == '%';
	int64_t integer;
	double value;
	switch (number_parse(text, len - percent, &integer, &value)) {
	case NUMBER_INTEGER:
		value = (double)integer;
		break;
	case NUMBER_DOUBLE:
		break;
	case NUMBER_NONE:
		return err_set(err, "\"%.60s\" is not a share: write 50%% or 0.5", text);
	}
	if (percent)
		value /= 100;
	if (value < 0 || value > 1)
		return err_set(err, "must be between 0%% and 100%%, not %.60s", text);
	memcpy(target, &value, sizeof value);
	return 0;
}

int config_value_set(const struct config_key *key, const char *text, const char *folder,
    struct arena *arena, void *target, struct err *err)
{
	char *place = (char *)target + key->offset;
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_FILE:
		if (key->choices != NULL && find_choice(key->choices, text, err) < 0)
			return -1;
		return set_text(key, text, folder, arena, place, err);
	case CONFIG_BOOL:
		return set_bool(text, place, err);
	case CONFIG_CHOICE:
		return set_choice(key, text, place, err);
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_COUNT:
		return set_number(key, text, place, err);
	case CONFIG_SHARE:
		return set_share(text, place, err);
	case CONFIG_CUSTOM:
		break;
	}
	return err_set(err, "has no plain value");
}
