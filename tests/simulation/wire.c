/*
 * wire - between engine and sandbox: faults, and the trace.
 *
 * Every request and answer passes here; sends.c hears of the sends.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/simulation.h"

/* Each fault that may befall a request; certifier or hubspot alone where it says so. */
static const struct {
	const char *name;
	struct sim_fate fate;
	enum { BOTH, HUBSPOT, CERTIFIER, WRITES } whose;
} faults[FAULT_KINDS] = {
	[FAULT_NONE] = { .name = "none" },
	[FAULT_500_BEFORE] = { "500-before", { .how = SIM_ANSWERED, .status = 500 } },
	[FAULT_500_AFTER] = { "500-after", { .how = SIM_ANSWERED, .status = 500, .after = true } },
	[FAULT_503_BEFORE] = { "503-before",
			       { .how = SIM_ANSWERED, .status = 503, .retry_after_s = 7 } },
	[FAULT_504_AFTER] = { "504-after", { .how = SIM_ANSWERED, .status = 504, .after = true } },
	[FAULT_429_STATUS] = { "429", { .how = SIM_ANSWERED, .status = 429, .retry_after_s = 11 } },
	[FAULT_CUT_EARLY] = { "cut-early", { .how = SIM_CUT } },
	[FAULT_CUT_LATE] = { "cut-late", { .how = SIM_CUT, .after = true } },
	[FAULT_SILENT_EARLY] = { "silent-early", { .how = SIM_TIMEOUT } },
	[FAULT_SILENT_LATE] = { "silent-late", { .how = SIM_TIMEOUT, .after = true } },
	[FAULT_HALVED] = { "halved", { .how = SIM_HALVED, .after = true } },
	[FAULT_NOTHING] = { "nothing", { .how = SIM_ANSWERED, .status = 200, .after = true } },
	[FAULT_NO_JSON] = { "no-json",
			    { .how = SIM_ANSWERED,
			      .status = 200,
			      .after = true,
			      .body = "<html>be right back</html>" } },
	[FAULT_WRONG] = { "wrong",
			  { .how = SIM_ANSWERED,
			    .status = 200,
			    .after = true,
			    .body = "{\"id\":7,\"data\":{},\"results\":\"\",\"status\":[]}" } },
	[FAULT_302] = { "302", { .how = SIM_ANSWERED, .status = 302 } },
	[FAULT_NOT_SENT] = { "not-sent", { .how = SIM_NOT_SENT } },
	[FAULT_423] = { "423", { .how = SIM_ANSWERED, .status = 423 }, HUBSPOT },
	[FAULT_408_AFTER] = { "408-after", { .how = SIM_ANSWERED, .status = 408, .after = true } },
	[FAULT_401] = { "401", { .how = SIM_ANSWERED, .status = 401 } },
	[FAULT_403] = { "403", { .how = SIM_ANSWERED, .status = 403 } },
	[FAULT_402] = { "402", { .how = SIM_ANSWERED, .status = 402 }, CERTIFIER },
	[FAULT_SLOW] = { "slow", { 0 } },
	[FAULT_END_LEAVING] = { "end-leaving", { .end = SIM_ENDS_LEAVING } },
	[FAULT_END_ANSWERED] = { "end-answered", { .end = SIM_ENDS_ANSWERED } },
	[FAULT_END_UNHEARD] = { "end-unheard",
				{ .how = SIM_TIMEOUT, .after = true, .end = SIM_ENDS_ANSWERED } },
	[FAULT_400] = { "400", { .how = SIM_ANSWERED, .status = 400 }, WRITES },
	[FAULT_404] = { "404", { .how = SIM_ANSWERED, .status = 404 }, WRITES },
	[FAULT_409] = { "409", { .how = SIM_ANSWERED, .status = 409 }, WRITES },
	[FAULT_412] = { "412", { .how = SIM_ANSWERED, .status = 412 }, WRITES },
	[FAULT_422] = { "422", { .how = SIM_ANSWERED, .status = 422 }, WRITES },
};

const char *fault_name(enum fault_kind kind)
{
	return faults[kind].name;
}

/* A request under way. */
struct passage {
	struct wire *wire;
	const char *call;
	char credential[64];	/* of a send */
	int64_t list, asked_ms; /* of a list's members */
	http_done *done;
	void *arg;
	bool certifier, cancelled;
	enum fault_kind kind;
	struct passage *next;
};

