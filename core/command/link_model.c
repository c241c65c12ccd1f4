#include "core/command/link_model.h"

#include "core/base/number.h"

#include <stdio.h>
#include <string.h>

enum {
	SEGMENT = 1400,
	HEADERS = 52, /* IPv4 and TCP with timestamps */
	RECORD = 29,
	RECORD_MAX_BYTES = 16384,
	HANDSHAKE = 6000,
	PUBACK = 4,
	PING = 2,
	CONNECT = 120, /* CONNECT, CONNACK, SUBSCRIBE, SUBACK; names make the difference */
};

/* --- outages --- */

static int parse_one(struct outage *outage, char *text)
{
	char *mark = strpbrk(text, "+/");
	int64_t first_ms, second_ms;

	if (!mark)
		return -1;
	bool again = *mark == '/';
	*mark = '\0';
	if (duration_parse(text, &first_ms) < 0 || duration_parse(mark + 1, &second_ms) < 0)
		return -1;
	if (again)
		*outage = (struct outage){
		    .from_ms = (second_ms - first_ms) / 2, .length_ms = first_ms, .every_ms = second_ms};
	else
		*outage = (struct outage){.from_ms = first_ms, .length_ms = second_ms};
	return outage->length_ms <= 0 || (again && second_ms <= first_ms) ? -1 : 0;
}

int link_model_parse(struct link_model *model, const char *text, struct err *err)
{
	char item[80];

	for (size_t len; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		(void)snprintf(item, sizeof(item), "%.*s", (int)len, text);
		if (model->count == OUTAGES_MAX)
			return err_set(err, "there are more than %d outages", OUTAGES_MAX);
		if (len >= sizeof(item) || parse_one(&model->outages[model->count], item) < 0)
			return err_set(err,
			    "\"%.*s\" is no outage: \"1d+6h\" is one, at 1d for 6h; \"2h/1d\" is 2h in each "
			    "day",
			    (int)len, text);
		model->count++;
	}
	return 0;
}

/* Is it under way, and when does that change? */
static bool look(const struct outage *outage, int64_t now_ms, int64_t *change_ms)
{
	int64_t base = outage->every_ms ? now_ms / outage->every_ms * outage->every_ms : 0;
	int64_t from = base + outage->from_ms, to = from + outage->length_ms;
	bool down = now_ms >= from && now_ms < to;

	if (now_ms < from)
		*change_ms = from;
	else if (down)
		*change_ms = to;
	else
		*change_ms = outage->every_ms ? from + outage->every_ms : INT64_MAX;
	return down;
}

bool link_model_is_up(const struct link_model *model, int64_t now_ms)
{
	int64_t change;
	bool down = false;

	for (size_t i = 0; i < model->count; i++)
		down |= look(&model->outages[i], now_ms, &change);
	return !down;
}

int64_t link_model_next(const struct link_model *model, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < model->count; i++) {
		int64_t change;

		(void)look(&model->outages[i], now_ms, &change);
		if (change < next)
			next = change;
	}
	return next;
}

/* --- bytes --- */

/* One way, with the other side's acknowledgement of it. */
static uint64_t carried(const struct link_model *model, uint64_t bytes)
{
	uint64_t records = (bytes + RECORD_MAX_BYTES - 1) / RECORD_MAX_BYTES;
	uint64_t all = bytes + (model->tls ? records * RECORD : 0);

	return all + (all + SEGMENT - 1) / SEGMENT * HEADERS;
}

uint64_t link_model_publish(const struct link_model *model, size_t topic_len, size_t body_len)
{
	uint64_t rest = 2 + topic_len + 2 + body_len; /* length of the topic, identifier */
	uint64_t header = 2;                          /* type, the rest's length: 7 bits a byte */

	for (uint64_t left = rest >> 7; left > 0; left >>= 7)
		header++;
	/* the PUBACK carries TCP's acknowledgement, and is acknowledged itself */
	return carried(model, header + rest) + carried(model, PUBACK) + HEADERS;
}

uint64_t link_model_ping(const struct link_model *model)
{
	return 2 * carried(model, PING) + HEADERS;
}

uint64_t link_model_connect(const struct link_model *model)
{
	uint64_t tcp = 6 * (uint64_t)HEADERS; /* its beginning and its end */

	return tcp + carried(model, CONNECT) + 3 * (uint64_t)HEADERS +
	       (model->tls ? carried(model, HANDSHAKE) : 0);
}
