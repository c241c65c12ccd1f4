/*
 * The time: one monotonic, one of day, and whether the time of day can be believed.
 *
 * Timers follow the monotonic clock (CLOCK_BOOTTIME: it goes on while the device sleeps). The clock
 * of a gateway without a battery starts at some old date; until it counts as set, samples carry
 * monotonic time and the boot they belong to, and get their true time later. A virtual clock stands
 * still until it is told to advance: tests and simulations. Loop thread only.
 *
 * Once set, a clock stays set, even if it jumps back before neap's build: what follows is told as a
 * step, and who set it so wrong has to set it right; data that stops would be worse.
 */
#ifndef NEAP_CORE_CLOCK_H
#define NEAP_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_ID_SIZE 16

enum clock_trust {
	CLOCK_TRUST_DATE, /* set when the date is later than neap's own build */
	CLOCK_TRUST_SYNC, /* set when the kernel says it is synchronised, or clock_declare_set() was
	                     called */
};

/* When something was measured. */
struct stamp {
	int64_t wall_ms; /* since 1970; meaningless unless wall_valid */
	int64_t mono_ms; /* since the boot */
	bool wall_valid; /* the clock counted as set, or the giver of the time vouches for it */
};

struct clock;

struct clock *clock_new(enum clock_trust trust);
struct clock *clock_new_virtual(int64_t wall_ms); /* is set; mono starts at 0 */
void clock_free(struct clock *clock);

int64_t clock_mono_ms(const struct clock *clock);
int64_t clock_mono_us(const struct clock *clock);
int64_t clock_wall_ms(const struct clock *clock);
struct stamp clock_stamp(const struct clock *clock);

/* Which boot this is: the kernel's boot id, 16 bytes. Without /proc each process is a boot of its
 * own; a virtual clock's follows from the time it began at. */
const uint8_t *clock_boot_id(const struct clock *clock);

/* The stamp of what the kernel dated by CLOCK_MONOTONIC, in ns. That clock stands still while the
 * device sleeps: right if it has not slept since. */
struct stamp clock_stamp_at(const struct clock *clock, int64_t monotonic_ns);

/* Any thread, and real even beside a virtual clock: for the deadlines of I/O. */
int64_t clock_io_ms(void);

/* Looks whether the clock has become set (it does so here or in clock_declare_set, and is told of
 * here once), and whether it jumped against the monotonic one since the last call. Call about once
 * a second. */
struct clock_change {
	bool became_set;
	int64_t step_ms; /* 0, or how far it jumped (over 500 ms counts) */
};
struct clock_change clock_poll(struct clock *clock);

bool clock_is_set(const struct clock *clock);
void clock_declare_set(struct clock *clock);         /* `neap clock set` */
void clock_advance(struct clock *clock, int64_t ms); /* virtual only: both times */
void clock_step(struct clock *clock, int64_t ms,
    bool set); /* virtual only: the time of day alone, and whether it now counts as set */

#endif
