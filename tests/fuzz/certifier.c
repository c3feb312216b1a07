/*
 * Certifier's answers: an issuance walks through its steps, and each is
 * answered with fuzzed bytes. Every verdict is held against the table of
 * behaviour.md, "Issuing", read a second time: what was not mailed is not sent, what nobody
 * knows is not taken for done, and nothing is adopted that another issuance holds or that is not ours.
 *
 * Pages of all credentials hold what their rows say, and end.
 *
 * The first byte chooses the walk and the state that it begins in. Then come
 * answers: a status, flags, and a body up to the byte 0x1e.
 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "engine/certifier/certifier.h"

#define ATTEMPT INT64_C(1795428000000) /* 2026-11-23T10:00:00Z */
#define ID "01hz2f0c9ryvzajg20jqh9taab"
#define HELD "01held"
#define EMAIL "ada@example.org"
#define NAME "Ada Byron"
#define TOKEN "token-that-nobody-may-see"
#define PORTAL "https://credsverse.com/credentials"
#define ANSWERS_MOST 12

static const struct action_ops *const ops = &certifier_ops;

static const struct setting settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.certifier.io/v1" },
	{ .key = "portal-url", .kind = SETTING_TEXT, .text = PORTAL },
};
static const struct account account = { "certifier", "certifier", settings, COUNT(settings) };
static const int statuses[] = { 200, 201, 400, 401, 402, 403, 404, 408, 409, 412, 422,
				429, 500, 503, 204, 302, 499, 599, 100, 0,   301 };

struct walk {
	struct input in;
	struct action *action;
	struct arena memory;
	struct issuance is;
	struct action_view view;
	struct http_response answer;
	struct json *body; /* of the answer, NULL where it is none */
};

static bool credential_held(void *ctx, const char *credential)
{
	(void)ctx;
	return strcmp(credential, HELD) == 0;
}

static bool sent_elsewhere(void *ctx, const char *field, struct slice value)
{
	(void)ctx;
	(void)field;
	(void)value;
	return false;
}

/* ---- what comes in --------------------------------------------------------------- */

static void next_answer(struct walk *w)
{
	static const int64_t retries[] = { HTTP_ABSENT, 0, 1000, MS_DAY };
	static const int64_t dates[] = { HTTP_ABSENT, ATTEMPT, ATTEMPT - MS_HOUR,
					 ATTEMPT + MS_DAY };
	struct err ignored;
	int status = statuses[input_pick(&w->in, COUNT(statuses))];
	uint8_t flags = input_byte(&w->in);
	static const enum http_outcome outcomes[] = { HTTP_ANSWER,   HTTP_ANSWER, HTTP_ANSWER,
						      HTTP_ANSWER,   HTTP_ANSWER, HTTP_ANSWER,
						      HTTP_NOT_SENT, HTTP_UNKNOWN };

	w->answer = (struct http_response){ .outcome = outcomes[flags & 7],
					    .problem = "it broke",
					    .status = status,
					    .body = input_until(&w->in, 0x1e),
					    .date_ms = dates[flags >> 3 & 3],
					    .retry_after_ms = retries[flags >> 5 & 3],
					    .rate_max = HTTP_ABSENT,
					    .rate_interval_ms = HTTP_ABSENT };
	json_free(w->body);
	w->body = w->answer.outcome == HTTP_ANSWER ? json_parse(w->answer.body, &ignored) : NULL;
	w->view.started_ms = w->view.now_ms;
	w->view.now_ms += flags & 0x80 ? 20 * MS_SECOND : 300;
}

static bool is_good(const struct walk *w)
{
	return w->answer.outcome == HTTP_ANSWER && w->answer.status / 100 == 2;
}

/* ---- a second reading of bodies ---------------------------------------------------- */

static bool is_id(struct slice id)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

	for (size_t i = 0; i < id.len; i++)
		if (!memchr(allowed, id.ptr[i], sizeof(allowed) - 1))
			return false;
	return id.len >= 1 && id.len <= 64;
}

