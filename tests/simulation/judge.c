/*
 * judge - the sandbox's credentials and mails against what the model says is owed.
 *
 *  1. Every group of claims is met as often as it must, and no more often than it may.
 *  2. Every issued credential meets a claim, with the right fields, and was mailed at most once.
 *  3. What was to be mailed and was not is parked as send-unknown, and there are exactly as many
 *     of these as sends whose end nobody can know.
 *  4. No draft is left that the ledger does not hold; rows stay within what happened.
 *  5. What a brake holds is met by being held: brakes.c.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

struct judging {
	struct life *l;
	struct model_verdict verdict;
	int64_t unknown; /* credentials that are parked as send-unknown */
};

/* ---- does a credential meet a claim ------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b) == 0;
}

static bool same_custom(const struct sandbox_credential *c, const char *tag, const char *wanted)
{
	struct slice key;
	const struct json *value;
	bool found = false;

	for (struct json_each e = json_each(c->custom); json_next(&e, &key, &value);) {
		if (!slice_is(key, tag))
			continue;
		found = true;
		if (!slice_is(json_slice(value), wanted))
			return false;
	}
	return found || !*wanted;
}

static bool fits(const struct sandbox_credential *c, const struct model_event *e, int64_t look_ms)
{
	struct model_fields f;

	model_render(e, look_ms, &f);
	bool good = same_text(c->email, str_text(&f.email)) &&
		    same_text(c->name, str_text(&f.name)) &&
		    same_text(c->issue_date, f.issue_date) &&
		    same_text(c->expiry_date, f.expiry_date) &&
		    same_custom(c, "custom.tier", f.tier) &&
		    same_custom(c, "custom.note", str_text(&f.note));
	model_fields_release(&f);
	return good;
}

/* As it would be rendered by a look at any time between due and the credential's creation. */
static bool fits_some_look(const struct sandbox_credential *c, const struct model_claim *claim)
{
	const struct model_record *r = claim->event.who;

	if (fits(c, &claim->event, claim->due_ms))
		return true;
	for (; r; r = r->into) {
		for (int p = M_EMAIL; p <= M_LAST; p++) {
			const struct model_field *f = &r->field[p];
			for (size_t i = 0; i < f->count; i++)
				if (f->write[i].at_ms > claim->due_ms &&
				    f->write[i].at_ms <= c->created_ms &&
				    fits(c, &claim->event, f->write[i].at_ms))
					return true;
		}
		if (r->into && r->end_ms <= c->created_ms && r->end_ms > claim->due_ms &&
		    fits(c, &claim->event, r->end_ms))
			return true;
	}
	return false;
}

static bool meets(const struct judging *j, const struct sandbox_credential *c,
		  const struct model_claim *claim)
{
	const struct model_group *g = &j->verdict.group[claim->group];

	/* Wordings of one rule differ in what they do, too. */
	const struct model_rule *rule = claim->event.rule;
	bool draft = strcmp(c->status, "draft") == 0;

	return !claim->met && !claim->shadow && g->met < g->most && rule->issue != draft &&
	       (rule->send || !c->mails) && claim->due_ms <= c->created_ms + MS_SECOND &&
	       same_text(c->group, claim->event.rule->group) && fits_some_look(c, claim);
}

/* Of several that it may meet, one that must be met. */
static struct model_claim *find_claim(struct judging *j, const struct sandbox_credential *c)
{
	struct model_claim *found = NULL;

	for (size_t i = 0; i < j->verdict.claims; i++) {
		struct model_claim *claim = &j->verdict.claim[i];
		if (!meets(j, c, claim))
			continue;
		const struct model_group *g = &j->verdict.group[claim->group];
		if (g->met < g->least)
			return claim;
		found = found ? found : claim;
	}
	return found;
}

/* ---- credentials ---------------------------------------------------------------------- */

static bool ledger_says(const struct life *l, const char *credential, const char *state)
{
	return db_exists(l->sim.world.db,
			 "SELECT 1 FROM issuance WHERE action_account = 'certifier'"
			 " AND credential = ?1 AND state = ?2",
			 "tt", credential, state);
}

static void describe(struct life *l, const char *what, const struct sandbox_credential *c)
{
	char at[CLOCK_TEXT];
	struct str custom;

	str_init(&custom, 4096);
	json_dump(c->custom, &custom);
	trouble(l,
		"%s: credential %s, %s, created %s, group %s, '%s' <%s>, issued %s, %s, mailed %d",
		what, c->id, c->status, clock_format(c->created_ms, at), c->group, c->name,
		c->email ? c->email : "", c->issue_date ? c->issue_date : "", str_text(&custom),
		c->mails);
	str_release(&custom);
}

static void judge_mail(struct judging *j, const struct sandbox_credential *c,
		       const struct model_claim *claim)
{
	struct life *l = j->l;
	bool unknown = ledger_says(l, c->id, "send-unknown");

	j->unknown += unknown;
	if (c->mails > 1)
		describe(l, "mailed twice", c);
	else if (claim->event.rule->send && !unknown &&
		 !(c->mails == 1 && ledger_says(l, c->id, "sent")))
		describe(l, "not mailed, and not parked", c);
}

