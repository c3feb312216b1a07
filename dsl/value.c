#include "dsl/value.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"

#define NAME_BYTES 64
/* HubSpot's own ceiling on an internal name is 100 characters (its property API refuses longer
 * ones). */
#define PROPERTY_BYTES 100

static const char *kind_name(const struct node *n)
{
	return n->kind == NODE_LIST ? "a list" : "a map";
}

bool value_text(struct faults *f, const struct node *n, const char *what)
{
	if (n->broken)
		return false;
	if (n->kind != NODE_TEXT) {
		fault(f, CODE_WRONG_TYPE, n, "'%s' takes one value, not %s", what, kind_name(n));
		return false;
	}
	if (node_is_missing(n)) {
		fault(f, CODE_MISSING_VALUE, n->key ? n->key : n, "'%s' has no value", what);
		return false;
	}
	return true;
}

static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

bool value_line(struct faults *f, const struct node *n, const char *what)
{
	if (!value_text(f, n, what))
		return false;
	if (slice_trim(n->text).len == 0) {
		fault(f, CODE_MISSING_VALUE, n, "'%s' is empty", what);
		return false;
	}
	if (has_control(n->text)) {
		fault(f, CODE_BAD_CHARACTER, n, "'%s' holds a control character", what);
		return false;
	}
	return true;
}

static bool check_entry(struct faults *f, const struct node *entry, const char *what)
{
	if (entry->broken)
		return false;
	if (entry->kind != NODE_TEXT) {
		fault(f, CODE_WRONG_TYPE, entry, "a value of '%s' is one text, not %s", what,
		      kind_name(entry));
		return false;
	}
	if (node_is_missing(entry)) {
		fault(f, CODE_MISSING_VALUE, entry, "a value of '%s' is missing", what);
		fault_hint(f, "write \"\" for the empty value");
		return false;
	}
	return true;
}

bool value_texts(struct faults *f, const struct node *n, const char *what)
{
	bool good = true;
	size_t count = 0;

	if (n->broken)
		return false;
	if (n->kind == NODE_MAP) {
		fault(f, CODE_WRONG_TYPE, n, "'%s' takes a value or a list of values, not a map",
		      what);
		return false;
	}
	if (node_is_missing(n)) {
		fault(f, CODE_MISSING_VALUE, n->key ? n->key : n, "'%s' has no value", what);
		fault_hint(f, "write \"\" for the empty value");
		return false;
	}
	if (n->kind == NODE_LIST && n->count == 0) {
		fault(f, CODE_MISSING_VALUE, n, "'%s' has an empty list", what);
		return false;
	}
	if (n->count > LIMIT_VALUES) {
		fault(f, CODE_TOO_LARGE, n, "'%s' has more than %u values", what, LIMIT_VALUES);
		return false;
	}
	for (const struct node *e = n->first; e; e = e->next, count++)
		good &= check_entry(f, e, what);
	return good;
}

bool value_word(struct faults *f, const struct node *n, const char *what, const char *const *words,
		int *out)
{
	size_t count = 0;

	if (!value_text(f, n, what))
		return false;
	for (; words[count]; count++) {
		if (slice_is(n->text, words[count])) {
			*out = (int)count;
			return true;
		}
	}
	fault(f, CODE_UNKNOWN_VALUE, n, "'%s' cannot be %s", what, fault_shown(f, n->text));
	fault_words(f, n->text, words, count);
	return false;
}

bool value_bool(struct faults *f, const struct node *n, const char *what, bool *out)
{
	static const char *const yes_words[] = { "yes", "on", "y", "1" };
	static const char *const no_words[] = { "no", "off", "n", "0" };

	if (!value_text(f, n, what))
		return false;
	*out = slice_is(n->text, "true");
	if (*out || slice_is(n->text, "false"))
		return true;
	fault(f, CODE_BAD_VALUE, n, "'%s' takes true or false, not %s", what,
	      fault_shown(f, n->text));
	const char *meant = NULL;
	for (size_t i = 0; i < 4; i++) {
		if (slice_eq_nocase(n->text, slice_of(yes_words[i])))
			meant = "true";
		if (slice_eq_nocase(n->text, slice_of(no_words[i])))
			meant = "false";
	}
	static const char *const both[] = { "true", "false" };
	if (!meant)
		meant = diag_nearest(n->text, both, 2);
	if (meant)
		fault_hint(f, "did you mean '%s'?", meant);
	return false;
}