static bool says(const struct json *v, const char *path, const char *text)
{
	return slice_is(json_slice(json_path(v, path)), text);
}

static bool is_issued(const struct json *v)
{
	return says(v, "id", ID) && (says(v, "status", "issued") || says(v, "status", "expired"));
}

/* Only the attribute that was sent, and no other that says anything. */
static bool same_attributes(const struct json *attributes)
{
	const struct json *value;
	struct slice key;
	bool mentor = false;

	for (struct json_each e = json_each(attributes); json_next(&e, &key, &value);) {
		if (slice_is(key, "custom.mentor") && slice_is(json_slice(value), "Grace"))
			mentor = true;
		else if (json_slice(value).len)
			return false;
	}
	return mentor;
}

/* A draft that this issuance's create may have made; *created_ms says when. */
static bool may_be_ours(const struct walk *w, const struct json *c, int64_t *created_ms)
{
	struct slice own = json_get_slice(json_get(c, "attributes"), "recipient.name");
	int64_t ahead = w->answer.date_ms == HTTP_ABSENT ? 0 : w->answer.date_ms - w->view.now_ms;

	return is_id(json_get_slice(c, "id")) && !says(c, "id", HELD) &&
	       says(c, "status", "draft") && says(c, "groupId", "g1") &&
	       slice_eq_nocase(json_slice(json_path(c, "recipient.email")), slice_of(EMAIL)) &&
	       (own.len ? slice_is(own, NAME) : says(c, "recipient.name", NAME)) &&
	       says(c, "issueDate", "2026-11-23") &&
	       same_attributes(json_get(c, "customAttributes")) &&
	       clock_parse_datetime(json_get_slice(c, "createdAt"), created_ms) &&
	       *created_ms >= w->is.attempt_ms + ahead - MS_MINUTE;
}

/* ---- what any verdict promises ------------------------------------------------------- */

static void check_line(const char *text)
{
	must(strlen(text) < 4096);
	for (const char *c = text; *c; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7f);
	must(!strcasestr(text, EMAIL) && !strstr(text, TOKEN));
}

/* What is said of somebody's credential does not name them. */
static void check_line_of(const char *text)
{
	check_line(text);
	must(!strcasestr(text, NAME));
}

static void check_any(const struct walk *w, const struct verdict *v)
{
	must(v->wait_ms >= 0 && v->wait_ms <= MS_DAY);
	if (v->reason)
		check_line_of(v->reason);
	if (v->credential)
		must(is_good(w) && is_id(slice_of(v->credential)) && strcmp(v->credential, HELD));
	must(!v->public_url || strncmp(v->public_url, PORTAL "/", sizeof(PORTAL)) == 0);
	must(!v->cursor || (v->cursor[0] && strlen(v->cursor) <= LIMIT_URL_BYTES));
	if (v->scope == SCOPE_ACCOUNT_STOP)
		must(w->answer.status == 401 || w->answer.status == 403);
	if (v->state == STATE_HELD || v->state == STATE_REFUSED)
		must(v->held_from <= STATE_ISSUED && v->held_from != STATE_CREATING);
}

/* ---- writes ---------------------------------------------------------------------------- */

static void check_unknown(const struct step *step, const struct verdict *v)
{
	must(v->scope == SCOPE_ISSUANCE && v->reason);
	if (step->doing == STATE_SENDING)
		must(v->state == STATE_SEND_UNKNOWN);
	else
		must(v->state == step->doing && v->wait_ms >= MS_SECOND);
}

static void check_done(const struct walk *w, const struct step *step, const struct verdict *v)
{
	struct slice id = json_get_slice(w->body, "id");

	if (step->doing == STATE_SENDING) {
		must(v->state == STATE_SENT);
	} else if (step->doing == STATE_ISSUING) {
		must(v->state == (is_issued(w->body) ? STATE_ISSUED : STATE_ISSUING));
	} else if (is_id(id) && !slice_is(id, HELD)) {
		must(v->state == STATE_DRAFT && slice_is(id, v->credential));
	} else {
		check_unknown(step, v);
		must(!v->credential);
	}
}

