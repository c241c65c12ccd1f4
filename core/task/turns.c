#include "core/task/turns.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The work on one asset. */
struct lane {
	char *asset;
	struct turn *first, **last; /* waiting, in order of arrival */
	const void *task;           /* whose pieces are active */
	size_t active;
	bool reading; /* the active ones are reads */
	struct lane *next;
};

struct turns {
	struct lane *lanes;
	struct turn *parallel, **last_parallel;
	size_t waiting;
};

struct turns *turns_new(void)
{
	struct turns *turns = mem_alloc(sizeof(*turns));

	turns->last_parallel = &turns->parallel;
	return turns;
}

static void free_lane(struct lane *lane)
{
	free(lane->asset);
	free(lane);
}

void turns_free(struct turns *turns)
{
	if (!turns)
		return;
	for (struct lane *lane = turns->lanes, *next; lane; lane = next) {
		next = lane->next;
		free_lane(lane);
	}
	free(turns);
}

static struct lane *lane_of(struct turns *turns, const char *path)
{
	size_t len = strcspn(path, ".");
	struct lane *lane = turns->lanes;

	while (lane && (strncmp(lane->asset, path, len) != 0 || lane->asset[len]))
		lane = lane->next;
	if (!lane) {
		lane = mem_alloc(sizeof(*lane));
		lane->asset = mem_strndup(path, len);
		lane->last = &lane->first;
		lane->next = turns->lanes;
		turns->lanes = lane;
	}
	return lane;
}

void turns_add(struct turns *turns, struct turn *turn, const char *path)
{
	turn->lane = turn->parallel ? NULL : lane_of(turns, path);
	turn->next = NULL;
	struct turn ***last = turn->lane ? &turn->lane->last : &turns->last_parallel;
	**last = turn;
	*last = &turn->next;
	turns->waiting++;
}

static struct turn *next_parallel(struct turns *turns)
{
	struct turn *turn = turns->parallel;

	turns->parallel = turn->next;
	if (!turns->parallel)
		turns->last_parallel = &turns->parallel;
	turns->waiting--;
	return turn;
}

static bool may_start(const struct lane *lane)
{
	const struct turn *turn = lane->first;

	return turn && (lane->active == 0 || (lane->reading && turn->read && turn->task == lane->task));
}

struct turn *turns_next(struct turns *turns)
{
	if (turns->parallel)
		return next_parallel(turns);
	for (struct lane *lane = turns->lanes; lane; lane = lane->next) {
		struct turn *turn = lane->first;

		if (!may_start(lane))
			continue;
		lane->first = turn->next;
		if (!lane->first)
			lane->last = &lane->first;
		lane->active++;
		lane->task = turn->task;
		lane->reading = turn->read;
		turns->waiting--;
		return turn;
	}
	return NULL;
}

void turns_end(struct turns *turns, struct turn *turn)
{
	struct lane *lane = turn->lane;
	struct lane **place = &turns->lanes;

	if (!lane)
		return;
	must(lane->active > 0);
	if (--lane->active > 0 || lane->first)
		return;
	while (*place != lane)
		place = &(*place)->next;
	*place = lane->next;
	free_lane(lane);
}

size_t turns_waiting(const struct turns *turns)
{
	return turns->waiting;
}
