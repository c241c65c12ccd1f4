#include "core/command/queue_list.h"

#include "core/base/json_out.h"
#include "core/command/queue_files.h"
#include "core/config/policy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct listing {
	char policy[POLICY_NAME_MAX + 1];
	uint64_t samples, bytes, segments, damaged;
	int64_t oldest_ms;
	bool json;
	struct json_out out;
};

static void add_time(struct buf *out, int64_t ms)
{
	char text[32];
	time_t seconds = (time_t)(ms / 1000);
	struct tm utc;

	if (ms == 0 || !gmtime_r(&seconds, &utc) || !strftime(text, sizeof text, "%FT%TZ", &utc))
		strcpy(text, "-");
	buf_printf(out, "%s\n", text);
}

static void end_policy(struct listing *listing)
{
	if (!listing->policy[0])
		return;
	if (listing->json) {
		json_out_open(&listing->out, NULL, '{');
		json_out_text(&listing->out, "policy", listing->policy);
		json_out_int(&listing->out, "samples", (int64_t)listing->samples);
		json_out_int(&listing->out, "bytes", (int64_t)listing->bytes);
		json_out_int(&listing->out, "segments", (int64_t)listing->segments);
		json_out_int(&listing->out, "damaged", (int64_t)listing->damaged);
		if (listing->oldest_ms)
			json_out_int(&listing->out, "oldest_wall_ms", listing->oldest_ms);
		json_out_close(&listing->out, '}');
		return;
	}
	buf_printf(listing->out.buf, "%-16s %9llu %10llu %8llu %8llu  ", listing->policy,
	    (unsigned long long)listing->samples, (unsigned long long)listing->bytes,
	    (unsigned long long)listing->segments, (unsigned long long)listing->damaged);
	add_time(listing->out.buf, listing->oldest_ms);
}

static void list_item(void *ctx, const struct queue_file_item *item)
{
	struct listing *listing = ctx;

	if (strcmp(listing->policy, item->policy) != 0) {
		end_policy(listing);
		*listing = (struct listing){.json = listing->json, .out = listing->out};
		strncpy(listing->policy, item->policy, POLICY_NAME_MAX);
	}
	switch (item->what) {
	case QUEUE_FILE_BEGINS:
		listing->segments++;
		listing->bytes += item->bytes;
		break;
	case QUEUE_FILE_SAMPLE:
		if (listing->samples++ == 0 && item->sample->time.wall_valid)
			listing->oldest_ms = item->sample->time.wall_ms;
		break;
	default:
		listing->damaged++;
	}
}

int queue_list(const char *dir, bool json, struct buf *out, struct err *err)
{
	struct listing listing = {.json = json, .out = {.buf = out}};
	int rc;

	if (json)
		json_out_open(&listing.out, NULL, '[');
	else
		buf_text(out, "policy             samples      bytes segments  damaged  oldest\n");
	rc = queue_files_walk(dir, NULL, list_item, &listing, err);
	end_policy(&listing);
	if (json) {
		json_out_close(&listing.out, ']');
		buf_char(out, '\n');
	}
	return rc;
}
