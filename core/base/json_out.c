#include "core/base/json_out.h"

#include "core/base/json.h"
#include "core/base/number.h"

void json_out_raw(struct json_out *out, const char *key)
{
	if (out->started)
		buf_char(out->buf, ',');
	out->started = true;
	if (key) {
		json_add_text(out->buf, key);
		buf_char(out->buf, ':');
	}
}

void json_out_open(struct json_out *out, const char *key, char bracket)
{
	json_out_raw(out, key);
	buf_char(out->buf, bracket);
	out->started = false;
}

void json_out_close(struct json_out *out, char bracket)
{
	buf_char(out->buf, bracket);
	out->started = true;
}

void json_out_text(struct json_out *out, const char *key, const char *text)
{
	json_out_raw(out, key);
	if (text)
		json_add_text(out->buf, text);
	else
		buf_text(out->buf, "null");
}

void json_out_int(struct json_out *out, const char *key, int64_t value)
{
	char text[NUMBER_TEXT];

	json_out_raw(out, key);
	buf_add(out->buf, text, number_from_int(text, value));
}

void json_out_number(struct json_out *out, const char *key, double value)
{
	char text[NUMBER_TEXT];

	json_out_raw(out, key);
	buf_add(out->buf, text, number_from_double(text, value));
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
	json_out_raw(out, key);
	buf_text(out->buf, value ? "true" : "false");
}
