#include "core/command/events_print.h"

#include "core/base/events.h"
#include "core/base/json_out.h"
#include "core/base/number.h"

#include <stdio.h>
#include <time.h>

static void add_text(void *ctx, const struct event *event)
{
	struct buf *out = ctx;
	char when[40], uptime[NUMBER_TEXT];
	time_t wall = (time_t)(event->wall_ms / 1000);
	struct tm tm;

	if (event->wall_ms >= 0 && gmtime_r(&wall, &tm)) {
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	} else {
		(void)duration_format(uptime, event->mono_ms / 1000 * 1000);
		(void)snprintf(when, sizeof(when), "boot+%s", uptime);
	}
	buf_printf(out, "%-20s %-6s %s\n", when, event->kind, event->text);
}

static void add_json(void *ctx, const struct event *event)
{
	struct json_out out = {.buf = ctx};

	json_out_open(&out, NULL, '{');
	if (event->wall_ms >= 0)
		json_out_int(&out, "time_ms", event->wall_ms);
	json_out_int(&out, "uptime_ms", event->mono_ms);
	json_out_text(&out, "boot", event->boot);
	json_out_text(&out, "kind", event->kind);
	json_out_text(&out, "text", event->text);
	json_out_close(&out, '}');
	buf_char(ctx, '\n');
}

int events_print(const char *state_dir, bool json, struct buf *out, struct err *err)
{
	unsigned damaged = 0;
	int result = events_read(state_dir, json ? add_json : add_text, out, &damaged, err);

	if (result == 0 && damaged > 0 && !json)
		buf_printf(out, "(%u damaged lines are left out)\n", damaged);
	return result;
}
