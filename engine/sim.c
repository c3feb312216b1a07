#include "engine/sim.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

#define SPIN_TURNS 100000
#define HOOK_PATIENCE_MS (5 * MS_SECOND) /* so long the one who sends waits */

/* A request under way: at the sandbox at arrive_ms, answered at answer_ms. */
struct sim_call {
	char *method, *path, *query, *authorization, *version;
	struct str body;
	int64_t arrive_ms, answer_ms;
	bool arrived;
	struct sim_fate fate;
	struct sandbox_answer answer;
	http_done *done;
	void *arg;
	struct sim_call *next;
};

static int64_t sim_wall(void *ctx)
{
	struct sim *sim = ctx;

	return sim->now_ms + sim->skew_ms;
}

static int64_t sim_mono(void *ctx)
{
	return ((struct sim *)ctx)->now_ms;
}

/* splitmix64 */
static uint64_t sim_random(void *ctx)
{
	struct sim *sim = ctx;
	uint64_t z = sim->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static enum rc sim_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)err;
	str_addf(out, "token-of-%s", secret->name);
	return RC_OK;
}

/* The route whose address the URL begins with; of several the longest. NULL: there is none. */
static const struct sim_route *find_route(const struct sim_route *route, const char *url)
{
	const struct sim_route *best = NULL;

	for (; route && route->base_url; route++)
		if (slice_starts(slice_of(url), slice_of(route->base_url)) &&
		    (!best || strlen(route->base_url) > strlen(best->base_url)))
			best = route;
	return best;
}

/* Both services' own addresses lead to the sandbox; a path that is the sandbox's stays as it is. */
static char *local_path(const struct sim *sim, const char *url)
{
	static const struct sim_route hosts[] = {
		{ "https://api.hubapi.com", "/hubspot" },
		{ "https://api.certifier.io", "/certifier" },
		{ NULL, NULL },
	};
	const struct sim_route *route = find_route(sim->route, url);
	struct str path;

	if (!route)
		route = find_route(hosts, url);
	str_init(&path, LIMIT_URL_BYTES);
	if (route) {
		str_addf(&path, "%s%s", route->path, url + strlen(route->base_url));
	} else {
		const char *host = strstr(url, "://");
		const char *slash = host ? strchr(host + 3, '/') : NULL;
		str_add_text(&path, slash ? slash : "/");
	}
	return path.ptr;
}

static char *version_header(const struct http_request *request)
{
	static const char name[] = "Certifier-Version: ";

	for (size_t i = 0; i < sizeof(request->header) / sizeof(request->header[0]); i++)
		if (request->header[i] && strncmp(request->header[i], name, sizeof(name) - 1) == 0)
			return mem_strdup(request->header[i] + sizeof(name) - 1);
	return NULL;
}

static struct sim_fate ask_fate(struct sim *sim, const struct sim_call *c)
{
	struct sim_request request = {
		.number = sim->started,
		.method = c->method,
		.path = c->path,
		.query = c->query,
		.body = str_slice(&c->body),
	};

	if (sim->ended) /* what has ended sends nothing */
		return (struct sim_fate){ .how = SIM_NOT_SENT };
	struct sim_fate fate = sim->fate ? sim->fate(sim->fate_ctx, &request)
					 : (struct sim_fate){ 0 };
	sim->ended = fate.end == SIM_ENDS_LEAVING;
	return fate;
}

static void sim_http_start(void *ctx, const struct http_request *request, http_done *done,
			   void *arg)
{
	struct sim *sim = ctx;
	struct sim_call *c = mem_alloc(sizeof(*c)), **at = &sim->call;
	struct str bearer;

	str_init(&bearer, LIMIT_SECRET_BYTES + 8);
	if (request->bearer)
		str_addf(&bearer, "Bearer %s", request->bearer);
	c->method = mem_strdup(request->method);
	c->path = local_path(sim, request->url);
	char *question = strchr(c->path, '?');
	c->query = mem_strdup(question ? question + 1 : "");
	if (question)
		*question = '\0';
	c->authorization = bearer.ptr;
	c->version = version_header(request);
	str_init(&c->body, LIMIT_ANSWER_BYTES);
	str_add_slice(&c->body, request->body);
	/* Latencies differ, so that answers cross. */
	int64_t latency = sim->latency_ms +
			  (int64_t)(sim_random(sim) % (uint64_t)(sim->latency_ms + 1));
	sim->started++;
	c->fate = ask_fate(sim, c);
	c->arrive_ms = sim->now_ms + latency / 2;
	c->answer_ms = sim->now_ms + latency + c->fate.delay_ms;
	c->done = done;
	c->arg = arg;
	while (*at)
		at = &(*at)->next;
	*at = c;
}

