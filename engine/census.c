#include "engine/census.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "engine/registry.h"
#include "engine/report.h"

#define FAILURES_MOST 5 /* in a row, of the service or of one contact, before we give up */
#define LABELS_TRIES 4 /* failures in a row, while labels are asked for, after which the service is away */
#define QUEUE_LEAST 400 /* the next page is asked for before fewer than these wait for a look */
#define UNREAD_MOST 20	/* contacts that cannot be read, before there is no point in going on … */
#define UNREAD_NAMED 10 /* … and so many are named at the end */

/* A contact that waits for its look, or is being looked at. */
struct waiting {
	char *contact;
	int64_t joined_ms;
	int tries;
	int64_t failed_ms; /* monotonic: a look at it, or at some with it, failed first; 0: none did */
};

struct queue {
	struct waiting *one; /* from `first` on */
	size_t first, count, capacity;
};

/* Contacts that are being looked at. */
struct looking {
	struct census *census;
	int64_t began_ms; /* monotonic */
	struct waiting *one;
	size_t count;
	struct looking *next;
};

struct census {
	const struct world *world;
	const struct table *table;
	uint32_t account;
	const struct survey_scope *scope;
	const struct census_taker *taker;
	const struct source_ops *ops;
	struct bearer *bearer;
	struct source *source; /* NULL before the first step */
	struct survey *survey;
	bool begun; /* labels are there, as far as they can be had */
	bool asking, ended;
	struct queue queue;
	struct queue aside; /* a look at it alone failed: its turn comes when no other is left */
	struct str unread;  /* who could not be read, the first of them … */
	size_t unreads;	    /* … of so many */
	int64_t looked_ms;  /* monotonic: the last look that was answered; 0: none was */
	struct looking *looking;
	int failures;	   /* in a row; what was under way together fails as one */
	int64_t failed_ms; /* monotonic: the last of them */
	int64_t asked_ms;  /* monotonic: for the page that is under way */
	int64_t total, shown;
	struct map seen; /* contacts: a list whose pages shift shows one twice */
	struct str list_id, list_name;
	enum rc failed; /* in an answer: said at the next step */
	struct err why;
};

struct census *census_new(const struct world *world, const struct table *table, uint32_t account,
			  const struct survey_scope *scope, const struct census_taker *taker)
{
	struct census *c = mem_alloc(sizeof(*c));

	c->world = world;
	c->table = table;
	c->account = account;
	c->scope = scope;
	c->taker = taker;
	c->ops = registry_source(table->account[account].type);
	c->bearer = bearer_new(world);
	c->failed_ms = INT64_MIN;
	map_init(&c->seen);
	str_init(&c->list_id, LIMIT_ID_BYTES);
	str_init(&c->list_name, LIMIT_VALUE_BYTES);
	str_init(&c->unread, LIMIT_ERROR_BYTES);
	return c;
}

static void looking_free(struct looking *l)
{
	struct looking **at = &l->census->looking;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	for (size_t i = 0; i < l->count; i++)
		mem_free(l->one[i].contact);
	mem_free(l->one);
	mem_free(l);
}

static void queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		mem_free(q->one[q->first + i].contact);
	mem_free(q->one);
}

void census_free(struct census *c)
{
	if (!c)
		return;
	c->ops->survey_close(c->survey);
	if (c->source)
		c->ops->close(c->source);
	bearer_free(c->bearer);
	while (c->looking)
		looking_free(c->looking);
	queue_free(&c->queue);
	queue_free(&c->aside);
	map_release(&c->seen);
	str_release(&c->list_id);
	str_release(&c->list_name);
	str_release(&c->unread);
	mem_free(c);
}

static const char *account_name(const struct census *c)
{
	return c->table->account[c->account].name;
}

static enum rc refuse_token(const struct census *c, struct err *err)
{
	return err_set(err, RC_REFUSED, "account %s: %s", account_name(c),
		       bearer_there(c->bearer) ? "its access token could not be renewed"
					       : bearer_problem(c->bearer));
}

static enum rc begin(struct census *c, struct err *err)
{
	enum rc rc = bearer_load(c->bearer, &c->table->account[c->account], err);

	if (rc == RC_OK && !bearer_there(c->bearer))
		rc = refuse_token(c, err);
	if (rc == RC_OK) {
		c->source = c->ops->open(c->world, account_name(c));
		c->ops->load(c->source, c->table, c->account, NULL, c->bearer);
		c->survey = c->ops->survey_open(c->source, c->scope);
	}
	return rc;
}

/* ---- the queue ------------------------------------------------------------- */

static int64_t mono_ms(const struct census *c)
{
	return c->world->mono_ms(c->world->ctx);
}

/* The contact is taken. */
static void enqueue(struct queue *q, struct waiting *one)
{
	if (q->first && q->first + q->count == q->capacity) {
		memmove(q->one, q->one + q->first, q->count * sizeof(*q->one));
		q->first = 0;
	}
	q->one = mem_grow(q->one, &q->capacity, q->first + q->count + 1, sizeof(*q->one));
	q->one[q->first + q->count++] = *one;
	one->contact = NULL;
}

