/*
 * Each datapoint is encoded once, when it is added, into one scratch buffer; chains of datapoints
 * hang on groups (form C: a path, form A: a timestamp, form B: one for all). The body's exact size
 * is known at any time, and finishing copies the pieces in the order of their groups. All memory is
 * kept from one body to the next.
 */
#include "core/message/message.h"

#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "core/base/value_json.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum form { FORM_A, FORM_B, FORM_C };

/* What stands around a body and a group; a group's beginning is in `heads`. */
static const struct {
	char open, close;
	const char *group_end;
	size_t group_end_len;
} shapes[] = {
    [FORM_A] = {'{', '}', "}", 1},
    [FORM_B] = {'{', '}', "", 0},
    [FORM_C] = {'[', ']', "]}", 2},
};

struct point {
	size_t offset, len;   /* in scratch */
	uint32_t group, next; /* of the same group */
};

struct group {
	int64_t timestamp;     /* form A */
	size_t head, head_len; /* in heads */
	uint32_t first, last;  /* points */
};

/* Open addressing; number 0 is a free slot. */
struct table {
	struct slot {
		uint32_t hash, number; /* of the group or point, plus 1 */
	} * slots;
	uint32_t size, used; /* size is a power of two */
};

struct message {
	struct message_format format;
	enum form form; /* of the body being built */
	size_t size;    /* of the body, were it finished now */
	struct buf scratch, heads;
	struct point *points;
	struct group *groups;
	uint32_t points_count, points_room, groups_count, groups_room;
	struct table groups_table;
	struct table values_table; /* forms A and B: each path once in a group */
	int64_t timestamp;         /* the last one's, and its text; length 0: none yet */
	size_t timestamp_len;
	char timestamp_text[NUMBER_TEXT];
};

/* What is asked of the tables. */
struct wanted {
	const char *path;
	size_t path_len;
	int64_t timestamp;
	uint32_t group;
};

struct message *message_new(const struct message_format *format)
{
	struct message *message = mem_alloc(sizeof *message);
	message->format = *format;
	message_clear(message);
	return message;
}

void message_free(struct message *message)
{
	if (!message)
		return;
	buf_free(&message->scratch);
	buf_free(&message->heads);
	free(message->points);
	free(message->groups);
	free(message->groups_table.slots);
	free(message->values_table.slots);
	free(message);
}

static void table_clear(struct table *table)
{
	if (table->used)
		memset(table->slots, 0, table->size * sizeof *table->slots);
	table->used = 0;
}

void message_clear(struct message *message)
{
	message->size = 2;
	message->scratch.len = message->heads.len = 0;
	message->points_count = message->groups_count = 0;
	table_clear(&message->groups_table);
	table_clear(&message->values_table);
}

size_t message_count(const struct message *message)
{
	return message->points_count;
}

/* --- tables --- */

static void table_put(struct table *table, uint32_t hash, uint32_t number)
{
	uint32_t at = hash & (table->size - 1);
	while (table->slots[at].number)
		at = (at + 1) & (table->size - 1);
	table->slots[at] = (struct slot){hash, number + 1};
	table->used++;
}

static void table_add(struct table *table, uint32_t hash, uint32_t number)
{
	if (table->used >= table->size / 2) {
		struct table larger = {.size = table->size ? table->size * 2 : 64};
		larger.slots = mem_alloc(larger.size * sizeof *larger.slots);
		for (uint32_t i = 0; i < table->size; i++)
			if (table->slots[i].number)
				table_put(&larger, table->slots[i].hash, table->slots[i].number - 1);
		free(table->slots);
		*table = larger;
	}
	table_put(table, hash, number);
}

typedef bool matches(const struct message *message, uint32_t number, const struct wanted *wanted);

