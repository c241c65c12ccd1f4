#include "core/agent/usage.h"

#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/catalog/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAVE_MS (60 * 60 * 1000)

struct usage {
	uv_loop_t *loop;
	const struct clock *clock;
	struct store *store;
	struct usage_figures figures;
	int64_t date;                  /* 20251122, or 0 */
	uint64_t undated[USAGE_KINDS]; /* counted, and of no day yet */
	int64_t saved_ms;
};

const char *usage_name(enum usage_kind kind)
{
	static const char *const names[USAGE_KINDS] = {"out", "in", "flash"};

	return names[kind];
}

/* --- the day --- */

static int64_t date_of(const struct clock *clock)
{
	time_t now = (time_t)(clock_wall_ms(clock) / 1000);
	struct tm tm;

	if (!clock_is_set(clock) || !gmtime_r(&now, &tm))
		return 0;
	return ((int64_t)tm.tm_year + 1900) * 10000 + ((int64_t)tm.tm_mon + 1) * 100 + tm.tm_mday;
}

static void begin_day(struct usage *usage, int64_t date)
{
	if (usage->date != date)
		memset(usage->figures.day, 0, sizeof(usage->figures.day));
	if (usage->date / 100 != date / 100)
		memset(usage->figures.month, 0, sizeof(usage->figures.month));
	usage->date = date;
}

/* --- the file --- */

/* 0 if there is none. */
static uint64_t get(const struct usage *usage, const char *span, const char *what)
{
	char key[32];
	struct value value;

	(void)snprintf(key, sizeof(key), "%s%s", span, what);
	if (!store_get(usage->store, key, &value) || value.type != VALUE_INT || value.integer < 0)
		return 0;
	return (uint64_t)value.integer;
}

static void set(struct usage *usage, const char *span, const char *what, uint64_t number)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "%s%s", span, what);
	store_set(usage->store, key, &(struct value){.type = VALUE_INT, .integer = (int64_t)number});
}

static void load(struct usage *usage)
{
	usage->date = (int64_t)get(usage, "", "date");
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		const char *name = usage_name((enum usage_kind)kind);

		usage->figures.day[kind] = get(usage, "day.", name);
		usage->figures.month[kind] = get(usage, "month.", name);
	}
}

static void save(struct usage *usage, uv_loop_t *loop)
{
	struct err err;

	usage->saved_ms = clock_mono_ms(usage->clock);
	if (!usage->store || usage->date == 0)
		return;
	set(usage, "", "date", (uint64_t)usage->date);
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		const char *name = usage_name((enum usage_kind)kind);

		set(usage, "day.", name, usage->figures.day[kind]);
		set(usage, "month.", name, usage->figures.month[kind]);
	}
	if (loop)
		store_save_later(usage->store, loop);
	else if (store_save(usage->store, &err) < 0)
		log_warn("agent", "%s", err.text);
}

/* --- counting --- */

/* -1: the kernel does not count it. */
static int read_flash(uint64_t *bytes)
{
	static const char written[] = "\nwrite_bytes: ", taken_back[] = "\ncancelled_write_bytes: ";
	struct buf text = {0};
	const char *more, *less;
	int result = -1;

	buf_char(&text, '\n');
	if (fileio_read("/proc/self/io", 4096, &text, NULL) == 0 &&
	    (more = strstr(buf_str(&text), written)) != NULL &&
	    (less = strstr(buf_str(&text), taken_back)) != NULL) {
		uint64_t sum = strtoull(more + sizeof(written) - 1, NULL, 10);
		uint64_t back = strtoull(less + sizeof(taken_back) - 1, NULL, 10);

		*bytes = sum > back ? sum - back : 0;
		result = 0;
	}
	buf_free(&text);
	return result;
}

void usage_tick(struct usage *usage, uint64_t out, uint64_t in)
{
	struct usage_figures *figures = &usage->figures;
	uint64_t now[USAGE_KINDS] = {out, in, figures->start[USAGE_FLASH]};
	int64_t date = date_of(usage->clock);

	figures->has_flash = read_flash(&now[USAGE_FLASH]) == 0;
	figures->dated = date != 0;
	if (date != 0)
		begin_day(usage, date);
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		/* what is taken back may make the flash's go back a little */
		if (now[kind] > figures->start[kind]) {
			usage->undated[kind] += now[kind] - figures->start[kind];
			figures->start[kind] = now[kind];
		}
		if (date == 0)
			continue;
		figures->day[kind] += usage->undated[kind];
		figures->month[kind] += usage->undated[kind];
		usage->undated[kind] = 0;
	}
	if (clock_mono_ms(usage->clock) - usage->saved_ms >= SAVE_MS)
		save(usage, usage->loop);
}

const struct usage_figures *usage_figures(const struct usage *usage)
{
	return &usage->figures;
}

struct usage *usage_new(uv_loop_t *loop, const char *state_dir, const struct clock *clock)
{
	struct usage *usage = mem_alloc(sizeof(*usage));
	struct buf path = {0};
	struct err err;

	usage->clock = clock;
	usage->loop = loop;
	usage->saved_ms = clock_mono_ms(clock);
	buf_printf(&path, "%s/usage.json", state_dir);
	usage->store = store_open(buf_str(&path), &err);
	if (!usage->store)
		log_warn("agent", "%s; the day's and the month's bytes are counted anew", err.text);
	buf_free(&path);
	if (usage->store)
		load(usage);
	usage_tick(usage, 0, 0);
	return usage;
}

void usage_free(struct usage *usage)
{
	if (!usage)
		return;
	save(usage, NULL);
	store_close(usage->store);
	free(usage);
}