/* A refusal: of the account, the plan, the group, or of this one alone. */
static void check_refused(const struct walk *w, const struct step *step, const struct verdict *v)
{
	int status = w->answer.status;
	enum issuance_state before = step->doing - 1;

	if (status == 401 || status == 403) {
		must(v->state == before && v->scope == SCOPE_ACCOUNT_STOP);
	} else if (status == 402) {
		must(v->state == STATE_HELD && v->scope == SCOPE_ACCOUNT_HOLD);
	} else if (status == 429) {
		must(v->state == before && v->scope == SCOPE_ACCOUNT_WAIT && v->again);
	} else if (step->doing == STATE_ISSUING &&
		   (status == 400 || status == 404 || status == 409 || status == 412)) {
		check_unknown(step, v);
	} else if (step->doing == STATE_CREATING && (status == 404 || status == 400) &&
		   v->state == STATE_HELD) {
		must(v->scope == SCOPE_GROUP_HOLD);
	} else {
		must(v->state == STATE_REFUSED && v->scope == SCOPE_ISSUANCE);
		must(step->doing != STATE_CREATING || status != 404);
	}
	must(v->state == before || v->held_from == before || v->state == STATE_ISSUING);
}

static void check_write(const struct walk *w, const struct step *step, const struct verdict *v)
{
	int status = w->answer.status;

	must(step->request.fresh && step->request.has_body);
	if (w->answer.outcome == HTTP_NOT_SENT)
		must(v->state == step->doing - 1 && v->scope == SCOPE_ACCOUNT_WAIT && v->again);
	else if (w->answer.outcome == HTTP_UNKNOWN)
		check_unknown(step, v);
	else if (status / 100 == 2)
		check_done(w, step, v);
	else if (status / 100 == 4 && status != 408)
		check_refused(w, step, v);
	else
		check_unknown(step, v);
}

/* ---- reads that settle ------------------------------------------------------------------ */

/* The oldest draft of the page that may be ours, or NULL. */
static const struct json *oldest(const struct walk *w)
{
	const struct json *data = json_get(w->body, "data"), *best = NULL;
	int64_t at, best_at = INT64_MAX;

	for (size_t i = 0; is_good(w) && i < json_count(data); i++) {
		if (may_be_ours(w, json_at(data, i), &at) && at < best_at) {
			best = json_at(data, i);
			best_at = at;
		}
	}
	return best;
}

static void check_search(const struct walk *w, const struct verdict *v)
{
	const struct json *ours = oldest(w);
	bool page = is_good(w) && json_kind(json_get(w->body, "data")) == IS_ARRAY;
	int64_t since = w->is.unknown_ms ? w->is.unknown_ms : w->is.attempt_ms;

	must((v->state == STATE_DRAFT) == (page && ours != NULL));
	if (v->state == STATE_DRAFT) {
		must(slice_is(json_get_slice(ours, "id"), v->credential));
	} else if (v->state == STATE_PLANNED) {
		must(page && !v->cursor);
		must(w->view.started_ms - since >= 30 * MS_SECOND || w->is.settles >= 100);
	} else {
		must(v->state == STATE_CREATING);
		must(page ? v->settled_again : v->again || v->scope != SCOPE_ISSUANCE);
	}
}

static void check_read_back(const struct walk *w, const struct verdict *v)
{
	bool usable = is_good(w) && says(w->body, "id", ID);
	bool refused = w->is.reason && strncmp(w->is.reason, "issue refused: ", 15) == 0;

	must((v->state == STATE_ISSUED) == (usable && is_issued(w->body)));
	if (v->state == STATE_DRAFT)
		must(usable && says(w->body, "status", "draft") && !refused);
	else if (v->state == STATE_REFUSED)
		must((w->answer.outcome == HTTP_ANSWER && w->answer.status == 404) ||
		     (usable && says(w->body, "status", "draft") && refused));
	else
		must(v->state == STATE_ISSUED || v->state == STATE_ISSUING);
}

