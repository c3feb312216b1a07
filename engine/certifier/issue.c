/*
 * issue - the three steps at Certifier and what their answers mean:
 * behaviour.md, "Issuing".
 *
 *   planned -> creating -> draft -> issuing -> issued -> sending -> sent
 *      ^        |    ^       ^       |    |                 |
 *      |        v    |       |       v    +-> refused       +-> send-unknown
 *      +------ search        +----- GET
 *
 * Invariants
 *  1. Every end of a write is not done, done or unknown; the rows of `meanings`
 *     say which status is what, first fit.
 *  2. What is unknown is settled by reading (settle.c), never by writing; an
 *     unknown send cannot be settled.
 *  3. No credential id that another issuance holds is ever taken.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/certifier/api.h"
#include "engine/certifier/certifier.h"
#include "engine/certifier/list.h"
#include "engine/certifier/settle.h"
#include "engine/certifier/sweep.h"

/* ---- life --------------------------------------------------------------------- */

static struct action *certifier_open(const struct account *account, struct slice token)
{
	struct action *a = mem_alloc(sizeof(*a));

	a->base = mem_strdup(account_text(account, "base-url"));
	a->portal = mem_strdup(account_text(account, "portal-url"));
	str_init(&a->token, LIMIT_SECRET_BYTES);
	str_add_slice(&a->token, token);
	probe_init(&a->probe);
	return a;
}

static void certifier_close(struct action *a)
{
	str_wipe(&a->token);
	probe_release(&a->probe);
	mem_free(a->base);
	mem_free(a->portal);
	mem_free(a);
}

/* ---- the next request --------------------------------------------------------- */

