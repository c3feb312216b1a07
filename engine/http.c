#include "engine/http.h"

#include <string.h>

#include "base/clock.h"

#define RETRY_AFTER_MOST_MS MS_DAY /* a day without a try is long enough, whatever they say */
#define NUMBER_MOST INT64_C(1000000000000)

/* The first line of *rest without its end; *rest goes on behind it. */
static struct slice take_line(struct slice *rest)
{
	struct slice line;

	(void)slice_cut(rest, '\n', &line);
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The value of the first header of that name; empty where there is none. */
static struct slice header_value(struct slice lines, const char *name)
{
	struct slice want = slice_of(name);

	while (lines.len) {
		struct slice line = take_line(&lines);
		if (line.len == 0)
			break;
		if (line.len <= want.len || line.ptr[want.len] != ':' ||
		    !slice_eq_nocase((struct slice){ line.ptr, want.len }, want))
			continue;
		line.ptr += want.len + 1;
		line.len -= want.len + 1;
		return slice_trim(line);
	}
	return (struct slice){ 0 };
}

/* Digits and nothing else; huge ones stay at NUMBER_MOST. */
static int64_t number_of(struct slice text)
{
	int64_t n = 0;

	if (text.len == 0)
		return HTTP_ABSENT;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return HTTP_ABSENT;
		n = n * 10 + (text.ptr[i] - '0');
		n = n > NUMBER_MOST ? NUMBER_MOST : n;
	}
	return n;
}

static int64_t retry_after(struct slice text, int64_t now_ms)
{
	int64_t wait = number_of(text), at;

	if (wait != HTTP_ABSENT)
		wait *= MS_SECOND;
	else if (clock_parse_http(text, &at))
		wait = at > now_ms ? at - now_ms : 0;
	return wait > RETRY_AFTER_MOST_MS ? RETRY_AFTER_MOST_MS : wait;
}

void http_read_headers(struct slice lines, int64_t now_ms, struct http_response *out)
{
	if (!clock_parse_http(header_value(lines, "Date"), &out->date_ms))
		out->date_ms = HTTP_ABSENT;
	out->retry_after_ms = retry_after(header_value(lines, "Retry-After"),
					  out->date_ms != HTTP_ABSENT ? out->date_ms : now_ms);
	out->rate_max = number_of(header_value(lines, "X-HubSpot-RateLimit-Max"));
	out->rate_interval_ms = number_of(
		header_value(lines, "X-HubSpot-RateLimit-Interval-Milliseconds"));
	out->rate_left = number_of(header_value(lines, "X-HubSpot-RateLimit-Remaining"));
	out->day_max = number_of(header_value(lines, "X-HubSpot-RateLimit-Daily"));
	out->day_left = number_of(header_value(lines, "X-HubSpot-RateLimit-Daily-Remaining"));
}