static inline uint32_t table_find(const struct table *table, uint32_t hash,
    const struct message *message, matches *match, const struct wanted *wanted)
{
	if (!table->size)
		return NONE;
	for (uint32_t at = hash & (table->size - 1); table->slots[at].number;
	     at = (at + 1) & (table->size - 1)) {
		uint32_t number = table->slots[at].number - 1;
		if (table->slots[at].hash == hash && match(message, number, wanted))
			return number;
	}
	return NONE;
}

/* Form C: a head is {"PATH":[ */
static bool group_has_path(
    const struct message *message, uint32_t number, const struct wanted *wanted)
{
	const struct group *group = &message->groups[number];
	return group->head_len == wanted->path_len + 5 &&
	       !memcmp(message->heads.data + group->head + 2, wanted->path, wanted->path_len);
}

static bool group_has_time(
    const struct message *message, uint32_t number, const struct wanted *wanted)
{
	return message->groups[number].timestamp == wanted->timestamp;
}

/* Forms A and B: a datapoint begins with "PATH": */
static bool point_has_path(
    const struct message *message, uint32_t number, const struct wanted *wanted)
{
	const struct point *point = &message->points[number];
	const char *text = message->scratch.data + point->offset + 1;
	return point->group == wanted->group && point->len > wanted->path_len + 2 &&
	       !memcmp(text, wanted->path, wanted->path_len) && text[wanted->path_len] == '"';
}

/* --- encoding --- */

static inline char *put(char *p, const char *data, size_t len)
{
	if (len) /* data may be NULL then */
		memcpy(p, data, len);
	return p + len;
}

/* The timestamp as text, made anew only if it is not the last one's: neighbours often share it. */
static inline char *put_timestamp(struct message *message, char *p, int64_t timestamp)
{
	if (!message->timestamp_len || message->timestamp != timestamp) {
		message->timestamp = timestamp;
		message->timestamp_len = number_from_int(message->timestamp_text, timestamp);
	}
	return put(p, message->timestamp_text, message->timestamp_len);
}

/* At the end of scratch; its length. */
static size_t add_point(
    struct message *message, enum form form, const struct wanted *wanted, const struct value *value)
{
	static const char before[] = "{\"timestamp\":", between[] = ",\"value\":";
	struct buf *out = &message->scratch;
	size_t start = out->len;
	bool quotes = !message->format.native_values && value->type != VALUE_STRING &&
	              value->type != VALUE_BINARY;
	char *p = buf_reserve(out, sizeof before + sizeof between + NUMBER_TEXT + wanted->path_len);
	if (form == FORM_C) {
		p = put(p, before, sizeof before - 1);
		p = put_timestamp(message, p, wanted->timestamp);
		p = put(p, between, sizeof between - 1);
	} else {
		*p++ = '"';
		p = put(p, wanted->path, wanted->path_len);
		p = put(p, "\":", 2);
	}
	if (quotes)
		*p++ = '"';
	out->len = (size_t)(p - out->data);
	value_json(out, value);
	p = buf_reserve(out, 2);
	if (quotes)
		*p++ = '"';
	if (form == FORM_C)
		*p++ = '}';
	out->len = (size_t)(p - out->data);
	return out->len - start;
}

/* What a new group begins with, at the end of heads; its length. */
static size_t add_head(struct message *message, enum form form, const struct wanted *wanted)
{
	struct buf *heads = &message->heads;
	size_t start = heads->len;
	if (form == FORM_C) {
		buf_add(heads, "{\"", 2);
		buf_add(heads, wanted->path, wanted->path_len);
		buf_add(heads, "\":[", 3);
	} else if (form == FORM_A) {
		buf_char(heads, '"');
		heads->len += number_from_int(buf_reserve(heads, NUMBER_TEXT), wanted->timestamp);
		buf_add(heads, "\":{", 3);
	}
	return heads->len - start;
}

/* --- adding --- */

