/*
 * hubspot_search - the search endpoint of contacts.
 *
 * It sees the portal as its index knows it: as it was `index_lag_ms` ago. A
 * contact that is new since then is not there, a changed one shows its earlier
 * values and its earlier lastmodifieddate. Refusals and limits are those of
 * facts/hubspot.md 2.4. Token operators and full text are not simulated, and
 * refused rather than ignored.
 */
#include "engine/sandbox/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BODY_MOST 3000
#define PAGE_MOST 200
#define RESULTS_MOST 10000
#define GROUPS_MOST 5
#define FILTERS_MOST 6
#define FILTERS_MOST_IN_ALL 18

/* How the index compares values of a property. */
enum order { ORDER_TEXT, ORDER_CHOICE, ORDER_NUMBER, ORDER_TIME };

/* A value as the index holds it; text ends with a NUL. */
struct indexed {
	struct slice text;
	int64_t ms;	    /* under ORDER_TIME */
	long double number; /* under ORDER_NUMBER; ids are exact in it */
	bool known;
};

struct test {
	const struct property *property;
	const struct operator* operator;
	enum order order;
	size_t group;
	struct indexed value, high;
	const struct json *values;
};

struct operator
{
	const char *name;
	bool (*holds)(const struct test *t, const struct indexed *seen);
	enum { NEEDS_NOTHING, NEEDS_VALUE, NEEDS_RANGE, NEEDS_VALUES } needs;
};

struct plan {
	int64_t limit, after;
	int64_t at_ms;		     /* as old as the index is */
	const struct property *sort; /* NULL: by id */
	bool descending;
	struct test test[FILTERS_MOST_IN_ALL];
	size_t tests, groups;
};

/* ---- values and operators ----------------------------------------------- */

static enum order order_of(const struct property *p)
{
	if (strcmp(p->type, "number") == 0)
		return ORDER_NUMBER;
	if (strcmp(p->type, "date") == 0 || strcmp(p->type, "datetime") == 0)
		return ORDER_TIME;
	return p->choices ? ORDER_CHOICE : ORDER_TEXT;
}

/* False where the text is no value of that order. */
static bool index_text(enum order order, struct slice text, struct indexed *out)
{
	*out = (struct indexed){ .text = text, .known = text.len > 0 };
	if (!out->known)
		return true;
	if (order == ORDER_TIME)
		return read_number(text, &out->ms) || clock_parse_value(text, &out->ms, NULL);
	if (order == ORDER_NUMBER)
		out->number = strtold(text.ptr, NULL);
	return true;
}

static struct indexed index_of(struct call *call, const struct contact *c, const struct property *p,
			       int64_t at_ms)
{
	struct indexed out;

	/* Every walk asks for this one of every contact: without a detour over text. */
	if (p->kind == PROPERTY_MODIFIED)
		return (struct indexed){ .ms = contact_modified(c, at_ms), .known = true };
	(void)index_text(order_of(p), contact_value(c, p, at_ms, &call->memory), &out);
	return out;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : (unsigned char)c;
}

