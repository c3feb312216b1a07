/*
 * html - the few words that the status page is written in.
 *
 * Every text that somebody gave goes through html_text or html_code, which escape it and keep its
 * direction to itself; html_raw takes literals of ours only. No style and no script stands in a
 * page: the Content-Security-Policy would not let them work.
 */
#ifndef ENGINE_ADMIN_HTML_H
#define ENGINE_ADMIN_HTML_H

#include <stdint.h>

#include "base/str.h"

void html_raw(struct str *out, const char *literal);
/* Literals with numbers in them. Texts only through html_text. */
void html_rawf(struct str *out, const char *literal, ...) __attribute__((format(printf, 2, 3)));
/* Escaped, control characters and bad UTF-8 shown; alone also in an attribute's quotes. */
void html_escape(struct str *out, struct slice text);
/* The same within <bdi>: no text turns round what stands beside it. */
void html_text(struct str *out, struct slice text);
void html_code(struct str *out, struct slice text);
/* `2026-11-23 10:00:20`, UTC; with how long ago where now_ms is not 0. */
void html_time(struct str *out, int64_t at_ms, int64_t now_ms);
/* "3 min", "2 h", "5 days": the largest unit. */
void html_span(struct str *out, int64_t ms);
/* The number, and the noun in its number. */
void html_count(struct str *out, int64_t n, const char *noun);

/* Everything before and after what a page shows. */
void html_begin(struct str *out, const char *title, struct slice search);
void html_end(struct str *out, int64_t now_ms);

#endif