/* ---- duration, rate, date ---------------------------------------------- */

static bool all_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* What the writer of a wrong duration most likely meant. */
static void hint_duration(struct faults *f, struct slice text)
{
	static const char *const units[][2] = {
		{ "sec", "s" },	 { "secs", "s" },  { "second", "s" }, { "seconds", "s" },
		{ "min", "m" },	 { "mins", "m" },  { "minute", "m" }, { "minutes", "m" },
		{ "hour", "h" }, { "hours", "h" }, { "hr", "h" },     { "day", "d" },
		{ "days", "d" }, { "msec", "ms" }, { "S", "s" },      { "M", "m" },
		{ "H", "h" },	 { "D", "d" },	   { "s", "s" },      { "m", "m" },
		{ "h", "h" },	 { "d", "d" },	   { "ms", "ms" },
	};
	size_t n = 0;

	while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
		n++;
	struct slice unit = slice_trim((struct slice){ text.ptr + n, text.len - n });
	if (n && n < 10 && !unit.len) {
		fault_hint(f, "with a unit: did you mean '%.*ss'?", (int)n, text.ptr);
		return;
	}
	for (size_t i = 0; n && n < 10 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (slice_is(unit, units[i][0])) {
			fault_hint(f, "did you mean '%.*s%s'?", (int)n, text.ptr, units[i][1]);
			return;
		}
	}
	fault_hint(f, "digits and a unit: 500ms, 30s, 10m, 2h or 7d");
}

bool value_duration(struct faults *f, const struct node *n, const char *what, int64_t least,
		    int64_t most, int64_t *out_ms)
{
	char limit[CLOCK_TEXT];

	if (!value_text(f, n, what))
		return false;
	if (!clock_parse_duration(n->text, out_ms)) {
		fault(f, CODE_BAD_DURATION, n, "%s is no duration", fault_shown(f, n->text));
		hint_duration(f, n->text);
		return false;
	}
	if (*out_ms >= least && *out_ms <= most)
		return true;
	bool low = *out_ms < least;
	/* 24h is how people and rules.md say it, not 1d. */
	const char *bound = !low && most == MS_DAY
				    ? "24h"
				    : clock_format_duration(low ? least : most, limit);
	fault(f, CODE_BAD_DURATION, n, "'%s' of %s is %s than %s", what, fault_shown(f, n->text),
	      low ? "less" : "more", bound);
	return false;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Up to nine digits before the point and six behind: anything beyond is a slip of the hand. */
static bool parse_amount(struct slice text, int64_t *count, int64_t *per)
{
	size_t whole = 0, fraction = 0;
	bool point = false;

	*count = 0;
	*per = 1;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '.' && !point && whole) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || ++*(point ? &fraction : &whole) > (point ? 6u : 9u))
			return false;
		*count = *count * 10 + (c - '0');
		*per *= point ? 10 : 1;
	}
	return whole && point == (fraction > 0);
}

bool value_parse_rate(struct slice text, struct rate *out)
{
	static const struct {
		char name;
		int64_t ms;
	} units[] = {
		{ 's', MS_SECOND },
		{ 'm', MS_MINUTE },
		{ 'h', MS_HOUR },
		{ 'd', MS_DAY },
	};
	const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;

	if (!slash || slash + 2 != text.ptr + text.len)
		return false;
	if (!parse_amount((struct slice){ text.ptr, (size_t)(slash - text.ptr) }, &out->count,
			  &out->per_ms))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (slash[1] != units[i].name)
			continue;
		out->per_ms *= units[i].ms;
		if (out->count == 0)
			return true;
		int64_t by = common_divisor(out->count, out->per_ms / units[i].ms);
		out->count /= by;
		out->per_ms /= by;
		return true;
	}
	return false;
}

