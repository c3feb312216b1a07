/*
 * judge - the sandbox's credentials and mails against what the model says is owed.
 *
 *  1. Every group of claims is met as often as it must, and no more often than it may.
 *  2. Every issued credential meets a claim, with the right fields, and was mailed at most once.
 *  3. What was to be mailed was mailed, or is parked as send-unknown: sends.c.
 *  4. No draft is left that the ledger does not hold; rows stay within what happened.
 *  5. What a brake holds is met by being held: brakes.c.
 *  6. What a person touched is met, was mailed as often as they asked, and is in the trail.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/simulation.h"

struct judging {
	struct life *l;
	struct model_verdict verdict;
	struct pairs pairs;
	struct arena memory; /* of rows */
	int64_t unknown;     /* credentials that are parked as send-unknown */
	int64_t unowed;	     /* rows that count, by a person's hand alone: no claim of theirs */
};

/* ---- the ledger ------------------------------------------------------------------------ */

/* Of these something comes, or would have. */
#define COUNTS "state NOT IN ('skipped', 'shadow', 'held', 'dropped')"
/* And these keep `repeat:` from another. */
#define GIVEN "state NOT IN ('skipped', 'shadow', 'refused', 'dropped')"

static int64_t count_rows(const struct life *l, const char *sql)
{
	return db_integer(l->sim.world.db, 0, sql, "");
}

bool ledger_says(const struct life *l, const char *credential, const char *state)
{
	return db_exists(l->sim.world.db,
			 "SELECT 1 FROM issuance WHERE credential = ?1 AND state = ?2", "tt",
			 credential, state);
}