static const struct {
	enum issuance_state from;
	bool write;
	enum issuance_state doing;
	void (*build)(const struct action *a, const struct issuance *is, struct arena *memory,
		      struct http_request *out);
} steps[] = {
	{ STATE_PLANNED, true, STATE_CREATING, api_create },
	{ STATE_CREATING, false, STATE_CREATING, api_search },
	{ STATE_DRAFT, true, STATE_ISSUING, api_issue },
	{ STATE_ISSUING, false, STATE_ISSUING, api_get },
	{ STATE_ISSUED, true, STATE_SENDING, api_send },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void certifier_step(struct action *a, const struct issuance *is, struct arena *memory,
			   struct step *out)
{
	size_t i = 0;

	while (i < STEPS && steps[i].from != is->state) /* defensive: engine/action.h */
		i++;
	if (i == STEPS) /* defensive: never called for other states */
		abort();
	*out = (struct step){ .write = steps[i].write, .doing = steps[i].doing };
	steps[i].build(a, is, memory, &out->request);
}

/* The state that a write began from. */
static enum issuance_state state_before(enum issuance_state doing)
{
	size_t i = 0;

	while (!steps[i].write || steps[i].doing != doing)
		i++; /* every -ing state is in a row */
	return steps[i].from;
}

/* ---- what an answer to a write means ------------------------------------------- */

enum meaning {
	DONE,
	NOT_YET,     /* not done; the account waits */
	STOP,	     /* not done; the account stops */
	PLAN,	     /* not done; the workspace's issuances are held */
	GROUP,	     /* not done; the group's issuances are held */
	GROUP_MAYBE, /* GROUP where the text speaks of it, else REFUSED */
	REFUSED,     /* not done, for this issuance alone */
	READ_BACK,   /* refused because of the state that it is in: read that */
	UNKNOWN,
};

#define ANY STATE_COUNT

static const struct {
	enum issuance_state doing;
	int low, high; /* statuses */
	enum meaning meaning;
} meanings[] = {
	{ ANY, 200, 299, DONE },
	{ ANY, 401, 401, STOP },
	{ ANY, 402, 402, PLAN },
	{ ANY, 403, 403, STOP },
	{ ANY, 408, 408, UNKNOWN },
	{ ANY, 429, 429, NOT_YET },
	{ STATE_CREATING, 404, 404, GROUP },
	{ STATE_CREATING, 400, 400, GROUP_MAYBE },
	{ STATE_ISSUING, 400, 400, READ_BACK },
	{ STATE_ISSUING, 409, 409, READ_BACK },
	{ STATE_ISSUING, 404, 404, READ_BACK },
	{ STATE_ISSUING, 412, 412, READ_BACK },
	{ ANY, 400, 499, REFUSED },
	{ ANY, INT_MIN, INT_MAX, UNKNOWN }, /* 3xx and 5xx: it may have been done */
};

/* An attribute may be called a group, too. */
static bool speaks_of_group(const char *problem)
{
	return strcasestr(problem, "group") && !strcasestr(problem, "attribute");
}

static enum meaning meaning_of(const struct answer *an, enum issuance_state doing,
			       const char *problem)
{
	const struct http_response *r = an->response;
	int status = r->status;
	size_t i = 0;

	if (r->outcome != HTTP_ANSWER)
		return r->outcome == HTTP_NOT_SENT ? NOT_YET : UNKNOWN;
	while ((meanings[i].doing != ANY && meanings[i].doing != doing) ||
	       status < meanings[i].low || status > meanings[i].high)
		i++;
	if (meanings[i].meaning == GROUP_MAYBE)
		return speaks_of_group(problem) ? GROUP : REFUSED;
	return meanings[i].meaning;
}

/* ---- the verdict on a write ----------------------------------------------------- */

static void unknown(const struct answer *an, enum issuance_state doing, const char *why,
		    struct verdict *out)
{
	int64_t asked = api_retry_ms(an->response);

	out->reason = why;
	out->state = doing == STATE_SENDING ? STATE_SEND_UNKNOWN : doing;
	if (doing != STATE_SENDING)
		out->wait_ms = asked > SETTLE_FIRST_MS ? asked : SETTLE_FIRST_MS;
}

/* For create and issue the body must bear it out; a mail is on its way whatever the body says. */
static bool take_done(const struct answer *an, enum issuance_state doing, struct verdict *out)
{
	struct verdict ids = { 0 };
	bool usable = api_take_ids(an, an->body, &ids);

	switch (doing) {
	case STATE_CREATING:
		if (!usable || an->view->credential_held(an->view->ctx, ids.credential))
			return false;
		out->credential = ids.credential;
		out->public_url = ids.public_url;
		out->state = STATE_DRAFT;
		return true;
	case STATE_ISSUING:
		if (!usable || strcmp(ids.credential, an->is->credential) != 0 ||
		    !api_is_issued(an->body))
			return false;
		out->public_url = ids.public_url;
		out->state = STATE_ISSUED;
		return true;
	default:
		out->state = STATE_SENT;
		return true;
	}
}

static void hold(enum verdict_scope scope, const char *reason, struct verdict *out)
{
	out->held_from = out->state;
	out->state = STATE_HELD;
	out->scope = scope;
	out->reason = reason;
}

static void judge_write(const struct answer *an, enum issuance_state doing, struct verdict *out)
{
	const char *problem = api_problem(an);

	*out = (struct verdict){ .state = state_before(doing), .reason = problem };
	switch (meaning_of(an, doing, problem)) {
	case DONE:
		out->reason = NULL;
		if (!take_done(an, doing, out))
			unknown(an, doing, "the answer says done, but not what was done", out);
		break;
	case NOT_YET:
		out->scope = SCOPE_ACCOUNT_WAIT;
		out->again = true;
		out->wait_ms = api_retry_ms(an->response);
		break;
	case STOP:
		out->scope = SCOPE_ACCOUNT_STOP;
		break;
	case PLAN:
		hold(SCOPE_ACCOUNT_HOLD, arena_printf(an->memory, "plan: %s", problem), out);
		break;
	case GROUP:
	case GROUP_MAYBE:
		hold(SCOPE_GROUP_HOLD, arena_printf(an->memory, "group: %s", problem), out);
		break;
	case REFUSED:
		out->held_from = out->state;
		out->state = STATE_REFUSED;
		break;
	case READ_BACK:
		unknown(an, doing, arena_printf(an->memory, SETTLE_REFUSAL "%s", problem), out);
		break;
	case UNKNOWN:
		unknown(an, doing, problem, out);
		break;
	}
}

static void certifier_verdict(struct action *a, const struct issuance *is, const struct step *step,
			      const struct http_response *r, const struct action_view *view,
			      struct arena *memory, struct verdict *out)
{
	struct err ignored;
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;
	struct answer an = { a, is, r, body, view, memory };

	*out = (struct verdict){ .state = is->state, .reason = is->reason };
	if (step->write)
		judge_write(&an, step->doing, out);
	else if (step->doing == STATE_CREATING)
		settle_create(&an, out);
	else
		settle_issue(&an, out);
	json_free(body);
}

const struct action_ops certifier_ops = {
	.type = "certifier",
	.open = certifier_open,
	.close = certifier_close,
	.step = certifier_step,
	.verdict = certifier_verdict,
	.sweep_step = certifier_sweep_step,
	.sweep_verdict = certifier_sweep_verdict,
	.probe_next = probe_next,
	.probe_answer = probe_answer,
	.probe_problem = probe_problem,
	.probe_report = probe_report,
	.newest = list_newest,
	.page = list_page,
};
