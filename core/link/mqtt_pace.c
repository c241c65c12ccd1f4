#include "core/link/mqtt_pace.h"

enum {
	LASTING_MS = 10 * 1000,
	SHORT_LIVES = 3,     /* in a row: then it is no chance */
	REFUSED_FACTOR = 10, /* of the shortest delay: the shortest after a refusal */
	REFUSED_MAX_MS = 60 * 60 * 1000,
};

void mqtt_pace_init(struct mqtt_pace *pace, const char *const *urls, int64_t min_ms, int64_t max_ms)
{
	int64_t refused_ms =
	    min_ms * REFUSED_FACTOR < REFUSED_MAX_MS ? min_ms * REFUSED_FACTOR : REFUSED_MAX_MS;

	*pace = (struct mqtt_pace){.urls = urls};
	backoff_init(&pace->absent, min_ms, max_ms);
	backoff_init(&pace->refused, refused_ms, REFUSED_MAX_MS);
}

const char *mqtt_pace_begin(struct mqtt_pace *pace, int64_t now_ms)
{
	pace->since_ms = now_ms;
	return pace->urls[pace->url];
}

struct mqtt_wait mqtt_pace_failed(struct mqtt_pace *pace, bool refused, uint64_t random)
{
	struct mqtt_wait wait = {0};

	pace->refusals += refused;
	pace->url++;
	if (pace->urls[pace->url]) {
		wait.delay_ms = (int64_t)(random % (uint64_t)pace->absent.min_ms) + 1;
		return wait;
	}
	wait.refused = pace->refusals == pace->url;
	wait.delay_ms = backoff_next_ms(wait.refused ? &pace->refused : &pace->absent, random);
	pace->url = 0;
	pace->refusals = 0;
	return wait;
}

void mqtt_pace_up(struct mqtt_pace *pace, int64_t now_ms)
{
	pace->refusals = 0;
	pace->since_ms = now_ms;
	backoff_reset(&pace->refused);
}

int64_t mqtt_pace_lost(struct mqtt_pace *pace, int64_t now_ms, bool by_us, uint64_t random)
{
	int64_t lasting = 2 * backoff_ceiling_ms(&pace->absent);

	if (now_ms - pace->since_ms >= (lasting < LASTING_MS ? LASTING_MS : lasting)) {
		pace->short_lives = 0;
		backoff_reset(&pace->absent);
	} else if (!by_us) {
		pace->short_lives++;
	}
	return backoff_next_ms(&pace->absent, random);
}

unsigned mqtt_pace_short_lives(const struct mqtt_pace *pace)
{
	return pace->short_lives >= SHORT_LIVES ? pace->short_lives : 0;
}

void mqtt_pace_hurry(struct mqtt_pace *pace)
{
	backoff_reset(&pace->absent);
	backoff_reset(&pace->refused);
	pace->short_lives = 0;
}
