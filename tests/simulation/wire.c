/*
 * wire - between engine and sandbox: faults, the trace, and what is truly unknown.
 *
 * Every request and answer passes here. A send is ambiguous where its end leaves
 * open whether the mail went out: its answer was lost, or the program ended
 * between the commit of "about to" and that of the result.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

const char *const fault_names[FAULT_KINDS] = {
	"none",	   "500-before", "500-after", "503-before",   "504-after",
	"429",	   "cut-early",	 "cut-late",  "silent-early", "silent-late",
	"no-json", "nothing",	 "not-sent",  "423",	      "408-after",
	"401",	   "403",	 "402",	      "slow",
};

/* What the sandbox is asked to do; NONE is done here. */
static const struct {
	enum sandbox_fault fault;
	int status;
	int retry_after_s;
} faults[FAULT_KINDS] = {
	[FAULT_500_BEFORE] = { FAULT_STATUS, 500, -1 },
	[FAULT_500_AFTER] = { FAULT_STATUS_AFTER, 500, -1 },
	[FAULT_503_BEFORE] = { FAULT_STATUS, 503, 7 },
	[FAULT_504_AFTER] = { FAULT_STATUS_AFTER, 504, -1 },
	[FAULT_429_STATUS] = { FAULT_STATUS, 429, 11 },
	[FAULT_CUT_EARLY] = { FAULT_CUT_BEFORE, 0, -1 },
	[FAULT_CUT_LATE] = { FAULT_CUT_AFTER, 0, -1 },
	[FAULT_SILENT_EARLY] = { FAULT_TIMEOUT_BEFORE, 0, -1 },
	[FAULT_SILENT_LATE] = { FAULT_TIMEOUT, 0, -1 },
	[FAULT_NO_JSON] = { FAULT_GARBAGE, 0, -1 },
	[FAULT_NOTHING] = { FAULT_EMPTY, 0, -1 },
	[FAULT_423] = { FAULT_STATUS, 423, -1 },
	[FAULT_408_AFTER] = { FAULT_STATUS_AFTER, 408, -1 },
	[FAULT_401] = { FAULT_STATUS, 401, -1 },
	[FAULT_403] = { FAULT_STATUS, 403, -1 },
	[FAULT_402] = { FAULT_STATUS, 402, -1 },
};

/* A request under way. */
struct passage {
	struct wire *wire;
	const char *call;
	http_done *done;
	void *arg;
	bool certifier, not_sent, cancelled;
	struct passage *next;
};

struct wire {
	struct life *life;
	struct dice dice;
	struct world inner;
	struct passage *passage;
	int64_t storm_ms;
	int secret;
	int64_t lost_creates;
};

/* ---- which call it is ---------------------------------------------------------- */

static const struct {
	const char *part, *method, *call;
	bool certifier;
} calls[] = {
	{ "/contacts/search", "POST", "search", false },
	{ "/batch/read", "POST", "read", false },
	{ "/memberships", "GET", "memberships", false },
	{ "/lists/", "GET", "list", false },
	{ "/search", "POST", "list-search", false },
	{ "/properties/", "GET", "properties", false },
	{ "/credentials/search", "POST", "search-credentials", true },
	{ "/issue", "POST", "issue", true },
	{ "/send", "POST", "send", true },
	{ "/groups", "GET", "groups", true },
	{ "/attributes", "GET", "attributes", true },
	{ "/credentials", "POST", "create", true },
	{ "/credentials/", "GET", "get-credential", true },
};

static const char *call_of(const struct http_request *r)
{
	bool certifier = strstr(r->url, "certifier") != NULL;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].certifier == certifier && strcmp(calls[i].method, r->method) == 0 &&
		    strstr(r->url, calls[i].part))
			return calls[i].call;
	return certifier ? "certifier" : "hubspot";
}

/* ---- faults -------------------------------------------------------------------- */

/* Whether the service that has this call ever answers so. */
static bool may_befall(enum fault_kind kind, const struct passage *p)
{
	if (kind == FAULT_423)
		return !p->certifier;
	if (kind == FAULT_402)
		return p->certifier;
	return true;
}

static enum fault_kind draw_fault(struct wire *w, const struct passage *p)
{
	struct life *l = w->life;

	if (l->quiet_now)
		return FAULT_NONE;
	if (l->sim.now_ms < w->storm_ms)
		return FAULT_429_STATUS;
	for (int kind = 1; kind < FAULT_KINDS; kind++)
		if (l->sc->fault_rate[kind] && dice_chance(&w->dice, l->sc->fault_rate[kind]) &&
		    may_befall((enum fault_kind)kind, p))
			return (enum fault_kind)kind;
	return FAULT_NONE;
}