struct wire {
	struct life *life;
	struct dice dice;
	struct world inner;
	struct passage *passage;
	struct sim_fate fate; /* of the request that starts */
	enum fault_kind kind;
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

static bool is_write(const char *call)
{
	return strcmp(call, "create") == 0 || strcmp(call, "issue") == 0 ||
	       strcmp(call, "send") == 0;
}

static bool may_befall(enum fault_kind kind, const struct passage *p)
{
	if (faults[kind].whose == WRITES)
		return is_write(p->call);
	return faults[kind].whose == BOTH || (faults[kind].whose == CERTIFIER) == p->certifier;
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

static struct sim_fate draw_fate(struct wire *w, const struct passage *p)
{
	enum fault_kind kind = draw_fault(w, p);
	struct sim_fate fate = faults[kind].fate;

	w->kind = kind;
	w->life->tally.faults[kind]++;
	if (kind == FAULT_SLOW)
		fate.delay_ms = dice_between(&w->dice, 1, 25000);
	return fate;
}

static struct sim_fate tell_fate(void *ctx, const struct sim_request *request)
{
	(void)request;
	return ((struct wire *)ctx)->fate;
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

bool wire_is_unknown(const struct http_response *r)
{
	if (r->outcome != HTTP_ANSWER)
		return r->outcome == HTTP_UNKNOWN;
	return r->status == 408 || r->status < 200 || (r->status >= 300 && r->status < 400) ||
	       r->status >= 500;
}

/* Says that it was done, and not what was. */
static bool is_spoilt(enum fault_kind kind)
{
	return kind == FAULT_HALVED || kind == FAULT_NOTHING || kind == FAULT_NO_JSON ||
	       kind == FAULT_WRONG;
}

static void note_answer(struct wire *w, const struct passage *p, const struct http_response *r,
			bool stored)
{
	if (*p->credential)
		sends_hear(w->life->sends, p->credential, r, stored);
	if (strcmp(p->call, "create") == 0)
		w->lost_creates += wire_is_unknown(r) || is_spoilt(p->kind) || !stored;
}

static void wire_done(void *arg, const struct http_response *response)
{
	struct passage *p = arg;
	struct wire *w = p->wire;
	const struct http_response *r = response;

	trace_number(w->life, w->life->sim.now_ms);
	trace_number(w->life, (int64_t)r->outcome * 1000 + r->status);
	trace_add(w->life, r->body.ptr, r->body.len);
	if (!p->cancelled) {
		int64_t results = w->life->results, scans = w->life->scans;
		p->done(p->arg, r);
		note_answer(w, p, r, w->life->results > results);
		if (p->list && !is_spoilt(p->kind) && w->life->scans > scans)
			seen_note(w->life, p->list, p->asked_ms);
	}
	passage_free(p);
}

/* ".../credentials/ID/send" */
static void note_credential(struct passage *p, const char *url)
{
	static const char before[] = "/credentials/";
	const char *id = strstr(url, before);

	if (strcmp(p->call, "send") == 0 && id)
		snprintf(p->credential, sizeof(p->credential), "%.*s",
			 (int)strcspn(id + sizeof(before) - 1, "/"), id + sizeof(before) - 1);
}

/* ".../ID/memberships/..." */
static void note_list(struct passage *p, const char *url)
{
	const char *at = strstr(url, "/memberships");

	if (strcmp(p->call, "memberships") != 0 || !at)
		return;
	while (at > url && at[-1] != '/')
		at--;
	p->list = strtoll(at, NULL, 10);
}

/* The world's context is the sim of a life. */
static struct wire *wire_of(void *ctx)
{
	return ((struct life *)((char *)ctx - offsetof(struct life, sim)))->wire;
}

static void wire_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	struct wire *w = wire_of(ctx);
	struct passage *p = mem_alloc(sizeof(*p));

	*p = (struct passage){ .wire = w,
			       .call = call_of(request),
			       .done = done,
			       .arg = arg,
			       .certifier = strstr(request->url, "certifier") != NULL,
			       .next = w->passage };
	w->passage = p;
	note_credential(p, request->url);
	note_list(p, request->url);
	p->asked_ms = w->life->sim.now_ms;
	if (*p->credential)
		sends_leave(w->life->sends, p->credential);
	w->life->tally.requests++;
	trace_number(w->life, w->life->sim.now_ms);
	trace_add(w->life, request->url, strlen(request->url));
	trace_add(w->life, request->body.ptr, request->body.len);
	w->fate = draw_fate(w, p);
	p->kind = w->kind;
	if (w->life->sim.log.out)
		log_line(&w->life->sim.log, LOG_DEBUG, "request", "call", p->call, "url",
			 request->url, "fate", faults[w->kind].name, NULL);
	w->inner.http_start(ctx, request, wire_done, p);
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
	if (strcmp(secret->name, WEBHOOK_SECRET) == 0)
		str_add_text(out, WEBHOOK_SECRET); /* what the portal signs with */
	else
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
	l->sim.fate = tell_fate;
	l->sim.fate_ctx = w;
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