static int compare_nocase(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return lower(a.ptr[i]) < lower(b.ptr[i]) ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

static int compare(enum order order, const struct indexed *a, const struct indexed *b)
{
	if (order == ORDER_TIME)
		return (a->ms > b->ms) - (a->ms < b->ms);
	if (order == ORDER_NUMBER)
		return (a->number > b->number) - (a->number < b->number);
	return order == ORDER_CHOICE ? slice_cmp(a->text, b->text)
				     : compare_nocase(a->text, b->text);
}

static bool holds_eq(const struct test *t, const struct indexed *seen)
{
	return seen->known && compare(t->order, seen, &t->value) == 0;
}

static bool holds_neq(const struct test *t, const struct indexed *seen)
{
	return !holds_eq(t, seen);
}

static bool holds_lt(const struct test *t, const struct indexed *seen)
{
	return seen->known && compare(t->order, seen, &t->value) < 0;
}

static bool holds_lte(const struct test *t, const struct indexed *seen)
{
	return seen->known && compare(t->order, seen, &t->value) <= 0;
}

static bool holds_gt(const struct test *t, const struct indexed *seen)
{
	return seen->known && compare(t->order, seen, &t->value) > 0;
}

static bool holds_gte(const struct test *t, const struct indexed *seen)
{
	return seen->known && compare(t->order, seen, &t->value) >= 0;
}

static bool holds_between(const struct test *t, const struct indexed *seen)
{
	return holds_gte(t, seen) && compare(t->order, seen, &t->high) <= 0;
}

/* Text is indexed in lower case, and IN does not lower what it is given. */
static bool is_one(const struct test *t, const struct indexed *seen, struct slice wanted)
{
	if (t->order != ORDER_TEXT)
		return slice_eq(seen->text, wanted);
	for (size_t i = 0; i < wanted.len; i++)
		if (lower(wanted.ptr[i]) != (unsigned char)wanted.ptr[i])
			return false;
	return compare_nocase(seen->text, wanted) == 0;
}

static bool holds_in(const struct test *t, const struct indexed *seen)
{
	for (size_t i = 0; seen->known && i < json_count(t->values); i++)
		if (is_one(t, seen, json_slice(json_at(t->values, i))))
			return true;
	return false;
}

static bool holds_not_in(const struct test *t, const struct indexed *seen)
{
	return !holds_in(t, seen);
}

static bool holds_known(const struct test *t, const struct indexed *seen)
{
	(void)t;
	return seen->known;
}

static bool holds_unknown(const struct test *t, const struct indexed *seen)
{
	(void)t;
	return !seen->known;
}

static const struct operator operators[] = {
	{ "EQ", holds_eq, NEEDS_VALUE },
	{ "NEQ", holds_neq, NEEDS_VALUE },
	{ "LT", holds_lt, NEEDS_VALUE },
	{ "LTE", holds_lte, NEEDS_VALUE },
	{ "GT", holds_gt, NEEDS_VALUE },
	{ "GTE", holds_gte, NEEDS_VALUE },
	{ "BETWEEN", holds_between, NEEDS_RANGE },
	{ "IN", holds_in, NEEDS_VALUES },
	{ "NOT_IN", holds_not_in, NEEDS_VALUES },
	{ "HAS_PROPERTY", holds_known, NEEDS_NOTHING },
	{ "NOT_HAS_PROPERTY", holds_unknown, NEEDS_NOTHING },
};

/* ---- reading the request, and what is refused --------------------------- */

static bool refuse(struct call *call, const char *why)
{
	hubspot_error(call, 400, "VALIDATION_ERROR", "There was a problem with the request: %s",
		      why);
	return false;
}

static bool read_operand(struct call *call, const struct test *t, const struct json *v,
			 struct indexed *out)
{
	struct slice text = property_text(v, &call->memory);

	if (json_kind(v) == IS_NULL)
		return refuse(call, "a filter's value is missing");
	if (!index_text(t->order, text, out) || (t->order == ORDER_TIME && !out->known))
		return refuse(call, "a filter's value is no time");
	if (t->order == ORDER_TIME && out->ms == 0) {
		/* An epoch of 0 breaks the real service (facts 2.4). */
		hubspot_error(call, 500, NULL, "internal error");
		return false;
	}
	return true;
}

static bool read_test(struct call *call, const struct json *filter, struct test *t)
{
	struct slice name = json_get_slice(filter, "operator");

	t->property = portal_property(call->sb, json_get_slice(filter, "propertyName"));
	if (!t->property)
		return refuse(call, "a filter's property does not exist");
	t->order = order_of(t->property);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (slice_is(name, operators[i].name))
			t->operator= & operators[i];
	if (!t->operator)
		return refuse(call, "a filter's operator is unknown, or not known to the sandbox");
	t->values = json_get(filter, "values");
	if (t->operator->needs == NEEDS_VALUES && !json_count(t->values))
		return refuse(call, "a filter's values are missing");
	if (t->operator->needs ==
	    NEEDS_RANGE && !read_operand(call, t, json_get(filter, "highValue"), &t->high))
		return false;
	return (t->operator->needs != NEEDS_VALUE && t->operator->needs != NEEDS_RANGE) ||
	       read_operand(call, t, json_get(filter, "value"), &t->value);
}

static bool read_filters(struct call *call, struct plan *plan)
{
	const struct json *groups = json_get(call->body, "filterGroups");

	plan->groups = json_count(groups);
	if (groups && json_kind(groups) != IS_ARRAY)
		return refuse(call, "filterGroups is no list");
	if (plan->groups > GROUPS_MOST)
		return refuse(call, "more than 5 filter groups");
	for (size_t g = 0; g < plan->groups; g++) {
		const struct json *filters = json_get(json_at(groups, g), "filters");
		size_t n = json_count(filters);
		if (json_kind(filters) != IS_ARRAY || n == 0)
			return refuse(call, "a filter group without filters");
		if (n > FILTERS_MOST || plan->tests + n > FILTERS_MOST_IN_ALL)
			return refuse(call, "too many filters");
		for (size_t i = 0; i < n; i++) {
			struct test *t = &plan->test[plan->tests++];
			t->group = g;
			if (!read_test(call, json_at(filters, i), t))
				return false;
		}
	}
	return true;
}

static bool read_sort(struct call *call, struct plan *plan)
{
	const struct json *sorts = json_get(call->body, "sorts"), *sort = json_at(sorts, 0);
	struct slice name = json_slice(sort);

	if (json_count(sorts) > 1)
		return refuse(call, "only one sort is supported");
	if (json_count(sorts) == 0)
		return true;
	if (json_kind(sort) == IS_OBJECT) {
		struct slice direction = json_get_slice(sort, "direction");
		name = json_get_slice(sort, "propertyName");
		plan->descending = slice_is(direction, "DESCENDING");
		if (direction.len && !plan->descending && !slice_is(direction, "ASCENDING"))
			return refuse(call, "a sort's direction is unknown");
	} else if (slice_starts(name, slice_of("-"))) {
		plan->descending = true;
		name = (struct slice){ name.ptr + 1, name.len - 1 };
	}
	plan->sort = portal_property(call->sb, name);
	return plan->sort || refuse(call, "the sort's property does not exist");
}

static bool read_count(struct call *call, const char *key, int64_t *out)
{
	const struct json *v = json_get(call->body, key);

	if (v)
		*out = json_int(v, -1);
	return *out >= 0;
}

static bool read_plan(struct call *call, struct plan *plan)
{
	*plan = (struct plan){ .limit = 10,
			       .at_ms = call->now_ms - call->sb->options.index_lag_ms };
	if (json_kind(call->body) != IS_OBJECT)
		return refuse(call, "no object");
	if (call->request->body.len > BODY_MOST)
		return refuse(call, "the body is longer than 3000 characters");
	if (!read_count(call, "limit", &plan->limit) || plan->limit < 1 || plan->limit > PAGE_MOST)
		return refuse(call, "limit must be from 1 to 200");
	if (!read_count(call, "after", &plan->after))
		return refuse(call, "after is no number");
	if (plan->after > RESULTS_MOST - plan->limit)
		return refuse(call, "paging beyond 10000 results is not supported");
	if (json_get(call->body, "query"))
		return refuse(call, "the sandbox does not know `query`");
	return read_filters(call, plan) && read_sort(call, plan);
}

/* ---- what is found ------------------------------------------------------ */

struct hit {
	const struct contact *contact;
	struct indexed key;
	const struct plan *plan;
};

static bool group_holds(struct call *call, const struct plan *plan, size_t group,
			const struct contact *c)
{
	for (size_t i = 0; i < plan->tests; i++) {
		const struct test *t = &plan->test[i];
		if (t->group != group)
			continue;
		struct indexed seen = index_of(call, c, t->property, plan->at_ms);
		if (!t->operator->holds(t, &seen))
			return false;
	}
	return true;
}

static bool matches(struct call *call, const struct plan *plan, const struct contact *c)
{
	if (!contact_lives(c) || c->created_ms > plan->at_ms)
		return false;
	for (size_t g = 0; g < plan->groups; g++)
		if (group_holds(call, plan, g, c))
			return true;
	return plan->groups == 0;
}

static int by_key(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	const struct plan *plan = x->plan;
	int order = plan->sort ? compare(order_of(plan->sort), &x->key, &y->key) : 0;

	if (order)
		return plan->descending ? -order : order;
	return (x->contact->id > y->contact->id) - (x->contact->id < y->contact->id);
}

/* Places 2 and 3, 4 and 5 …: so that a page begins and ends with rows that belong on others. */
static void put_out_of_order(struct hit *hit, size_t n)
{
	for (size_t i = 1; i + 1 < n; i += 2) {
		struct hit one = hit[i];
		hit[i] = hit[i + 1];
		hit[i + 1] = one;
	}
}

static size_t find_hits(struct call *call, const struct plan *plan, struct hit *hit)
{
	const struct map *all = &call->sb->portal.contact;
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct contact *c = all->entry[i].value;
		if (!matches(call, plan, c))
			continue;
		hit[n] = (struct hit){ .contact = c, .plan = plan };
		if (plan->sort)
			hit[n].key = index_of(call, c, plan->sort, plan->at_ms);
		n++;
	}
	qsort(hit, n, sizeof(*hit), by_key);
	if (call->sb->options.search_unordered && plan->sort && order_of(plan->sort) == ORDER_TIME)
		put_out_of_order(hit, n);
	return n;
}

void hubspot_search(struct call *call)
{
	struct plan plan;
	struct hit *hit;

	if (!read_plan(call, &plan))
		return;
	hit = mem_alloc((call->sb->portal.contact.count + 1) * sizeof(*hit));
	size_t total = find_hits(call, &plan, hit);
	size_t from = (size_t)plan.after, to = from + (size_t)plan.limit;
	struct json *body = json_new_object(), *results = json_new_array();
	for (size_t i = from; i < to && i < total; i++)
		json_add(results,
			 hubspot_record(call, hit[i].contact, json_get(call->body, "properties"),
					NULL, plan.at_ms));
	json_set_integer(body, "total", (int64_t)total);
	json_set(body, "results", results);
	if (to < total) {
		struct json *paging = json_new_object(), *next = json_new_object();
		json_set_text(next, "after", arena_printf(&call->memory, "%zu", to));
		json_set(paging, "next", next);
		json_set(body, "paging", paging);
	}
	call_reply(call, 200, body);
	mem_free(hit);
}