static struct waiting dequeue(struct queue *q)
{
	q->count--;
	return q->one[q->first++];
}

/* It was tried so often that there is no point: the others go on, unless there are too many such. */
static void give_up(struct census *c, const struct waiting *one)
{
	if (c->unreads < UNREAD_NAMED)
		str_addf(&c->unread, "%s%s", c->unreads ? ", " : "", one->contact);
	c->unreads++;
}

/* Said once all others are done, or there is no point in going on. */
static void say_unread(struct census *c)
{
	char more[48] = "";

	if (c->unreads > UNREAD_NAMED)
		snprintf(more, sizeof(more), " and %zu more", c->unreads - UNREAD_NAMED);
	c->failed = err_set(&c->why, RC_REFUSED,
			    "contact%s %s%s could not be read, or a label of %s",
			    c->unreads == 1 ? "" : "s", str_text(&c->unread), more,
			    c->unreads == 1 ? "it" : "them");
}

/* Once more, unless it was tried so often. */
static void look_again(struct census *c, struct waiting *one, struct queue *q)
{
	if (++one->tries < FAILURES_MOST)
		enqueue(q, one);
	else
		give_up(c, one);
}

/* ---- pages ----------------------------------------------------------------- */

/* `at`: the contact that alone was asked for; NULL: more than that. */
static void again_or_never(struct census *c, int64_t began_ms, const char *at)
{
	if (began_ms > c->failed_ms)
		c->failures++;
	c->failed_ms = mono_ms(c);
	if (c->failures >= FAILURES_MOST)
		c->failed = err_set(&c->why, RC_REFUSED, "account %s could not be read now%s%s",
				    account_name(c), at ? ": contact " : "", at ? at : "");
}

static void remember_list(struct census *c, const struct survey_page *page)
{
	if (!page->list_id || c->list_id.len)
		return;
	str_add_text(&c->list_id, page->list_id);
	str_add_text(&c->list_name, page->list_name);
}

static void page_arrived(void *arg, const struct survey_page *page)
{
	struct census *c = arg;

	c->asking = false;
	if (page->result == SURVEY_AGAIN) {
		again_or_never(c, c->asked_ms, NULL);
		return;
	}
	if (page->result == SURVEY_REFUSED) {
		c->failed = err_set(&c->why, RC_REFUSED, "account %s, %s: %s", account_name(c),
				    c->scope->target ? c->scope->target : "contacts",
				    page->problem);
		return;
	}
	c->failures = 0;
	c->ended = page->result == SURVEY_END;
	c->total = page->total;
	remember_list(c, page);
	for (size_t i = 0; i < page->count; i++) {
		const struct sighting *s = &page->sighting[i];
		struct waiting one = { .joined_ms = s->joined_ms };
		if (map_put(&c->seen, slice_of(s->contact), c))
			continue;
		c->shown++;
		if (!c->taker->wants(c->taker->ctx, s))
			continue;
		one.contact = mem_strdup(s->contact);
		enqueue(&c->queue, &one);
	}
}

/* ---- looks ----------------------------------------------------------------- */

static size_t index_of(const struct looking *l, const char *contact)
{
	size_t i = 0;

	while (i < l->count && strcmp(l->one[i].contact, contact) != 0)
		i++;
	return i;
}

static void hand_over(struct looking *l, const struct look *look)
{
	struct census *c = l->census;
	struct sighting *sighting = mem_alloc((look->contacts + 1) * sizeof(*sighting));
	bool *again = mem_alloc((look->contacts + 1) * sizeof(*again));
	bool *told = mem_alloc((l->count + 1) * sizeof(*told));
	struct census_look out = {
		c->ops,	  c->source,	  look->began_ms,	 look->contact,
		sighting, look->contacts, str_text(&c->list_id), str_text(&c->list_name)
	};

	for (size_t i = 0; i < look->contacts; i++) {
		size_t at = index_of(l, look->contact[i].asked);
		sighting[i] = (struct sighting){ .contact = look->contact[i].asked,
						 .joined_ms = l->one[at].joined_ms };
		told[at] = true;
	}
	c->taker->take(c->taker->ctx, &out, again);
	for (size_t i = 0; i < look->contacts; i++)
		told[index_of(l, look->contact[i].asked)] = !again[i];
	for (size_t i = 0; i < l->count; i++)
		if (!told[i])
			look_again(c, &l->one[i], &c->queue);
	mem_free(sighting);
	mem_free(again);
	mem_free(told);
}

/*
 * The service may be away, or one contact be what it cannot show. A look at one alone tells: where others were answered
 * since it failed first, that is its own.
 */
