#include "lua/trial.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/number.h"
#include "lua/source.h"
#include "lua/trial_file.h"

#include <stdio.h>
#include <stdlib.h>

#define BURST_ERRORS 5
#define BURST_MS     60000
#define AGAIN_MS     1000 /* while another reload is under way */

struct trial {
	struct timer end;
	struct script *script;
	struct source *before;
	void (*failed)(struct script *script);
	int64_t until_ms;
	int64_t errors_ms[BURST_ERRORS]; /* when the last ones were; a ring */
	size_t errors;
	uint32_t limit_hits; /* of the script when it began */
	char why[80];        /* it failed; "" while it has not */
};

static int64_t now_ms(const struct script *script)
{
	return clock_mono_ms(script->host->services.clock);
}

static void on_end(struct timer *timer)
{
	struct trial *trial = (struct trial *)timer; /* its first member */
	struct script *script = trial->script;
	if (script->host->reload) {
		scheduler_add(script->host->scheduler, timer, now_ms(script) + AGAIN_MS);
		return;
	}
	const char *why = *trial->why ? trial->why : "it was not confirmed in time";
	log_warn(script->topic, "the trial failed: %s; the version from before comes back", why);
	free(script->back);
	script->back = mem_strdup(why);
	trial->failed(script);
}

void trial_begin(
    struct script *script, struct source *before, int64_t ms, void (*failed)(struct script *script))
{
	struct trial *trial = mem_alloc(sizeof *trial);
	struct err err;
	*trial = (struct trial){
	    .end.fire = on_end,
	    .script = script,
	    .before = before,
	    .failed = failed,
	    .until_ms = now_ms(script) + ms,
	    .limit_hits = script->time.limit_hits,
	};
	script->trial = trial;
	scheduler_add(script->host->scheduler, &trial->end, trial->until_ms);
	if (trial_file_write(script, before, &err) < 0)
		log_warn(script->topic, "a restart would not end the trial: %s", err.text);
}

struct source *trial_take(struct script *script)
{
	struct trial *trial = script->trial;
	if (!trial)
		return NULL;
	struct source *before = trial->before;
	trial->before = NULL;
	trial_close(script);
	return before;
}

bool trial_confirm(struct script *script)
{
	if (!script->trial)
		return false;
	source_free(trial_take(script));
	trial_file_remove(script->host, script->name);
	log_info(script->topic, "the trial is confirmed");
	return true;
}

void trial_close(struct script *script)
{
	struct trial *trial = script->trial;
	if (!trial)
		return;
	scheduler_cancel(script->host->scheduler, &trial->end);
	source_free(trial->before);
	free(trial);
	script->trial = NULL;
}

/* Not at once: the caller may be the script. */
static void fail(struct trial *trial, const char *why)
{
	if (*trial->why)
		return;
	(void)snprintf(trial->why, sizeof trial->why, "%s", why);
	scheduler_soon(trial->script->host->scheduler, &trial->end);
}

void trial_error(struct script *script)
{
	struct trial *trial = script->trial;
	if (!trial)
		return;
	int64_t now = now_ms(script), *oldest = &trial->errors_ms[trial->errors++ % BURST_ERRORS];
	*oldest = now;
	int64_t first = trial->errors_ms[trial->errors % BURST_ERRORS];
	if (trial->errors >= BURST_ERRORS && now - first <= BURST_MS)
		fail(trial, "5 errors within a minute");
}

void trial_look(struct script *script)
{
	if (script->trial && script->time.limit_hits > script->trial->limit_hits)
		fail(script->trial, "a limit was hit");
}

int64_t trial_left_ms(const struct script *script)
{
	int64_t left = script->trial->until_ms - now_ms(script);
	return left > 0 ? left : 0;
}
