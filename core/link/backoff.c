#include "core/link/backoff.h"

void backoff_init(struct backoff *backoff, int64_t min_ms, int64_t max_ms)
{
	backoff->min_ms = min_ms;
	backoff->max_ms = max_ms > min_ms ? max_ms : min_ms;
	backoff->failures = 0;
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}

int64_t backoff_ceiling_ms(const struct backoff *backoff)
{
	int64_t ceiling = backoff->min_ms;

	for (unsigned i = 0; i < backoff->failures && ceiling < backoff->max_ms; i++)
		ceiling = ceiling > backoff->max_ms / 2 ? backoff->max_ms : ceiling * 2;
	return ceiling;
}

int64_t backoff_next_ms(struct backoff *backoff, uint64_t random)
{
	if (backoff->failures < 64)
		backoff->failures++;
	uint64_t span = (uint64_t)(backoff_ceiling_ms(backoff) - backoff->min_ms) + 1;
	return backoff->min_ms + (int64_t)(random % span);
}
