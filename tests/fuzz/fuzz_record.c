/* A record and a header from any bytes. The CRC is mended first, or nothing would get past it. */
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/queue/record.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct record_view *view, const uint8_t *bytes)
{
	if (view->value.type != VALUE_STRING && view->value.type != VALUE_BINARY)
		return;
	const uint8_t *text = (const uint8_t *)view->value.text.data;
	must(text >= bytes && text + view->value.text.len == bytes + view->size);
}

/* What was decoded encodes to the same bytes. */
static void check_again(const struct record_view *view, const uint8_t *bytes)
{
	static uint8_t again[RECORD_MAX];
	struct sample sample = {.path = "a.b", .value = view->value, .time = view->time};
	size_t size = record_size(&sample);

	must(size > 0 && size <= view->size);
	if (size < view->size)
		return; /* an int in more bytes than it needs */
	record_encode(again, size, 7, view->offset, view->path, &sample);
	if (view->value.type != VALUE_BOOLEAN || bytes[RECORD_HEAD] <= 1)
		must(memcmp(again, bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[RECORD_MAX + 8];
	struct record_view view;
	struct segment_header header;
	uint16_t version;

	(void)segment_header_decode(data, size, &header, &version);
	if (size > sizeof bytes)
		return 0;
	memcpy(bytes, data, size);
	size_t length = record_plausible(bytes, size);
	must(length <= RECORD_MAX);
	if (length > 0 && length <= size)
		put_le32(bytes, crc32c(7, bytes + 4, length - 4));
	if (!record_decode(bytes, size, 7, &view))
		return 0;
	must(view.size == length);
	check_text(&view, bytes);
	if (view.kind != RECORD_PATH)
		check_again(&view, bytes);
	return 0;
}
