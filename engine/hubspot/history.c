/*
 * history - the batch read: contacts with the histories of what rules read,
 * turned into the engine's words (engine/contact.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "engine/hubspot/hub.h"

#define MOST_WITH_HISTORY 50
#define MOST_WITHOUT 100
#define VERSIONS_KEPT 45 /* of one property of a contact: facts/hubspot.md 2.3 */

/* What is read of every contact beside what rules name. */
static const char *const always[] = { "lastmodifieddate", "createdate", "hs_merged_object_ids",
				      "hs_calculated_merged_vids" };

static bool is_always(const char *name)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (strcmp(always[i], name) == 0)
			return true;
	return false;
}

static bool any_history(const struct source *s)
{
	for (size_t i = 0; i < s->table->n_property; i++)
		if (s->table->property[i].source == s->account && s->table->property[i].history)
			return true;
	return false;
}

size_t history_most(const struct source *s)
{
	return any_history(s) ? MOST_WITH_HISTORY : MOST_WITHOUT;
}

struct json *history_body(const struct source *s, const char *const *ids, size_t count)
{
	struct json *body = json_new_object(), *inputs = json_new_array();
	struct json *names = json_new_array(), *histories = json_new_array();

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		json_add_text(names, slice_of(always[i]));
	for (size_t i = 0; i < s->table->n_property; i++) {
		const struct property *p = &s->table->property[i];
		if (p->source != s->account)
			continue;
		if (!is_always(p->name))
			json_add_text(names, slice_of(p->name));
		if (p->history)
			json_add_text(histories, slice_of(p->name));
	}
	for (size_t i = 0; i < count; i++) {
		struct json *input = json_new_object();
		json_set_text(input, "id", ids[i]);
		json_add(inputs, input);
	}
	json_set(body, "properties", names);
	json_set(body, "propertiesWithHistory", histories);
	json_set(body, "inputs", inputs);
	return body;
}

static void add_name(struct str *url, const char *key, bool first, const char *name)
{
	if (first)
		str_addf(url, "%c%s=", strchr(str_text(url), '?') ? '&' : '?', key);
	else
		str_add_char(url, ',');
	str_add_url(url, slice_of(name));
}

const char *history_query(const struct source *s, const char *id, struct arena *memory)
{
	struct str url;
	bool first = true;

	str_init(&url, LIMIT_ANSWER_BYTES);
	str_addf(&url, "/%s", id);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		add_name(&url, "properties", i == 0, always[i]);
	for (size_t i = 0; i < s->table->n_property; i++) {
		const struct property *p = &s->table->property[i];
		if (p->source == s->account && !is_always(p->name))
			add_name(&url, "properties", false, p->name);
	}
	for (size_t i = 0; i < s->table->n_property; i++) {
		const struct property *p = &s->table->property[i];
		if (p->source != s->account || !p->history)
			continue;
		add_name(&url, "propertiesWithHistory", first, p->name);
		first = false;
	}
	const char *text = arena_text(memory, str_slice(&url));
	str_release(&url);
	return text;
}

/* ---- one property ------------------------------------------------------- */

struct ordered {
	struct entry entry;
	size_t index; /* in HubSpot's newest-first order */
};

static int by_time(const void *left, const void *right)
{
	const struct ordered *a = left, *b = right;

	if (a->entry.at_ms != b->entry.at_ms)
		return a->entry.at_ms < b->entry.at_ms ? -1 : 1;
	return a->index > b->index ? -1 : a->index < b->index;
}

static bool is_merge(const struct json *entry)
{
	return slice_starts(json_get_slice(entry, "sourceType"), slice_of("MERGE"));
}

static void read_history(const struct json *versions, struct arena *memory,
			 struct contact_property *out)
{
	size_t count = json_count(versions), n = 0;
	struct ordered *sorted = arena_alloc(memory, (count + 1) * sizeof(*sorted));
	struct entry *entries = arena_alloc(memory, (count + 1) * sizeof(*entries));

	for (size_t i = 0; i < count; i++) {
		const struct json *v = json_at(versions, i);
		int64_t at;
		if (!clock_parse_stamp(json_get_slice(v, "timestamp"), &at))
			continue;
		sorted[n++] = (struct ordered){
			{ at, arena_slice(memory, json_get_slice(v, "value")), is_merge(v) }, i
		};
	}
	if (n > 1)
		qsort(sorted, n, sizeof(*sorted), by_time);
	for (size_t i = 0; i < n; i++)
		entries[i] = sorted[i].entry;
	out->entry = entries;
	out->entries = n;
	out->cut = count >= VERSIONS_KEPT;
}

/* ---- one contact -------------------------------------------------------- */

static int64_t time_of(struct slice text)
{
	int64_t ms;

	return clock_parse_stamp(text, &ms) ? ms : 0;
}

static int64_t first_known(int64_t a, int64_t b)
{
	return a ? a : b;
}

static void read_properties(const struct source *s, const struct json *row, struct arena *memory,
			    struct contact *c)
{
	const struct json *now = json_get(row, "properties"),
			  *then = json_get(row, "propertiesWithHistory");

	c->property = arena_alloc(memory, (s->table->n_property + 1) * sizeof(*c->property));
	for (size_t i = 0; i < s->table->n_property; i++) {
		const struct property *p = &s->table->property[i];
		struct contact_property *out = &c->property[i];
		if (p->source != s->account)
			continue;
		out->read = true;
		out->left_out = !json_get(now, p->name) && !json_get(then, p->name);
		out->current = arena_slice(memory, json_get_slice(now, p->name));
		if (p->history)
			read_history(json_get(then, p->name), memory, out);
		/* The newest version is the current value, where the answer leaves that out. */
		if (!json_get(now, p->name) && out->entries)
			out->current = out->entry[out->entries - 1].value;
		for (size_t k = 0; k < out->entries; k++)
			if (out->entry[k].merge && out->entry[k].at_ms > c->merge_entry_ms)
				c->merge_entry_ms = out->entry[k].at_ms;
	}
}

