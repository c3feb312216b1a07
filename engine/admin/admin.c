/*
 * Invariants
 *  1. Nothing but a POST changes anything, and the one thing that a POST changes is left to the loop.
 *  2. What costs time is shown again, as it was, until twenty times that time has passed.
 */
#include "engine/admin/admin.h"

#include <stdio.h>
#include <string.h>

#include "base/server.h"

#define TEXT_MOST (16u * 1024 * 1024)
#define REST_FACTOR 20
#define STOPPING "the daemon is stopping"
#define WAITING_MOST LIMIT_ADMIN_CONNECTIONS

struct route {
	const char *path;
	admin_show *show;
	const char *type; /* NULL: JSON */
	bool by_query;	  /* another query is another body */
};

static const struct route routes[] = {
	{ "/", view_page, "text/html; charset=utf-8", false },
	{ "/why", view_why, "text/html; charset=utf-8", true },
	{ "/style.css", view_style, "text/css; charset=utf-8", false },
	{ "/favicon.svg", view_sign, "image/svg+xml", false },
	{ "/health", view_health, NULL, false },
	{ "/ready", view_ready, NULL, false },
	{ "/live", view_live, NULL, false },
	{ "/status", view_status, NULL, false },
	{ "/metrics", view_metrics, "text/plain; version=0.0.4; charset=utf-8", false },
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* A body that cost time. */
struct kept {
	struct str body;
	int status;
	int64_t until_ms; /* monotonic */
};

struct admin {
	struct server *server;
	struct gate gate;
	const struct admin_scope *scope;
	struct admin_reload reload;
	struct server_ticket *waiting[WAITING_MOST]; /* for a reload */
	size_t waits;
	size_t begun; /* the first so many of them wait for the one that is under way */
	struct kept kept[ROUTES];
};

static int64_t mono_ms(const struct admin *a)
{
	return a->scope->world->mono_ms(a->scope->world->ctx);
}

static int64_t wall_ms(const struct admin *a)
{
	return a->scope->world->wall_ms(a->scope->world->ctx);
}

/* ---- answers ---------------------------------------------------------------- */

static void add_header(struct server_answer *answer, const char *line)
{
	for (size_t i = 0; i < SERVER_HEADERS; i++) {
		if (answer->header[i][0])
			continue;
		snprintf(answer->header[i], sizeof(answer->header[i]), "%s", line);
		return;
	}
}

/* No other site may show, load or be told of what is here. */
static void add_fences(struct server_answer *answer)
{
	add_header(answer, "Cache-Control: no-store");
	add_header(answer, "X-Content-Type-Options: nosniff");
	add_header(answer, "Cross-Origin-Resource-Policy: same-origin");
	add_header(answer, "Referrer-Policy: no-referrer");
	add_header(answer, "Content-Security-Policy: default-src 'none'; style-src 'self'; "
			   "img-src 'self'; form-action 'self'; base-uri 'none'; "
			   "frame-ancestors 'none'");
}

static void refuse(struct server_answer *answer, int status, const char *why)
{
	answer->status = status;
	str_add_text(&answer->body, "{\"error\":");
	str_add_json(&answer->body, slice_of(why));
	str_add_text(&answer->body, "}\n");
	if (status == 401)
		add_header(answer, "WWW-Authenticate: Basic realm=\"hs2cert\", charset=\"UTF-8\"");
	if (status == 405)
		add_header(answer, "Allow: GET, HEAD, POST");
}

/* ---- views ------------------------------------------------------------------ */

static int show(struct admin *a, const struct route *route, const char *query, struct str *out)
{
	struct arena memory;
	struct admin_view v = { .scope = a->scope,
				.reload = &a->reload,
				.query = slice_of(query),
				.memory = &memory,
				.now_ms = wall_ms(a) };
	struct err err;

	arena_init(&memory);
	engine_report(a->scope->engine, &memory, &v.report);
	int status = route->show(&v, out);
	if (db_failed(a->scope->db, &err) != RC_OK) {
		/* This view of the state alone is affected: the engine has one of its own. */
		db_rollback(a->scope->db);
		str_clear(out);
		str_add_text(out, "{\"error\":");
		str_add_json(out, slice_of(err.text));
		str_add_text(out, "}\n");
		status = 503;
	}
	arena_release(&memory);
	return status;
}

static void answer_view(struct admin *a, const struct route *route, const char *query,
			struct server_answer *answer)
{
	struct kept *kept = &a->kept[route - routes];
	int64_t began = mono_ms(a);

	if (began < kept->until_ms && !route->by_query) {
		str_add_slice(&answer->body, str_slice(&kept->body));
		answer->status = kept->status;
		answer->type = route->type;
		return;
	}
	answer->status = show(a, route, query, &answer->body);
	int64_t took = mono_ms(a) - began;
	kept->until_ms = mono_ms(a) + took * REST_FACTOR;
	str_clear(&kept->body);
	if (took)
		str_add_slice(&kept->body, str_slice(&answer->body));
	kept->status = answer->status;
	answer->type = route->type;
}

/* ---- reload ----------------------------------------------------------------- */

static void ask_reload(struct admin *a, const struct server_request *request,
		       struct server_answer *answer)
{
	struct arena memory;
	struct engine_report report;

	arena_init(&memory);
	engine_report(a->scope->engine, &memory, &report);
	if (report.stopping) {
		refuse(answer, 503, STOPPING);
	} else if (a->waits == WAITING_MOST) {
		refuse(answer, 503, "too many wait for a reload");
	} else {
		a->waiting[a->waits++] = request->ticket;
		answer->delivery = SERVER_LATER;
	}
	arena_release(&memory);
}

static void note_reload(struct admin *a, const struct admin_outcome *o)
{
	struct admin_reload *r = &a->reload;

	r->tried = true;
	r->refused = !o->taken;
	r->at_ms = wall_ms(a);
	r->errors = o->errors;
	snprintf(r->reason, sizeof(r->reason), "%s", o->reason ? o->reason : "");
	if (o->taken) {
		r->ok_ms = r->at_ms;
		r->succeeded++;
	} else {
		r->failed++;
	}
}

static void add_outcome(const struct admin *a, const struct admin_outcome *o, struct str *out)
{
	const struct table *table = engine_table(a->scope->engine);

	str_addf(out,
		 "{\"reloaded\":%s,\"table\":\"%s\",\"in_force\":{\"rules\":%zu,\"accounts\":%zu}",
		 o->taken ? "true" : "false", table->hash, table->n_rule, table->n_account);
	str_add_text(out, ",\"reason\":");
	if (o->reason)
		str_add_json(out, slice_of(o->reason));
	else
		str_add_text(out, "null");
	str_add_text(out, ",\"text\":");
	str_add_json(out, o->findings_text);
	str_add_char(out, o->findings.len ? ',' : '}');
	/* The members of validate's object stand beside ours. */
	if (o->findings.len)
		str_add_slice(out, (struct slice){ o->findings.ptr + 1, o->findings.len - 1 });
	str_add_char(out, '\n');
}

/* The same answer to the first so many who wait. */
static void answer_first(struct admin *a, size_t n, const struct server_answer *answer)
{
	for (size_t i = 0; i < n; i++)
		server_answer(a->waiting[i], answer);
	a->waits -= n;
	memmove(a->waiting, a->waiting + n, a->waits * sizeof(a->waiting[0]));
	a->begun = 0;
}

void admin_tell_reload(struct admin *a, const struct admin_outcome *outcome)
{
	struct server_answer answer = { .status = outcome->taken ? 200 : 422 };

	note_reload(a, outcome);
	for (size_t i = 0; i < ROUTES; i++)
		a->kept[i].until_ms = 0;
	add_fences(&answer);
	str_init(&answer.body, TEXT_MOST);
	add_outcome(a, outcome, &answer.body);
	answer_first(a, a->begun, &answer);
	str_release(&answer.body);
}

void admin_stop(struct admin *a)
{
	struct server_answer answer = { 0 };

	add_fences(&answer);
	str_init(&answer.body, TEXT_MOST);
	refuse(&answer, 503, STOPPING);
	answer_first(a, a->waits, &answer);
	str_release(&answer.body);
	admin_work(a);
}

bool admin_asks_reload(const struct admin *a)
{
	return a->waits > a->begun;
}

void admin_begin_reload(struct admin *a)
{
	a->begun = a->waits;
}

/* ---- requests --------------------------------------------------------------- */

static const struct route *route_of(const char *path)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	return NULL;
}

