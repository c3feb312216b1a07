/*
 * why - why a contact did or did not earn a credential, drawn as a tree.
 */
#include "engine/cli/why.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define HASH_SHOWN 12
#define MOST_DEPTH (LIMIT_YAML_DEPTH + 4)

void why_print(struct str *out)
{
	fwrite(str_text(out), 1, out->len, stdout);
	str_clear(out);
}

/* ---- the tree --------------------------------------------------------------- */

/* Draws one line after another; knows which branches go on. */
struct pen {
	struct str *out;
	const struct glyphs *glyphs;
	bool colour;
	bool more[MOST_DEPTH]; /* by depth: another branch follows below */
};

struct glyphs {
	const char *down, *blank, *branch, *last, *yes, *no, *unsure, *arrow;
};

static const struct glyphs utf8_glyphs = { "│  ", "   ", "├─ ", "└─ ", "✓", "✗", "?", "→" };
static const struct glyphs ascii_glyphs = { "|  ", "   ", "|- ", "`- ", "+", "x", "?", "->" };

/* The locale says so, in its usual three places. */
static bool speaks_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *locale = "";

	for (size_t i = 0; i < 3 && !locale[0]; i++)
		locale = getenv(names[i]) ? getenv(names[i]) : "";
	return strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8");
}

/* Begins a line at this depth. */
static void branch(struct pen *p, size_t depth, bool more)
{
	for (size_t i = 0; i < depth; i++)
		str_add_text(p->out, p->more[i] ? p->glyphs->down : p->glyphs->blank);
	str_add_text(p->out, more ? p->glyphs->branch : p->glyphs->last);
	p->more[depth] = more;
}

static void paint(struct pen *p, const char *code)
{
	if (p->colour)
		str_addf(p->out, "\033[%sm", code);
}

static void add_mark(struct pen *p, enum answer answer)
{
	bool yes = answer == ANSWER_YES, no = answer == ANSWER_NO;

	paint(p, yes ? "32" : no ? "31" : "33");
	str_add_text(p->out, yes ? p->glyphs->yes : no ? p->glyphs->no : p->glyphs->unsure);
	paint(p, "0");
	str_add_char(p->out, ' ');
}

static void add_dim(struct pen *p, const char *text)
{
	paint(p, "2");
	str_add_text(p->out, text);
	paint(p, "0");
}

/* Seconds are enough for people. */
static void add_time(struct str *out, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	str_addf(out, "%.19sZ", clock_format(at_ms, text));
}

/* The time alone where the day is that of another one. */
static void add_time_near(struct str *out, int64_t at_ms, int64_t near_ms)
{
	char text[CLOCK_TEXT], near[CLOCK_TEXT];

	clock_format(at_ms, text);
	bool same = memcmp(text, clock_format(near_ms, near), strlen("2026-01-01")) == 0;
	str_addf(out, "%.*sZ", same ? 8 : 19, same ? text + 11 : text);
}

static size_t columns_of(const struct str *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += ((unsigned char)text->ptr[i] & 0xc0) != 0x80;
	return n;
}

static void pad(struct str *out, size_t have, size_t want)
{
	for (; have < want; have++)
		str_add_char(out, ' ');
	str_add_text(out, "  ");
}

/* ---- tests ------------------------------------------------------------------ */

/* Columns of the longest test and of the longest value of a rule. */
struct widths {
	size_t test, seen;
};

static struct widths measure(const struct trace *t)
{
	struct widths w = { 0, 0 };
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	for (size_t i = 0; i < t->count; i++) {
		const struct trace_line *l = &t->line[i];
		if (!l->what)
			continue;
		trace_add_words(&text, t->rule, l);
		size_t test = columns_of(&text) + 3 * l->depth;
		str_clear(&text);
		why_add_seen(&text, l);
		w.seen = columns_of(&text) > w.seen ? columns_of(&text) : w.seen;
		w.test = test > w.test ? test : w.test;
		str_clear(&text);
	}
	str_release(&text);
	w.test = w.test > 48 ? 48 : w.test;
	w.seen = w.seen > 28 ? 28 : w.seen;
	return w;
}

static void draw_test(struct pen *p, const struct trace *t, const struct trace_line *l,
		      struct widths w)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	add_mark(p, l->answer);
	trace_add_words(&text, t->rule, l);
	str_add_slice(p->out, str_slice(&text));
	if (l->what) {
		pad(p->out, columns_of(&text) + 3 * l->depth, w.test);
		str_clear(&text);
		why_add_seen(&text, l);
		str_add_slice(p->out, str_slice(&text));
		pad(p->out, columns_of(&text), w.seen);
		str_clear(&text);
		str_addf(&text, "%s:%u:%u", l->file, l->line, l->column);
		add_dim(p, str_text(&text));
	}
	str_add_char(p->out, '\n');
	str_release(&text);
}

