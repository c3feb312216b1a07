#include "engine/admin/html.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"

void html_raw(struct str *out, const char *literal)
{
	str_add_text(out, literal);
}

void html_rawf(struct str *out, const char *literal, ...)
{
	va_list args;

	va_start(args, literal);
	str_addv(out, literal, args);
	va_end(args);
}

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_escape(struct str *out, struct slice text)
{
	struct str shown;

	str_init(&shown, SIZE_MAX / 4);
	str_add_shown(&shown, text);
	for (size_t i = 0; i < shown.len; i++) {
		const char *escape = escape_of(shown.ptr[i]);
		if (escape)
			str_add_text(out, escape);
		else
			str_add_char(out, shown.ptr[i]);
	}
	str_release(&shown);
}

void html_text(struct str *out, struct slice text)
{
	html_raw(out, "<bdi>");
	html_escape(out, text);
	html_raw(out, "</bdi>");
}

void html_code(struct str *out, struct slice text)
{
	html_raw(out, "<code>");
	html_text(out, text);
	html_raw(out, "</code>");
}

/* ---- times and numbers --------------------------------------------------------- */

void html_span(struct str *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *one, *many;
	} units[] = {
		{ MS_DAY, "day", "days" },
		{ MS_HOUR, "h", "h" },
		{ MS_MINUTE, "min", "min" },
		{ MS_SECOND, "s", "s" },
	};
	size_t i = 0;

	ms = ms < 0 ? 0 : ms;
	while (i < 3 && ms < units[i].ms * 2 && ms != units[i].ms)
		i++;
	int64_t n = ms / units[i].ms;
	html_rawf(out, "%lld %s", (long long)n, n == 1 ? units[i].one : units[i].many);
}

void html_time(struct str *out, int64_t at_ms, int64_t now_ms)
{
	char text[CLOCK_TEXT];

	clock_format(at_ms, text);
	html_rawf(out, "<time datetime=\"%s\">%.10s %.8s</time>", text, text, text + 11);
	if (!now_ms)
		return;
	html_raw(out, ", ");
	html_span(out, now_ms - at_ms);
	html_raw(out, " ago");
}

void html_count(struct str *out, int64_t n, const char *noun)
{
	html_rawf(out, "%lld %s%s", (long long)n, noun, n == 1 ? "" : "s");
}

/* ---- the frame ------------------------------------------------------------------- */

void html_begin(struct str *out, const char *title, struct slice search)
{
	html_raw(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n"
		      "<link rel=\"icon\" href=\"/favicon.svg\">\n"
		      "<link rel=\"stylesheet\" href=\"/style.css\">\n<title>");
	html_escape(out, slice_of(title));
	html_raw(out, "</title>\n</head>\n<body>\n<header>\n<a class=\"name\" href=\"/\">"
		      "<svg class=\"seal\" viewBox=\"0 0 24 24\" aria-hidden=\"true\">"
		      "<circle cx=\"12\" cy=\"9\" r=\"7\"/><path d=\"M8 15l-2 8 6-3 6 3-2-8\"/>"
		      "<path class=\"tick\" d=\"M9 9l2 2 4-4\"/></svg>hs2cert</a>\n"
		      "<form action=\"/why\" method=\"get\" role=\"search\">\n"
		      "<input name=\"contact\" type=\"search\" required maxlength=\"254\" "
		      "autocomplete=\"off\" spellcheck=\"false\" aria-label=\"contact\" "
		      "placeholder=\"Why? Contact id or address\" value=\"");
	html_escape(out, search);
	html_raw(out, "\">\n<button>Look</button>\n</form>\n</header>\n<main>\n");
}

void html_end(struct str *out, int64_t now_ms)
{
	html_raw(out, "</main>\n<footer>As of ");
	html_time(out, now_ms, 0);
	html_raw(
		out,
		" UTC, as all times here. This page only shows; commands act. hs2cert " HS2CERT_VERSION
		"</footer>\n</body>\n</html>\n");
}
