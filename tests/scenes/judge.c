#include "tests/scenes/scene.h"

#include <stdlib.h>
#include <string.h>

#include "engine/ledger.h"

/* An expected entry may be met by an id that the contact was merged into. */
static bool same_contact(struct life *l, const char *contact, const char *wanted)
{
	return strcmp(contact, wanted) == 0 || strcmp(wanted, "any") == 0 ||
	       db_exists(l->sim.world.db, "SELECT 1 FROM alias WHERE old = ?1 AND contact = ?2",
			 "tt", wanted, contact) ||
	       db_exists(l->sim.world.db, "SELECT 1 FROM alias WHERE old = ?2 AND contact = ?1",
			 "tt", wanted, contact);
}

static bool find_credential(struct life *l, const char *id, struct sandbox_credential *out)
{
	for (size_t i = 0; id && i < sandbox_credential_count(l->sandbox); i++) {
		*out = sandbox_credential_at(l->sandbox, i);
		if (strcmp(out->id, id) == 0)
			return true;
	}
	return false;
}

/* What the judge's own record says of a field; NULL where it has none. */
static struct slice field_of(const struct sandbox_credential *c, struct slice name)
{
	if (slice_is(name, "recipient.name"))
		return slice_of(c->name);
	if (slice_is(name, "recipient.email"))
		return slice_of(c->email);
	if (slice_is(name, "issue-date"))
		return slice_of(c->issue_date);
	if (slice_is(name, "expiry-date"))
		return slice_of(c->expiry_date);
	if (slice_is(name, "group"))
		return slice_of(c->group);
	struct slice key;
	const struct json *value;
	for (struct json_each e = json_each(c->custom); json_next(&e, &key, &value);)
		if (slice_eq(key, name))
			return json_slice(value);
	return (struct slice){ 0 };
}

/* An end, or a fate of its own, while a send is under way parks it: that is the promise. */
static bool state_fits(struct life *l, const struct issuance *is, struct slice wanted)
{
	if (slice_is(wanted, issuance_state_names[is->state]))
		return true;
	if (!slice_is(wanted, "sent") || is->state != STATE_SEND_UNKNOWN)
		return false;
	return l->crashes || l->restores || torment_unsure(l, is->credential);
}

/* What depends on when or how often somebody was asked may end so, too, where a torment had them asked otherwise. */
static bool is_disturbed(const struct life *l, const char *state, const struct node *entry)
{
	const struct node *end = node_get(entry, "if-disturbed");

	return end && l->variant->torment && l->variant->torment->nth && slice_is(end->text, state);
}

static bool meets(struct life *l, const struct issuance *is, const struct node *entry)
{
	struct arena memory;
	struct sandbox_credential c = { 0 };
	bool good = true;

	arena_init(&memory);
	bool has = find_credential(l, is->credential, &c);
	good = strcmp(is->rule, node_word(entry, "rule", "", &memory)) == 0 &&
	       same_contact(l, is->contact, node_word(entry, "contact", "", &memory));
	bool disturbed = good && is_disturbed(l, issuance_state_names[is->state], entry);
	good = disturbed ||
	       (good && state_fits(l, is, slice_of(node_word(entry, "state", "sent", &memory))));
	for (const struct node *m = entry->first; good && !disturbed && m; m = m->next) {
		if (slice_is(m->key->text, "rule") || slice_is(m->key->text, "contact") ||
		    slice_is(m->key->text, "state") || slice_is(m->key->text, "times") ||
		    slice_is(m->key->text, "if-disturbed"))
			continue;
		if (slice_is(m->key->text, "reason"))
			good = is->reason && strstr(is->reason, arena_text(&memory, m->text));
		else if (slice_is(m->key->text, "hold"))
			good = is->hold && slice_is(m->text, hold_names[is->hold]);
		else
			good = has && slice_eq(field_of(&c, m->key->text), m->text);
	}
	arena_release(&memory);
	return good;
}

static void describe(struct life *l, const char *what, const struct issuance *is)
{
	str_addf(&l->trouble, "%s: %s, rule %s, contact %s, %s '%s' -> '%s'%s%s\n", what,
		 issuance_state_names[is->state], is->rule, is->contact, is->target,
		 is->from ? is->from : "?", is->to, is->reason ? ", " : "",
		 is->reason ? is->reason : "");
}

/* The mail log against the ledger: what was made is there, what was sent was mailed once, nothing was mailed twice. */
static bool check_mail(struct life *l, const struct issuance *is)
{
	struct sandbox_credential c;

	if (!find_credential(l, is->credential, &c)) {
		/* Somebody else's removal is what a refusal tells of. */
		if (is->state == STATE_REFUSED || (!is->credential && is->state != STATE_SENT))
			return true;
		describe(l, "its credential is not there", is);
		return false;
	}
	int least = is->state == STATE_SENT ? 1 : 0,
	    most = is->state == STATE_SENT || is->state == STATE_SEND_UNKNOWN;
	/* A person may ask for it again. */
	most += (int)db_integer(
		l->sim.world.db, 0,
		"SELECT count(*) FROM trail WHERE issuance = ?1 AND note = 'resend'", "i", is->id);
	if (c.mails >= least && c.mails <= most)
		return true;
	str_addf(&l->trouble, "mailed %d times: credential %s\n", c.mails, c.id);
	describe(l, "which is", is);
	return false;
}

