#include "dsl/fields.h"

#include <stdlib.h>
#include <string.h>

#define CUSTOM "custom."
/* A tag is a key in requests; no service takes longer ones. */
#define TAG_BYTES 100

const struct field_row field_rows[FIELDS] = {
	{ "recipient.name",
	  "{{ contact.firstname }} {{ contact.lastname }}",
	  false,
	  { "Name of the recipient",
	    "First and last name where it is left out; the e-mail address where both are empty.",
	    NULL } },
	{ "recipient.email",
	  "{{ contact.email }}",
	  false,
	  { "E-mail of the recipient", "The contact's e-mail where it is left out.", NULL } },
	{ "issue-date",
	  "{{ event.date }}",
	  true,
	  { "Issue date", "A date; the day on which the change happened where it is left out.",
	    NULL } },
	{ "expiry-date",
	  NULL,
	  true,
	  { "Expiry date", "A date; the group's own rule applies where it is left out.",
	    "{{ event.date | add('1 year') }}" } },
};

const struct about field_custom_about = {
	"Custom attribute",
	"`custom.` and the tag of an attribute of the workspace; left out on the credential where it "
	"comes out empty.",
	"{{ event.to | label }}",
};

const char *field_default(const char *name)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(field_rows[i].name, name) == 0)
			return field_rows[i].otherwise;
	return NULL;
}

/* ---- names ------------------------------------------------------------- */

static void refuse_name(struct faults *f, const struct node *key)
{
	static const struct {
		const char *said, *meant;
	} common[] = {
		{ "name", "recipient.name" },	 { "email", "recipient.email" },
		{ "e-mail", "recipient.email" }, { "recipient", "recipient.name" },
		{ "expires", "expiry-date" },	 { "expiry", "expiry-date" },
		{ "expires-at", "expiry-date" }, { "expiration-date", "expiry-date" },
		{ "expiration", "expiry-date" }, { "date", "issue-date" },
		{ "issued", "issue-date" },	 { "issued-at", "issue-date" },
	};
	const char *words[FIELDS];

	fault(f, CODE_UNKNOWN_FIELD, key, "unknown field %s", fault_shown(f, key->text));
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (slice_eq_nocase(key->text, slice_of(common[i].said))) {
			fault_hint(f, "did you mean '%s'?", common[i].meant);
			return;
		}
	}
	for (size_t i = 0; i < FIELDS; i++)
		words[i] = field_rows[i].name;
	const char *near = diag_nearest(key->text, words, FIELDS);
	if (near)
		fault_hint(f, "did you mean '%s'?", near);
	else if (!memchr(key->text.ptr, '.', key->text.len))
		fault_hint(f, "a custom attribute is written 'custom.%.*s'", SLICE_FMT(key->text));
	else
		fault_hint(f, "recipient.name, recipient.email, issue-date, expiry-date or "
			      "custom.<tag>");
}

/* What follows `custom.`: letters, digits, _ - and dots. */
static bool check_tag(struct faults *f, const struct node *key)
{
	size_t from = strlen(CUSTOM), len = key->text.len;
	bool good = len > from && len - from <= TAG_BYTES;

	for (size_t i = from; good && i < len; i++) {
		char c = key->text.ptr[i];
		good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '_' || c == '-' || c == '.';
	}
	if (good)
		return true;
	if (len == from)
		fault(f, CODE_BAD_NAME, key, "'custom.' needs the tag of an attribute behind it");
	else
		fault_part(f, CODE_BAD_NAME, key, from, len, "this is no tag of an attribute");
	fault_hint(f, "the tag as Certifier shows it, of letters, digits, '_', '-' and '.'");
	return false;
}

static bool check_name(struct faults *f, const struct node *key)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (slice_is(key->text, field_rows[i].name))
			return true;
	if (slice_starts(key->text, slice_of(CUSTOM)))
		return check_tag(f, key);
	refuse_name(f, key);
	return false;
}

static const struct field_row *find_row(const char *name)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(field_rows[i].name, name) == 0)
			return &field_rows[i];
	return NULL;
}

/* ---- templates --------------------------------------------------------- */

static bool is_literal(const struct template *t)
{
	return t->n_part == 0 || (t->n_part == 1 && t->part[0].ref == REF_LITERAL);
}

static void check_email(struct faults *f, const struct field_draft *field)
{
	if (!is_literal(&field->template) || email_valid(slice_trim(field->node->text)))
		return;
	fault(f, CODE_BAD_VALUE, field->node, "%s is no e-mail address",
	      fault_shown(f, field->node->text));
	fault_hint(f, "such as \"{{ contact.email }}\"");
}

static void check_template(struct faults *f, const struct rule_draft *r,
			   const struct field_draft *field)
{
	const struct node *target = r->event == EVENT_LIST_ADDED ? r->list : r->property;
	const struct field_row *row = find_row(field->name);
	struct template_facts facts = { r->name[0] ? r->name : NULL,
					target ? target->text.ptr : NULL,
					r->list && !rule_list_is_id(r->list) };

	template_check_dates(f, field->node, &field->template, &facts, row && row->date);
	if (strcmp(field->name, "recipient.email") == 0)
		check_email(f, field);
}

/* False where it is none; its template is read in any case, so that all that is wrong is said at once. */
static bool read_field(struct faults *f, struct arena *arena, const struct rule_draft *r,
		       const struct node *n, struct field_draft *field)
{
	const struct node *key = n->key;

	bool named = check_name(f, key);

	if ((!named && n->kind != NODE_TEXT) || !value_text(f, n, key->text.ptr))
		return false;
	*field = (struct field_draft){ arena_text(arena, key->text), n, { 0 } };
	/* What could be read of it is kept in any case: its names can be checked. */
	if (template_read(f, arena, n, r->event, &field->template) && named)
		check_template(f, r, field);
	return named;
}

/* The order of rules.md, then custom fields by name. */
static int by_order(const void *a, const void *b)
{
	const struct field_draft *x = a, *y = b;
	const struct field_row *row_x = find_row(x->name), *row_y = find_row(y->name);

	if (row_x && row_y)
		return row_x < row_y ? -1 : row_x > row_y;
	if (row_x || row_y)
		return row_x ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* They are right for every event: reading them cannot fault. */
void fields_read_defaults(struct faults *f, struct arena *arena, struct field_defaults *out)
{
	out->count = 0;
	for (size_t i = 0; i < FIELDS; i++) {
		if (!field_rows[i].otherwise)
			continue;
		struct field_draft *field = &out->field[out->count++];
		struct node *n = arena_alloc(arena, sizeof(*n));
		n->text = slice_of(field_rows[i].otherwise);
		*field = (struct field_draft){ field_rows[i].name, NULL, { 0 } };
		(void)template_read(f, arena, n, -1, &field->template);
	}
}

void fields_read(struct faults *f, struct arena *arena, const struct field_defaults *defaults,
		 struct rule_draft *r)
{
	size_t given = r->fields ? r->fields->count : 0, count = 0;

	if (!given && r->event >= 0) {
		r->field = defaults->field;
		r->n_field = defaults->count;
		return;
	}
	struct field_draft *field = arena_alloc(arena, (given + FIELDS) * sizeof(*field));
	for (const struct node *n = r->fields ? r->fields->first : NULL; n; n = n->next)
		count += read_field(f, arena, r, n, &field[count]);
	for (size_t i = 0; i < defaults->count && r->event >= 0; i++)
		if (!node_get(r->fields, defaults->field[i].name))
			field[count++] = defaults->field[i];
	qsort(field, count, sizeof(*field), by_order);
	r->field = field;
	r->n_field = count;
}
