#include "engine/act.h"

#include "base/arena.h"
#include "engine/ledger.h"

const char *const act_names[ACT_COUNT] = {
	[ACT_APPROVE] = "approve",
	[ACT_RETRY] = "retry",
	[ACT_RESEND] = "resend",
	[ACT_DROP] = "drop",
};

static const char request_under_way[] = "a request of it may be under way";
static const char waits_for_retry[] = "it is planned anew at the next look at its contact";

static struct act_outcome outcome(enum act_result result, const struct issuance *is,
				  enum issuance_state to, const char *why)
{
	return (struct act_outcome){ result, why, is->state, to };
}

static struct act_outcome cannot(const struct issuance *is, const char *why)
{
	return outcome(ACT_CANNOT, is, is->state, why);
}

static struct act_outcome already(const struct issuance *is, const char *why)
{
	return outcome(ACT_ALREADY, is, is->state, why);
}

static struct act_outcome judge_approve(const struct issuance *is)
{
	if (is->state == STATE_HELD && is->hold == HOLD_BRAKE)
		return outcome(ACT_DONE, is, is->held_from, NULL);
	if (is->state == STATE_HELD)
		return cannot(is, "the brake does not hold it: 'hs2cert retry' is for other holds");
	if (issuance_has_step(is) || is->state == STATE_SENDING || is->state == STATE_SENT)
		return already(is, "it goes on already");
	return cannot(is, "the brake does not hold it");
}

/* Where nothing was created yet it stays where it is until the contact has been looked at. */
static struct act_outcome judge_retry(const struct issuance *is)
{
	bool stands = is->state == STATE_HELD || is->state == STATE_REFUSED;

	if (stands && is->retry)
		return already(is, waits_for_retry);
	if (stands)
		return outcome(ACT_DONE, is, is->credential ? is->held_from : is->state,
			       is->credential ? NULL : waits_for_retry);
	if (issuance_has_step(is) || is->state == STATE_SENDING || is->state == STATE_SENT)
		return already(is, "it goes on already");
	return cannot(is, "it is neither held nor refused");
}

static struct act_outcome judge_resend(const struct issuance *is)
{
	if (is->state == STATE_SEND_UNKNOWN || is->state == STATE_SENT)
		return outcome(ACT_DONE, is, STATE_ISSUED, NULL);
	if (is->state == STATE_SENDING || (is->state == STATE_ISSUED && is->do_send))
		return already(is, "it is about to be sent");
	return cannot(is, "it was never sent");
}

static struct act_outcome judge_drop(const struct issuance *is)
{
	switch (is->state) {
	case STATE_DROPPED:
		return already(is, "it was dropped already");
	case STATE_CREATING:
	case STATE_ISSUING:
	case STATE_SENDING:
		return cannot(is, request_under_way);
	case STATE_SENT:
	case STATE_SKIPPED:
	case STATE_SHADOW:
		return cannot(is, "there is nothing left of it to drop");
	default:
		return outcome(ACT_DONE, is, STATE_DROPPED, NULL);
	}
}

struct act_outcome act_judge(enum act act, const struct issuance *is)
{
	static struct act_outcome (*const judges[ACT_COUNT])(const struct issuance *) = {
		[ACT_APPROVE] = judge_approve,
		[ACT_RETRY] = judge_retry,
		[ACT_RESEND] = judge_resend,
		[ACT_DROP] = judge_drop,
	};

	return judges[act](is);
}

/* Its contact is looked at, and it is planned anew from that: engine/resume.h. */
static void ask_for_look(struct db *db, const struct issuance *is)
{
	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms) VALUES (?1, ?2, 0)"
	       " ON CONFLICT (account, contact) DO UPDATE SET seq = seq + 1, not_before_ms = 0",
	       "tt", is->source_account, is->contact);
}

static void write(struct db *db, enum act act, const struct issuance *is, enum issuance_state to,
		  const char *who, int64_t now_ms)
{
	struct issuance after = *is;
	bool look = act == ACT_RETRY && !is->credential;

	after.state = to;
	after.hold = look ? is->hold : HOLD_NONE;
	after.expire_ms = look ? is->expire_ms : 0;
	after.reason = look ? is->reason : NULL;
	after.not_before_ms = 0;
	after.failures = 0;
	after.retry = look;
	if (ledger_act(db, is, &after, now_ms, act_names[act], who) && look)
		ask_for_look(db, is);
}

struct act_outcome act_do(struct db *db, enum act act, int64_t id, const char *who, int64_t now_ms)
{
	struct act_outcome out = { .result = ACT_NOBODY, .why = "there is no such issuance" };
	struct arena memory;
	struct issuance is;

	arena_init(&memory);
	if (ledger_load(db, id, &memory, &is)) {
		out = act_judge(act, &is);
		if (out.result == ACT_DONE)
			write(db, act, &is, out.to, who, now_ms);
		json_free((struct json *)(uintptr_t)is.fields);
	}
	arena_release(&memory);
	return out;
}