/* An entry is met once, or as often as its `times` says; `times: 0` is what must not be. */
static int64_t times_of(const struct node *entry)
{
	const struct node *n = node_get(entry, "times");

	return n ? strtoll(n->text.ptr, NULL, 10) : 1;
}

static bool judge_row(struct life *l, const struct issuance *is, int64_t *met)
{
	size_t i = 0;

	if (!check_mail(l, is))
		return false;
	bool forbidden = false;
	for (const struct node *n = l->scene->expect->first; n; n = n->next, i++) {
		bool met_here = (met[i] < times_of(n) || times_of(n) == 0) && meets(l, is, n);
		forbidden |= met_here && times_of(n) == 0;
		if (met_here && !forbidden) {
			met[i]++;
			l->unknown += is->state == STATE_SEND_UNKNOWN;
			return true;
		}
	}
	if (!forbidden && is->state == STATE_SKIPPED)
		return true; /* nobody got anything: named only by scenes that care why */
	describe(l, "not expected", is);
	return false;
}

static int64_t beyond(int64_t found, int64_t allowed)
{
	return found > allowed ? found - allowed : 0;
}

/* Held by an issuance; or somebody was told: it is why one is held, or was until a person dropped it; or a draft that a
 * reconcile found, or what was dropped for want of a value and may be this one. */
static bool is_known(struct life *l, const char *credential)
{
	return db_exists(
		l->sim.world.db,
		"SELECT 1 FROM issuance WHERE credential = ?1 UNION ALL"
		" SELECT 1 FROM issuance i JOIN trail t ON t.issuance = i.id WHERE hold = 'restored'"
		" AND note LIKE '%' || ?1 || '%'"
		" UNION ALL SELECT 1 FROM orphan WHERE credential = ?1 AND draft <> 0"
		" UNION ALL SELECT 1 FROM orphan o JOIN issuance i ON i.group_id = o.group_id"
		" AND lower(i.email) = o.email WHERE o.credential = ?1 AND i.state = 'dropped'"
		" AND i.hold IN ('missing-email', 'required', 'field')",
		"t", credential);
}

/* Nothing at Certifier that the ledger does not know, but what somebody else made. */
static bool judge_strays(struct life *l)
{
	int64_t drafts = 0, issued = 0;

	for (size_t i = 0; i < sandbox_credential_count(l->sandbox); i++) {
		struct sandbox_credential c = sandbox_credential_at(l->sandbox, i);
		if (is_known(l, c.id))
			continue;
		if (strcmp(c.status, "draft") == 0)
			drafts++;
		else
			issued++;
	}
	drafts = beyond(drafts, l->by_hand[0]);
	issued = beyond(issued, l->by_hand[1]);
	if (issued)
		str_addf(&l->trouble,
			 "%lld credentials were issued that the ledger does not know\n",
			 (long long)issued);
	if (drafts)
		str_addf(&l->trouble, "%lld stray drafts are left\n", (long long)drafts);
	return !issued && !drafts;
}

/* `contact: any` with `times: n` means n contacts, not one n times. */
static bool all_different(struct life *l, const struct node *entry)
{
	struct arena memory;

	if (!node_is_text(node_get(entry, "contact"), "any"))
		return true;
	arena_init(&memory);
	int64_t people = db_integer(l->sim.world.db, 0,
				    "SELECT count(DISTINCT contact) FROM issuance WHERE rule = ?1",
				    "t", node_word(entry, "rule", "", &memory));
	arena_release(&memory);
	return people == times_of(entry);
}

/* Every contact of which there was news has been looked at, but of accounts that are gone: none is asked for for ever. */
static bool judge_news(struct life *l)
{
	struct table *table = life_table(l);
	struct arena memory;
	int64_t left = 0;

	arena_init(&memory);
	struct query *q = db_select(l->sim.world.db,
				    "SELECT account, count(*) FROM news GROUP BY account", "");

	while (query_next(q))
		if (table_account(table, arena_text(&memory, query_slice(q, 0))))
			left += query_integer(q, 1);
	arena_release(&memory);
	table_unref(table);
	if (left)
		str_addf(&l->trouble, "news of %lld contacts are left\n", (long long)left);
	return !left;
}

bool judge(struct life *l)
{
	int64_t *met = mem_alloc((l->scene->expect->count + 1) * sizeof(*met));
	bool good = true;
	int64_t last = db_integer(l->sim.world.db, 0, "SELECT max(id) FROM issuance", "");
	size_t i = 0;

	for (int64_t id = 1; id <= last; id++) {
		struct arena memory;
		struct issuance is;
		arena_init(&memory);
		if (ledger_load(l->sim.world.db, id, &memory, &is)) {
			good &= judge_row(l, &is, met);
			json_free((struct json *)(uintptr_t)is.fields);
		}
		arena_release(&memory);
	}
	for (const struct node *n = l->scene->expect->first; n; n = n->next, i++) {
		if (met[i] == times_of(n) && all_different(l, n))
			continue;
		if (met[i] == 0 && is_disturbed(l, "missing", n))
			continue;
		good = false;
		str_add_text(&l->trouble, "missing:");
		for (const struct node *m = n->first; m; m = m->next)
			str_addf(&l->trouble, " %.*s=%.*s", SLICE_FMT(m->key->text),
				 SLICE_FMT(m->text));
		str_add_char(&l->trouble, '\n');
	}
	mem_free(met);
	return judge_strays(l) && judge_news(l) && good;
}
