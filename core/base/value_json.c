#include "core/base/value_json.h"

#include "core/base/base64.h"
#include "core/base/json.h"
#include "core/base/number.h"

void value_json(struct buf *out, const struct value *value)
{
	switch (value->type) {
	case VALUE_INT:
	case VALUE_DATE:
		out->len += number_from_int(buf_reserve(out, NUMBER_TEXT), value->integer);
		break;
	case VALUE_DOUBLE:
		out->len += number_from_double(buf_reserve(out, NUMBER_TEXT), value->number);
		break;
	case VALUE_BOOLEAN:
		buf_text(out, value->boolean ? "true" : "false");
		break;
	case VALUE_STRING:
		json_add_string(out, value->text.data, value->text.len);
		break;
	case VALUE_BINARY:
		buf_char(out, '"');
		base64_encode(out, value->text.data, value->text.len);
		buf_char(out, '"');
		break;
	default:
		must(!"a value has a type");
	}
}
