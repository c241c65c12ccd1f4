/*
 * Whose turn it is: the work of tasks on one asset is done in the order of arrival, one piece at a
 * time; the reads of one task go together. Work on different assets does not wait for each other,
 * and what is marked parallel for nothing at all.
 * Pure: the caller starts and ends the work.
 */
#ifndef NEAP_CORE_TURNS_H
#define NEAP_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>

struct turns;

/* A piece of work. The caller embeds it, owns it, and keeps it until turns_end. */
struct turn {
	const void *task; /* pieces of the same task have the same */
	bool read;
	bool parallel; /* waits for nothing, and nothing waits for it */
	struct lane *lane;
	struct turn *next;
};

struct turns *turns_new(void);
void turns_free(struct turns *turns);

/* The asset is what stands before the first dot of `path`. */
void turns_add(struct turns *turns, struct turn *turn, const char *path);
struct turn *turns_next(
    struct turns *turns); /* one that may start now, NULL if none; it counts as started */
void turns_end(struct turns *turns, struct turn *turn);
size_t turns_waiting(const struct turns *turns);

#endif