/* ---- the walk ----------------------------------------------------------------------------- */

/* As the outbox does. */
static void apply(struct walk *w, const struct step *step, const struct verdict *v)
{
	struct issuance *is = &w->is;

	if (step->write)
		is->unknown_ms = v->state == step->doing ? w->view.now_ms : 0;
	is->settles = v->settled_again ? is->settles + 1 : v->state == is->state ? is->settles : 0;
	is->state = v->state;
	is->reason = v->reason;
	/* One id for all, so that answers can be written for it. */
	is->credential = v->state == STATE_DRAFT ? ID : is->credential;
	is->cursor = v->cursor;
	w->view.now_ms += v->wait_ms;
}

static void begin(struct walk *w, const struct step *step)
{
	if (!step->write)
		return;
	w->is.state = step->doing;
	w->is.attempts++;
	w->is.attempt_ms = w->view.now_ms;
	w->is.reason = w->is.cursor = NULL;
	w->is.settles = 0;
	w->is.unknown_ms = 0;
}

static void walk_issuance(struct walk *w, enum issuance_state from)
{
	w->is.state = from;
	w->is.credential = from >= STATE_DRAFT ? ID : NULL;
	for (int i = 0; i < ANSWERS_MOST && w->in.at < w->in.end; i++) {
		struct step step;
		struct verdict v;
		if (w->is.state >= STATE_SENDING)
			break;
		ops->step(w->action, &w->is, &w->memory, &step);
		begin(w, &step);
		next_answer(w);
		ops->verdict(w->action, &w->is, &step, &w->answer, &w->view, &w->memory, &v);
		check_any(w, &v);
		if (step.write)
			check_write(w, &step, &v);
		else if (step.doing == STATE_CREATING)
			check_search(w, &v);
		else
			check_read_back(w, &v);
		apply(w, &step, &v);
	}
}

/* ---- strays, and what is asked at the start ------------------------------------------------- */

static void walk_sweep(struct walk *w, bool remove)
{
	struct stray stray = { .is = w->is,
			       .until_ms = ATTEMPT + MS_MINUTE,
			       .remove = remove ? ID : NULL };
	struct http_request request;
	struct verdict v;
	int64_t at;

	ops->sweep_step(w->action, &stray, &w->memory, &request);
	next_answer(w);
	ops->sweep_verdict(w->action, &stray, &w->answer, &w->view, &w->memory, &v);
	check_any(w, &v);
	if (remove) {
		bool gone = w->answer.outcome == HTTP_ANSWER && w->answer.status == 404;
		must((v.reason == NULL) == (is_good(w) || gone));
		return;
	}
	const struct json *data = json_get(w->body, "data");
	bool meant = !v.credential;
	for (size_t i = 0; v.credential && i < json_count(data); i++)
		meant |= may_be_ours(w, json_at(data, i), &at) &&
			 slice_is(json_get_slice(json_at(data, i), "id"), v.credential);
	must(meant && (!v.credential || !v.cursor));
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	must(text[0] && !strchr(text, '\n'));
}

static void walk_probe(struct walk *w)
{
	static const struct field field = { .name = "custom.mentor" };
	static const struct rule rule = { .name = "r",
					  .file = "r.yaml",
					  .line = 1,
					  .group = "g1",
					  .field = &field,
					  .n_field = 1 };
	struct http_request request;
	int answers = 0;

	while (w->in.at < w->in.end && ops->probe_next(w->action, &w->memory, &request)) {
		must(strlen(request.url) <= 4 * LIMIT_URL_BYTES);
		next_answer(w);
		ops->probe_answer(w->action, &w->answer);
		must(++answers <= 101);
		must(w->body || ops->probe_problem(w->action));
	}
	if (ops->probe_problem(w->action))
		for (const char *c = ops->probe_problem(w->action); *c; c++)
			must((unsigned char)*c >= 0x20);
	else
		ops->probe_report(w->action, &rule, say, NULL);
}

