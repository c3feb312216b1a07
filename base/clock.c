#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const weekdays[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

/* Days since 1970-01-01 of a civil date (Howard Hinnant's published algorithm, restated). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / 146096) /
			      365;
	int64_t day_of_year = day_of_era -
			      (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t mp = (5 * day_of_year + 2) / 153;

	c->day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = (int)(year_of_era + era * 400 + (c->month <= 2));
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

struct civil clock_civil(int64_t at_ms)
{
	struct civil c;
	int64_t rest = at_ms % MS_DAY;

	rest += rest < 0 ? MS_DAY
			 : 0; /* not at_ms - days * MS_DAY: the least of all would overflow */
	civil_from_days(floor_div(at_ms, MS_DAY), &c);
	c.hour = (int)(rest / MS_HOUR);
	c.minute = (int)(rest / MS_MINUTE % 60);
	c.second = (int)(rest / MS_SECOND % 60);
	c.ms = (int)(rest % MS_SECOND);
	return c;
}

int64_t clock_instant(struct civil c)
{
	return days_from_civil(c.year, c.month, c.day) * MS_DAY + c.hour * MS_HOUR +
	       c.minute * MS_MINUTE + c.second * MS_SECOND + c.ms;
}

/* Whether it names a file of zone data: other files lie beside them. */
static bool is_zone(const char *zone)
{
	char path[256], magic[4] = "";

	if (!zone[0] || zone[0] == '/' || strstr(zone, "..") ||
	    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone) >= (int)sizeof(path))
		return false;
	FILE *file = fopen(path, "rbe");
	if (!file)
		return false;
	bool whole = fread(magic, sizeof(magic), 1, file) == 1;
	fclose(file);
	return whole && memcmp(magic, "TZif", sizeof(magic)) == 0;
}

static char zone_name[256] = "UTC";
static bool zone_set;
static atomic_bool zone_kept;

const char *clock_zone(void)
{
	return zone_name;
}

void clock_keep_zone(bool keep)
{
	atomic_store(&zone_kept, keep);
}

enum rc clock_set_zone(const char *zone, struct err *err)
{
	if (zone_set && strcmp(zone, zone_name) == 0)
		return RC_OK;
	if (atomic_load(&zone_kept))
		return err_set(err, RC_AGAIN, "rules are being read: ask again in a moment");
	/* glibc takes any unknown name for UTC without a word, so look for ourselves. */
	if (strcmp(zone, "UTC") != 0 && !is_zone(zone))
		return err_set(err, RC_INVALID, "unknown time zone '%s'", zone);
	if (setenv("TZ", zone, 1) != 0) /* defensive: no memory */
		return err_set(err, RC_BROKEN, "no memory for the time zone");
	tzset();
	snprintf(zone_name, sizeof(zone_name), "%s", zone);
	zone_set = true;
	return RC_OK;
}

struct civil clock_civil_local(int64_t at_ms)
{
	time_t seconds = (time_t)floor_div(at_ms, MS_SECOND);
	struct tm tm;

	if (!localtime_r(&seconds, &tm)) /* defensive: a year beyond 2^31 */
		return clock_civil(at_ms);
	return (struct civil){ tm.tm_year + 1900,
			       tm.tm_mon + 1,
			       tm.tm_mday,
			       tm.tm_hour,
			       tm.tm_min,
			       tm.tm_sec,
			       (int)(at_ms - (int64_t)seconds * MS_SECOND) };
}

static int64_t zone_offset(int64_t at_ms)
{
	return clock_instant(clock_civil_local(at_ms)) - at_ms;
}

/* Not mktime: where the zone changes, its answer depends on what it was asked before. */
int64_t clock_instant_local(struct civil c)
{
	int64_t as_utc = clock_instant(c);
	int64_t earlier = as_utc - zone_offset(as_utc - MS_DAY);
	int64_t later = as_utc - zone_offset(as_utc + MS_DAY);

	return later + zone_offset(later) == as_utc && earlier + zone_offset(earlier) != as_utc
		       ? later
		       : earlier;
}

