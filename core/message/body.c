#include "core/message/body.h"

#include "core/message/acks.h"
#include "core/message/message.h"

#include <string.h>

void body_of_sample(const struct config *config, const struct sample *sample, struct buf *out)
{
	const struct message_format format = {
	    .form_a = config->payload.form_a,
	    .native_values = config->payload.native_values,
	    .milliseconds = config->payload.milliseconds,
	    .max_bytes = config->payload.max_bytes,
	};
	struct message *message = message_new(&format);
	struct buf body = {0};

	if (message_add(message, sample) == MESSAGE_ADDED)
		message_finish(message, &body);
	buf_add(out, body.data, body.len);
	buf_free(&body);
	message_free(message);
}

void body_of_ack(const struct config *config, const char *uid, const char *outcome, struct buf *out)
{
	struct sample ack = {.path = uid};
	struct acks *acks;
	struct buf body = {0};

	if (!config->payload.acks)
		return;
	ack.value.type = VALUE_STRING;
	ack.value.text.data = outcome;
	ack.value.text.len = strlen(outcome);
	acks = acks_new(config->payload.ack_error, config->payload.max_bytes);
	if (acks_add(acks, &ack) == MESSAGE_ADDED)
		acks_finish(acks, &body);
	buf_add(out, body.data, body.len);
	buf_free(&body);
	acks_free(acks);
}
