#include "core/base/zone.h"

#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "core/base/zone_rule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_MAX_BYTES (256 << 10)
#define HEADER         44
#define DAY            86400

enum kind { UTC, LOCAL, RULE, TABLE };

struct zone {
	enum kind kind;
	struct zone_rule rule; /* of a table too: for what comes after it */
	bool has_rule;
	int64_t first;  /* the offset before all changes */
	size_t changes; /* their times and what is in force from then on */
	int64_t *times, *offsets;
};

/* --- the zone database's files --- */

static uint32_t big32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t big64(const uint8_t *at)
{
	return (uint64_t)big32(at) << 32 | big32(at + 4);
}

struct header {
	uint32_t utc, standard, leaps, times, types, chars;
};

static int read_header(const struct buf *file, size_t at, struct header *header)
{
	if (file->len < at + HEADER || memcmp(file->data + at, "TZif", 4) != 0)
		return -1;
	const uint8_t *count = (const uint8_t *)file->data + at + 20;
	uint32_t *const out[] = {&header->utc, &header->standard, &header->leaps, &header->times,
	    &header->types, &header->chars};
	for (size_t i = 0; i < 6; i++) {
		*out[i] = big32(count + 4 * i);
		if (*out[i] > FILE_MAX_BYTES)
			return -1;
	}
	return 0;
}

/* Bytes of a block whose times have `width` bytes. */
static size_t block_size(const struct header *header, size_t width)
{
	return header->times * (width + 1) + header->types * 6 + header->chars +
	       header->leaps * (width + 4) + header->standard + header->utc;
}

static int64_t offset_of(const uint8_t *types, size_t type)
{
	return (int32_t)big32(types + 6 * type);
}

static int read_changes(struct zone *zone, const struct header *header, const uint8_t *block)
{
	const uint8_t *type = block + header->times * (size_t)8, *types = type + header->times;
	zone->times = mem_resize(NULL, header->times + 1, sizeof *zone->times);
	zone->offsets = mem_resize(NULL, header->times + 1, sizeof *zone->offsets);
	zone->changes = header->times;
	zone->first = offset_of(types, 0);
	for (size_t i = 0; i < header->times; i++) {
		if (type[i] >= header->types)
			return -1;
		zone->times[i] = (int64_t)big64(block + 8 * i);
		zone->offsets[i] = offset_of(types, type[i]);
		if (i && zone->times[i] <= zone->times[i - 1])
			return -1;
	}
	return 0;
}

/* What follows the table: "\nRULE\n", where the rule may be empty. */
static int read_footer(struct zone *zone, const struct buf *file, size_t at)
{
	char rule[100];
	const char *begin = file->data + at + 1;
	if (file->len < at + 2 || begin[-1] != '\n')
		return -1;
	const char *end = memchr(begin, '\n', file->len - at - 1);
	if (!end || (size_t)(end - begin) >= sizeof rule)
		return -1;
	memcpy(rule, begin, (size_t)(end - begin));
	rule[end - begin] = '\0';
	zone->has_rule = rule[0] != '\0';
	return zone->has_rule ? zone_rule_parse(&zone->rule, rule) : 0;
}

static int read_table(struct zone *zone, const struct buf *file)
{
	struct header header;
	if (read_header(file, 0, &header) < 0 || file->data[4] < '2')
		return -1;
	size_t at = HEADER + block_size(&header, 4);
	if (read_header(file, at, &header) < 0 || header.types == 0)
		return -1;
	at += HEADER;
	if (file->len < at + block_size(&header, 8) ||
	    read_changes(zone, &header, (const uint8_t *)file->data + at) < 0)
		return -1;
	return read_footer(zone, file, at + block_size(&header, 8));
}

/* A name that does not leave the database's folder. */
static bool is_name(const char *name)
{
	return *name && *name != '/' && *name != '.' && !strstr(name, "/.") && strlen(name) < 100;
}

static int open_table(struct zone *zone, const char *name, struct err *err)
{
	const char *dir = getenv("TZDIR");
	struct buf path = {0}, file = {0};
	struct err fault = {0};
	int result = -1;
	zone->kind = TABLE;
	buf_printf(&path, "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", name);
	if (!is_name(name) || fileio_read(buf_str(&path), FILE_MAX_BYTES, &file, &fault) < 0)
		(void)err_set(err,
		    "there is no time zone \"%.60s\": give \"UTC\", \"local\", a name such as "
		    "\"Europe/Paris\" (if the zone database is installed) or a rule such as "
		    "\"CET-1CEST,M3.5.0,M10.5.0/3\"",
		    name);
	else if (read_table(zone, &file) < 0)
		(void)err_set(
		    err, "%s is not a file of the zone database, version 2 or later", buf_str(&path));
	else
		result = 0;
	buf_free(&file);
	buf_free(&path);
	return result;
}

/* --- begin and end --- */

struct zone *zone_open(const char *name, struct err *err)
{
	struct zone *zone = mem_alloc(sizeof *zone);
	if (strcmp(name, "UTC") == 0) {
		zone->kind = UTC;
	} else if (strcmp(name, "local") == 0) {
		zone->kind = LOCAL;
		tzset();
	} else if (zone_rule_parse(&zone->rule, name) == 0) {
		zone->kind = RULE;
	} else if (open_table(zone, name, err) < 0) {
		zone_free(zone);
		return NULL;
	}
	return zone;
}

void zone_free(struct zone *zone)
{
	if (!zone)
		return;
	free(zone->times);
	free(zone->offsets);
	free(zone);
}

/* --- times --- */

static int64_t table_offset(const struct zone *zone, int64_t time)
{
	size_t low = 0, high = zone->changes; /* how many changes are not after `time` */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (zone->times[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->changes && zone->has_rule)
		return zone_rule_offset(&zone->rule, time);
	return low ? zone->offsets[low - 1] : zone->first;
}

int64_t zone_offset(const struct zone *zone, int64_t time)
{
	time_t seconds = (time_t)time;
	struct tm tm;
	switch (zone->kind) {
	case LOCAL:
		return localtime_r(&seconds, &tm) ? tm.tm_gmtoff : 0;
	case RULE:
		return zone_rule_offset(&zone->rule, time);
	case TABLE:
		return table_offset(zone, time);
	case UTC:
	default:
		return 0;
	}
}

/* Clocks change once in two days at most. */
int64_t zone_time(const struct zone *zone, int64_t local)
{
	int64_t before = zone_offset(zone, local - DAY), after = zone_offset(zone, local + DAY);
	int64_t early = local - (before > after ? before : after);
	int64_t late = local - (before > after ? after : before);
	if (early + zone_offset(zone, early) == local)
		return early;
	if (late + zone_offset(zone, late) == local)
		return late;
	while (late - early > 1) { /* the change lies between */
		int64_t middle = early + (late - early) / 2;
		if (zone_offset(zone, middle) == after)
			late = middle;
		else
			early = middle;
	}
	return late;
}
