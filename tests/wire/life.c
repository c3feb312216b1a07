#include "tests/wire/wire.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/engine.h"

#define START INT64_C(1795435220000)
#define PHASE_MS (10 * MS_MINUTE)
#define TURNS_MOST 2000000

/* A request that the engine started and the network carries. */
struct carried_request {
	struct life *life;
	http_done *done;
	void *arg;
	bool faulted;
	struct carried_request *next;
};

/* ---- the world: a virtual clock, a real network ------------------------------- */

static int64_t life_now(void *ctx)
{
	return ((struct life *)ctx)->now_ms;
}

/* splitmix64 */
static uint64_t life_random(void *ctx)
{
	struct life *l = ctx;
	uint64_t z = l->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static enum rc life_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)err;
	str_addf(out, "token-of-%s", secret->name);
	return RC_OK;
}

static void unlink_request(struct carried_request *c)
{
	struct carried_request **at = &c->life->under_way;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	mem_free(c);
}

static void request_done(void *arg, const struct http_response *r)
{
	struct carried_request *c = arg;
	struct life *l = c->life;
	http_done *done = c->done;
	void *theirs = c->arg;

	l->now_ms++;
	if (c->faulted) {
		l->met = true;
		l->met_ms = l->now_ms;
		l->outcome = r->outcome;
		l->status = r->status;
	}
	unlink_request(c);
	done(theirs, r);
}

/* Whether this is the call that meets the misbehaviour. */
static bool meets_fault(struct life *l, enum call call)
{
	if (l->met && !l->asked_again_ms && call_is_certifiers(call) == call_is_certifiers(l->call))
		l->asked_again_ms = l->now_ms;
	if (!l->armed || call != l->call || l->skip-- > 0)
		return false;
	l->armed = false;
	return true;
}

/* The way to the port where it goes wrong; or where nobody listens. */
static void lead_astray(const struct life *l, struct http_request *request, char *url, size_t size)
{
	int port = l->fault->moment == AT_CONNECT ? l->server->closed_port : l->server->bad_port;
	const char *path = strchr(request->url + strlen("http://"), '/');

	snprintf(url, size, "http://127.0.0.1:%d%s", port, path);
	request->url = url;
	if (l->fault->ending == HANG)
		request->timeout_ms = l->hang_ms;
}

static void life_http_start(void *ctx, const struct http_request *request, http_done *done,
			    void *arg)
{
	struct life *l = ctx;
	struct carried_request *c = mem_alloc(sizeof(*c));
	struct http_request ours = *request;
	char url[LIMIT_URL_BYTES];
	enum call call = call_of(request->method, request->url);

	*c = (struct carried_request){ l, done, arg, meets_fault(l, call), l->under_way };
	l->under_way = c;
	l->launches[call]++;
	if (c->faulted)
		lead_astray(l, &ours, url, sizeof(url));
	l->real.http_start(l->real.ctx, &ours, request_done, c);
}

static void life_http_cancel(void *ctx, const void *arg)
{
	struct life *l = ctx;

	for (struct carried_request *c = l->under_way, *next; c; c = next) {
		next = c->next;
		if (c->arg != arg)
			continue;
		l->real.http_cancel(l->real.ctx, c);
		unlink_request(c);
	}
}

/* ---- the engine's turns -------------------------------------------------------- */

static bool broken(struct str *why, const char *what)
{
	str_add_text(why, what);
	return false;
}

/* Until nothing is left to do, or for a while; with nothing under way, time jumps. */
static bool live_a_while(struct life *l, struct engine *e, struct str *why)
{
	int64_t until = l->now_ms + PHASE_MS;
	struct err err;

	for (int turns = 0; turns < TURNS_MOST; turns++) {
		if (engine_step(e, &err) != RC_OK)
			return broken(why, err.text);
		if (engine_once(e) != ONCE_WORKING)
			return true;
		if (net_in_flight(l->net)) {
			if (net_turn(l->net, -1, &err) != RC_OK)
				return broken(why, err.text);
			continue;
		}
		int64_t wake = engine_wake_ms(e);
		if (wake > until)
			return true;
		l->now_ms = wake > l->now_ms ? wake : l->now_ms;
	}
	return broken(why, "the engine never comes to rest");
}