static void look_failed(struct looking *l)
{
	struct census *c = l->census;

	for (size_t i = 0; i < l->count; i++)
		if (!l->one[i].failed_ms)
			l->one[i].failed_ms = l->began_ms;
	if (l->count == 1 && c->looked_ms > l->one[0].failed_ms) {
		look_again(c, &l->one[0], &c->aside);
		return;
	}
	again_or_never(c, l->began_ms, l->count == 1 ? l->one[0].contact : NULL);
	for (size_t i = 0; i < l->count; i++)
		enqueue(l->count == 1 ? &c->aside : &c->queue, &l->one[i]);
}

static void look_arrived(void *arg, const struct look *look)
{
	struct looking *l = arg;
	struct census *c = l->census;

	if (look->result == LOOK_DONE) {
		c->failures = 0;
		c->looked_ms = mono_ms(c);
		hand_over(l, look);
	} else {
		look_failed(l);
	}
	if (c->unreads > UNREAD_MOST)
		say_unread(c);
	looking_free(l);
}

static void start_look(struct census *c, size_t most)
{
	struct looking *l = mem_alloc(sizeof(*l));
	const char **ids = mem_alloc(most * sizeof(*ids));

	l->census = c;
	l->began_ms = mono_ms(c);
	l->count = c->queue.count < most ? c->queue.count : most;
	l->one = mem_alloc(l->count * sizeof(*l->one));
	for (size_t i = 0; i < l->count; i++) {
		l->one[i] = dequeue(&c->queue);
		ids[i] = l->one[i].contact;
	}
	l->next = c->looking;
	c->looking = l;
	c->ops->look(c->source, ids, l->count, look_arrived, l);
	mem_free(ids);
}

/* ---- steps ------------------------------------------------------------------ */

static bool wants_page(const struct census *c)
{
	return !c->ended && !c->asking && c->queue.count < QUEUE_LEAST;
}

/* Looks are as large as may be, but for the last. */
static bool wants_look(const struct census *c, size_t most)
{
	return most && c->queue.count && (c->queue.count >= most || (c->ended && !c->looking));
}

/* Where the labels were tried in vain, because the service is away, it is asked once more. */
static void begin_asking(struct census *c)
{
	struct account_report account;

	c->ops->report(c->source, &account);
	bool away = account.failures >= LABELS_TRIES;
	c->begun = away || c->ops->polled(c->source);
	if (away || (c->begun && c->ops->health(c->source) == SOURCE_WAITING))
		c->failures = FAILURES_MOST - 1;
}

static bool is_the_turn_of_asides(const struct census *c)
{
	return c->ended && !c->queue.count && !c->looking && c->aside.count;
}

static void go_on(struct census *c)
{
	if (!c->begun)
		begin_asking(c);
	if (!c->begun)
		return;
	if (wants_page(c) && c->ops->survey_ready_ms(c->survey) <= mono_ms(c)) {
		c->asking = true;
		c->asked_ms = mono_ms(c);
		c->ops->survey_next(c->survey, page_arrived, c);
	}
	if (is_the_turn_of_asides(c)) {
		struct waiting one = dequeue(&c->aside);
		enqueue(&c->queue, &one);
	}
	for (size_t most; wants_look(c, most = c->ops->can_look(c->source));)
		start_look(c, most);
}

enum rc census_step(struct census *c, bool *done, struct err *err)
{
	enum rc rc = c->source ? RC_OK : begin(c, err);

	*done = false;
	if (rc == RC_OK)
		rc = bearer_step(c->bearer, err);
	if (rc == RC_OK &&
	    (!bearer_there(c->bearer) || bearer_failures(c->bearer) >= FAILURES_MOST))
		rc = refuse_token(c, err);
	if (rc == RC_OK)
		rc = c->ops->step(c->source, err);
	if (rc == RC_OK && c->failed == RC_OK && c->ops->health(c->source) == SOURCE_STOPPED)
		c->failed = err_set(&c->why, RC_REFUSED,
				    "account %s refuses its token, or the token lacks a scope",
				    account_name(c));
	if (rc == RC_OK && c->failed == RC_OK)
		go_on(c);
	bool over = c->ended && !c->queue.count && !c->aside.count && !c->looking &&
		    !bearer_busy(c->bearer);
	if (rc == RC_OK && c->failed == RC_OK && over && c->unreads)
		say_unread(c);
	if (rc != RC_OK || c->failed == RC_OK) {
		*done = over;
		return rc;
	}
	*err = c->why;
	return c->failed;
}

int64_t census_wake_ms(const struct census *c)
{
	if (!c->source || c->failed != RC_OK)
		return 0;
	int64_t wake = clock_earlier(c->ops->wake_ms(c->source), bearer_wake_ms(c->bearer));
	if (!c->begun)
		return wake;
	int64_t page = wants_page(c) ? c->ops->survey_ready_ms(c->survey) : INT64_MAX;
	if (wants_look(c, c->ops->can_look(c->source)) || is_the_turn_of_asides(c))
		return mono_ms(c);
	return clock_earlier(page, wake);
}

int64_t census_total(const struct census *c)
{
	return c->total;
}

int64_t census_shown(const struct census *c)
{
	return c->shown;
}