/*
 * Ids, `;` between; the older property may say after each, and a `:`, when that merge was. It is not later than the
 * contact's last change, which it is itself.
 */
static void add_merged(struct slice ids, struct map *known, struct arena *memory, struct contact *c,
		       const char **list)
{
	while (ids.len) {
		struct slice when, id;
		(void)slice_cut(&ids, ';', &when);
		(void)slice_cut(&when, ':', &id);
		id = slice_trim(id);
		if (!hub_id_valid(id) || slice_is(id, c->id))
			continue;
		if (!map_put(known, id, c))
			list[c->n_merged++] = arena_text(memory, id);
		int64_t at_ms = time_of(slice_trim(when));
		if (at_ms > c->merge_entry_ms && at_ms <= c->modified_ms)
			c->merge_entry_ms = at_ms;
	}
}

static void read_merged(const struct json *properties, struct arena *memory, struct contact *c)
{
	struct slice ids = json_get_slice(properties, "hs_merged_object_ids"),
		     older = json_get_slice(properties, "hs_calculated_merged_vids");
	const char **list = arena_alloc(memory, (ids.len / 2 + older.len / 2 + 3) * sizeof(*list));
	struct map known;

	c->merged = list;
	if (!ids.len && !older.len)
		return;
	map_init(&known);
	add_merged(ids, &known, memory, c, list);
	add_merged(older, &known, memory, c, list);
	map_release(&known);
}

static void read_contact(const struct source *s, const struct json *row, struct arena *memory,
			 struct contact *c)
{
	const struct json *p = json_get(row, "properties");
	int64_t modified = time_of(json_get_slice(p, "lastmodifieddate"));
	int64_t updated = time_of(json_get_slice(row, "updatedAt"));

	char room[24];

	c->id = arena_text(memory, hub_id_of(row, "id", room));
	c->gone = json_bool(json_get(row, "archived"), false);
	/* createdate can be written by integrations; createdAt cannot. */
	c->created_ms = first_known(time_of(json_get_slice(row, "createdAt")),
				    time_of(json_get_slice(p, "createdate")));
	c->modified_ms = modified > updated ? modified : updated;
	read_merged(p, memory, c);
	read_properties(s, row, memory, c);
}

/* ---- the answer --------------------------------------------------------- */

static bool answers(const struct contact *c, const char *asked)
{
	if (strcmp(c->id, asked) == 0)
		return true;
	for (size_t i = 0; i < c->n_merged; i++)
		if (strcmp(c->merged[i], asked) == 0)
			return true;
	return false;
}

/*
 * Asked for one, told of one: that is it, even where it does not say whom it absorbed. `asked`
 * is the one, in memory that stays.
 */
static void absorbs(struct contact *c, const char *const *asked)
{
	if (answers(c, *asked))
		return;
	c->merged = asked;
	c->n_merged = 1;
}

static bool says_gone(const struct json *answer, const char *asked)
{
	const struct json *errors = json_get(answer, "errors");

	for (size_t i = 0; i < json_count(errors); i++) {
		const struct json *ids = json_path(json_at(errors, i), "context.ids");
		if (!slice_is(json_get_slice(json_at(errors, i), "category"), "OBJECT_NOT_FOUND"))
			continue;
		for (size_t k = 0; k < json_count(ids); k++)
			if (slice_is(json_slice(json_at(ids, k)), asked))
				return true;
	}
	return false;
}

size_t history_contacts(const struct source *s, const struct json *answer, const char *const *ids,
			size_t count, struct arena *memory, struct contact **out)
{
	const struct json *rows = json_get(answer, "results");
	size_t n_rows = json_count(rows), n = 0, at = 0;
	struct contact *row = arena_alloc(memory, (n_rows + 1) * sizeof(*row));

	char room[24];

	*out = arena_alloc(memory, (count + 1) * sizeof(**out));
	for (size_t i = 0; i < n_rows; i++)
		if (hub_id_of(json_at(rows, i), "id", room).len)
			read_contact(s, json_at(rows, i), memory, &row[n++]);
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < n && !answers(&row[k], ids[i]))
			k++;
		if (k == n && count == 1 && n == 1 && !says_gone(answer, ids[i])) {
			k = 0;
			absorbs(&row[0], ids);
		}
		if (k == n && !says_gone(answer, ids[i]))
			continue;
		(*out)[at] = k < n ? row[k] : (struct contact){ .id = ids[i], .gone = true };
		(*out)[at++].asked = ids[i];
	}
	return at;
}

bool history_contact(const struct source *s, const struct reply *answer, const char *asked,
		     struct arena *memory, struct contact *out)
{
	const char **kept = arena_alloc(memory, sizeof(*kept));

	*kept = asked;
	*out = (struct contact){ .id = asked, .gone = true };
	char room[24];
	if (answer->status == 200 && hub_id_of(answer->json, "id", room).len) {
		*out = (struct contact){ 0 };
		read_contact(s, answer->json, memory, out);
		absorbs(out, kept);
	} else if (answer->status != 404 ||
		   !slice_is(json_get_slice(answer->json, "status"), "error")) {
		return false; /* a 404 that is not HubSpot's own says nothing */
	}
	out->asked = asked;
	return true;
}
