#include "core/command/tar.h"

#include "core/base/err.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155];
	char rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "one block");

static void add_zeros(struct buf *out, size_t len)
{
	memset(buf_reserve(out, len), 0, len);
	out->len += len;
}

void tar_add(struct buf *tar, const char *name, const void *data, size_t len, int64_t time_s)
{
	struct header header = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
	const unsigned char *byte = (const unsigned char *)&header;
	unsigned sum = 0;

	(void)snprintf(header.name, sizeof(header.name), "%s", name);
	memcpy(header.mode, "0000600", 8);
	memcpy(header.uid, "0000000", 8);
	memcpy(header.gid, "0000000", 8);
	(void)snprintf(header.size, sizeof(header.size), "%011llo", (unsigned long long)len);
	(void)snprintf(header.mtime, sizeof(header.mtime), "%011llo", (unsigned long long)time_s);
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += byte[i];
	(void)snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
	buf_add(tar, &header, BLOCK);
	buf_add(tar, data, len);
	add_zeros(tar, (BLOCK - len % BLOCK) % BLOCK);
}

void tar_finish(const struct buf *tar, struct buf *gzip)
{
	static unsigned char end[2 * BLOCK];
	z_stream stream = {0};
	size_t room;

	must(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
	     Z_OK);
	room = deflateBound(&stream, tar->len + sizeof(end)) + 64;
	stream.next_out = (unsigned char *)buf_reserve(gzip, room);
	stream.avail_out = (uInt)room;
	stream.next_in = (unsigned char *)tar->data;
	stream.avail_in = (uInt)tar->len;
	must(deflate(&stream, Z_NO_FLUSH) == Z_OK);
	stream.next_in = end;
	stream.avail_in = sizeof(end);
	must(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	gzip->len += room - stream.avail_out;
	(void)deflateEnd(&stream);
}