static void link_point(struct message *message, uint32_t group, size_t len)
{
	if (message->points_count == message->points_room) {
		message->points_room = message->points_room ? message->points_room * 2 : 64;
		message->points =
		    mem_resize(message->points, message->points_room, sizeof *message->points);
	}
	uint32_t number = message->points_count++;
	message->points[number] = (struct point){message->scratch.len - len, len, group, NONE};
	struct group *of = &message->groups[group];
	if (of->first == NONE)
		of->first = number;
	else
		message->points[of->last].next = number;
	of->last = number;
}

static uint32_t new_group(struct message *message, int64_t timestamp, size_t head_len)
{
	if (message->groups_count == message->groups_room) {
		message->groups_room = message->groups_room ? message->groups_room * 2 : 16;
		message->groups =
		    mem_resize(message->groups, message->groups_room, sizeof *message->groups);
	}
	message->groups[message->groups_count] =
	    (struct group){timestamp, message->heads.len - head_len, head_len, NONE, NONE};
	return message->groups_count++;
}

static uint32_t hash_group(enum form form, const struct wanted *wanted)
{
	if (form == FORM_C)
		return crc32c(0, wanted->path, wanted->path_len);
	return (uint32_t)((uint64_t)wanted->timestamp * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static int64_t to_seconds(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

enum message_fit message_add(struct message *message, const struct sample *sample)
{
	enum form form = !sample->time.wall_valid ? FORM_B : message->format.form_a ? FORM_A : FORM_C;
	if (message->points_count && form != message->form)
		return MESSAGE_FULL;
	message->form = form;

	struct wanted wanted = {sample->path, strlen(sample->path), 0, NONE};
	if (form != FORM_B)
		wanted.timestamp =
		    message->format.milliseconds ? sample->time.wall_ms : to_seconds(sample->time.wall_ms);
	uint32_t hash = hash_group(form, &wanted), value_hash = 0;
	uint32_t group = table_find(&message->groups_table, hash, message,
	    form == FORM_C ? group_has_path : group_has_time, &wanted);
	bool is_new = group == NONE;
	if (is_new)
		group = message->groups_count;
	if (form != FORM_C) {
		wanted.group = group;
		value_hash = crc32c(group, wanted.path, wanted.path_len);
		if (table_find(&message->values_table, value_hash, message, point_has_path, &wanted) !=
		    NONE)
			return MESSAGE_FULL;
	}

	size_t point = add_point(message, form, &wanted, &sample->value);
	size_t head = is_new ? add_head(message, form, &wanted) : message->groups[group].head_len;
	size_t around = head + shapes[form].group_end_len;
	size_t size = message->size + point + (is_new ? around + (group > 0) : 1);
	if (size > message->format.max_bytes) {
		message->scratch.len -= point;
		message->heads.len -= is_new ? head : 0;
		return 2 + around + point > message->format.max_bytes ? MESSAGE_TOO_BIG : MESSAGE_FULL;
	}
	message->size = size;
	if (is_new)
		table_add(&message->groups_table, hash, new_group(message, wanted.timestamp, head));
	if (form != FORM_C)
		table_add(&message->values_table, value_hash, message->points_count);
	link_point(message, group, point);
	return MESSAGE_ADDED;
}

/* --- finishing --- */

void message_finish(struct message *message, struct buf *out)
{
	enum form form = message->form;
	out->len = 0;
	char *start = buf_reserve(out, message->size), *p = start;
	*p++ = shapes[form].open;
	for (uint32_t i = 0; i < message->groups_count; i++) {
		const struct group *group = &message->groups[i];
		if (i)
			*p++ = ',';
		p = put(p, message->heads.data + group->head, group->head_len);
		for (uint32_t k = group->first; k != NONE; k = message->points[k].next) {
			if (k != group->first)
				*p++ = ',';
			p = put(p, message->scratch.data + message->points[k].offset, message->points[k].len);
		}
		p = put(p, shapes[form].group_end, shapes[form].group_end_len);
	}
	*p++ = shapes[form].close;
	out->len = (size_t)(p - start);
	must(out->len == message->size);
	message_clear(message);
}