/* What would have to be otherwise, in one line. */
static void draw_difference(struct pen *p, size_t depth, const struct trace *t)
{
	const char *comma = "to match: ";

	branch(p, depth, false);
	for (size_t i = 0; i < t->count; i++) {
		const struct trace_line *l = &t->line[i];
		if (!l->differs)
			continue;
		str_add_text(p->out, comma);
		paint(p, "1");
		trace_add_words(p->out, t->rule, l);
		paint(p, "0");
		str_add_text(p->out, l->answer == ANSWER_YES  ? " must not hold"
				     : l->answer == ANSWER_NO ? " must hold"
							      : " must be known");
		comma = ", and ";
	}
	str_add_char(p->out, '\n');
}

static void draw_trace(struct pen *p, size_t depth, const struct trace *t, bool more)
{
	struct widths w = measure(t);

	for (size_t i = 0; i < t->count; i++) {
		const struct trace_line *l = &t->line[i];
		bool next = l->end < t->count && t->line[l->end].depth == l->depth;
		branch(p, depth + l->depth, next || (l->depth == 0 && more));
		draw_test(p, t, l, w);
	}
}

/* ---- issuances ---------------------------------------------------------------- */

static void draw_issuance(struct pen *p, size_t depth, const struct why_issuance *is)
{
	branch(p, depth, false);
	str_addf(p->out, "issuance %lld: %s", (long long)is->id, is->state);
	if (strcmp(is->state, issuance_state_names[STATE_SHADOW]) == 0)
		str_add_text(p->out, ", live it would have been issued");
	if (is->reason) {
		str_add_text(p->out, " (");
		str_add_shown(p->out, slice_of(is->reason));
		str_add_char(p->out, ')');
	}
	if (is->public_url) {
		str_add_text(p->out, "  ");
		str_add_shown(p->out, slice_of(is->public_url));
	}
	str_add_char(p->out, '\n');
	for (size_t i = 0; i < is->steps; i++) {
		const struct why_step *s = &is->trail[i];
		branch(p, depth + 1, i + 1 < is->steps);
		add_time(p->out, s->at_ms);
		str_addf(p->out, s->note || s->who ? "  %-9s " : "  %s", s->state);
		str_add_shown(p->out, slice_of(s->note));
		if (s->who) {
			str_add_text(p->out, s->note ? " by " : "by ");
			str_add_shown(p->out, slice_of(s->who));
		}
		str_add_char(p->out, '\n');
	}
}

/* ", decided 2026-… by table …", or by whose backfill. */
static void add_look(struct pen *p, const struct why_look *look, bool waits)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	str_add_text(&text, waits ? "  waits until " : look->who ? "  backfilled " : "  decided ");
	add_time(&text, look->made_ms);
	if (look->who && look->who[0]) {
		str_add_text(&text, " by ");
		str_add_shown(&text, slice_of(look->who));
	}
	if (look->hash)
		str_addf(&text, "%s by table %.*s%s", look->who && look->who[0] ? "," : "",
			 HASH_SHOWN, look->hash,
			 look->in_force ? " (in force)" : " (no longer in force)");
	add_dim(p, str_text(&text));
	str_release(&text);
}

/* ---- rules ---------------------------------------------------------------------- */

static void draw_rule(struct pen *p, size_t depth, const struct why_rule *r, bool nearest,
		      bool apart, bool more)
{
	bool yes = why_matched(r), differs = r->traced && !yes && r->trace.misses;

	branch(p, depth, more);
	if (r->name) {
		add_mark(p, yes ? ANSWER_YES : ANSWER_NO);
		paint(p, "1");
		str_add_text(p->out, r->name);
		paint(p, "0");
		str_add_text(p->out, why_in_shadow(r) ? " (shadow)  " : "  ");
	}
	why_add_verdict(p->out, r, nearest);
	if (apart)
		add_look(p, &r->look, false);
	str_add_char(p->out, '\n');
	if (r->traced)
		draw_trace(p, depth + 1, &r->trace, r->issuance || differs);
	if (differs)
		draw_difference(p, depth + 1, &r->trace);
	if (r->issuance)
		draw_issuance(p, depth + 1, r->issuance);
}

/* ---- entries --------------------------------------------------------------------- */

