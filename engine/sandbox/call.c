/*
 * call - one request in work: its path, query and body taken apart, its answer
 * put together.
 *
 * Knows neither service: hubspot.c and certifier.c do.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/sandbox/inside.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct slice url_decode(struct arena *memory, struct slice text, bool form)
{
	char *out = arena_alloc(memory, text.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '%' && i + 2 < text.len && hex_digit(text.ptr[i + 1]) >= 0 &&
		    hex_digit(text.ptr[i + 2]) >= 0) {
			c = (char)(hex_digit(text.ptr[i + 1]) * 16 + hex_digit(text.ptr[i + 2]));
			i += 2;
		} else if (c == '+' && form) {
			c = ' ';
		}
		out[n++] = c;
	}
	return (struct slice){ out, n };
}

bool read_number(struct slice text, int64_t *out)
{
	int64_t n = 0;

	if (text.len == 0 || text.len > 18)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		n = n * 10 + (text.ptr[i] - '0');
	}
	*out = n;
	return true;
}

void call_split(struct call *call, const char *path)
{
	call->segments = 0;
	while (*path == '/' && call->segments < MAX_SEGMENTS) {
		size_t len = strcspn(++path, "/");
		call->segment[call->segments++] = url_decode(&call->memory,
							     (struct slice){ path, len }, false);
		path += len;
	}
	if (*path)
		call->segments = 0; /* deeper than anything served */
}

static bool segment_fits(struct slice segment, struct slice pattern)
{
	if (slice_is(pattern, "*"))
		return segment.len > 0;
	if (slice_is(pattern, "contacts") && slice_is(segment, "0-1"))
		return true;
	return slice_eq(segment, pattern);
}

static bool path_fits(const struct call *call, const char *path, size_t first)
{
	size_t i = first;

	while (*path) {
		size_t len = strcspn(path, "/");
		if (i == call->segments ||
		    !segment_fits(call->segment[i++], (struct slice){ path, len }))
			return false;
		path += len + (path[len] == '/');
	}
	return i == call->segments;
}

const struct route *call_route(const struct call *call, const struct route *table, size_t first,
			       bool *other_method)
{
	*other_method = false;
	for (const struct route *r = table; r->path; r++) {
		if (!path_fits(call, r->path, first))
			continue;
		if (strcmp(r->method, call->request->method) == 0)
			return r;
		*other_method = true;
	}
	return NULL;
}

bool call_authorised(const struct call *call, const char *token)
{
	struct slice given = slice_of(call->request->authorization), scheme = slice_of("Bearer ");

	if (given.len <= scheme.len ||
	    !slice_eq_nocase((struct slice){ given.ptr, scheme.len }, scheme))
		return false;
	given = slice_trim((struct slice){ given.ptr + scheme.len, given.len - scheme.len });
	return token ? slice_is(given, token) : given.len > 0;
}

bool call_parse_body(struct call *call)
{
	struct err err;

	call->body = json_parse(call->request->body, &err);
	return json_kind(call->body) == IS_OBJECT || json_kind(call->body) == IS_ARRAY;
}

struct json *parse_form(struct call *call, struct slice text)
{
	struct json *out = json_new_object();
	const char *p = text.ptr, *end = text.len ? p + text.len : p;

	while (p < end) {
		const char *stop = memchr(p, '&', (size_t)(end - p));
		stop = stop ? stop : end;
		const char *sign = memchr(p, '=', (size_t)(stop - p));
		struct slice name = { p, (size_t)((sign ? sign : stop) - p) };
		struct slice value = { sign ? sign + 1 : stop,
				       sign ? (size_t)(stop - sign - 1) : 0 };
		name = url_decode(&call->memory, name, true);
		if (name.len && !json_get(out, name.ptr))
			json_set_slice(out, name, url_decode(&call->memory, value, true));
		p = stop + 1;
	}
	return out;
}

struct slice call_query(struct call *call, const char *name, size_t nth)
{
	const char *p = call->request->query ? call->request->query : "";

	while (*p) {
		size_t len = strcspn(p, "&"), key = strcspn(p, "=&");
		struct slice found = url_decode(&call->memory, (struct slice){ p, key }, true);
		if (slice_is(found, name) && nth-- == 0) {
			size_t skip = key < len ? key + 1 : key;
			return url_decode(&call->memory, (struct slice){ p + skip, len - skip },
					  true);
		}
		p += len + (p[len] == '&');
	}
	return (struct slice){ 0 };
}

bool call_query_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t *value)
{
	struct slice text = call_query(call, name, 0);

	if (!text.ptr)
		return true;
	return read_number(text, value) && *value >= min && *value <= max;
}

void call_header(struct call *call, const char *format, ...)
{
	va_list args;

	for (size_t i = 0; i < sizeof(call->answer->header) / sizeof(call->answer->header[0]);
	     i++) {
		char *line = call->answer->header[i];
		if (line[0])
			continue;
		va_start(args, format);
		vsnprintf(line, sizeof(call->answer->header[0]), format, args);
		va_end(args);
		return;
	}
}

void call_reply(struct call *call, int status, struct json *body)
{
	call->answer->status = status;
	str_clear(&call->answer->body);
	json_dump(body, &call->answer->body);
	json_free(body);
}

void call_reply_text(struct call *call, int status, const char *text)
{
	call->answer->status = status;
	str_clear(&call->answer->body);
	str_add_text(&call->answer->body, text);
}

const char *stamp_text(struct arena *memory, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	clock_format(at_ms, text);
	char *fraction = strstr(text, ".000Z");
	if (fraction)
		memcpy(fraction, "Z", 2);
	return arena_text(memory, slice_of(text));
}

const char *call_stamp(struct call *call, int64_t at_ms)
{
	return stamp_text(&call->memory, at_ms);
}
