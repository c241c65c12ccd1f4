#include "core/catalog/model.h"

#include "core/base/fileio.h"
#include "core/base/number.h"
#include "core/base/value_json.h"
#include "core/catalog/zip.h"

#include <string.h>

#define NAMESPACE "http://www.sierrawireless.com/airvantage/application/1.0"
#define DEPTH     4 /* of an asset */

/* --- XML --- */

/* How many bytes at text XML 1.0 has no character for: most controls, U+FFFE and U+FFFF. */
static size_t no_character(const char *text, size_t len)
{
	unsigned char c = (unsigned char)text[0];
	if (c < ' ')
		return c != '\t' && c != '\n' && c != '\r';
	bool last_two =
	    len >= 3 && (!memcmp(text, "\xef\xbf\xbe", 3) || !memcmp(text, "\xef\xbf\xbf", 3));
	return last_two ? 3 : 0;
}

/* For an attribute in double quotes; what cannot stand in XML becomes a question mark. */
static void add_escaped(struct buf *out, const char *text, size_t len)
{
	while (len) {
		size_t good = len, bad = 0;
		if (!utf8_valid(text, len, &good))
			bad = 1;
		for (size_t i = 0; i < good; i++) {
			size_t none = no_character(text + i, good - i);
			if (none)
				buf_char(out, '?');
			else if (strchr("&<>\"\t\n\r", text[i]))
				buf_printf(out, "&#%d;", text[i]);
			else
				buf_char(out, text[i]);
			i += none > 1 ? none - 1 : 0;
		}
		if (bad)
			buf_char(out, '?');
		text += good + bad;
		len -= good + bad;
	}
}

static void add_attribute(struct buf *out, const char *name, const char *value, size_t len)
{
	buf_printf(out, " %s=\"", name);
	add_escaped(out, value, len);
	buf_char(out, '"');
}

static void attribute(struct buf *out, const char *name, const char *value)
{
	add_attribute(out, name, value, strlen(value));
}

static void begin(struct buf *out, int depth, const char *element)
{
	buf_printf(out, "%*s<%s", depth, "", element);
}

static void end(struct buf *out, int depth, const char *element)
{
	buf_printf(out, "%*s</%s>\n", depth, "", element);
}

/* --- entries --- */

static void add_default(struct buf *out, const struct value *value)
{
	if (value->type == VALUE_STRING) {
		add_attribute(out, "default-value", value->text.data, value->text.len);
		return;
	}
	struct buf text = {0};
	value_json(&text, value);
	add_attribute(out, "default-value", text.data, text.len);
	buf_free(&text);
}

static void add_bounds(struct buf *out, int depth, const struct limits *limits)
{
	char text[NUMBER_TEXT];
	begin(out, depth, "constraints>\n");
	begin(out, depth + 1, "bounds");
	if (limits->has_min)
		add_attribute(out, "min", text, number_from_double(text, limits->min));
	if (limits->has_max)
		add_attribute(out, "max", text, number_from_double(text, limits->max));
	buf_text(out, "/>\n");
	end(out, depth, "constraints");
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text && *text ? text : otherwise;
}

static void add_param(struct buf *out, int depth, const struct param *param)
{
	begin(out, depth, "parameter");
	attribute(out, "default-label", or_else(param->label, param->name));
	attribute(out, "id", param->name);
	attribute(out, "type", value_type_name(param->type));
	if (param->has_default)
		add_default(out, &param->fallback);
	if (!param->limits.has_min && !param->limits.has_max) {
		buf_text(out, "/>\n");
		return;
	}
	buf_text(out, ">\n");
	add_bounds(out, depth + 1, &param->limits);
	end(out, depth, "parameter");
}