static void judge_credential(struct judging *j, const struct sandbox_credential *c)
{
	bool draft = strcmp(c->status, "draft") == 0;
	bool known = db_exists(j->l->sim.world.db, "SELECT 1 FROM issuance WHERE credential = ?1",
			       "t", c->id);

	if (draft && !known) {
		j->l->tally.strays++;
		return;
	}
	struct model_claim *claim = find_claim(j, c);
	if (!claim) {
		describe(j->l, "nobody was owed this", c);
		return;
	}
	claim->met = true;
	j->verdict.group[claim->group].met++;
	judge_mail(j, c, claim);
}

static void judge_credentials(struct judging *j, bool drafts)
{
	size_t n = sandbox_credential_count(j->l->sandbox);

	for (size_t i = 0; i < n; i++) {
		struct sandbox_credential c = sandbox_credential_at(j->l->sandbox, i);
		if ((strcmp(c.status, "draft") == 0) == drafts)
			judge_credential(j, &c);
	}
}

/* ---- what is missing -------------------------------------------------------------------- */

static void describe_claim(struct judging *j, const char *what, const struct model_claim *claim)
{
	const struct model_event *e = &claim->event;
	char at[CLOCK_TEXT], due[CLOCK_TEXT], id[24];

	snprintf(id, sizeof(id), "%lld", (long long)e->who->id);

	trouble(j->l, "%s: %s, contact %lld, at %s, due %s, %s -> %s", what, e->rule->name,
		(long long)e->who->id, clock_format(e->at_ms, at), clock_format(claim->due_ms, due),
		e->from, e->to);
	for (struct query *q = db_select(j->l->sim.world.db,
					 "SELECT state, reason FROM issuance WHERE rule = ?1"
					 " AND at_ms = ?2 AND contact = ?3",
					 "tit", e->rule->name, e->at_ms, id);
	     query_next(q);)
		trouble(j->l, "  the ledger has: %.*s, %.*s", SLICE_FMT(query_slice(q, 0)),
			SLICE_FMT(query_slice(q, 1)));
}

static bool is_recorded(const struct judging *j, const struct model_claim *claim)
{
	return db_exists(
		j->l->sim.world.db,
		"SELECT 1 FROM issuance WHERE rule = ?1 AND at_ms = ?2 AND state = 'shadow'", "ti",
		claim->event.rule->name, claim->event.at_ms);
}

static void judge_groups(struct judging *j)
{
	for (size_t i = 0; i < j->verdict.claims; i++) {
		struct model_claim *claim = &j->verdict.claim[i];
		struct model_group *g = &j->verdict.group[claim->group];
		if (claim->shadow && g->least && !is_recorded(j, claim))
			describe_claim(j, "not recorded in shadow", claim);
		if (claim->shadow || claim->met || g->met >= g->least)
			continue;
		describe_claim(j, "missing", claim);
	}
}

/* ---- sums --------------------------------------------------------------------------------- */

static int64_t count_rows(const struct life *l, const char *sql)
{
	return db_integer(l->sim.world.db, 0, sql, "");
}

static void judge_sums(struct judging *j)
{
	struct life *l = j->l;
	int64_t unknown = count_rows(l,
				     "SELECT count(*) FROM issuance WHERE state = 'send-unknown'");

	if (unknown != l->tally.ambiguous)
		trouble(l, "%lld sends are parked as unknown, %lld were", (long long)unknown,
			(long long)l->tally.ambiguous);
	if (unknown != j->unknown)
		trouble(l, "%lld sends are parked as unknown, %lld of them known to the judge",
			(long long)unknown, (long long)j->unknown);
	/* Where our clock was set, what an attempt left may lie outside of the time looked at. */
	if (l->tally.strays > (l->clock_set ? wire_lost_creates(l->wire) : 0))
		trouble(l, "%lld stray drafts are left of %lld creates whose end was lost",
			(long long)l->tally.strays, (long long)wire_lost_creates(l->wire));
	if (count_rows(l, "SELECT count(*) FROM issuance"
			  " WHERE state NOT IN ('skipped', 'shadow', 'held')") >
	    (int64_t)j->verdict.claims)
		trouble(l, "the ledger holds more than was owed");
}

bool judge(struct life *l)
{
	struct judging j = { .l = l };
	struct model_story story = { .portal = &l->portal,
				     .load = l->load,
				     .loads = l->loads,
				     .quiet = l->quiet,
				     .quiets = l->quiets,
				     .creation_window_ms = 10 * MS_SECOND,
				     .end_ms = l->sim.now_ms };

	oracle_judge(&story, &j.verdict);
	judge_brakes(l, &j.verdict);
	judge_credentials(&j, false);
	judge_credentials(&j, true);
	judge_groups(&j);
	judge_sums(&j);
	l->tally.claims = (int64_t)j.verdict.claims;
	l->tally.credentials = (int64_t)sandbox_credential_count(l->sandbox);
	l->tally.mails = (int64_t)sandbox_mail_count(l->sandbox);
	model_verdict_release(&j.verdict);
	return !l->trouble.len;
}
