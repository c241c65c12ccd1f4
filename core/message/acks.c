#include "core/message/acks.h"

#include "core/base/json.h"
#include "core/base/mem.h"

#include <stdlib.h>

struct acks {
	char *error_word;
	size_t max_bytes;
	size_t count;
	struct buf body; /* without the closing bracket */
};

struct acks *acks_new(const char *error_word, size_t max_bytes)
{
	struct acks *acks = mem_alloc(sizeof(*acks));

	acks->error_word = mem_strdup(error_word);
	acks->max_bytes = max_bytes;
	return acks;
}

void acks_free(struct acks *acks)
{
	free(acks->error_word);
	buf_free(&acks->body);
	free(acks);
}

enum message_fit acks_add(struct acks *acks, const struct sample *sample)
{
	struct buf *body = &acks->body;
	size_t before = body->len;
	bool ok = sample->value.text.len == 0;

	buf_text(body, acks->count > 0 ? ",{\"uid\":" : "[{\"uid\":");
	json_add_text(body, sample->path);
	buf_text(body, ",\"status\":");
	json_add_text(body, ok ? "OK" : acks->error_word);
	if (!ok) {
		buf_text(body, ",\"message\":");
		json_add_string(body, sample->value.text.data, sample->value.text.len);
	}
	buf_char(body, '}');
	if (body->len + 1 <= acks->max_bytes) {
		acks->count++;
		return MESSAGE_ADDED;
	}
	body->len = before;
	return acks->count > 0 ? MESSAGE_FULL : MESSAGE_TOO_BIG;
}

size_t acks_count(const struct acks *acks)
{
	return acks->count;
}

void acks_finish(struct acks *acks, struct buf *out)
{
	out->len = 0;
	buf_add(out, acks->body.data, acks->body.len);
	buf_char(out, ']');
	acks_clear(acks);
}

void acks_clear(struct acks *acks)
{
	acks->body.len = 0;
	acks->count = 0;
}
