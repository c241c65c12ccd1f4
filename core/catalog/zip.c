#include "core/catalog/zip.h"

#include "core/base/bytes.h"
#include "core/base/err.h"

#include <string.h>
#include <zlib.h>

#define VERSION    20     /* 2.0: what every reader knows */
#define FIRST_DATE 0x0021 /* 1980-01-01: year 0, month 1, day 1 */
#define UTF8_NAME  0x0800

static void add16(struct buf *out, uint16_t value)
{
	put_le16((uint8_t *)buf_reserve(out, 2), value);
	out->len += 2;
}

static void add32(struct buf *out, uint32_t value)
{
	put_le32((uint8_t *)buf_reserve(out, 4), value);
	out->len += 4;
}

/* What a file's own header and its entry in the directory have in common. */
static void add_common(struct buf *out, uint32_t crc, uint32_t len, uint16_t name_len)
{
	add16(out, VERSION);
	add16(out, UTF8_NAME);
	add16(out, 0); /* stored */
	add16(out, 0); /* midnight */
	add16(out, FIRST_DATE);
	add32(out, crc);
	add32(out, len); /* in the archive */
	add32(out, len); /* unpacked */
	add16(out, name_len);
	add16(out, 0); /* extra field */
}

void zip_add(struct zip *zip, const char *name, const void *data, size_t len)
{
	size_t name_len = strlen(name), offset = zip->files.len;
	must(name_len < UINT16_MAX && zip->count < UINT16_MAX);
	must(len < UINT32_MAX && offset < UINT32_MAX - len - name_len - 30);
	uint32_t crc = (uint32_t)crc32_z(0, data, len);

	add32(&zip->files, 0x04034b50);
	add_common(&zip->files, crc, (uint32_t)len, (uint16_t)name_len);
	buf_add(&zip->files, name, name_len);
	buf_add(&zip->files, data, len);

	add32(&zip->directory, 0x02014b50);
	add16(&zip->directory, VERSION); /* made by, on MS-DOS: no rights */
	add_common(&zip->directory, crc, (uint32_t)len, (uint16_t)name_len);
	add16(&zip->directory, 0); /* comment */
	add16(&zip->directory, 0); /* disk */
	add16(&zip->directory, 0); /* internal attributes */
	add32(&zip->directory, 0); /* external attributes */
	add32(&zip->directory, (uint32_t)offset);
	buf_add(&zip->directory, name, name_len);
	zip->count++;
}

void zip_finish(struct zip *zip, struct buf *out)
{
	buf_add(out, zip->files.data, zip->files.len);
	buf_add(out, zip->directory.data, zip->directory.len);
	add32(out, 0x06054b50);
	add16(out, 0); /* this disk */
	add16(out, 0); /* the directory's disk */
	add16(out, zip->count);
	add16(out, zip->count);
	add32(out, (uint32_t)zip->directory.len);
	add32(out, (uint32_t)zip->files.len);
	add16(out, 0); /* comment */
	buf_free(&zip->files);
	buf_free(&zip->directory);
	*zip = (struct zip){0};
}
