#include "tests/wire/wire.h"

#include <stdarg.h>
#include <string.h>

#include "engine/issuance.h"

#define EVENTS 2

/* ---- what must come of it: behaviour.md, "Issuing", written down a second time -------- */

/* What an end of a request says of the call. */
enum effect { DONE, NOT_DONE, UNKNOWN_END, STOPS, PLAN, REFUSAL };

static enum effect effect_of(const struct life *l)
{
	static const struct {
		int status;
		enum effect effect;
	} rows[] = {
		{ 401, STOPS },	      { 402, PLAN },	 { 403, STOPS },
		{ 408, UNKNOWN_END }, { 429, NOT_DONE },
	};

	if (l->outcome != HTTP_ANSWER)
		return l->outcome == HTTP_NOT_SENT ? NOT_DONE : UNKNOWN_END;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (l->status == rows[i].status)
			return rows[i].effect;
	if (l->status / 100 == 2)
		return l->fault->what == GOOD ? DONE : UNKNOWN_END;
	return l->status / 100 == 4 ? REFUSAL : UNKNOWN_END;
}

/* Where the issuance that met it ends, once the fault is over and the program was restarted. */
static enum issuance_state end_of(const struct life *l)
{
	enum effect effect = effect_of(l);
	int status = l->outcome == HTTP_ANSWER ? l->status : 0;

	if (l->call == CALL_GET_CREDENTIAL && status == 404)
		return STATE_REFUSED; /* it is gone */
	if (!call_writes(l->call))
		return STATE_SENT;
	if (effect == PLAN || (l->call == CALL_CREATE && status == 404))
		return STATE_HELD;
	/* A refused issue is read back first: it may be refused for having been done. */
	if (effect == REFUSAL)
		return l->call == CALL_ISSUE && l->carry_out ? STATE_SENT : STATE_REFUSED;
	/* A mail is on its way whatever the body says. */
	if (l->call == CALL_SEND && effect == UNKNOWN_END && status / 100 != 2)
		return STATE_SEND_UNKNOWN;
	return STATE_SENT;
}

/* ---- the ledger --------------------------------------------------------------------- */

static bool differ(struct str *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool differ(struct str *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_addv(why, format, args);
	va_end(args);
	return false;
}

static bool find(const struct life *l, const char *id, struct sandbox_credential *out)
{
	for (size_t i = 0; i < sandbox_credential_count(l->sandbox); i++) {
		*out = sandbox_credential_at(l->sandbox, i);
		if (strcmp(out->id, id) == 0)
			return true;
	}
	return false;
}

/* What the ledger says of a credential is what it is. */
static bool judge_credential(const struct life *l, const char *id, enum issuance_state state,
			     struct str *why)
{
	struct sandbox_credential c;

	if (!find(l, id, &c))
		return differ(why, "the ledger holds '%s', which is no credential", id);
	bool issued = strcmp(c.status, "issued") == 0;
	int least = state == STATE_SENT, most = state == STATE_SENT || state == STATE_SEND_UNKNOWN;
	if (c.mails < least || c.mails > most)
		return differ(why, "%s, and mailed %d times", issuance_state_names[state], c.mails);
	if (most && !issued)
		return differ(why, "%s, and not issued", issuance_state_names[state]);
	return true;
}

struct ledger {
	int rows, sent, faulted, with_credential;
};

static bool read_ledger(const struct life *l, struct ledger *out, struct str *why)
{
	enum issuance_state end = end_of(l), state;
	struct query *q = db_select(
		l->db, "SELECT state, coalesce(credential, '') FROM issuance ORDER BY id", "");
	bool good = true;

	*out = (struct ledger){ 0 };
	while (query_next(q)) {
		char id[LIMIT_ID_BYTES + 1];
		struct slice credential = query_slice(q, 1);
		if (!issuance_state_of(query_slice(q, 0), &state) || credential.len >= sizeof(id))
			good = differ(why, "a row that cannot be read");
		snprintf(id, sizeof(id), "%.*s", SLICE_FMT(credential));
		out->rows++;
		out->sent += state == STATE_SENT;
		out->faulted += state == end;
		out->with_credential += id[0] != '\0';
		if (good && state != STATE_SENT && state != end)
			good = differ(why, "an issuance is %s", issuance_state_names[state]);
		if (good && id[0])
			good = judge_credential(l, id, state, why);
	}
	return good;
}

static bool judge_ledger(const struct life *l, struct str *why)
{
	enum issuance_state end = end_of(l);
	struct ledger led;

	if (!read_ledger(l, &led, why))
		return false;
	if (led.rows != EVENTS)
		return differ(why, "%d issuances of %d", led.rows, EVENTS);
	if (end == STATE_SENT ? led.sent != EVENTS : led.faulted == 0)
		return differ(why, "no issuance is %s", issuance_state_names[end]);
	/* Only the plan stops the other one, too. */
	if (end != STATE_SENT && effect_of(l) != PLAN && led.sent != EVENTS - 1)
		return differ(why, "the other issuance was not sent");
	if (sandbox_credential_count(l->sandbox) != (size_t)led.with_credential)
		return differ(why, "%zu credentials for %d in the ledger",
			      sandbox_credential_count(l->sandbox), led.with_credential);
	return true;
}

/* ---- what went over the wire ---------------------------------------------------------- */

/* No write reaches Certifier a second time; none leaves a second time, but where it was not done. */
static bool judge_writes(const struct life *l, struct str *why)
{
	enum effect effect = effect_of(l);

	for (enum call call = CALL_CREATE; call <= CALL_SEND; call++) {
		size_t came = sandbox_calls(l->sandbox, call_names[call]);
		if (came > EVENTS)
			return differ(why, "%s came %zu times", call_names[call], came);
	}
	int more = l->call == CALL_SEND && (effect == NOT_DONE || effect == STOPS);
	if (l->launches[CALL_SEND] > EVENTS + more)
		return differ(why, "send left %d times", l->launches[CALL_SEND]);
	return true;
}

static bool judge_end(const struct life *l, struct str *why)
{
	const struct behaviour *b = l->fault;
	bool answered = l->outcome == HTTP_ANSWER;

	if (!l->met)
		return differ(why, "the call was never made");
	if (l->outcome != b->outcome && !(b->or_not_sent && l->outcome == HTTP_NOT_SENT))
		return differ(why, "the client reports outcome %d, not %d", (int)l->outcome,
			      (int)b->outcome);
	if (answered && b->status && l->status != b->status)
		return differ(why, "the client reports status %d", l->status);
	if (l->server->misbehaved != (b->moment != AT_CONNECT))
		return differ(why, "it was sent %d times", l->server->misbehaved);
	if (l->server->strayed)
		return differ(why, "a redirect was followed");
	if (l->asked_again_ms && l->asked_again_ms - l->met_ms < b->wait_ms)
		return differ(why, "asked again after %lld ms",
			      (long long)(l->asked_again_ms - l->met_ms));
	return true;
}

bool life_judge(struct life *l, struct str *why)
{
	return judge_end(l, why) && judge_ledger(l, why) && judge_writes(l, why);
}
