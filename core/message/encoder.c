#include "core/message/encoder.h"

#include "core/message/acks.h"
#include "core/message/series.h"

#define ADAPT(kind)                                                                     \
	static enum message_fit kind##_add_to(void *self, const struct sample *sample)      \
	{                                                                                   \
		return kind##_add(self, sample);                                                \
	}                                                                                   \
	static size_t kind##_count_of(const void *self)                                     \
	{                                                                                   \
		return kind##_count(self);                                                      \
	}                                                                                   \
	static void kind##_finish_it(void *self, struct buf *out)                           \
	{                                                                                   \
		kind##_finish(self, out);                                                       \
	}                                                                                   \
	static void kind##_clear_it(void *self)                                             \
	{                                                                                   \
		kind##_clear(self);                                                             \
	}                                                                                   \
	static void kind##_free_it(void *self)                                              \
	{                                                                                   \
		kind##_free(self);                                                              \
	}                                                                                   \
	static struct encoder kind##_encoder(void *self)                                    \
	{                                                                                   \
		return (struct encoder){self, kind##_add_to, kind##_count_of, kind##_finish_it, \
		    kind##_clear_it, kind##_free_it};                                           \
	}

ADAPT(message)
ADAPT(acks)
ADAPT(series)

struct encoder encoder_of_messages(const struct message_format *format)
{
	return message_encoder(message_new(format));
}

struct encoder encoder_of_acks(const char *error_word, size_t max_bytes)
{
	return acks_encoder(acks_new(error_word, max_bytes));
}

static double declared_factor(void *ctx, const char *path)
{
	const struct entry *entry = catalog_find(ctx, path);

	return entry ? entry->factor : 0;
}

struct encoder encoder_of_series(bool zlib, size_t max_bytes, struct catalog *catalog)
{
	const struct series_format format = {
	    .zlib = zlib, .max_bytes = max_bytes, .factor = declared_factor, .ctx = catalog};

	return series_encoder(series_new(&format));
}
