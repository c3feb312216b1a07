#include "tests/model/rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"

/* ---- filters ------------------------------------------------------------ */

static bool among(const struct model_values *v, const char *value)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->value[i], value) == 0)
			return true;
	return false;
}

static bool ends_with(const char *value, const char *end)
{
	size_t n = strlen(value), m = strlen(end);

	return n >= m && strcasecmp(value + n - m, end) == 0;
}

/* One option of `a;b;c`. */
static bool has_option(const char *value, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ";");
		if (len == n && strncmp(p, option, n) == 0)
			return true;
		p += len + (p[len] == ';');
	}
	return false;
}

/* False where either is no number. */
static bool compare(const char *value, const char *other, enum model_operator operator)
{
	char *end, *other_end;
	double a = strtod(value, &end), b = strtod(other, &other_end);

	if (*end || end == value || *other_end)
		return false;
	switch (operator) {
	case OP_AT_LEAST:
		return a >= b;
	case OP_AT_MOST:
		return a <= b;
	case OP_MORE:
		return a > b;
	default:
		return a < b;
	}
}

static bool test_holds(const struct model_filter *f, const char *value)
{
	const char *first = f->values.count ? f->values.value[0] : "";

	switch (f->operator) {
	case OP_IS_NOT:
	case OP_NOT_IN:
		return !among(&f->values, value);
	case OP_HAS_NOT:
		return !has_option(value, first);
	case OP_UNKNOWN:
		return !*value;
	default:
		break;
	}
	if (!*value)
		return false; /* an empty value makes every other test false */
	switch (f->operator) {
	case OP_KNOWN:
		return true;
	case OP_IS:
	case OP_IN:
		return among(&f->values, value);
	case OP_CONTAINS:
		return strcasestr(value, first) != NULL;
	case OP_STARTS:
		return strncasecmp(value, first, strlen(first)) == 0;
	case OP_ENDS:
		return ends_with(value, first);
	case OP_HAS:
		return has_option(value, first);
	default:
		return compare(value, first, f->operator);
	}
}

/* The contact as it was, for filters. */
struct moment {
	const struct model_record *who;
	int64_t at_ms;
	bool merge_known;
};

/* What a merge set is the value, for all who looked before the next change. */
static enum model_answer value_holds(const struct model_filter *f, const struct moment *m)
{
	bool told = test_holds(f, model_as_of(m->who, f->property, m->at_ms));
	bool shown = test_holds(f, model_shown(m->who, f->property, m->at_ms));

	if (told != shown && !(m->merge_known && model_stays(m->who, f->property, m->at_ms)))
		return MODEL_MAYBE;
	return shown ? MODEL_YES : MODEL_NO;
}

static enum model_answer filter_holds(const struct model_filter *f, const struct moment *m)
{
	enum model_answer least = MODEL_YES, most = MODEL_NO;

	if (f->kind == FILTER_TEST)
		return value_holds(f, m);
	for (size_t i = 0; i < f->children; i++) {
		enum model_answer one = filter_holds(f->child[i], m);
		least = one < least ? one : least;
		most = one > most ? one : most;
	}
	switch (f->kind) {
	case FILTER_ALL:
		return least;
	case FILTER_ANY:
		return most;
	default:
		return MODEL_YES - most;
	}
}

enum model_answer model_matches(const struct model_rule *rule, const struct model_record *r,
				const char *from, const char *to, int64_t as_of_ms,
				bool merge_known)
{
	struct moment m = { r, as_of_ms, merge_known };

	if (rule->says_from && !among(&rule->from, from))
		return MODEL_NO;
	/* Clearing earns nothing unless the rule names the empty value. */
	if (!rule->joins && (rule->says_to ? !among(&rule->to, to) : !*to))
		return MODEL_NO;
	return rule->filter ? filter_holds(rule->filter, &m) : MODEL_YES;
}

/* ---- an address ---------------------------------------------------------- */

bool model_email_valid(const char *address)
{
	const char *at = strchr(address, '@');
	bool dot = false;

	if (!at || at == address || at - address > 64 || strchr(at + 1, '@') ||
	    strlen(address) > 254)
		return false;
	for (const char *p = address; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return false;
	for (const char *p = at + 1; *p; p++) {
		if (*p == '.' && (p[1] == '.' || p[1] == '\0' || p == at + 1))
			return false;
		dot |= *p == '.';
	}
	return dot;
}

/* ---- fields -------------------------------------------------------------- */

/* Upper case, as far as the names that are drawn need it. */
static void add_upper(struct str *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (strncmp(p, "ö", strlen("ö")) == 0)
			str_add_text(out, "Ö");
		else if (p == text || (unsigned char)*p != 0xb6)
			str_add_char(out, *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p);
	}
}

static void render_name(const struct model_event *e, int64_t at_ms, struct str *out)
{
	const char *first = model_current(e->who, M_FIRST, at_ms),
		   *last = model_current(e->who, M_LAST, at_ms);

	if (e->rule->names == NAME_UPPER)
		add_upper(out, first);
	else if (e->rule->names == NAME_FIRST)
		str_add_text(out, first);
	else
		str_addf(out, "%s%s%s", first, *first && *last ? " " : "", last);
	if (!out->len)
		str_add_text(out, model_current(e->who, M_EMAIL, at_ms));
}

static int64_t id_at(const struct model_record *r, int64_t at_ms)
{
	while (r->into && at_ms >= r->end_ms)
		r = r->into;
	return r->id;
}

static void init_field(struct str *s)
{
	str_init(s, LIMIT_FIELD_BYTES);
	str_add_text(s, "");
}

void model_render(const struct model_event *e, int64_t at_ms, struct model_fields *out)
{
	char at[CLOCK_TEXT];
	struct civil day = clock_civil(e->at_ms);

	*out = (struct model_fields){ .tier = "" };
	init_field(&out->name);
	init_field(&out->email);
	init_field(&out->note);
	render_name(e, at_ms, &out->name);
	str_add_text(&out->email, model_current(e->who, M_EMAIL, at_ms));
	clock_format_date(e->at_ms, out->issue_date);
	if (e->rule->expires)
		clock_format_date(clock_instant(clock_add(day, 1, UNIT_YEAR)), out->expiry_date);
	if (e->rule->says_to_field)
		out->tier = e->rule->joins ? e->rule->list_name : e->to;
	if (e->rule->stamped)
		str_addf(&out->note, "%s %s %lld", e->rule->name, clock_format(e->at_ms, at),
			 (long long)id_at(e->who, at_ms));
}

void model_fields_release(struct model_fields *f)
{
	str_release(&f->name);
	str_release(&f->email);
	str_release(&f->note);
}