static void add_entry(
    struct buf *out, int depth, const struct entry *entry, const char *name, bool units)
{
	static const char *const elements[] = {
	    [ENTRY_VARIABLE] = "variable", [ENTRY_SETTING] = "setting", [ENTRY_COMMAND] = "command"};
	const char *element = elements[entry->kind];
	struct buf label = {0};
	buf_text(&label, or_else(entry->label, name));
	if (units && *entry->unit) /* the format has no other place for it */
		buf_printf(&label, " (%s)", entry->unit);
	begin(out, depth, element);
	attribute(out, "default-label", buf_str(&label));
	buf_free(&label);
	attribute(out, "path", name);
	if (entry->kind != ENTRY_COMMAND)
		attribute(out, "type", value_type_name(entry->type));
	if (!entry->params) {
		buf_text(out, "/>\n");
		return;
	}
	buf_text(out, ">\n");
	for (const struct param *param = entry->params; param; param = param->next)
		add_param(out, depth + 1, param);
	end(out, depth, element);
}

/* --- the tree --- */

/* The asset or node whose name ends path[0..len). */
static void open_node(struct buf *out, int depth, const struct catalog *catalog, const char *path,
    size_t start, size_t len)
{
	char name[PATH_MAX_BYTES + 1] = {0};
	memcpy(name, path + start, len - start);
	begin(out, depth, start ? "node" : "asset");
	attribute(
	    out, "default-label", start ? name : or_else(catalog_asset_label(catalog, name), name));
	attribute(out, start ? "path" : "id", name);
	buf_text(out, ">\n");
}

static size_t common_nodes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t common = 0;
	for (size_t i = 0; i < a_len && i < b_len && a[i] == b[i]; i++)
		if (a[i] == '.')
			common = i + 1;
	return common;
}

/* Closes what is open beyond `keep` bytes of `path`, whose nodes each end with a dot. */
static int close_nodes(struct buf *out, int depth, const char *path, size_t len, size_t keep)
{
	for (size_t i = len; i > keep; i--) {
		if (path[i - 1] != '.')
			continue;
		depth--;
		end(out, depth, depth == DEPTH ? "asset" : "node");
	}
	return depth;
}

/* By path, so that all of a node stands together; what is open is the beginning of `before`. */
static void add_assets(struct buf *out, const struct catalog *catalog, bool units)
{
	const char *before = "";
	size_t before_len = 0;
	int depth = DEPTH;
	for (const struct entry *entry = NULL; (entry = catalog_next(catalog, entry));) {
		size_t len = (size_t)(strrchr(entry->path, '.') + 1 - entry->path);
		size_t common = common_nodes(before, before_len, entry->path, len);
		depth = close_nodes(out, depth, before, before_len, common);
		for (size_t i = common, start = common; i < len; i++) {
			if (entry->path[i] != '.')
				continue;
			open_node(out, depth++, catalog, entry->path, start, i);
			start = i + 1;
		}
		add_entry(out, depth, entry, entry->path + len, units);
		before = entry->path;
		before_len = len;
	}
	close_nodes(out, depth, before, before_len, 0);
}

void model_xml(const struct catalog *catalog, const struct model_options *options, struct buf *out)
{
	const char *type = options->mqtt ? "MQTT" : "REST";
	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	              "<app:application xmlns:app=\"" NAMESPACE "\"");
	attribute(out, "type", options->type);
	attribute(out, "name", options->name);
	attribute(out, "revision", options->revision);
	buf_printf(out,
	    ">\n"
	    " <capabilities>\n"
	    "  <communication>\n"
	    "   <protocol comm-id=\"%s\" type=\"%s\"/>\n"
	    "  </communication>\n"
	    "  <data>\n"
	    "   <encoding type=\"%s\">\n",
	    options->imei ? "IMEI" : "SERIAL", type, type);
	add_assets(out, catalog, options->mqtt);
	buf_text(out, "   </encoding>\n"
	              "  </data>\n"
	              " </capabilities>\n"
	              "</app:application>\n");
}

int model_write(const char *path, const struct catalog *catalog,
    const struct model_options *options, struct err *err)
{
	struct buf xml = {0}, archive = {0};
	struct zip zip = {0};
	model_xml(catalog, options, &xml);
	zip_add(&zip, "model.app", xml.data, xml.len);
	zip_finish(&zip, &archive);
	int result = fileio_replace(path, archive.data, archive.len, 0644, err);
	buf_free(&xml);
	buf_free(&archive);
	return result;
}