int64_t clock_day_start(int64_t at_ms)
{
	struct civil c = clock_civil_local(at_ms);

	return clock_instant_local((struct civil){ c.year, c.month, c.day, 0, 0, 0, 0 });
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_date_valid(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days_in_month(year, month);
}

/* Reads exactly n digits at *p. */
static bool digits(const char **p, const char *end, int n, int *out)
{
	int value = 0;

	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*out = value;
	return true;
}

static bool expect(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool read_date(const char **p, const char *end, struct civil *c)
{
	*c = (struct civil){ 0 };
	return digits(p, end, 4, &c->year) && expect(p, end, '-') && digits(p, end, 2, &c->month) &&
	       expect(p, end, '-') && digits(p, end, 2, &c->day) &&
	       clock_date_valid(c->year, c->month, c->day);
}

bool clock_parse_date(struct slice text, struct civil *out)
{
	const char *p = text.ptr, *end = slice_end(text);

	return read_date(&p, end, out) && p == end;
}

static bool read_fraction(const char **p, const char *end, struct civil *c)
{
	const char *first = *p;
	int scale = 100;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
		c->ms += scale * (**p - '0');
	return *p > first;
}

/* Minutes east of Greenwich. */
static bool read_zone(const char **p, const char *end, int *minutes)
{
	int hours = 0, rest = 0, sign = 1;

	*minutes = 0;
	if (expect(p, end, 'Z') || expect(p, end, 'z'))
		return true;
	if (expect(p, end, '-'))
		sign = -1;
	else if (!expect(p, end, '+'))
		return false;
	if (!digits(p, end, 2, &hours))
		return false;
	bool colon = expect(p, end, ':');
	if ((colon || *p < end) && !digits(p, end, 2, &rest))
		return false;
	if (hours > 14 || rest > 59)
		return false;
	*minutes = sign * (hours * 60 + rest);
	return true;
}

bool clock_parse_datetime(struct slice text, int64_t *out_ms)
{
	const char *p = text.ptr, *end = slice_end(text);
	struct civil c;
	int zone;

	if (!read_date(&p, end, &c))
		return false;
	if (!expect(&p, end, 'T') && !expect(&p, end, 't') && !expect(&p, end, ' '))
		return false;
	if (!digits(&p, end, 2, &c.hour) || !expect(&p, end, ':') || !digits(&p, end, 2, &c.minute))
		return false;
	if (expect(&p, end, ':')) {
		if (!digits(&p, end, 2, &c.second))
			return false;
		if (expect(&p, end, '.') && !read_fraction(&p, end, &c))
			return false;
	}
	if (c.hour > 23 || c.minute > 59 || c.second > 60 || !read_zone(&p, end, &zone) || p != end)
		return false;
	*out_ms = clock_instant(c) - zone * MS_MINUTE;
	return true;
}

/*
 * Epoch milliseconds: 9 digits are 1970-01-12, 14 are the year 5138. A shorter number
 * is a number.
 */
static bool read_epoch(struct slice text, int64_t *out_ms)
{
	int64_t value = 0;

	if (text.len < 9 || text.len > 14)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (text.ptr[i] - '0');
	}
	*out_ms = value;
	return true;
}

/* A day as older portals write it: its midnight in UTC, whatever the zone. Birthdays are before 1970, too. */
static bool read_epoch_day(struct slice text, struct civil *out)
{
	bool before = text.len && text.ptr[0] == '-';
	struct slice digits = { text.ptr + before, text.len - before };
	int64_t at_ms;

	if (!read_epoch(digits, &at_ms) || at_ms % MS_DAY)
		return false;
	*out = clock_civil(before ? -at_ms : at_ms);
	return true;
}

bool clock_parse_value(struct slice text, int64_t *out_ms, bool *is_date)
{
	struct civil c;
	bool day = clock_parse_date(text, &c) || read_epoch_day(text, &c);

	if (is_date)
		*is_date = day;
	if (day)
		*out_ms = clock_instant_local(c);
	return day || clock_parse_stamp(text, out_ms);
}

bool clock_parse_stamp(struct slice text, int64_t *out_ms)
{
	return clock_parse_datetime(text, out_ms) || read_epoch(text, out_ms);
}

static bool month_of(const char *name, int *month)
{
	for (int i = 0; i < 12; i++) {
		if (strcmp(name, months[i]) == 0) {
			*month = i + 1;
			return true;
		}
	}
	return false;
}

bool clock_parse_http(struct slice text, int64_t *out_ms)
{
	char buf[64], name[4] = "";
	struct civil c = { 0 };
	int end = 0;

	if (text.len == 0 || text.len >= sizeof(buf))
		return false;
	memcpy(buf, text.ptr, text.len);
	buf[text.len] = '\0';
	/* All three forms of RFC 9110 section 5.6.7, each tried whole. */
	if (sscanf(buf, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n", &c.day, name, &c.year,
		   &c.hour, &c.minute, &c.second, &end) != 6 ||
	    !end) {
		end = 0;
		if (sscanf(buf, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &c.day, name,
			   &c.year, &c.hour, &c.minute, &c.second, &end) == 6 &&
		    end) {
			c.year += c.year < 70 ? 2000 : 1900;
		} else {
			end = 0;
			if (sscanf(buf, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d%n", name, &c.day,
				   &c.hour, &c.minute, &c.second, &c.year, &end) != 6 ||
			    !end)
				return false;
		}
	}
	if (buf[end] || !month_of(name, &c.month) || !clock_date_valid(c.year, c.month, c.day) ||
	    c.hour > 23 || c.minute > 59 || c.second > 60 || c.hour < 0 || c.minute < 0 ||
	    c.second < 0)
		return false;
	*out_ms = clock_instant(c);
	return true;
}

bool clock_parse_duration(struct slice text, int64_t *out_ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "ms", 1 },	  { "s", MS_SECOND }, { "m", MS_MINUTE },
		{ "h", MS_HOUR }, { "d", MS_DAY },
	};
	int64_t n = 0;
	size_t i = 0;

	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
		n = n * 10 + (text.ptr[i] - '0');
		if (n > INT64_C(100000000000))
			return false;
	}
	if (i == 0)
		return false;
	struct slice unit = { text.ptr + i, text.len - i };
	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
		if (slice_is(unit, units[k].name)) {
			*out_ms = n * units[k].ms;
			return n * units[k].ms / units[k].ms == n;
		}
	}
	return false;
}

