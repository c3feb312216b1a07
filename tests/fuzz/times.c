/*
 * Retry-After, header lines and every written form of time, against an
 * independent calendar (a table of years) and grammars (POSIX regular expressions).
 *
 * The first line is a time in any form, the rest are header lines.
 */
#include "tests/fuzz/fuzz.h"

#include <regex.h>

#include "base/clock.h"
#include "engine/http.h"

#define YEARS 10000
#define NOW INT64_C(1795435220000)
#define GROUPS 15
#define TEXT_MOST 80
#define MONTHS "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"

static int64_t year_days[YEARS + 1]; /* days from 1970-01-01 to each year's first */
static regex_t date, datetime, imf, duration;

static bool is_leap(int year)
{
	return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static int month_days(int year, int month)
{
	if (month == 2)
		return is_leap(year) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static void grammar(regex_t *out, const char *pattern)
{
	must(regcomp(out, pattern, REG_EXTENDED) == 0);
}

static void start(void)
{
	int64_t days = 0;

	struct err err;

	if (year_days[1])
		return;
	must(clock_set_zone("Europe/Warsaw", &err) == RC_OK);
	for (int y = 1970; y <= YEARS; y++) {
		year_days[y] = days;
		days += is_leap(y) ? 366 : 365;
	}
	for (int y = 1969; y >= 1; y--)
		year_days[y] = year_days[y + 1] - (is_leap(y) ? 366 : 365);
	grammar(&date, "^([0-9]{4})-([0-9]{2})-([0-9]{2})$");
	grammar(&datetime, "^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})"
			   "(:([0-9]{2})([.]([0-9]+))?)?([Zz]|([+-])([0-9]{2})(:?([0-9]{2}))?)$");
	grammar(&imf, "^[A-Za-z]{3}, ([0-9]{2}) (" MONTHS ") ([0-9]{4}) "
		      "([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$");
	grammar(&duration, "^([0-9]+)(ms|s|m|h|d)$");
}

/* The instant of a civil time; INT64_MIN where there is no such day or hour. */
static int64_t naive_instant(int year, int month, int day, const int time[3])
{
	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 ||
	    day > month_days(year, month) || time[0] > 23 || time[1] > 59 || time[2] > 60)
		return INT64_MIN;
	int64_t days = year_days[year] + day - 1;
	for (int m = 1; m < month; m++)
		days += month_days(year, m);
	return (((days * 24 + time[0]) * 60 + time[1]) * 60 + time[2]) * 1000;
}

/* A text that a grammar was held against, as a C string, with its groups. */
struct matched {
	char text[TEXT_MOST + 1];
	regmatch_t group[GROUPS];
};

static bool match(const regex_t *re, struct slice text, struct matched *out)
{
	if (text.len > TEXT_MOST || (text.len && memchr(text.ptr, 0, text.len)))
		return false;
	if (text.len)
		memcpy(out->text, text.ptr, text.len);
	out->text[text.len] = '\0';
	return regexec(re, out->text, GROUPS, out->group, 0) == 0;
}

static int group_number(const struct matched *m, int i)
{
	int n = 0;

	for (int k = m->group[i].rm_so; m->group[i].rm_so >= 0 && k < m->group[i].rm_eo; k++)
		n = n * 10 + (m->text[k] - '0');
	return n;
}

static int64_t naive_datetime(struct slice text)
{
	struct matched m;
	int64_t ms = 0, scale = 100;

	if (!match(&datetime, text, &m))
		return INT64_MIN;
	int time[3] = { group_number(&m, 4), group_number(&m, 5), group_number(&m, 7) };
	int64_t at = naive_instant(group_number(&m, 1), group_number(&m, 2), group_number(&m, 3),
				   time);
	int zone_hours = group_number(&m, 12), zone_minutes = group_number(&m, 14);
	if (at == INT64_MIN || zone_hours > 14 || zone_minutes > 59)
		return INT64_MIN;
	for (int i = m.group[9].rm_so; m.group[9].rm_so >= 0 && i < m.group[9].rm_eo; i++) {
		ms += (m.text[i] - '0') * scale;
		scale /= 10;
	}
	int64_t zone = (zone_hours * 60 + zone_minutes) * INT64_C(60000);
	bool west = m.group[11].rm_so >= 0 && m.text[m.group[11].rm_so] == '-';
	return at + ms + (west ? zone : -zone);
}

static void check_datetime(struct slice text)
{
	int64_t ours = INT64_MIN, again;
	char back[CLOCK_TEXT];

	if (!clock_parse_datetime(text, &ours))
		ours = INT64_MIN;
	must(ours == (text.len > TEXT_MOST ? ours : naive_datetime(text)));
	if (ours == INT64_MIN || clock_civil(ours).year < 1 || clock_civil(ours).year > 9999)
		return;
	must(clock_parse_datetime(slice_of(clock_format(ours, back)), &again) && again == ours);
}

static void check_date(struct slice text)
{
	static const int midnight[3] = { 0, 0, 0 };
	struct civil c;
	struct matched m;
	int64_t ours = INT64_MIN, value, naive = INT64_MIN;
	bool is_date;

	if (clock_parse_date(text, &c))
		ours = clock_instant(c);
	if (match(&date, text, &m))
		naive = naive_instant(group_number(&m, 1), group_number(&m, 2), group_number(&m, 3),
				      midnight);
	must(ours == naive);
	if (ours == INT64_MIN)
		return;
	must(clock_parse_value(text, &value, &is_date) && is_date);
	char back[CLOCK_TEXT];
	must(slice_is(text, clock_format_date(value, back)));
	must(clock_day_start(value) == value);
}

static int month_number(const char *name)
{
	return (int)(strstr(MONTHS, (char[]){ name[0], name[1], name[2], 0 }) - MONTHS) / 4 + 1;
}

static void check_http(struct slice text)
{
	int64_t ours = INT64_MIN, again;
	char back[CLOCK_TEXT];
	struct matched m;

	if (!clock_parse_http(text, &ours))
		ours = INT64_MIN;
	/* Other forms are taken, too; the one that is written today, exactly. */
	if (match(&imf, text, &m)) {
		int time[3] = { group_number(&m, 4), group_number(&m, 5), group_number(&m, 6) };
		must(ours == naive_instant(group_number(&m, 3),
					   month_number(m.text + m.group[2].rm_so),
					   group_number(&m, 1), time));
	}
	if (ours == INT64_MIN)
		return;
	must(ours % 1000 == 0);
	must(clock_parse_http(slice_of(clock_format_http(ours, back)), &again) && again == ours);
}

static void check_duration(struct slice text)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 36e5 }, { "d", 864e5 } };
	int64_t ours = -1, again;
	char back[CLOCK_TEXT];
	struct matched m;

	bool taken = clock_parse_duration(text, &ours);
	if (text.len > TEXT_MOST)
		return;
	must(!taken || match(&duration, text, &m));
	if (!match(&duration, text, &m))
		return;
	for (size_t i = 0; taken && i < COUNT(units); i++)
		if (strcmp(m.text + m.group[2].rm_so, units[i].unit) == 0)
			must((double)ours == atof(m.text) * units[i].ms || ours > 1LL << 53);
	must(taken || atof(m.text) > 1e11);
	if (taken)
		must(clock_parse_duration(slice_of(clock_format_duration(ours, back)), &again) &&
		     again == ours);
}

