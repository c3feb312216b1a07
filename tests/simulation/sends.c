/*
 * sends - what became of each send, credential by credential, and what the ledger may say of it.
 *
 * Certifier mails at each send, so none may leave that might mail again what was mailed, unless a
 * person asked. What cannot be known must be parked, and nothing else may be:
 *
 *  1. After a send no other leaves, unless the first was surely not done, or somebody asked for it.
 *  2. A send without an answer that tells its end is parked, where nobody moved it since.
 *  3. What is parked has such a send, or one whose end was not stored, or was found as "about to"
 *     after the program had ended.
 */
#include "base/map.h"
#include "tests/simulation/simulation.h"

struct send {
	enum { SEND_NONE, SEND_UNKNOWN, SEND_NOT_DONE, SEND_DONE } end;
	bool stored;   /* its end, for sure */
	bool found;    /* as about to leave, by a start */
	bool forgot;   /* an older state was put back after it had left */
	int64_t again; /* times that one left though an earlier one may have mailed */
};

struct sends {
	struct life *life;
	struct map of; /* credential -> send */
	struct arena memory;
};

struct sends *sends_new(struct life *l)
{
	struct sends *s = mem_alloc(sizeof(*s));

	s->life = l;
	map_init(&s->of);
	arena_init(&s->memory);
	return s;
}

void sends_free(struct sends *s)
{
	map_release(&s->of);
	arena_release(&s->memory);
	mem_free(s);
}

static struct send *send_of(struct sends *s, struct slice credential)
{
	struct send *send = map_get(&s->of, credential);

	if (send)
		return send;
	send = arena_alloc(&s->memory, sizeof(*send));
	*send = (struct send){ 0 };
	(void)map_put(&s->of, credential, send);
	return send;
}

/* What a person did with it, by what is stored: an act whose commit failed may be. */
static int64_t acts_on(const struct sends *s, struct slice credential, const char *act)
{
	return db_integer(
		s->life->sim.world.db, 0,
		"SELECT count(*) FROM trail WHERE who = 'ana' AND note = ?2 AND issuance ="
		" (SELECT id FROM issuance WHERE credential = ?1)",
		"st", credential, act);
}

void sends_leave(struct sends *s, const char *credential)
{
	struct send *send = send_of(s, slice_of(credential));

	/* Where the disk fails this very read, nothing is known; the engine meets the same store next. */
	if ((send->end == SEND_UNKNOWN || send->end == SEND_DONE) &&
	    ++send->again > acts_on(s, slice_of(credential), "resend") &&
	    db_failed(s->life->sim.world.db, NULL) == RC_OK)
		trouble(s->life, "%s is sent again, and nobody asked for it", credential);
	*send = (struct send){ .end = SEND_UNKNOWN, .again = send->again, .forgot = send->forgot };
}

void sends_hear(struct sends *s, const char *credential, const struct http_response *r, bool stored)
{
	struct send *send = send_of(s, slice_of(credential));

	if (wire_is_unknown(r))
		send->end = SEND_UNKNOWN;
	else if (r->outcome == HTTP_ANSWER && r->status < 300)
		send->end = SEND_DONE;
	else
		send->end = SEND_NOT_DONE;
	send->stored = stored;
}

void sends_look_back(struct sends *s)
{
	for (struct query *q =
		     db_select(s->life->sim.world.db,
			       "SELECT credential FROM issuance WHERE state = 'sending'", "");
	     query_next(q);)
		send_of(s, query_slice(q, 0))->found = true;
}

void sends_forget(struct sends *s)
{
	for (size_t i = 0; i < sandbox_credential_count(s->life->sandbox); i++)
		send_of(s, slice_of(sandbox_credential_at(s->life->sandbox, i).id))->forgot = true;
}

/* A person has done something with it since it left. */
static bool is_moved(const struct sends *s, const struct map_entry *e)
{
	const struct send *send = e->value;

	return acts_on(s, e->key, "drop") || acts_on(s, e->key, "resend") > send->again;
}

static bool may_be_parked(const struct send *send)
{
	return send->found || send->forgot || send->end == SEND_UNKNOWN ||
	       (send->end != SEND_NONE && !send->stored);
}

static void judge_send(struct sends *s, const struct map_entry *e)
{
	const struct send *send = e->value;
	struct life *l = s->life;
	bool parked = db_exists(l->sim.world.db,
				"SELECT 1 FROM issuance WHERE credential = ?1"
				" AND state = 'send-unknown'",
				"s", e->key);

	l->tally.ambiguous += parked;
	if (parked && !may_be_parked(send))
		trouble(l, "%.*s is parked, and nothing was unknown", SLICE_FMT(e->key));
	if (!parked && send->end == SEND_UNKNOWN && !send->forgot && !is_moved(s, e))
		trouble(l, "the send of %.*s is unknown, and not parked", SLICE_FMT(e->key));
}

int64_t sends_judge(struct sends *s)
{
	int64_t before = s->life->tally.ambiguous;

	for (size_t i = 0; i < s->of.count; i++)
		judge_send(s, &s->of.entry[i]);
	return s->life->tally.ambiguous - before;
}
