#include "core/catalog/unzip.h"

#include "core/base/bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define END_SIZE     22
#define ENTRY_SIZE   46
#define LOCAL_SIZE   30
#define COMMENT_MAX  65535
#define NAME_MAX_LEN 255
#define STORED       0
#define DEFLATED     8
#define ENCRYPTED    1

struct archive {
	const uint8_t *data;
	size_t len;
	size_t left; /* bytes that may still be unpacked */
	struct err *err;
};

/* An entry of the directory. */
struct member {
	char name[NAME_MAX_LEN + 1];
	uint16_t flags, method;
	uint32_t crc, packed, size, offset;
};

/* The end record, searched from behind: a comment may follow it. */
static const uint8_t *find_end(const struct archive *archive)
{
	size_t most = archive->len < END_SIZE + COMMENT_MAX ? archive->len : END_SIZE + COMMENT_MAX;

	for (size_t back = END_SIZE; back <= most; back++) {
		const uint8_t *at = archive->data + archive->len - back;

		if (get_le32(at) == 0x06054b50 && get_le16(at + 20) == back - END_SIZE)
			return at;
	}
	return NULL;
}

static int inflate_all(const struct archive *archive, const struct member *member,
    const uint8_t *packed, struct buf *out)
{
	z_stream stream = {.next_in = packed, .avail_in = member->packed};
	int rc;

	if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return err_set(archive->err, "%s: cannot be unpacked: not enough memory", member->name);
	stream.next_out = (Bytef *)buf_reserve(out, (size_t)member->size + 1);
	stream.avail_out = member->size + 1; /* one more shows what is too long */
	rc = inflate(&stream, Z_FINISH);
	out->len = stream.total_out;
	inflateEnd(&stream);
	if (rc != Z_STREAM_END || out->len != member->size)
		return err_set(archive->err, "%s: its packed data is damaged", member->name);
	return 0;
}

static int unpack(struct archive *archive, const struct member *member, struct buf *out)
{
	size_t at = member->offset;

	if (at > archive->len || archive->len - at < LOCAL_SIZE ||
	    get_le32(archive->data + at) != 0x04034b50)
		return err_set(archive->err, "%s: no entry begins at byte %zu", member->name, at);
	at += LOCAL_SIZE + get_le16(archive->data + at + 26) + get_le16(archive->data + at + 28);
	if (at > archive->len || archive->len - at < member->packed)
		return err_set(archive->err, "%s: the archive ends inside it", member->name);
	if (member->flags & ENCRYPTED)
		return err_set(archive->err, "%s is encrypted", member->name);
	if (member->method == STORED && member->packed == member->size)
		buf_add(out, archive->data + at, member->size);
	else if (member->method != DEFLATED)
		return err_set(archive->err, "%s: packed by a method that is not known (%u)", member->name,
		    member->method);
	else if (inflate_all(archive, member, archive->data + at, out) < 0)
		return -1;
	if (crc32_z(0, (const Bytef *)out->data, out->len) != member->crc)
		return err_set(archive->err, "%s: its checksum is wrong", member->name);
	return 0;
}

/* Moves *at behind the entry that it reads. */
static int read_member(const struct archive *archive, size_t *at, struct member *member)
{
	const uint8_t *entry = archive->data + *at;

	if (*at > archive->len || archive->len - *at < ENTRY_SIZE || get_le32(entry) != 0x02014b50)
		return err_set(archive->err, "byte %zu: an entry of the zip's directory expected", *at);
	size_t name = get_le16(entry + 28);
	size_t size = ENTRY_SIZE + name + get_le16(entry + 30) + get_le16(entry + 32);
	if (archive->len - *at < size || name > NAME_MAX_LEN)
		return err_set(archive->err, "byte %zu: the zip's directory is damaged", *at);
	*member = (struct member){.flags = get_le16(entry + 8),
	    .method = get_le16(entry + 10),
	    .crc = get_le32(entry + 16),
	    .packed = get_le32(entry + 20),
	    .size = get_le32(entry + 24),
	    .offset = get_le32(entry + 42)};
	memcpy(member->name, entry + ENTRY_SIZE, name);
	*at += size;
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len >= end && strcmp(name + len - end, suffix) == 0;
}

int unzip(const void *data, size_t len, const char *suffix, size_t max_bytes,
    int (*each)(void *ctx, const char *name, const struct buf *content, struct err *err), void *ctx,
    struct err *err)
{
	struct archive archive = {data, len, max_bytes, err};
	const uint8_t *end = len < END_SIZE ? NULL : find_end(&archive);
	struct member member = {0};
	int rc = 0;

	if (!end)
		return err_set(err, "this is no zip archive, or its end is missing");
	size_t at = get_le32(end + 16);
	for (size_t i = get_le16(end + 10); i > 0 && rc == 0; i--) {
		struct buf content = {0};

		rc = read_member(&archive, &at, &member);
		if (rc < 0 || !ends_in(member.name, suffix))
			continue;
		if (member.size > archive.left)
			return err_set(err, "%s: more than %zu bytes when unpacked", member.name, max_bytes);
		archive.left -= member.size;
		rc = unpack(&archive, &member, &content);
		if (rc == 0)
			rc = each(ctx, member.name, &content, err);
		buf_free(&content);
	}
	return rc;
}