/* ---- pages of all that there is ----------------------------------------------------------- */

/* Each is a row of the answer, in its order, with what stands there. */
static void check_credential(const struct walk *w, const struct credential *c, size_t *row)
{
	const struct json *data = json_get(w->body, "data"), *shown = NULL;
	int64_t created_ms;

	while (*row < json_count(data) && !shown) {
		const struct json *one = json_at(data, (*row)++);
		if (is_id(json_get_slice(one, "id")) && is_id(json_get_slice(one, "groupId")) &&
		    clock_parse_datetime(json_get_slice(one, "createdAt"), &created_ms))
			shown = one;
	}
	must(shown && slice_is(json_get_slice(shown, "id"), c->id));
	must(slice_is(json_get_slice(shown, "groupId"), c->group) && c->created_ms == created_ms);
	must(c->draft == slice_is(json_get_slice(shown, "status"), "draft"));
	must(!c->public_url || strncmp(c->public_url, PORTAL "/", sizeof(PORTAL)) == 0);
	must(json_kind(c->fields) == IS_OBJECT);
	must(slice_eq(json_get_slice(c->fields, "recipient.email"),
		      json_slice(json_path(shown, "recipient.email"))));
}

static void check_page(const struct walk *w, const struct page *page, const char *cursor)
{
	size_t row = 0;

	must(page->good == (is_good(w) && json_kind(json_get(w->body, "data")) == IS_ARRAY));
	must(page->wait_ms >= 0 && page->wait_ms <= MS_DAY);
	if (!page->good) {
		check_line(page->reason);
		must(page->count == 0 && !page->next);
		must(page->scope != SCOPE_ACCOUNT_STOP || w->answer.status == 401 ||
		     w->answer.status == 403);
	}
	for (size_t i = 0; i < page->count; i++)
		check_credential(w, &page->credential[i], &row);
	must(!page->next || (page->next[0] && strlen(page->next) <= LIMIT_URL_BYTES &&
			     !(cursor && strcmp(page->next, cursor) == 0)));
}

static void walk_pages(struct walk *w)
{
	const char *cursor = NULL;
	struct page page;

	for (int i = 0; i < ANSWERS_MOST && w->in.at < w->in.end; i++) {
		struct http_request request;
		ops->newest(w->action, cursor, &w->memory, &request);
		must(strlen(request.url) <= 4 * LIMIT_URL_BYTES);
		next_answer(w);
		ops->page(w->action, cursor, &w->answer, &w->memory, &page);
		check_page(w, &page, cursor);
		for (size_t k = 0; k < page.count; k++)
			json_free(page.credential[k].fields);
		if (page.good && !page.next)
			break;
		cursor = page.good ? page.next : cursor;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json *fields;
	struct err err;
	struct walk w = { .in = { data, data + size } };

	if (!fields)
		fields = json_parse(
			slice_of("{\"recipient.name\":\"" NAME "\",\"recipient.email\":\"" EMAIL
				 "\",\"issue-date\":\"2026-11-23\",\"custom.mentor\":\"Grace\"}"),
			&err);
	must(fields);
	arena_init(&w.memory);
	w.action = ops->open(&account, slice_of(TOKEN));
	w.view = (struct action_view){ NULL, credential_held, sent_elsewhere, ATTEMPT, ATTEMPT };
	w.is = (struct issuance){ .id = 7,
				  .rule = "r",
				  .group = "g1",
				  .do_issue = true,
				  .do_send = true,
				  .fields = fields,
				  .attempts = 1,
				  .attempt_ms = ATTEMPT };
	size_t walk = input_pick(&w.in, 9);
	if (walk <= STATE_ISSUED)
		walk_issuance(&w, (enum issuance_state)walk);
	else if (walk == 5)
		walk_probe(&w);
	else if (walk == 8)
		walk_pages(&w);
	else
		walk_sweep(&w, walk == 6);
	json_free(w.body);
	ops->close(w.action);
	arena_release(&w.memory);
	return 0;
}