const char *clock_format(int64_t at_ms, char out[CLOCK_TEXT])
{
	struct civil c = clock_civil(at_ms);

	snprintf(out, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year % 10000, c.month,
		 c.day, c.hour, c.minute, c.second, c.ms);
	return out;
}

const char *clock_format_date(int64_t at_ms, char out[CLOCK_TEXT])
{
	struct civil c = clock_civil_local(at_ms);

	snprintf(out, CLOCK_TEXT, "%04d-%02d-%02d", c.year % 10000, c.month, c.day);
	return out;
}

const char *clock_format_http(int64_t at_ms, char out[CLOCK_TEXT])
{
	struct civil c = clock_civil(at_ms);
	int64_t day = floor_div(at_ms, MS_DAY);

	snprintf(out, CLOCK_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT",
		 weekdays[(day % 7 + 7) % 7], c.day, months[c.month - 1], c.year % 10000, c.hour,
		 c.minute, c.second);
	return out;
}

const char *clock_format_duration(int64_t ms, char out[CLOCK_TEXT])
{
	if (ms && ms % MS_DAY == 0)
		snprintf(out, CLOCK_TEXT, "%lldd", (long long)(ms / MS_DAY));
	else if (ms && ms % MS_HOUR == 0)
		snprintf(out, CLOCK_TEXT, "%lldh", (long long)(ms / MS_HOUR));
	else if (ms && ms % MS_MINUTE == 0)
		snprintf(out, CLOCK_TEXT, "%lldm", (long long)(ms / MS_MINUTE));
	else if (ms % MS_SECOND == 0)
		snprintf(out, CLOCK_TEXT, "%llds", (long long)(ms / MS_SECOND));
	else
		snprintf(out, CLOCK_TEXT, "%lldms", (long long)ms);
	return out;
}

struct civil clock_add(struct civil c, int64_t n, enum calendar_unit unit)
{
	if (unit == UNIT_DAY || unit == UNIT_WEEK) {
		civil_from_days(days_from_civil(c.year, c.month, c.day) +
					n * (unit == UNIT_WEEK ? 7 : 1),
				&c);
		return c;
	}
	int64_t month = (int64_t)c.year * 12 + (c.month - 1) + n * (unit == UNIT_YEAR ? 12 : 1);
	c.year = (int)floor_div(month, 12);
	c.month = (int)(month - (int64_t)c.year * 12) + 1;
	int last = days_in_month(c.year, c.month);
	if (c.day > last)
		c.day = last;
	return c;
}