double rate_per_second(const struct rate *rate)
{
	return (double)rate->count * 1000.0 / (double)rate->per_ms;
}

bool value_rate(struct faults *f, const struct node *n, const char *what, struct rate *out)
{
	if (!value_text(f, n, what))
		return false;
	if (!value_parse_rate(n->text, out)) {
		fault(f, CODE_BAD_RATE, n, "%s is no rate", fault_shown(f, n->text));
		if (all_digits(n->text) && n->text.len < 10)
			fault_hint(f, "with a unit: did you mean '%.*s/h' or '%.*s/s'?",
				   SLICE_FMT(n->text), SLICE_FMT(n->text));
		else
			fault_hint(f, "a number per s, m, h or d: 2.5/s or 1000/h");
		return false;
	}
	if (out->count > 0)
		return true;
	fault(f, CODE_BAD_RATE, n, "'%s' must be above zero", what);
	return false;
}

bool value_date(struct faults *f, const struct node *n, const char *what, int64_t *out_ms)
{
	struct civil day;

	if (!value_text(f, n, what))
		return false;
	if (clock_parse_date(n->text, &day)) {
		*out_ms = clock_instant_local(day);
		return true;
	}
	fault(f, CODE_BAD_DATE, n, "%s is no date", fault_shown(f, n->text));
	fault_hint(f, "a day that exists, written YYYY-MM-DD, such as 2026-01-31");
	return false;
}

/* ---- addresses and secrets --------------------------------------------- */

static struct slice after(struct slice text, const char *prefix)
{
	size_t n = strlen(prefix);

	return (struct slice){ text.ptr + n, text.len - n };
}

/* NULL where the address is good; *rest is what follows the scheme. */
static const char *url_problem(struct slice text, struct slice *rest)
{
	if (slice_starts(text, slice_of("https://")))
		*rest = after(text, "https://");
	else if (slice_starts(text, slice_of("http://")))
		*rest = after(text, "http://");
	else
		return "it must begin with https:// or http://";
	size_t host = 0;
	while (host < rest->len && rest->ptr[host] != '/' && rest->ptr[host] != '?' &&
	       rest->ptr[host] != '#')
		host++;
	if (host && memchr(rest->ptr, '@', host))
		return "leave user and password out";
	if (!host || rest->ptr[0] == ':')
		return "the host is missing";
	for (size_t i = 0; i < rest->len; i++) {
		unsigned char c = (unsigned char)rest->ptr[i];
		if (c == '?' || c == '#')
			return "leave out everything from '?' or '#' on";
		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c))
			return "it holds a character that an address cannot hold";
	}
	const char *colon = rest->ptr[0] == '[' ? NULL : memchr(rest->ptr, ':', host);
	if (colon) {
		struct slice port = { colon + 1, (size_t)(rest->ptr + host - colon - 1) };
		if (!all_digits(port) || port.len > 5)
			return "its port is no number";
	}
	return NULL;
}

bool value_url(struct faults *f, const struct node *n, const char *what, struct slice *out)
{
	struct slice rest;

	if (!value_line(f, n, what))
		return false;
	const char *problem = n->text.len > LIMIT_URL_BYTES / 2 ? "it is too long"
								: url_problem(n->text, &rest);
	if (problem) {
		/* The address is not repeated: it may hold a password. */
		fault(f, CODE_BAD_URL, n, "'%s' is no usable address", what);
		fault_hint(f, "%s", problem);
		return false;
	}
	*out = n->text;
	while (out->ptr[out->len - 1] == '/')
		out->len--;
	return true;
}

/* Small letters pass in ${…}, where no secret begins so; `$w0rd` without braces may be one. */
static bool is_env_name(struct slice name, bool small)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'A' && c <= 'Z') || (small && c >= 'a' && c <= 'z') || c == '_';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.len > 0;
}

