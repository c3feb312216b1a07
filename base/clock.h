/*
 * clock - the arithmetic and the written forms of time. It never asks what
 * time it is: that is the world's to say.
 *
 * An instant is milliseconds since 1970-01-01T00:00:00Z (int64_t, `_ms`). A
 * day is a count of days since 1970-01-01. Civil dates are proleptic Gregorian,
 * years 1 to 9999. One time zone per process, set by clock_set_zone.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define MS_SECOND INT64_C(1000)
#define MS_MINUTE (60 * MS_SECOND)
#define MS_HOUR (60 * MS_MINUTE)
#define MS_DAY (24 * MS_HOUR)

struct civil {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second, ms;
};

/*
 * The zone in which days begin (`UTC`, `Europe/Warsaw`, …). RC_INVALID where the system does
 * not know it.
 */
enum rc clock_set_zone(const char *zone, struct err *err) MUST_CHECK;
/* While a thread beside the caller's counts days, another zone is refused with RC_AGAIN. */
void clock_keep_zone(bool keep);
const char *clock_zone(void); /* its name */

struct civil clock_civil(int64_t at_ms);       /* in UTC */
struct civil clock_civil_local(int64_t at_ms); /* in the zone */
int64_t clock_instant(struct civil c);	       /* of a civil time in UTC */
/*
 * Of a civil time in the zone: the first where it came twice; as much later as the gap is long
 * where it never came.
 */
int64_t clock_instant_local(struct civil c);
int64_t
clock_day_start(int64_t at_ms); /* first instant, in the zone, of the day that holds at_ms */
bool clock_date_valid(int year, int month, int day);

/* `YYYY-MM-DD`, exactly. */
bool clock_parse_date(struct slice text, struct civil *out);
/*
 * ISO 8601 date-time with zone: `2026-01-05T09:00:00Z`, seconds and fraction
 * optional, `Z` or `+02:00`. Digits past the millisecond are cut.
 */
bool clock_parse_datetime(struct slice text, int64_t *out_ms);
/*
 * What HubSpot writes in a date or datetime property: a date (midnight in the
 * zone), a date-time, or epoch milliseconds in digits (older portals; a day is its
 * midnight in UTC, and midnight in the zone to us).
 * `*is_date` (may be NULL) tells that only a day was given.
 */
bool clock_parse_value(struct slice text, int64_t *out_ms, bool *is_date);
/* When something happened, by HubSpot: a date-time, or epoch milliseconds in digits. */
bool clock_parse_stamp(struct slice text, int64_t *out_ms);
/* HTTP-date of RFC 9110 (IMF-fixdate, RFC 850 and asctime forms). */
bool clock_parse_http(struct slice text, int64_t *out_ms);
/* Digits and a unit: 500ms 30s 10m 2h 7d. False also where it would overflow. */
bool clock_parse_duration(struct slice text, int64_t *out_ms);

static inline int64_t clock_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#define CLOCK_TEXT 32
/* `2026-11-23T10:00:20.000Z`; the answer is `out`. */
const char *clock_format(int64_t at_ms, char out[CLOCK_TEXT]);
/* `2026-11-23` in the zone. */
const char *clock_format_date(int64_t at_ms, char out[CLOCK_TEXT]);
/* `Mon, 23 Nov 2026 10:00:20 GMT` */
const char *clock_format_http(int64_t at_ms, char out[CLOCK_TEXT]);
/* A duration as one would say it: `10m`, `1h`, `90s`, `250ms`. */
const char *clock_format_duration(int64_t ms, char out[CLOCK_TEXT]);

enum calendar_unit { UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR };
/* Adds n units to the date part; the end of a month stays one (Jan 31 + 1 month = Feb 28). */
struct civil clock_add(struct civil c, int64_t n, enum calendar_unit unit);

#endif
