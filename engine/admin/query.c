#include "engine/admin/query.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct slice text, struct str *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];
		if (c == '%') {
			if (text.len - i < 3 || hex_digit(text.ptr[i + 1]) < 0 ||
			    hex_digit(text.ptr[i + 2]) < 0)
				return false;
			c = (char)(hex_digit(text.ptr[i + 1]) << 4 | hex_digit(text.ptr[i + 2]));
			i += 2;
		}
		if (!c)
			return false;
		str_add_char(out, c);
	}
	return !out->overflow && utf8_valid(str_slice(out));
}

bool query_value(struct slice query, const char *name, struct str *out)
{
	struct slice pair, key, rest = query;

	for (bool more = query.len > 0; more;) {
		more = slice_cut(&rest, '&', &pair);
		if (slice_cut(&pair, '=', &key) && slice_is(key, name))
			return decode(pair, out);
	}
	return false;
}