/* One process: begins with what the state holds, ends where it stands. */
static bool live_process(struct life *l, int64_t after_ms, struct str *why)
{
	struct engine *e = engine_new(&l->world);
	struct err err;

	l->now_ms += after_ms;
	bool good = engine_load(e, l->table, &err) == RC_OK ? live_a_while(l, e, why)
							    : broken(why, err.text);
	engine_free(e);
	return good;
}

/* ---- a life --------------------------------------------------------------------- */

static bool add_contact(struct life *l, int64_t id, const char *email, struct err *err)
{
	struct json *properties = json_new_object();

	json_set_text(properties, "email", email);
	json_set_text(properties, "firstname", "Ada");
	enum rc rc = sandbox_create(l->sandbox, START - MS_DAY, id, properties, NULL, err);
	json_free(properties);
	return rc == RC_OK;
}

static bool set_the_stage(struct life *l, struct str *why)
{
	static const char *const options[] = { "gold=Gold member" };
	struct sandbox_options o;
	struct err err;

	sandbox_defaults(&o);
	o.index_lag_ms = 0;
	l->sandbox = sandbox_new(&o);
	l->server->sandbox = l->sandbox;
	l->server->now_ms = &l->now_ms;
	l->server->fault = l->fault;
	l->server->carry_out = l->carry_out;
	l->server->misbehaved = l->server->strayed = 0;
	l->server->other_id[0] = '\0';
	sandbox_group(l->sandbox, "tiers", "Tiers");
	sandbox_group(l->sandbox, "graduates", "Graduates");
	sandbox_attribute(l->sandbox, "custom.tier");
	if (!add_contact(l, 101, "ada@example.org", &err) ||
	    !add_contact(l, 102, "bob@example.org", &err) ||
	    sandbox_property(l->sandbox, "tier", "Tier", "enumeration", options, 1, &err) !=
		    RC_OK ||
	    sandbox_list(l->sandbox, START - MS_DAY, 4711, "Graduates", NULL, NULL, &err) !=
		    RC_OK ||
	    sandbox_list(l->sandbox, START - MS_DAY, 4712, "Named", NULL, NULL, &err) != RC_OK ||
	    db_open(":memory:", DB_OWN, &l->db, &err) != RC_OK)
		return broken(why, err.text);
	return true;
}

static void build_world(struct life *l)
{
	net_world(l->net, &l->real);
	l->now_ms = START;
	l->log = (struct log){ .level = LOG_ERROR, .now_ms = life_now, .ctx = l };
	l->world = (struct world){ .ctx = l,
				   .wall_ms = life_now,
				   .mono_ms = life_now,
				   .random = life_random,
				   .http_start = life_http_start,
				   .http_cancel = life_http_cancel,
				   .secret = life_secret,
				   .db = l->db,
				   .log = &l->log };
}

/* What two people earn; and what brings the calls about that only follow a failure. */
static bool let_it_happen(struct life *l, struct str *why)
{
	const char *lost = l->call == CALL_SEARCH_CREDENTIALS ? "create"
			   : l->call == CALL_GET_CREDENTIAL   ? "issue"
							      : NULL;
	struct err err;

	l->now_ms += MS_HOUR;
	if (sandbox_set(l->sandbox, l->now_ms, 101, "tier", slice_of("gold"), &err) != RC_OK ||
	    sandbox_join(l->sandbox, l->now_ms, 4711, 102, &err) != RC_OK ||
	    (lost && sandbox_fault(l->sandbox, lost, FAULT_CUT_AFTER, 0, -1, l->fault->skip, 1,
				   &err) != RC_OK))
		return broken(why, err.text);
	l->skip = lost ? 0 : l->fault->skip;
	l->armed = true;
	return true;
}

bool life_live(struct life *l, struct str *why)
{
	if (!set_the_stage(l, why))
		return false;
	build_world(l);
	return live_process(l, 0, why) && let_it_happen(l, why) &&
	       live_process(l, MS_MINUTE, why) && live_process(l, 3 * MS_HOUR, why);
}

void life_end(struct life *l)
{
	db_close(l->db);
	sandbox_free(l->sandbox);
}