bool value_secret(struct faults *f, const struct node *n, const char *what, const char *variable,
		  struct arena *arena, struct secret *out)
{
	if (!value_line(f, n, what))
		return false;
	struct slice text = n->text;
	bool braces = text.len > 3 && slice_starts(text, slice_of("${")) &&
		      text.ptr[text.len - 1] == '}';
	if (slice_starts(text, slice_of("file:"))) {
		struct slice path = after(text, "file:");
		*out = (struct secret){ SECRET_FILE, arena_text(arena, path) };
		if (path.len && path.len < LIMIT_SECRET_BYTES)
			return true;
		fault(f, CODE_BAD_SECRET, n, "'file:' needs the path of a file behind it");
		return false;
	}
	struct slice name = { text.ptr + 2, braces ? text.len - 3 : 0 };
	if (braces && is_env_name(name, true)) {
		*out = (struct secret){ SECRET_ENV, arena_text(arena, name) };
		return true;
	}
	if (slice_starts(text, slice_of("${"))) {
		fault(f, CODE_BAD_SECRET, n, "this names no environment variable");
		fault_hint(f, "write ${NAME}, of letters, digits and _");
		return false;
	}
	if (text.ptr[0] == '$' && is_env_name(after(text, "$"), false)) {
		fault(f, CODE_BAD_SECRET, n, "an environment variable is written in braces");
		fault_hint(f, "did you mean '${%.*s}'?", SLICE_FMT(after(text, "$")));
		return false;
	}
	fault(f, CODE_INLINE_SECRET, n, "the secret '%s' is written out in the file", what);
	fault_hint(f,
		   "put it in the environment and write ${%s}, or in a file and write file:PATH; "
		   "then replace the secret, for it may have been copied",
		   variable);
	return false;
}

/* ---- names ------------------------------------------------------------- */

static bool name_valid(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i)))
			return false;
	}
	return name.len > 0 && name.len <= NAME_BYTES;
}

/* "Tier Badge" as tier-badge. */
static struct slice name_like(struct faults *f, struct slice text)
{
	struct slice name = arena_slice(&f->diags->text, text);

	for (char *p = (char *)name.ptr; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
		else if (*p == ' ' || *p == '_' || *p == '.')
			*p = '-';
	}
	return name;
}

bool value_name(struct faults *f, const struct node *n, const char *what)
{
	if (!value_line(f, n, what))
		return false;
	if (name_valid(n->text))
		return true;
	fault(f, CODE_BAD_NAME, n, "%s is no name for %s %s", fault_shown(f, n->text),
	      strchr("aeiou", what[0]) ? "an" : "a", what);
	struct slice like = name_like(f, n->text);
	if (name_valid(like))
		fault_hint(f, "did you mean '%s'?", like.ptr);
	else
		fault_hint(f, "a to z, 0 to 9 and -, not first -, at most %d characters",
			   NAME_BYTES);
	return false;
}

/* "Membership Tier" as membership_tier; NULL where nothing sensible comes of it. */
static const char *internal_name(struct faults *f, struct slice label)
{
	char *name = arena_text(&f->diags->text, label);

	for (char *p = name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
		else if (*p == ' ' || *p == '-' || *p == '.')
			*p = '_';
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
			return NULL;
	}
	return name;
}

bool value_property_part(struct faults *f, const struct node *n, size_t from, size_t to)
{
	struct slice name = { n->text.ptr + from, to - from };
	bool good = name.len > 0 && name.len <= PROPERTY_BYTES;

	for (size_t i = 0; good && i < name.len; i++) {
		char c = name.ptr[i];
		good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
	}
	if (good)
		return true;
	fault_part(f, CODE_BAD_NAME, n, from, to, "%s is no internal name of a property",
		   fault_shown(f, name));
	const char *meant = name.len && name.len <= PROPERTY_BYTES ? internal_name(f, name) : NULL;
	if (meant)
		fault_hint(f, "the internal name is meant, not the label: perhaps '%s'", meant);
	else
		fault_hint(f, "internal names are of a to z, 0 to 9 and _; HubSpot shows it "
			      "behind </> in the property's settings");
	return false;
}

bool value_property(struct faults *f, const struct node *n)
{
	return value_line(f, n, "property") && value_property_part(f, n, 0, n->text.len);
}
