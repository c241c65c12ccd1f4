/*
 * The body of acknowledgements:
 * [{"uid":"...","status":"OK"},{"uid":"...","status":"ERROR","message":"..."}]
 *
 * An acknowledgement waits in its queue as a sample: its path is the task's uid, its value a
 * string, empty if all went well and the reason if not. Used like a message builder (message.h).
 */
#ifndef NEAP_CORE_ACKS_H
#define NEAP_CORE_ACKS_H

#include "core/message/message.h"

struct acks;

struct acks *acks_new(const char *error_word, size_t max_bytes);
void acks_free(struct acks *acks);
enum message_fit acks_add(struct acks *acks, const struct sample *sample);
size_t acks_count(const struct acks *acks);
void acks_finish(struct acks *acks, struct buf *out);
void acks_clear(struct acks *acks);

#endif