static void answer_path(struct admin *a, const struct server_request *request,
			struct server_answer *answer)
{
	const struct route *route = route_of(request->path);
	bool post = strcmp(request->method, "POST") == 0;

	if (strcmp(request->path, "/reload") == 0) {
		if (post)
			ask_reload(a, request, answer);
		else
			refuse(answer, 405, "a reload is asked for with POST");
	} else if (!route) {
		refuse(answer, 404, "there is no such page");
	} else if (post) {
		refuse(answer, 405, "this is to be looked at: GET");
	} else {
		answer_view(a, route, request->query, answer);
	}
}

static void handle(void *ctx, const struct server_request *request, struct server_answer *answer)
{
	struct admin *a = ctx;
	const char *why;
	struct gate_request head = {
		.method = request->method,
		.host = server_header(request, "Host"),
		.origin = server_header(request, "Origin"),
		.authorization = server_header(request, "Authorization"),
		.content_type = server_header(request, "Content-Type"),
		.fetch_site = server_header(request, "Sec-Fetch-Site"),
		.fetch_mode = server_header(request, "Sec-Fetch-Mode"),
	};
	int refused = gate_check(&a->gate, &head, &why);

	add_fences(answer);
	if (refused)
		refuse(answer, refused, why);
	else
		answer_path(a, request, answer);
}

