#include "core/catalog/observe.h"

void observe_begin(struct observers *observers, struct observer *observer)
{
	observer->next = observers->first;
	observers->first = observer;
}

void observe_end(struct observers *observers, struct observer *observer)
{
	struct observer **place = &observers->first;

	while (*place && *place != observer)
		place = &(*place)->next;
	if (*place)
		*place = observer->next;
}

void observe_tell(const struct observers *observers, const struct sighting *sighting)
{
	if (!observers)
		return;
	for (struct observer *observer = observers->first, *next; observer; observer = next) {
		next = observer->next;
		observer->see(observer, sighting);
	}
}