static void add_change(struct pen *p, const struct why_entry *e)
{
	struct str *out = p->out;

	if (e->event[0] == 'l') {
		str_add_text(out, "joined list ");
		str_add_shown(out, slice_of(e->list_name ? e->list_name : e->target));
		if (e->list_name && strcmp(e->list_name, e->target) != 0) {
			str_add_text(out, " (");
			str_add_shown(out, slice_of(e->target));
			str_add_char(out, ')');
		}
		return;
	}
	str_add_shown(out, slice_of(e->target));
	str_add_text(out, ": ");
	str_add_shown(out, slice_of(!e->from ? "?" : e->from[0] ? e->from : "(empty)"));
	str_addf(out, " %s ", p->glyphs->arrow);
	str_add_shown(out, slice_of(e->to[0] ? e->to : "(empty)"));
}

static void draw_rules(struct pen *p, const struct why_entry *e, bool all)
{
	size_t shown = all ? e->rules : why_shown(e), near = 0;

	while (near < e->rules && why_matched(&e->rule[near]))
		near++;
	if (e->gone || e->untold || e->rules == 0) {
		branch(p, 1, e->rules > 0);
		str_add_text(p->out, e->gone	 ? "the contact was deleted before the decision"
				     : e->untold ? "the tests cannot be told: "
						 : "no rule looked at this");
		str_add_shown(p->out, slice_of(e->gone ? NULL : e->untold));
		str_add_char(p->out, '\n');
	}
	for (size_t i = 0; i < shown; i++)
		draw_rule(p, 1, &e->rule[i], i == near && e->rules - near > 1, e->apart,
			  i + 1 < e->rules);
	if (shown < e->rules) {
		branch(p, 1, false);
		str_addf(p->out, "%zu further rule%s looked, none of them nearer\n",
			 e->rules - shown, e->rules - shown == 1 ? "" : "s");
	}
}

static void shown_value(struct str *out, struct slice value)
{
	str_clear(out);
	str_add_shown(out, value.len ? value : slice_of("(empty)"));
}

/* What the burst was made of. */
static void draw_burst(struct pen *p, const struct why_entry *e, bool more)
{
	branch(p, 1, more);
	why_add_burst(p->out, e, p->glyphs->arrow);
	str_add_char(p->out, '\n');
	struct str value;
	size_t width = 0;
	str_init(&value, LIMIT_VALUE_BYTES);
	for (size_t i = 0; i < e->changes; i++) {
		shown_value(&value, e->change[i].value);
		width = columns_of(&value) > width ? columns_of(&value) : width;
	}
	for (size_t i = 0; i < e->changes; i++) {
		branch(p, 2, i + 1 < e->changes);
		add_time_near(p->out, e->change[i].at_ms, e->at_ms);
		str_add_text(p->out, "  ");
		shown_value(&value, e->change[i].value);
		str_add_slice(p->out, str_slice(&value));
		pad(p->out, columns_of(&value), width > 28 ? 28 : width);
		why_add_change(p->out, e, i);
		str_add_char(p->out, '\n');
	}
	str_release(&value);
}

/* How news of it came, in one line. */
static void draw_news(struct pen *p, const struct why_entry *e, bool more)
{
	int64_t near_ms = e->kind == WHY_NEWS ? 0 : e->at_ms;

	branch(p, 1, more);
	str_add_text(p->out, "news: ");
	for (size_t i = 0; i < e->n_came; i++) {
		str_addf(p->out, "%s%s ", i ? ", " : "", why_came(e->came[i].by));
		add_time_near(p->out, e->came[i].at_ms, near_ms);
	}
	str_add_text(p->out, e->came_more ? ", and more\n" : "\n");
}

static void draw_entry(struct pen *p, const struct why *w, const struct why_entry *e, bool more)
{
	branch(p, 0, more);
	if (e->kind == WHY_NEWS) {
		str_add_text(p->out, "to be looked at");
		if (e->look.made_ms) {
			str_add_text(p->out, ", not before ");
			add_time(p->out, e->look.made_ms);
		}
		str_add_char(p->out, '\n');
		if (e->n_came)
			draw_news(p, e, false);
		return;
	}
	add_time(p->out, e->at_ms);
	str_add_text(p->out, "  ");
	paint(p, "1");
	add_change(p, e);
	paint(p, "0");
	if (!e->apart)
		add_look(p, &e->look, e->kind == WHY_PENDING);
	str_add_char(p->out, '\n');
	bool rules = e->kind != WHY_PENDING;
	if (!rules && e->from && e->event[0] == 'p' && strcmp(e->from, e->to) == 0) {
		branch(p, 1, e->n_came > 0);
		str_add_text(p->out, "changed back so far: no event if it stays so\n");
	}
	if (e->changes)
		draw_burst(p, e, e->n_came || rules);
	if (e->n_came)
		draw_news(p, e, rules);
	if (rules)
		draw_rules(p, e, w->only != NULL);
}

