#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/issuance.h"
#include "engine/store/db.h"
#include "tests/kill/stage.h"

/* What is wrong is said at once, with the number that repeats the run. */
static void complain(struct verdicts *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct verdicts *v, const char *format, ...)
{
	va_list args;

	v->wrong++;
	fputs("kill: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Issued credentials of one person with this group and value ("" for none). */
static int issued_for(const struct stage *s, const char *email, const char *group,
		      const char *value)
{
	int n = 0;

	for (size_t i = 0; i < sandbox_credential_count(s->sandbox); i++) {
		struct sandbox_credential c = sandbox_credential_at(s->sandbox, i);
		n += strcmp(c.status, "issued") == 0 && strcmp(c.email, email) == 0 &&
		     strcmp(c.group, group) == 0 &&
		     slice_is(json_get_slice(c.custom, "custom.step"), value);
	}
	return n;
}

static void judge_event(const struct stage *s, const struct person *p, const char *group,
			const char *value, struct verdicts *v)
{
	char email[32];

	snprintf(email, sizeof(email), "p%lld@example.org", (long long)p->id);
	int n = issued_for(s, email, group, value);
	v->issued += n;
	if (n != 1)
		complain(v, "%s %s %s: issued %d times", email, group, value, n);
}

static void judge_person(const struct stage *s, const struct person *p, struct verdicts *v)
{
	char value[16];

	for (int i = 1; i <= p->changes; i++) {
		snprintf(value, sizeof(value), "v%d", i);
		judge_event(s, p, "tiers", value, v);
	}
	if (p->joined)
		judge_event(s, p, "graduates", "", v);
}

static bool find(const struct stage *s, struct slice id, struct sandbox_credential *out)
{
	for (size_t i = 0; i < sandbox_credential_count(s->sandbox); i++) {
		*out = sandbox_credential_at(s->sandbox, i);
		if (slice_is(id, out->id))
			return true;
	}
	return false;
}

/* The ledger's word on one issuance: sent means one mail, parked one or none; nothing else is left. */
static void judge_row(const struct stage *s, struct slice credential, struct slice state,
		      struct verdicts *v)
{
	struct sandbox_credential c;
	bool sent = slice_is(state, "sent"), parked = slice_is(state, "send-unknown");

	v->sent += sent;
	v->parked += parked;
	if (!find(s, credential, &c))
		complain(v, "the ledger holds '%.*s', which nobody issued", SLICE_FMT(credential));
	else if (!sent && !parked)
		complain(v, "%s was left %.*s", c.id, SLICE_FMT(state));
	else if (c.mails > 1 || (sent && c.mails != 1))
		complain(v, "%s is %.*s, and was mailed %d times", c.id, SLICE_FMT(state), c.mails);
}

static void judge_ledger(const struct stage *s, struct verdicts *v)
{
	struct db *db;
	struct err err;
	char path[96];

	snprintf(path, sizeof(path), "%s/state.db", s->folder);
	if (db_open(path, DB_SHARE, &db, &err) != RC_OK) {
		complain(v, "%s", err.text);
		return;
	}
	for (struct query *q =
		     db_select(db, "SELECT coalesce(credential, ''), state FROM issuance", "");
	     query_next(q);)
		judge_row(s, query_slice(q, 0), query_slice(q, 1), v);
	if (db_failed(db, &err) != RC_OK)
		complain(v, "%s", err.text);
	db_close(db);
}

static void judge_sandbox(const struct stage *s, struct verdicts *v)
{
	int credentials = (int)sandbox_credential_count(s->sandbox), issued = 0;

	for (int i = 0; i < credentials; i++) {
		struct sandbox_credential c = sandbox_credential_at(s->sandbox, (size_t)i);
		issued += strcmp(c.status, "issued") == 0;
	}
	v->drafts = credentials - issued;
	v->mails = (int)sandbox_mail_count(s->sandbox);
	if (issued != s->earned)
		complain(v, "%d credentials were issued for %d events", issued, s->earned);
	/* Its search does not lag, so each draft whose create was cut off is found again. */
	if (v->drafts)
		complain(v, "%d stray drafts", v->drafts);
}

void stage_judge(const struct stage *s, struct verdicts *v)
{
	*v = (struct verdicts){ 0 };
	for (size_t i = 0; i < s->people; i++)
		judge_person(s, &s->person[i], v);
	judge_sandbox(s, v);
	judge_ledger(s, v);
	if (v->sent + v->parked != s->earned)
		complain(v, "%d issuances in the ledger for %d events", v->sent + v->parked,
			 s->earned);
	if (v->mails < v->sent || v->mails > v->sent + v->parked)
		complain(v, "%d mails, %d sent, %d parked", v->mails, v->sent, v->parked);
}
