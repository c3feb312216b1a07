#include "engine/catalogue.h"

#define PAGES_MOST 20000 /* two million credentials: cursors that never end end here */

struct catalogue {
	struct lane *lane;
	struct service *service;
	catalogue_page *page;
	void *arg;
	struct str cursor; /* empty: the first page */
	size_t pages;
	enum catalogue_state state;
	struct str problem;
	bool refused; /* that is the problem, and none that passes by itself */
	bool asking;
	struct http_request request;
	struct arena memory; /* of the request under way */
};

struct catalogue *catalogue_new(struct lane *lane, catalogue_page *page, void *arg)
{
	struct catalogue *c = mem_alloc(sizeof(*c));

	c->lane = lane;
	c->service = service_ref(lane->service);
	c->page = page;
	c->arg = arg;
	str_init(&c->cursor, LIMIT_URL_BYTES);
	str_init(&c->problem, LIMIT_ERROR_BYTES * 4);
	arena_init(&c->memory);
	return c;
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	if (c->asking)
		c->lane->world->http_cancel(c->lane->world->ctx, c);
	service_unref(c->service);
	str_release(&c->cursor);
	str_release(&c->problem);
	arena_release(&c->memory);
	mem_free(c);
}

static void free_page(const struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		json_free(page->credential[i].fields);
}

static void take_page(struct catalogue *c, const struct page *page)
{
	bool more = c->page(c->arg, page);

	c->lane->failures = 0;
	c->refused = false;
	str_clear(&c->problem);
	if (!more || !page->next || ++c->pages == PAGES_MOST) {
		c->state = CATALOGUE_DONE;
		return;
	}
	str_clear(&c->cursor);
	str_add_text(&c->cursor, page->next);
}

/* A cursor may have run out: what is refused is asked for again from the first page on. */
static void begin_anew(struct catalogue *c)
{
	str_clear(&c->cursor);
	c->pages = 0;
}

/* A refusal passes, too: whoever is in between may say what it likes. */
static void take_failure(struct catalogue *c, const struct page *page)
{
	c->refused = page->scope == SCOPE_ISSUANCE;
	struct verdict v = { .scope = c->refused ? SCOPE_ACCOUNT_WAIT : page->scope,
			     .reason = page->reason,
			     .wait_ms = page->wait_ms };

	str_clear(&c->problem);
	str_add_text(&c->problem, page->reason);
	if (c->refused)
		begin_anew(c);
	lane_judge(c->lane, &v);
}

static const char *cursor_of(const struct catalogue *c)
{
	return c->cursor.len ? str_text(&c->cursor) : NULL;
}

static void answered(void *arg, const struct http_response *response)
{
	struct catalogue *c = arg;
	struct page page;

	c->asking = false;
	lane_note_end(c->lane, response);
	c->service->ops->page(c->service->action, cursor_of(c), response, &c->memory, &page);
	if (page.good)
		take_page(c, &page);
	else
		take_failure(c, &page);
	free_page(&page);
	arena_release(&c->memory);
	arena_init(&c->memory);
}

void catalogue_step(struct catalogue *c)
{
	struct lane *lane = c->lane;

	if (c->asking || c->state != CATALOGUE_WALKING || !lane_is_free(lane))
		return;
	c->service->ops->newest(c->service->action, cursor_of(c), &c->memory, &c->request);
	c->asking = true;
	lane_spend(lane);
	lane->world->http_start(lane->world->ctx, &c->request, answered, c);
}

enum catalogue_state catalogue_state(const struct catalogue *c)
{
	return c->lane->stopped && c->state == CATALOGUE_WALKING ? CATALOGUE_STOPPED : c->state;
}

bool catalogue_is_asking(const struct catalogue *c)
{
	return c->asking;
}

const char *catalogue_problem(const struct catalogue *c)
{
	return str_text(&c->problem);
}

bool catalogue_is_refused(const struct catalogue *c)
{
	return c->refused;
}

int64_t catalogue_wake_ms(const struct catalogue *c)
{
	const struct lane *lane = c->lane;

	if (c->asking || catalogue_state(c) != CATALOGUE_WALKING)
		return INT64_MAX;
	return lane->next_request_ms > lane->wait_until_ms ? lane->next_request_ms
							   : lane->wait_until_ms;
}
