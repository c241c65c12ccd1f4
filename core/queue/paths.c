#include "core/queue/paths.h"

#include "core/base/crc32c.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

void paths_free(struct paths *paths)
{
	buf_free(&paths->text);
	free(paths->start);
	free(paths->slots);
	memset(paths, 0, sizeof *paths);
}

const char *paths_get(const struct paths *paths, uint16_t number)
{
	if (number >= paths->count || paths->start[number] == 0)
		return NULL;
	return paths->text.data + paths->start[number] - 1;
}

void paths_set(struct paths *paths, uint16_t number, const char *path, size_t len)
{
	if (paths_get(paths, number))
		return; /* the second copy */
	if (number >= paths->room) {
		uint32_t room = number < 16 ? 16 : 2 * ((uint32_t)number + 1);
		paths->start = mem_resize(paths->start, room, sizeof *paths->start);
		memset(paths->start + paths->room, 0, (room - paths->room) * sizeof *paths->start);
		paths->room = room;
	}
	if (number >= paths->count)
		paths->count = (uint32_t)number + 1;
	paths->start[number] = (uint32_t)paths->text.len + 1;
	buf_add(&paths->text, path, len);
	buf_char(&paths->text, '\0');
}

static uint16_t *find_slot(struct paths *paths, const char *path, size_t len)
{
	uint32_t at = crc32c(0, path, len);

	for (;; at++) {
		uint16_t *slot = &paths->slots[at & (paths->buckets - 1)];
		if (*slot == 0 || strcmp(paths_get(paths, (uint16_t)(*slot - 1)), path) == 0)
			return slot;
	}
}

static void grow_slots(struct paths *paths)
{
	paths->buckets = paths->buckets ? 2 * paths->buckets : 32;
	free(paths->slots);
	paths->slots = mem_alloc(paths->buckets * sizeof *paths->slots);
	for (uint32_t i = 0; i < paths->count; i++) {
		const char *path = paths_get(paths, (uint16_t)i);
		*find_slot(paths, path, strlen(path)) = (uint16_t)(i + 1);
	}
}

int paths_number(struct paths *paths, const char *path, size_t len, bool *fresh)
{
	uintptr_t address = (uintptr_t)path;
	uint16_t *recent = &paths->recent[(address >> 4 ^ address >> 10) % PATHS_CACHE];

	*fresh = false;
	if (*recent < paths->count && strcmp(paths_get(paths, *recent), path) == 0)
		return *recent;
	if (2 * paths->count >= paths->buckets)
		grow_slots(paths);
	uint16_t *slot = find_slot(paths, path, len);
	if (*slot == 0) {
		if (paths->count >= PATHS_MAX)
			return -1;
		*fresh = true;
		*slot = (uint16_t)(paths->count + 1);
		paths_set(paths, (uint16_t)paths->count, path, len);
	}
	*recent = (uint16_t)(*slot - 1);
	return *recent;
}
