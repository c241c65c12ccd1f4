#include "core/link/poison.h"

#define STRIKES_TO_SUSPECT 3
#define STRIKES_TO_CONVICT 2 /* when only one message can be at fault */

static enum poison_advice suspect_all(struct poison *poison, const struct poison_flight *flight)
{
	*poison = (struct poison){
	    .probing = true,
	    .max_samples = UINT32_MAX,
	    .suspects = flight->samples,
	};
	return POISON_DROP_SESSION;
}

static enum poison_advice convict(struct poison *poison, const struct poison_flight *flight)
{
	poison->strikes = 0;
	if (flight->samples > 1) {
		poison->halved = true;
		poison->max_samples = (uint32_t)(flight->samples / 2);
		return POISON_DROP_SESSION;
	}
	/* The sample itself was at fault, not the size of the bodies it was in. */
	poison->halved = false;
	poison->max_samples = UINT32_MAX;
	poison->suspects -= poison->suspects > 0;
	poison->probing = poison->suspects > 0;
	return POISON_SET_ASIDE;
}

enum poison_advice poison_lost(struct poison *poison, const struct poison_flight *flight)
{
	bool acked = poison->acked;

	poison->acked = false;
	if (acked || flight->messages == 0) {
		poison->strikes = 0;
		return POISON_NOTHING;
	}
	poison->strikes++;
	if (!poison->probing)
		return poison->strikes < STRIKES_TO_SUSPECT ? POISON_NOTHING : suspect_all(poison, flight);
	if (poison->strikes < STRIKES_TO_CONVICT || flight->messages != 1)
		return POISON_NOTHING;
	return convict(poison, flight);
}

bool poison_acked(struct poison *poison, uint32_t samples, size_t bytes)
{
	poison->acked = true;
	poison->strikes = 0;
	if (!poison->probing)
		return false;
	if (bytes > poison->largest_passed)
		poison->largest_passed = bytes;
	poison->suspects -= samples < poison->suspects ? samples : poison->suspects;
	poison->probing = poison->suspects > 0;
	return !poison->probing && poison->halved;
}

uint32_t poison_window(const struct poison *poison, uint32_t messages)
{
	return poison->probing ? 1 : messages;
}

uint32_t poison_samples(const struct poison *poison, uint32_t max_samples)
{
	return poison->probing && poison->max_samples < max_samples ? poison->max_samples : max_samples;
}