static void call_free(struct sim_call *c)
{
	mem_free(c->method);
	mem_free(c->path);
	mem_free(c->query);
	mem_free(c->authorization);
	mem_free(c->version);
	str_release(&c->body);
	if (c->arrived)
		str_release(&c->answer.body);
	mem_free(c);
}

static void call_unlink(struct sim *sim, struct sim_call *c)
{
	struct sim_call **at = &sim->call;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

/* A cancelled request still arrives; nobody waits for its answer. */
static void sim_http_cancel(void *ctx, const void *arg)
{
	struct sim *sim = ctx;

	for (struct sim_call *c = sim->call; c; c = c->next)
		if (c->arg == arg)
			c->done = NULL;
}

static bool is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* Whoever garbles an answer on its way makes no success of a failure: then a send that was refused would count. */
static bool stands(const struct sim_fate *fate, const struct sandbox_answer *a)
{
	return fate->after && is_success(fate->status) &&
	       !(a->delivery == SANDBOX_WHOLE && is_success(a->status));
}

/* What the one who asked gets to hear of it, whatever the sandbox answered. */
static void meet_fate(struct sim_call *c)
{
	const struct sim_fate *fate = &c->fate;
	struct sandbox_answer *a = &c->answer;

	switch (fate->how) {
	case SIM_GOES:
	case SIM_NOT_SENT:
	case SIM_HALVED:
		break;
	case SIM_CUT:
		a->delivery = SANDBOX_CUT;
		break;
	case SIM_TIMEOUT:
		a->delivery = SANDBOX_TIMEOUT;
		break;
	case SIM_ANSWERED:
		if (stands(fate, a))
			break;
		a->delivery = SANDBOX_WHOLE;
		a->status = fate->status;
		memset(a->header, 0, sizeof(a->header));
		if (fate->retry_after_s)
			snprintf(a->header[0], sizeof(a->header[0]), "Retry-After: %d",
				 fate->retry_after_s);
		str_clear(&a->body);
		str_add_text(&a->body, fate->body ? fate->body : "");
		break;
	}
}

static void arrive(struct sim *sim, struct sim_call *c)
{
	struct sandbox_request request = {
		.method = c->method,
		.path = c->path,
		.query = c->query,
		.authorization = c->authorization,
		.certifier_version = c->version,
		.body = str_slice(&c->body),
	};

	if (c->fate.how == SIM_GOES || c->fate.how == SIM_HALVED || c->fate.after)
		sandbox_call(sim->sandbox, sim->now_ms, &request, &c->answer);
	else
		str_init(&c->answer.body, LIMIT_ANSWER_BYTES);
	c->arrived = true;
	meet_fate(c);
	if (c->answer.delivery == SANDBOX_TIMEOUT)
		c->answer_ms = sim->now_ms + 30 * MS_SECOND;
}

/* The answer's headers as they would come over the wire, for the reader that net.c uses too. */
static void read_headers(const struct sim *sim, const struct sandbox_answer *answer,
			 struct http_response *out)
{
	struct str lines;

	str_init(&lines, sizeof(answer->header) * 2);
	for (size_t i = 0;
	     i < sizeof(answer->header) / sizeof(answer->header[0]) && answer->header[i][0]; i++)
		str_addf(&lines, "%s\r\n", answer->header[i]);
	http_read_headers(str_slice(&lines), sim->now_ms + sim->skew_ms, out);
	str_release(&lines);
}

static void deliver(struct sim *sim, struct sim_call *c)
{
	bool sent = c->fate.how != SIM_NOT_SENT;
	struct http_response response = {
		.outcome = !sent				 ? HTTP_NOT_SENT
			   : c->answer.delivery == SANDBOX_WHOLE ? HTTP_ANSWER
								 : HTTP_UNKNOWN,
		.problem = !sent			       ? "connection refused"
			   : c->answer.delivery == SANDBOX_CUT ? "connection cut"
							       : "timed out",
		.status = c->answer.status,
		.body = str_slice(&c->answer.body),
	};

	if (c->fate.how == SIM_HALVED)
		response.body.len /= 2;
	read_headers(sim, &c->answer, &response);
	call_unlink(sim, c);
	if (c->done)
		c->done(c->arg, &response);
	sim->ended = sim->ended || c->fate.end == SIM_ENDS_ANSWERED;
	call_free(c);
}

/* The call whose next event comes first, and when. */
static struct sim_call *next_call(const struct sim *sim, int64_t *at_ms)
{
	struct sim_call *best = NULL;

	*at_ms = INT64_MAX;
	for (struct sim_call *c = sim->call; c; c = c->next) {
		int64_t at = c->arrived ? c->answer_ms : c->arrive_ms;
		if (at < *at_ms) {
			*at_ms = at;
			best = c;
		}
	}
	return best;
}

void sim_init(struct sim *sim, struct sandbox *sandbox, int64_t start_ms, uint64_t seed,
	      FILE *log_out)
{
	*sim = (struct sim){
		.sandbox = sandbox, .now_ms = start_ms, .latency_ms = 40, .random = seed
	};
	sim->log = (struct log){
		.out = log_out, .level = LOG_DEBUG, .now_ms = sim_wall, .ctx = sim
	};
	sim->world = (struct world){
		.ctx = sim,
		.wall_ms = sim_wall,
		.mono_ms = sim_mono,
		.random = sim_random,
		.http_start = sim_http_start,
		.http_cancel = sim_http_cancel,
		.secret = sim_secret,
		.log = &sim->log,
	};
}

/* ---- webhooks -------------------------------------------------------------- */

/* A header of the delivery, as `Name: value`. */
static size_t find_header(const void *ctx, const char *name, const char **value)
{
	const struct sandbox_delivery *d = ctx;
	struct slice rest, its;
	size_t n = 0;

	for (size_t i = 0; i < SANDBOX_HEADERS; i++) {
		rest = slice_of(d->header[i]);
		if (slice_cut(&rest, ':', &its) && slice_eq_nocase(its, slice_of(name)) && n++ == 0)
			*value = slice_trim(rest).ptr;
	}
	return n;
}

static int hear(struct engine *engine, const struct sandbox_delivery *d)
{
	struct arena memory;
	struct heard heard;

	arena_init(&memory);
	const char *host = strstr(d->url, "://");
	const char *path = strchr(host ? host + 3 : d->url, '/');
	size_t len = path ? strcspn(path, "?") : 0;
	struct message m = {
		.method = "POST",
		.path = len ? arena_text(&memory, (struct slice){ path, len }) : "/",
		.query = path && path[len] ? path + len + 1 : "",
		.body = d->body,
		.header = find_header,
		.ctx = d,
	};
	engine_hear(engine, &m, &memory, &heard);
	arena_release(&memory);
	return heard.status;
}

#define MESSAGES_A_TURN 8

/*
 * All that are due come in one turn: the engine hears them, and answers once they are stored. What
 * was due while nobody listened found nobody.
 */
static void deliver_messages(struct sim *sim, struct engine *engine)
{
	struct sandbox_delivery d;
	uint64_t id[MESSAGES_A_TURN];
	int status[MESSAGES_A_TURN];
	size_t n = 0;
	struct err ignored; /* the engine's next step says it, too */

	while (n < MESSAGES_A_TURN) {
		bool missed = sandbox_delivery_ms(sim->sandbox) < sim->now_ms - HOOK_PATIENCE_MS;
		if (!sandbox_deliver(sim->sandbox, sim->now_ms, &d))
			break;
		id[n] = d.id;
		status[n++] = missed || sim->ended ? 0 : hear(engine, &d);
	}
	bool stored = !sim->ended && engine_heard(engine, &ignored) == RC_OK;
	for (size_t i = 0; i < n; i++) {
		bool good = status[i] >= 200 && status[i] < 300;
		sandbox_delivered(sim->sandbox, sim->now_ms, id[i],
				  sim->ended	    ? 0
				  : good && !stored ? 503
						    : status[i]);
	}
}

/* ---- time ------------------------------------------------------------------ */

/* What lives in the world: an engine, or what runs one. */
struct driven {
	void *what;
	struct engine *listens; /* that hears webhooks; NULL: nobody does */
	enum rc (*step)(void *what, bool *done, struct err *err);
	int64_t (*wake_ms)(void *what);
};

/* Jumps to whatever comes first. False: that is not before until_ms. */
static bool advance(struct sim *sim, const struct driven *d, int64_t until_ms)
{
	int64_t at, wake = d->wake_ms(d->what);
	int64_t message = d->listens ? sandbox_delivery_ms(sim->sandbox) : INT64_MAX;
	struct sim_call *c = next_call(sim, &at);

	if (wake < at || message < at)
		c = NULL;
	int64_t to = c ? at : message < wake ? message : wake;
	if (to >= until_ms) {
		sim->now_ms = until_ms;
		return false;
	}
	if (to > sim->now_ms)
		sim->now_ms = to;
	if (c && !c->arrived)
		arrive(sim, c);
	else if (c)
		deliver(sim, c);
	else if (message <= to)
		deliver_messages(sim, d->listens);
	return true;
}

static enum rc live(struct sim *sim, const struct driven *d, int64_t until_ms, struct err *err)
{
	enum rc rc;
	int64_t stood_ms = sim->now_ms;
	int turns = 0;
	bool done = false;

	do {
		rc = d->step(d->what, &done, err);
		if (sim->ended)
			return err_set(err, RC_BROKEN, "the process ended at a request");
		if (rc != RC_OK || done)
			break;
		/*
		 * An engine that is always due and never does anything would keep us here for
		 * ever.
		 */
		turns = sim->now_ms == stood_ms ? turns + 1 : 0;
		stood_ms = sim->now_ms;
		if (turns > SPIN_TURNS)
			return err_set(err, RC_BROKEN,
				       "the engine spins: it is due and does nothing");
	} while (advance(sim, d, until_ms));
	return rc;
}

struct pass {
	struct engine *engine;
	enum once *out; /* NULL: it is no single pass */
};

static enum rc pass_step(void *what, bool *done, struct err *err)
{
	struct pass *p = what;
	enum rc rc = engine_step(p->engine, err);

	*done = rc == RC_OK && p->out && (*p->out = engine_once(p->engine)) != ONCE_WORKING;
	return rc;
}

static int64_t pass_wake_ms(void *what)
{
	return engine_wake_ms(((struct pass *)what)->engine);
}

enum rc sim_run_once(struct sim *sim, struct engine *engine, int64_t until_ms, enum once *out,
		     struct err *err)
{
	struct pass pass = { engine, out };
	/* A single pass is over before anybody could tell it something. */
	struct driven d = { &pass, out ? NULL : engine, pass_step, pass_wake_ms };

	return live(sim, &d, until_ms, err);
}

static enum rc reconcile_step_(void *what, bool *done, struct err *err)
{
	return reconcile_step(what, done, err);
}

static int64_t reconcile_wake_ms_(void *what)
{
	return reconcile_wake_ms(what);
}

enum rc sim_reconcile(struct sim *sim, struct reconcile *reconcile, struct err *err)
{
	struct driven d = { reconcile, NULL, reconcile_step_, reconcile_wake_ms_ };

	return live(sim, &d, INT64_MAX, err);
}

static enum rc backfill_step_(void *what, bool *done, struct err *err)
{
	return backfill_step(what, done, err);
}

static int64_t backfill_wake_ms_(void *what)
{
	return backfill_wake_ms(what);
}

enum rc sim_backfill(struct sim *sim, struct backfill *backfill, struct err *err)
{
	struct driven d = { backfill, NULL, backfill_step_, backfill_wake_ms_ };

	return live(sim, &d, INT64_MAX, err);
}

static enum rc names_step_(void *what, bool *done, struct err *err)
{
	return names_round_step(what, done, err);
}

static int64_t names_wake_ms_(void *what)
{
	return names_round_wake_ms(what);
}

enum rc sim_names(struct sim *sim, struct names_round *round, struct err *err)
{
	struct driven d = { round, NULL, names_step_, names_wake_ms_ };

	return live(sim, &d, INT64_MAX, err);
}

static enum rc doctor_step_(void *what, bool *done, struct err *err)
{
	(void)err;
	doctor_step(what, done);
	return RC_OK;
}

static int64_t doctor_wake_ms_(void *what)
{
	return doctor_wake_ms(what);
}

enum rc sim_doctor(struct sim *sim, struct doctor *doctor, struct err *err)
{
	struct driven d = { doctor, NULL, doctor_step_, doctor_wake_ms_ };

	return live(sim, &d, INT64_MAX, err);
}

enum rc sim_run(struct sim *sim, struct engine *engine, int64_t until_ms, struct err *err)
{
	return sim_run_once(sim, engine, until_ms, NULL, err);
}

void sim_abandon(struct sim *sim)
{
	while (sim->call) {
		struct sim_call *c = sim->call;
		if (!c->arrived && !sim->lose_requests)
			arrive(sim, c);
		call_unlink(sim, c);
		call_free(c);
	}
}