static void inject(struct wire *w, struct passage *p, enum fault_kind kind)
{
	struct err err;

	w->life->tally.faults[kind]++;
	if (kind == FAULT_NOT_SENT)
		p->not_sent = true;
	else if (kind == FAULT_SLOW)
		w->life->sim.latency_ms = dice_between(&w->dice, 1, 14) * MS_SECOND;
	else if (kind != FAULT_NONE &&
		 sandbox_fault(w->life->sandbox, p->call, faults[kind].fault, faults[kind].status,
			       faults[kind].retry_after_s, 0, 1, &err) != RC_OK)
		trouble(w->life, "fault %s of %s: %s", fault_names[kind], p->call, err.text);
}

/* ---- passing -------------------------------------------------------------------- */

static void passage_free(struct passage *p)
{
	struct passage **at = &p->wire->passage;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	mem_free(p);
}

static void trace_number(struct life *l, int64_t n)
{
	trace_add(l, &n, sizeof(n));
}

static bool is_unknown(const struct http_response *r)
{
	if (r->outcome != HTTP_ANSWER)
		return r->outcome == HTTP_UNKNOWN;
	return r->status == 408 || r->status < 200 || (r->status >= 300 && r->status < 400) ||
	       r->status >= 500;
}

/* What an answer that the engine hears leaves open. */
static void note_answer(struct wire *w, const struct passage *p, const struct http_response *r)
{
	if (strcmp(p->call, "send") == 0)
		w->life->tally.ambiguous += is_unknown(r);
	if (strcmp(p->call, "create") == 0)
		w->lost_creates += is_unknown(r) || r->body.len < 30;
}

static void wire_done(void *arg, const struct http_response *response)
{
	struct passage *p = arg;
	struct wire *w = p->wire;
	struct http_response r = *response;

	if (p->not_sent)
		r = (struct http_response){ .outcome = HTTP_NOT_SENT,
					    .problem = "connection refused",
					    .date_ms = HTTP_ABSENT,
					    .retry_after_ms = HTTP_ABSENT,
					    .rate_max = HTTP_ABSENT,
					    .rate_interval_ms = HTTP_ABSENT };
	trace_number(w->life, w->life->sim.now_ms);
	trace_number(w->life, r.outcome * 1000 + r.status);
	trace_add(w->life, r.body.ptr, r.body.len);
	if (!p->cancelled) {
		note_answer(w, p, &r);
		p->done(p->arg, &r);
	}
	passage_free(p);
}

/* The world's context is the sim of a life. */
static struct wire *wire_of(void *ctx)
{
	return ((struct life *)((char *)ctx - offsetof(struct life, sim)))->wire;
}

static void wire_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	struct sim *sim = ctx;
	struct wire *w = wire_of(ctx);
	struct passage *p = mem_alloc(sizeof(*p));
	struct http_request passed = *request;

	*p = (struct passage){ .wire = w,
			       .call = call_of(request),
			       .done = done,
			       .arg = arg,
			       .certifier = strstr(request->url, "certifier") != NULL,
			       .next = w->passage };
	w->passage = p;
	w->life->tally.requests++;
	trace_number(w->life, w->life->sim.now_ms);
	trace_add(w->life, request->url, strlen(request->url));
	trace_add(w->life, request->body.ptr, request->body.len);
	int64_t latency = sim->latency_ms;
	inject(w, p, draw_fault(w, p));
	if (p->not_sent)
		passed.url = "https://nowhere/nothing";
	w->inner.http_start(ctx, &passed, wire_done, p);
	sim->latency_ms = latency;
}

static void wire_cancel(void *ctx, const void *arg)
{
	struct wire *w = wire_of(ctx);

	for (struct passage *p = w->passage; p; p = p->next)
		if (p->arg == arg)
			p->cancelled = true;
}

static enum rc wire_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	struct wire *w = wire_of(ctx);

	(void)err;
	str_addf(out, "token-%d-of-%s", w->secret, secret->name);
	return RC_OK;
}

struct wire *wire_new(struct life *l)
{
	struct wire *w = mem_alloc(sizeof(*w));

	w->life = l;
	w->dice = dice_of(l->sc->seed, 2);
	w->inner = l->sim.world;
	l->sim.world.http_start = wire_start;
	l->sim.world.http_cancel = wire_cancel;
	l->sim.world.secret = wire_secret;
	return w;
}

void wire_forget(struct wire *w)
{
	while (w->passage) {
		if (strcmp(w->passage->call, "create") == 0)
			w->lost_creates++;
		passage_free(w->passage);
	}
}

void wire_free(struct wire *w)
{
	wire_forget(w);
	mem_free(w);
}

void wire_storm(struct wire *w, int64_t until_ms)
{
	w->storm_ms = until_ms;
}

void wire_new_secret(struct wire *w)
{
	w->secret++;
}

int64_t wire_lost_creates(const struct wire *w)
{
	return w->lost_creates;
}