static void add_active(struct pen *p, const struct why_active *a, bool more)
{
	branch(p, 0, more);
	str_addf(p->out, "%s watches %s ", a->rule, a->event[0] == 'l' ? "list" : "property");
	str_add_shown(p->out, slice_of(a->target));
	str_addf(p->out, " of account %s", a->account);
	if (a->start_ms != INT64_MAX) {
		str_add_text(p->out, " since ");
		add_time(p->out, a->start_ms);
	}
	str_add_char(p->out, '\n');
}

/* The rules that watch now: what the contact would have had to do. */
static void draw_active(struct pen *p, const struct why *w)
{
	size_t left = w->actives;

	if (w->only) {
		left = 0;
		for (size_t i = 0; i < w->actives; i++)
			left += strcmp(w->only, w->active[i].rule) == 0;
		if (!left)
			str_addf(p->out, "rule %s is not active: it is off, or there is none\n",
				 w->only);
	} else if (!left) {
		str_add_text(p->out, "no rule is active\n");
	}
	for (size_t i = 0; i < w->actives; i++)
		if (!w->only || strcmp(w->only, w->active[i].rule) == 0)
			add_active(p, &w->active[i], --left > 0);
}

static void draw_person(struct pen *p, const struct why *w, const struct why_person *person)
{
	str_addf(p->out, "contact %s of account %s", person->contact, person->account);
	if (person->email[0]) {
		str_add_text(p->out, ", ");
		str_add_shown(p->out, slice_of(person->email));
	}
	if (person->ids[0])
		str_addf(p->out, ", also known as %s", person->ids);
	str_add_char(p->out, '\n');
	for (size_t i = 0; i < person->entries; i++) {
		draw_entry(p, w, &person->entry[i], i + 1 < person->entries);
		why_print(p->out);
	}
	if (person->entries)
		return;
	str_add_text(p->out, w->only ? "nothing on record that this rule looked at\n"
				     : "known, but nothing happened that a rule watches\n");
	draw_active(p, w);
}

static void draw_nobody(struct pen *p, const struct why *w, const char *who)
{
	str_add_text(p->out, "nothing is on record of ");
	str_add_shown(p->out, slice_of(who));
	str_add_text(p->out, strchr(who, '@') ? ": no issuance and no event had this address\n"
			     : who[strspn(who, "0123456789")]
				     ? ": ask by the contact's id or its e-mail address\n"
				     : ": nothing that a rule watches was seen of this contact\n");
	draw_active(p, w);
}

/* ---- the command ------------------------------------------------------------------ */

static size_t tell(const struct cli *cli, const struct why *w, const char *who)
{
	struct str out;
	struct pen pen = {
		&out, speaks_utf8() ? &utf8_glyphs : &ascii_glyphs, cli_colour(1), { 0 }
	};
	bool json = cli_has(cli, "json");
	size_t told = 0;

	str_init(&out, 1u << 26);
	for (size_t i = 0; i < w->persons; i++) {
		told += w->person[i].entries;
		if (json)
			why_json(w, &w->person[i], &out);
		else
			draw_person(&pen, w, &w->person[i]);
	}
	if (w->persons == 0 && !json)
		draw_nobody(&pen, w, who);
	if (told == 0 && json)
		why_json_nobody(w, who, &out);
	why_print(&out);
	str_release(&out);
	return told;
}

static int why_run(const struct cli *cli)
{
	struct db *db;
	struct err err;
	struct why w;
	size_t told = 0;

	if (!slice_trim(slice_of(cli->operand[0])).len)
		return cli_usage(cli, "a contact's id or e-mail address is missing");
	if (db_open(cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db"), DB_SHARE, &db,
		    &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	enum rc rc = why_ask(&w, db, cli->operand[0], cli_value(cli, "rule"), &err);
	if (rc == RC_OK)
		told = tell(cli, &w, cli->operand[0]);
	why_release(&w);
	db_close(db);
	if (rc != RC_OK)
		return cli_fail(cli, "%s", err.text);
	return told ? EXIT_FINE : EXIT_FINDINGS;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	{ "rule", "R", "only what this rule made of it, however far it was from matching" },
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

const struct cli_command command_why = {
	.name = "why",
	.summary = "why a contact did or did not earn a credential",
	.operands = "ID|EMAIL",
	.min_operands = 1,
	.max_operands = 1,
	.option = options,
	.run = why_run,
	.more = "Every event of the contact that was decided, or that a backfill looked at, under each of its ids, with\n"
		"every test of the rules that looked: the value that was seen, whether it held, and its place in the\n"
		"file of that time. A change that several rules or backfills saw is told once. Rules that did not\n"
		"match stand in the order of how near they came; beyond five they are counted.\n"
		"Drawn with box characters where the locale is UTF-8. Events are kept as 'run --trace-keep' says.\n"
		"Works beside a running daemon, and without one. Exit status 1 where nothing is on record.",
};
