#include "core/bus/slaves.h"

#include "core/base/mem.h"

#include <stdlib.h>

struct slave {
	int unit;
	unsigned strikes;
	int64_t pause_ms; /* 0: not left alone yet */
	int64_t until_ms;
};

static struct slave *find(const struct slaves *slaves, int unit)
{
	for (size_t i = 0; i < slaves->count; i++) {
		if (slaves->list[i].unit == unit)
			return &slaves->list[i];
	}
	return NULL;
}

int64_t slaves_wait_ms(const struct slaves *slaves, int unit, int64_t now_ms)
{
	const struct slave *slave = find(slaves, unit);

	return slave == NULL || slave->until_ms <= now_ms ? 0 : slave->until_ms - now_ms;
}

bool slaves_silent(struct slaves *slaves, int unit, int64_t now_ms)
{
	struct slave *slave = find(slaves, unit);

	if (slave == NULL) {
		slaves->list = mem_resize(slaves->list, slaves->count + 1, sizeof *slaves->list);
		slave = &slaves->list[slaves->count++];
		*slave = (struct slave){.unit = unit};
	}
	if (++slave->strikes < SLAVES_STRIKES)
		return false;
	bool news = slave->pause_ms == 0;
	slave->pause_ms = news ? SLAVES_PAUSE_MIN_MS : slave->pause_ms * 2;
	if (slave->pause_ms > SLAVES_PAUSE_MAX_MS)
		slave->pause_ms = SLAVES_PAUSE_MAX_MS;
	slave->until_ms = now_ms + slave->pause_ms;
	return news;
}

bool slaves_answered(struct slaves *slaves, int unit)
{
	struct slave *slave = find(slaves, unit);

	if (slave == NULL)
		return false;
	bool news = slave->pause_ms > 0;
	*slave = slaves->list[--slaves->count];
	return news;
}

void slaves_free(struct slaves *slaves)
{
	free(slaves->list);
	*slaves = (struct slaves){0};
}