/* ---- begin and end ---------------------------------------------------------- */

bool admin_place_of(const char *text, struct admin_place *out)
{
	const char *colon = strrchr(text, ':');
	bool port = colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0';

	out->kind = strcmp(text, "off") == 0	 ? ADMIN_OFF
		    : port && !strchr(text, '/') ? ADMIN_ADDRESS
						 : ADMIN_PATH;
	return (size_t)snprintf(out->text, sizeof(out->text), "%s", text) < sizeof(out->text);
}

enum rc admin_open(struct admin **out, const struct admin_place *place, const struct gate *gate,
		   const struct admin_scope *scope, struct err *err)
{
	static const struct server_limits limits = {
		.body_bytes = LIMIT_ADMIN_BODY_BYTES,
		.connections = LIMIT_ADMIN_CONNECTIONS,
		.idle_seconds = LIMIT_ADMIN_IDLE_SECONDS,
		.request_seconds = LIMIT_ADMIN_IDLE_SECONDS,
	};
	struct admin *a = mem_alloc(sizeof(*a));

	a->gate = *gate;
	a->scope = scope;
	a->reload.ok_ms = scope->started_ms;
	for (size_t i = 0; i < ROUTES; i++)
		str_init(&a->kept[i].body, TEXT_MOST);
	enum rc rc = place->kind == ADMIN_ADDRESS
			     ? server_open(&a->server, place->text, &limits, handle, a, err)
			     : server_open_path(&a->server, place->text, &limits, handle, a, err);
	if (rc == RC_OK) {
		*out = a;
		return RC_OK;
	}
	mem_free(a);
	return rc;
}

void admin_close(struct admin *a)
{
	if (!a)
		return;
	server_close(a->server);
	for (size_t i = 0; i < ROUTES; i++)
		str_release(&a->kept[i].body);
	mem_free(a);
}

int admin_port(const struct admin *a)
{
	return server_port(a->server);
}

int admin_fd(const struct admin *a)
{
	return server_fd(a->server);
}

int admin_wait_ms(const struct admin *a)
{
	return server_wait_ms(a->server);
}

void admin_work(struct admin *a)
{
	server_work(a->server, mono_ms(a));
}
