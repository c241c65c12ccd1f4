#include "core/queue/ranges.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

void ranges_free(struct ranges *ranges)
{
	free(ranges->spans);
	*ranges = (struct ranges){0};
}

size_t ranges_at(const struct ranges *ranges, uint64_t seq)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->spans[middle].last < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ranges_has(const struct ranges *ranges, uint64_t seq)
{
	size_t i = ranges_at(ranges, seq);

	return i < ranges->count && ranges->spans[i].first <= seq;
}

void ranges_add(struct ranges *ranges, const struct span *span)
{
	size_t i = ranges_at(ranges, span->first);

	must(span->first <= span->last);
	must(i == ranges->count || ranges->spans[i].first > span->last);
	if (span->state == SPAN_DONE && i > 0 && ranges->spans[i - 1].state == SPAN_DONE &&
	    ranges->spans[i - 1].last + 1 == span->first) {
		ranges->spans[i - 1].last = span->last;
		return;
	}
	if (ranges->count == ranges->room) {
		ranges->room = ranges->room ? 2 * ranges->room : 8;
		ranges->spans = mem_resize(ranges->spans, ranges->room, sizeof *ranges->spans);
	}
	memmove(ranges->spans + i + 1, ranges->spans + i, (ranges->count - i) * sizeof *ranges->spans);
	ranges->spans[i] = *span;
	ranges->count++;
}

uint64_t ranges_fill(struct ranges *ranges, uint64_t first, uint64_t last)
{
	uint64_t filled = 0;

	while (first <= last) {
		size_t i = ranges_at(ranges, first);
		bool behind = i == ranges->count || ranges->spans[i].first > last;
		if (!behind && ranges->spans[i].first <= first) {
			if (ranges->spans[i].last >= last)
				break;
			first = ranges->spans[i].last + 1;
			continue;
		}
		struct span span = {.first = first, .state = SPAN_DONE};
		span.last = behind ? last : ranges->spans[i].first - 1;
		filled += span.last - first + 1;
		ranges_add(ranges, &span);
		if (span.last == last)
			break;
		first = span.last + 1;
	}
	return filled;
}

void ranges_tidy(struct ranges *ranges, uint64_t floor)
{
	size_t kept = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		struct span span = ranges->spans[i];
		struct span *before = kept > 0 ? &ranges->spans[kept - 1] : NULL;
		if (span.state == SPAN_FREE || (span.state == SPAN_DONE && span.last < floor))
			continue;
		if (span.state == SPAN_DONE && before && before->state == SPAN_DONE &&
		    before->last + 1 == span.first)
			before->last = span.last;
		else
			ranges->spans[kept++] = span;
	}
	ranges->count = kept;
}
