#include "core/task/hold.h"

#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/json.h"
#include "core/base/json_out.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 1000

struct hold {
	char *path;
	const struct clock *clock;
	bool held;
	int64_t until_mono_ms;
	int64_t until_wall_ms; /* 0: the clock was not set when the hold began */
	bool by_wall;          /* of an earlier boot: the wall time decides as soon as it is known */
};

static int64_t integer(const struct json *root, const char *name)
{
	const struct json *member = json_member(root, name);

	return member && member->kind == JSON_INTEGER ? member->integer : 0;
}

static void boot_text(const struct clock *clock, char text[2 * BOOT_ID_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *id = clock_boot_id(clock);

	for (size_t i = 0; i < BOOT_ID_SIZE; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[2 * BOOT_ID_SIZE] = '\0';
}

static void take(struct hold *hold, const struct json *root)
{
	const struct json *boot = json_member(root, "boot");
	int64_t duration = integer(root, "duration_ms");
	char ours[2 * BOOT_ID_SIZE + 1];

	if (duration <= 0 || duration > HOLD_MAX_MS)
		return;
	boot_text(hold->clock, ours);
	hold->held = true;
	hold->until_mono_ms = integer(root, "until_mono_ms");
	hold->until_wall_ms = integer(root, "until_wall_ms");
	if (boot && boot->kind == JSON_STRING && strcmp(boot->string.data, ours) == 0)
		return;
	hold->by_wall = hold->until_wall_ms > 0;
	hold->until_mono_ms = clock_mono_ms(hold->clock) + duration;
}

struct hold *hold_open(const char *path, const struct clock *clock)
{
	struct hold *hold = mem_alloc(sizeof(*hold));
	struct buf text = {0};
	struct err err = {0};
	size_t pos = 0;
	struct json_doc *doc = NULL;

	hold->path = mem_strdup(path);
	hold->clock = clock;
	if (fileio_read(path, FILE_MAX, &text, &err) == 0)
		doc = json_parse(text.data, text.len, &pos, 20, &err);
	if (doc)
		take(hold, json_root(doc));
	else if (err.code != -ENOENT)
		log_warn(
		    "task", "%s: whether tasks are held is not known, they are not: %s", path, err.text);
	json_free(doc);
	buf_free(&text);
	return hold;
}

void hold_close(struct hold *hold)
{
	if (!hold)
		return;
	free(hold->path);
	free(hold);
}

static int save(const struct hold *hold, int64_t duration_ms, struct err *err)
{
	struct buf text = {0};
	struct json_out out = {.buf = &text};
	char boot[2 * BOOT_ID_SIZE + 1];

	boot_text(hold->clock, boot);
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "boot", boot);
	json_out_int(&out, "until_mono_ms", hold->until_mono_ms);
	json_out_int(&out, "until_wall_ms", hold->until_wall_ms);
	json_out_int(&out, "duration_ms", duration_ms);
	json_out_close(&out, '}');
	int rc = fileio_replace(hold->path, text.data, text.len, 0600, err);
	buf_free(&text);
	return rc;
}

int hold_set(struct hold *hold, int64_t duration_ms, struct err *err)
{
	hold->held = duration_ms > 0;
	hold->by_wall = false;
	if (!hold->held)
		return unlink(hold->path) == 0 || errno == ENOENT ? 0
		                                                  : err_sys(err, errno, "%s", hold->path);
	hold->until_mono_ms = clock_mono_ms(hold->clock) + duration_ms;
	hold->until_wall_ms = clock_is_set(hold->clock) ? clock_wall_ms(hold->clock) + duration_ms : 0;
	return save(hold, duration_ms, err);
}

int64_t hold_left_ms(struct hold *hold)
{
	int64_t now = clock_mono_ms(hold->clock);

	if (!hold->held)
		return 0;
	if (hold->by_wall && clock_is_set(hold->clock)) {
		int64_t until = now + hold->until_wall_ms - clock_wall_ms(hold->clock);

		/* a clock that is wrong must not hold for longer than was asked */
		if (until < hold->until_mono_ms)
			hold->until_mono_ms = until;
		hold->by_wall = false;
	}
	if (hold->until_mono_ms > now)
		return hold->until_mono_ms - now;
	(void)hold_set(hold, 0, NULL);
	return 0;
}
