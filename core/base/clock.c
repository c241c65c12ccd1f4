#include "core/base/clock.h"

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#ifndef NEAP_BUILD_TIME
#define NEAP_BUILD_TIME 1767225600 /* 2026-01-01: built without the Makefile */
#endif

enum { STEP_MIN_MS = 500 };

struct clock {
	enum clock_trust trust;
	bool is_virtual;
	bool set;
	bool set_told;    /* by clock_poll, or at the start */
	int64_t wall_ms;  /* virtual only */
	int64_t mono_ms;  /* virtual only */
	int64_t apart_ms; /* wall - mono at the last poll */
	uint8_t boot_id[BOOT_ID_SIZE];
};

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	must(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool believable(const struct clock *clock)
{
	if (clock->trust == CLOCK_TRUST_DATE)
		return clock_wall_ms(clock) > (int64_t)NEAP_BUILD_TIME * 1000;
	struct timex kernel = {.modes = 0};
	return adjtimex(&kernel) >= 0 && (kernel.status & STA_UNSYNC) == 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 3f2c81b0-7b57-4a6e-..., and a newline */
static bool parse_uuid(const char *text, uint8_t out[BOOT_ID_SIZE])
{
	int digits = 0;

	for (; *text != '\0' && *text != '\n'; text++) {
		int digit = hex_digit(*text);
		if (*text == '-')
			continue;
		if (digit < 0 || digits == 2 * BOOT_ID_SIZE)
			return false;
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | digit);
		digits++;
	}
	return digits == 2 * BOOT_ID_SIZE;
}

/* Where the kernel doesn't tell (no /proc), each process counts as a boot of its own: what an
 * earlier one measured then stays without time, which is better than a wrong one. */
static void read_boot_id(uint8_t out[BOOT_ID_SIZE])
{
	struct buf text = {0};

	if (fileio_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL) < 0 ||
	    !parse_uuid(buf_str(&text), out)) {
		put_le64(out, (uint64_t)read_us(CLOCK_BOOTTIME));
		put_le64(out + 8, (uint64_t)read_us(CLOCK_REALTIME));
	}
	buf_free(&text);
}

struct clock *clock_new(enum clock_trust trust)
{
	struct clock *clock = mem_alloc(sizeof *clock);

	clock->trust = trust;
	clock->set = clock->set_told = believable(clock);
	clock->apart_ms = clock_wall_ms(clock) - clock_mono_ms(clock);
	read_boot_id(clock->boot_id);
	return clock;
}

struct clock *clock_new_virtual(int64_t wall_ms)
{
	struct clock *clock = mem_alloc(sizeof *clock);

	clock->is_virtual = clock->set = clock->set_told = true;
	clock->wall_ms = clock->apart_ms = wall_ms;
	put_le64(clock->boot_id, (uint64_t)wall_ms);
	memcpy(clock->boot_id + 8, "virtual", 8);
	return clock;
}

void clock_free(struct clock *clock)
{
	free(clock);
}

int64_t clock_mono_us(const struct clock *clock)
{
	return clock->is_virtual ? clock->mono_ms * 1000 : read_us(CLOCK_BOOTTIME);
}

int64_t clock_mono_ms(const struct clock *clock)
{
	return clock->is_virtual ? clock->mono_ms : read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->is_virtual ? clock->wall_ms : read_us(CLOCK_REALTIME) / 1000;
}

struct stamp clock_stamp(const struct clock *clock)
{
	return (struct stamp){
	    .wall_ms = clock_wall_ms(clock),
	    .mono_ms = clock_mono_ms(clock),
	    .wall_valid = clock->set,
	};
}

struct stamp clock_stamp_at(const struct clock *clock, int64_t monotonic_ns)
{
	struct stamp stamp = clock_stamp(clock);
	int64_t age_ms = (read_us(CLOCK_MONOTONIC) - monotonic_ns / 1000) / 1000;

	stamp.wall_ms -= age_ms;
	stamp.mono_ms -= age_ms;
	return stamp;
}

int64_t clock_io_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / 1000;
}

const uint8_t *clock_boot_id(const struct clock *clock)
{
	return clock->boot_id;
}

struct clock_change clock_poll(struct clock *clock)
{
	struct clock_change change = {0};
	int64_t apart_ms = clock_wall_ms(clock) - clock_mono_ms(clock);
	int64_t step_ms = apart_ms - clock->apart_ms;

	if (step_ms > STEP_MIN_MS || step_ms < -STEP_MIN_MS)
		change.step_ms = step_ms;
	clock->apart_ms = apart_ms;
	if (!clock->set && !clock->is_virtual)
		clock->set = believable(clock);
	change.became_set = clock->set && !clock->set_told;
	clock->set_told = clock->set;
	return change;
}

bool clock_is_set(const struct clock *clock)
{
	return clock->set;
}

void clock_declare_set(struct clock *clock)
{
	clock->set = true;
}

void clock_advance(struct clock *clock, int64_t ms)
{
	must(clock->is_virtual && ms >= 0);
	clock->wall_ms += ms;
	clock->mono_ms += ms;
}

void clock_step(struct clock *clock, int64_t ms, bool set)
{
	must(clock->is_virtual);
	clock->wall_ms += ms;
	clock->set = set;
}