bool ledger_holds(const struct life *l, const char *credential)
{
	return db_exists(l->sim.world.db, "SELECT 1 FROM issuance WHERE credential = ?1", "t",
			 credential);
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

static struct ledger_event event_of(struct query *q, struct arena *memory)
{
	return (struct ledger_event){
		.rule = arena_text(memory, query_slice(q, 0)),
		.to = arena_text(memory, query_slice(q, 1)),
		.at_ms = query_integer(q, 2),
		.contact = strtoll(arena_text(memory, query_slice(q, 3)), NULL, 10),
	};
}

static bool refuses(const struct life *l)
{
	for (int kind = FAULT_400; kind < FAULT_KINDS; kind++)
		if (l->sc->fault_rate[kind])
			return true;
	return false;
}

/* ---- what a person touched ------------------------------------------------------------- */

static bool is_part(const struct model_record *r, int64_t id)
{
	for (; r; r = r->into)
		if (r->id == id)
			return true;
	return false;
}

bool is_of_event(const struct model_claim *claim, const struct ledger_event *event)
{
	const struct model_event *e = &claim->event;

	return strcmp(e->rule->name, event->rule) == 0 && e->at_ms == event->at_ms &&
	       strcmp(e->to, event->to) == 0 && is_part(e->who, event->contact);
}

/* What a person planned anew is rendered by the wording in force then: any that ever was. */
static bool fits_some_wording(const struct judging *j, const struct sandbox_credential *c,
			      const struct model_claim *claim)
{
	for (size_t i = 0; i < j->l->loads; i++) {
		const struct model_rules *rules = j->l->load[i].rules;
		for (size_t k = 0; k < rules->count; k++) {
			struct model_claim as = *claim;
			as.event.rule = &rules->rule[k];
			if (strcmp(rules->rule[k].name, claim->event.rule->name) == 0 &&
			    same_text(c->group, rules->rule[k].group) && fits_some_look(c, &as))
				return true;
		}
	}
	return false;
}

#define OF_CREDENTIAL "(SELECT id FROM issuance WHERE credential = ?1)"

/* One mail, and one more for each time that somebody asked for it. */
static void judge_touched_mails(struct judging *j, const struct sandbox_credential *c)
{
	struct db *db = j->l->sim.world.db;
	int64_t sent = db_integer(db, 0,
				  "SELECT count(*) FROM trail WHERE state = 'sent' AND note IS NULL"
				  " AND issuance = " OF_CREDENTIAL,
				  "t", c->id);
	int64_t asked = db_integer(db, 0,
				   "SELECT count(*) FROM trail WHERE note = 'resend'"
				   " AND who = 'ana' AND issuance = " OF_CREDENTIAL,
				   "t", c->id);

	j->unknown += ledger_says(j->l, c->id, "send-unknown");
	if (c->mails > 1 + asked || c->mails < sent)
		describe(j->l, "not as many mails as a person asked for", c);
}

/* Whether it is as some claim of the event says, where there is any. */
static bool is_as_owed(const struct judging *j, const struct sandbox_credential *c,
		       const struct ledger_event *event)
{
	bool any = false, good = false;

	for (size_t i = 0; i < j->verdict.claims && !good; i++) {
		const struct model_claim *claim = &j->verdict.claim[i];
		if (claim->shadow || !is_of_event(claim, event))
			continue;
		any = true;
		good = fits_some_wording(j, c, claim);
	}
	return good || !any;
}

/* Whether a person had a hand in it: its claim is met already. */
static bool judge_touched(struct judging *j, const struct sandbox_credential *c)
{
	struct ledger_event event;
	struct arena memory;
	struct query *q = db_select(
		j->l->sim.world.db,
		"SELECT rule, to_value, at_ms, contact FROM issuance WHERE id = " OF_CREDENTIAL
		" AND EXISTS (SELECT 1 FROM trail WHERE issuance = issuance.id AND who = 'ana')",
		"t", c->id);

	if (!query_next(q))
		return false;
	arena_init(&memory);
	event = event_of(q, &memory);
	query_end(q);
	if (!is_as_owed(j, c, &event))
		describe(j->l, "not as it was owed", c);
	judge_touched_mails(j, c);
	arena_release(&memory);
	return true;
}

static bool waits_for_address(const struct life *l, const char *name)
{
	for (size_t i = 0; i < l->loads; i++)
		for (size_t k = 0; k < l->load[i].rules->count; k++)
			if (strcmp(l->load[i].rules->rule[k].name, name) == 0 &&
			    l->load[i].rules->rule[k].hold_ms)
				return true;
	return false;
}

/* In shadow, too, an issuance may be held, for an address that is gone; nothing comes of it. */
static bool is_of_shadow(const struct judging *j, const struct ledger_event *event)
{
	bool any = false;

	for (size_t i = 0; i < j->verdict.claims; i++)
		any |= j->verdict.claim[i].shadow && is_of_event(&j->verdict.claim[i], event);
	return any;
}

/* It was held and has come to nothing; or to a credential of its own, since a person said so after a reconcile. */
#define LEFT_OPEN                                                                                  \
	"EXISTS (SELECT 1 FROM trail AS held WHERE issuance = issuance.id AND state = 'held'"      \
	" AND ((note LIKE 'missing e-mail: %' AND credential IS NULL)"                             \
	" OR (note LIKE 'restored: %' AND (credential IS NULL OR EXISTS (SELECT 1 FROM trail"      \
	" WHERE issuance = held.issuance AND id > held.id AND who = 'ana' AND note = 'retry')))))"

/*
 * What a person touched is met, whatever has become of it; what the brake holds was met before.
 * Held by the brake without an address, and approved once there is one, it goes out: the model,
 * which knows of no brake, has it given up. Where another may have taken its place while it was
 * refused (`overtaken`), what came to nothing is met only after the credentials, if it can be; and
 * never what `repeat:` skipped.
 */
static void meet_touched(struct judging *j, bool overtaken)
{
	struct life *l = j->l;

	for (struct query *q = db_select(
		     l->sim.world.db,
		     "SELECT rule, to_value, at_ms, contact, credential IS NULL, " COUNTS
		     ", " LEFT_OPEN " FROM issuance"
		     " WHERE NOT (state = 'held' AND hold = 'brake')"
		     " AND NOT (state = 'skipped' AND reason LIKE 'repeat: %') AND EXISTS"
		     " (SELECT 1 FROM trail WHERE issuance = issuance.id AND who = 'ana')",
		     "");
	     query_next(q);) {
		struct ledger_event *event = arena_alloc(&j->memory, sizeof(*event));
		*event = event_of(q, &j->memory);
		event->left_open = query_integer(q, 6) != 0;
		bool nothing = query_integer(q, 4) != 0, came = query_integer(q, 5) != 0;
		if ((refuses(l) && !came && life_repeats(l, event->rule)) != overtaken)
			continue;
		if (pairs_add(&j->pairs, event) || overtaken)
			continue;
		if (waits_for_address(l, event->rule))
			j->unowed += came;
		else if (!(nothing && is_of_shadow(j, event)))
			trouble(l, "%s: nobody was owed what a person touched: contact %lld",
				event->rule, (long long)event->contact);
	}
}

/*
 * Each act that said that it was done is in the trail, and what was approved has gone on: unless
 * it was retried after that, which plans it anew by the rules of then.
 */
static void judge_acts(struct judging *j)
{
	struct life *l = j->l;
	int64_t noted = count_rows(l, "SELECT count(*) FROM trail WHERE who = 'ana'");
	int64_t stuck = count_rows(
		l, "SELECT count(*) FROM issuance WHERE EXISTS (SELECT 1 FROM trail AS done"
		   " WHERE issuance = issuance.id AND who = 'ana' AND note = 'approve'"
		   " AND state <> 'held' AND NOT EXISTS (SELECT 1 FROM trail"
		   " WHERE issuance = done.issuance AND id > done.id AND who = 'ana'"
		   " AND note = 'retry')) AND state IN ('held', 'skipped', 'shadow', 'planned')");

	if (noted < l->tally.acts || noted > l->tally.acts + l->acts_unsure)
		trouble(l, "%lld acts are in the trail, %lld were done", (long long)noted,
			(long long)l->tally.acts);
	if (stuck)
		trouble(l, "%lld that were approved have not gone on", (long long)stuck);
}

/* ---- credentials ---------------------------------------------------------------------- */

static void pair_credential(struct judging *j, size_t i, const struct sandbox_credential *c)
{
	bool draft = strcmp(c->status, "draft") == 0;

	if (draft && !ledger_holds(j->l, c->id))
		j->l->tally.strays++;
	else if (!judge_touched(j, c) && !pairs_place(&j->pairs, i))
		describe(j->l, "nobody was owed this as it is", c);
}

static void pair_credentials(struct judging *j, bool drafts)
{
	size_t n = sandbox_credential_count(j->l->sandbox);

	for (size_t i = 0; i < n; i++) {
		struct sandbox_credential c = sandbox_credential_at(j->l->sandbox, i);
		if ((strcmp(c.status, "draft") == 0) == drafts)
			pair_credential(j, i, &c);
	}
}

static void judge_mails(struct judging *j)
{
	size_t n = sandbox_credential_count(j->l->sandbox);

	for (size_t i = 0; i < n; i++) {
		struct sandbox_credential c = sandbox_credential_at(j->l->sandbox, i);
		if (!j->pairs.pair[i].claim)
			continue;
		j->unknown += ledger_says(j->l, c.id, "send-unknown");
		if (c.mails > 1)
			describe(j->l, "mailed twice", &c);
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

/* Under any id that the contact has had since; `sql` says what else is asked of the issuance. */
static bool has_row(const struct judging *j, const struct model_claim *claim, const char *sql)
{
	const struct model_event *e = &claim->event;
	char id[24];

	for (const struct model_record *r = e->who; r; r = r->into) {
		snprintf(id, sizeof(id), "%lld", (long long)r->id);
		if (db_exists(j->l->sim.world.db, sql, "titt", e->rule->name, e->at_ms, id, e->to))
			return true;
	}
	return false;
}

#define OF_EVENT                                                                                   \
	"SELECT 1 FROM issuance WHERE rule = ?1 AND at_ms = ?2 AND contact = ?3 AND to_value = ?4"

static bool is_recorded(const struct judging *j, const struct model_claim *claim)
{
	return has_row(j, claim, OF_EVENT " AND state = 'shadow'");
}

/* A reconcile has found what may be its credential, with other fields: a person is to look. */
static bool is_for_a_person(const struct judging *j, const struct model_claim *claim)
{
	return j->l->was_restored &&
	       has_row(j, claim, OF_EVENT " AND state = 'held' AND hold = 'restored'");
}

static const struct model_record *last_of(const struct model_record *r)
{
	while (r->into)
		r = r->into;
	return r;
}

/* By `repeat:`, as it was decided or, where nothing is ever refused, when a person approved what the brake held. */
static bool is_skipped_late(const struct judging *j, const struct model_claim *claim)
{
#define SKIPPED OF_EVENT " AND state = 'skipped' AND reason LIKE 'repeat: %'"
	const char *by_hand = SKIPPED " AND EXISTS (SELECT 1 FROM trail"
				      " WHERE issuance = issuance.id AND who = 'ana')";

	return has_row(j, claim, refuses(j->l) ? SKIPPED : by_hand);
}

/* It was skipped late, and there is another that `repeat:` counts: of a contact merged with it, too. */
static bool is_overtaken(const struct judging *j, const struct model_claim *claim)
{
	const struct model_event *e = &claim->event;
	bool found = false;

	if (!is_skipped_late(j, claim))
		return false;
	for (size_t i = 0; i < j->verdict.claims && !found; i++) {
		const struct model_claim *other = &j->verdict.claim[i];
		found = strcmp(other->event.rule->name, e->rule->name) == 0 &&
			last_of(other->event.who) == last_of(e->who) &&
			(e->rule->repeat == REPEATS_CONTACT ||
			 strcmp(other->event.to, e->to) == 0) &&
			has_row(j, other, OF_EVENT " AND " GIVEN);
	}
	return found;
}

/*
 * What is recorded in shadow meets its group, where a live one that may have come in its place
 * (a rule was in shadow only later) does not.
 */
static void meet_shadows(struct judging *j)
{
	for (size_t i = 0; i < j->verdict.claims; i++) {
		struct model_claim *claim = &j->verdict.claim[i];
		struct model_group *g = &j->verdict.group[claim->group];
		if (claim->shadow && g->met < g->least && is_recorded(j, claim)) {
			claim->met = true;
			g->met++;
		}
	}
}

static void judge_groups(struct judging *j)
{
	meet_shadows(j);
	for (size_t i = 0; i < j->verdict.claims; i++) {
		struct model_claim *claim = &j->verdict.claim[i];
		struct model_group *g = &j->verdict.group[claim->group];
		if (g->met >= g->least || pairs_fill(&j->pairs, claim) ||
		    is_for_a_person(j, claim) || is_overtaken(j, claim))
			continue;
		describe_claim(j, claim->shadow ? "not recorded in shadow" : "missing", claim);
	}
}

/* ---- sums --------------------------------------------------------------------------------- */

/*
 * Drafts that may be left. Where our clock was set, what an attempt left may lie outside of the time looked at, and so may a
 * draft that was given up, since another was issued meanwhile.
 */
static int64_t strays_allowed(const struct life *l)
{
	if (!l->clock_set)
		return 0;
	return wire_lost_creates(l->wire) +
	       count_rows(l,
			  "SELECT count(*) FROM issuance i WHERE credential IS NULL AND EXISTS"
			  " (SELECT 1 FROM trail t WHERE t.issuance = i.id AND t.state = 'draft')");
}

static void judge_sums(struct judging *j)
{
	struct life *l = j->l;
	int64_t unknown = count_rows(l,
				     "SELECT count(*) FROM issuance WHERE state = 'send-unknown'");

	if (unknown != sends_judge(l->sends))
		trouble(l, "%lld sends are parked as unknown, not all of them were made",
			(long long)unknown);
	if (unknown != j->unknown)
		trouble(l, "%lld sends are parked as unknown, %lld of them known to the judge",
			(long long)unknown, (long long)j->unknown);
	if (l->tally.strays - l->forgotten_drafts > strays_allowed(l))
		trouble(l, "%lld stray drafts are left of %lld creates whose end was lost",
			(long long)l->tally.strays, (long long)wire_lost_creates(l->wire));
	if (count_rows(l, "SELECT count(*) FROM issuance WHERE " COUNTS) >
	    (int64_t)j->verdict.claims + j->unowed)
		trouble(l, "the ledger holds more than was owed");
}

static bool some_list_is_built(const struct scenario *sc)
{
	for (size_t i = 0; i < sc->lists; i++)
		if (sc->list[i].building)
			return true;
	return false;
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
				     .blurred = l->clock_set || some_list_is_built(l->sc),
				     .end_ms = l->sim.now_ms,
				     .refuses = refuses(l) };

	oracle_judge(&story, &j.verdict);
	arena_init(&j.memory);
	pairs_init(&j.pairs, l, &j.verdict);
	judge_brakes(&j.pairs, &j.memory);
	meet_touched(&j, false);
	pair_credentials(&j, false);
	pair_credentials(&j, true);
	meet_touched(&j, true);
	judge_groups(&j);
	judge_mails(&j);
	judge_sums(&j);
	judge_acts(&j);
	l->tally.claims = (int64_t)j.verdict.claims;
	l->tally.credentials = (int64_t)sandbox_credential_count(l->sandbox);
	l->tally.mails = (int64_t)sandbox_mail_count(l->sandbox);
	pairs_release(&j.pairs);
	arena_release(&j.memory);
	model_verdict_release(&j.verdict);
	return !l->trouble.len;
}