/* Any instant at all comes out as a civil time and back; in any number of units, too. */
static void check_instant(struct slice bytes)
{
	int64_t at = 0;
	char text[CLOCK_TEXT];

	memcpy(&at, bytes.ptr, bytes.len < sizeof(at) ? bytes.len : sizeof(at));
	struct civil c = clock_civil(at);
	must(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= month_days(c.year, c.month));
	must(c.hour >= 0 && c.hour <= 23 && c.ms >= 0 && c.ms <= 999);
	clock_format(at, text);
	clock_format_http(at, text);
	if (c.year < 1 || c.year > 9999)
		return;
	must(clock_instant(c) == at);
	must(clock_instant_local(clock_civil_local(at)) <= at);
	int n = (int8_t)(at >> 7);
	struct civil d = clock_add(c, n, UNIT_DAY), m = clock_add(c, n, UNIT_MONTH);
	must(clock_instant(d) == at + n * MS_DAY);
	must(m.day <= c.day && m.day <= month_days(m.year, m.month));
	must(m.day == c.day || m.day == month_days(m.year, m.month));
	must(m.year * 12 + m.month == c.year * 12 + c.month + n);
}

/* The value of the first header of that name before an empty line. */
static struct slice naive_header(struct slice lines, const char *name)
{
	size_t len = strlen(name);

	for (size_t at = 0; at < lines.len;) {
		const char *from = lines.ptr + at, *stop = memchr(from, '\n', lines.len - at);
		size_t n = stop ? (size_t)(stop - from) : lines.len - at;
		at += n + 1;
		n -= n && from[n - 1] == '\r';
		if (n == 0)
			break;
		if (n > len && strncasecmp(from, name, len) == 0 && from[len] == ':')
			return slice_trim((struct slice){ from + len + 1, n - len - 1 });
	}
	return (struct slice){ 0 };
}

static bool all_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* Of digits: as far as a day of seconds goes. */
static int64_t naive_seconds(struct slice digits)
{
	char text[8];

	while (digits.len && *digits.ptr == '0')
		digits = (struct slice){ digits.ptr + 1, digits.len - 1 };
	if (digits.len >= sizeof(text))
		return MS_DAY;
	memcpy(text, digits.ptr, digits.len);
	text[digits.len] = '\0';
	return atoi(text);
}

static void check_headers(struct slice lines)
{
	struct http_response r;
	struct slice retry = naive_header(lines, "Retry-After"), when = naive_header(lines, "Date");
	int64_t at_ms, date_ms, wait = HTTP_ABSENT;

	http_read_headers(lines, NOW, &r);
	bool dated = clock_parse_http(when, &date_ms);
	must(r.date_ms == (dated ? date_ms : HTTP_ABSENT));
	if (all_digits(retry))
		wait = naive_seconds(retry) * 1000;
	else if (clock_parse_http(retry, &at_ms))
		wait = at_ms - (dated ? date_ms : NOW);
	if (wait != HTTP_ABSENT)
		wait = wait < 0 ? 0 : wait > MS_DAY ? MS_DAY : wait;
	must(r.retry_after_ms == wait);
	must((r.rate_max == HTTP_ABSENT) ==
	     !all_digits(naive_header(lines, "X-HubSpot-RateLimit-Max")));
	must(r.rate_interval_ms == HTTP_ABSENT || r.rate_interval_ms >= 0);
	must((r.day_left == HTTP_ABSENT) ==
	     !all_digits(naive_header(lines, "X-HubSpot-RateLimit-Daily-Remaining")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct slice all = { (const char *)data, size };
	struct slice text = input_until(&in, '\n');

	start();
	check_date(text);
	check_datetime(text);
	check_http(text);
	check_duration(text);
	check_instant(all);
	check_headers(input_rest(&in));
	return 0;
}
