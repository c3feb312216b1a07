/* What stands on a credential in place of an option's value: engine/hubspot/labels.c. */
#include "tests/unit/rules.h"

#include "engine/hubspot/hub.h"
#include "engine/watch.h"

#define OPTIONS 14 /* of which there are 16,383 choices */

static const char rules[] = "rule: a\n"
			    "trigger: { event: property-changed, property: topics }\n"
			    "action:\n"
			    "  do: issue-credential\n"
			    "  group: g\n"
			    "  fields: { custom.topics: \"{{ event.to | label }}\" }\n";

/* A source as far as labels.c looks at it, with the options a to n read. */
struct portal {
	struct source source;
	struct watches watches;
	struct table *table;
};

static void add_option(struct source *s, char option)
{
	struct map *options = map_get(&s->labels, slice_of("topics"));
	char value[] = { option, 0 }, label[] = "Topic ?";

	label[6] = option;
	mem_free(map_put(options, slice_of(value), mem_strdup(label)));
}

static int portal_setup(void **state)
{
	struct portal *p = mem_alloc(sizeof(*p));
	struct source *s = &p->source;
	struct map *options = mem_alloc(sizeof(*options));

	p->table = table_of(rules);
	s->table = p->table;
	s->watches = &p->watches;
	s->phase = PHASE_SCAN;
	map_init(options);
	labels_init(s);
	map_put(&s->labels, slice_of("topics"), options);
	for (char option = 'a'; option < 'a' + OPTIONS; option++)
		add_option(s, option);
	s->labels_known = true;
	s->labels_begun = s->labels_had = 1;
	*state = p;
	return 0;
}

static int portal_teardown(void **state)
{
	struct portal *p = *state;

	labels_forget(&p->source);
	table_unref(p->table);
	mem_free(p);
	return 0;
}

/* The options whose bits are set, as a portal has them, or as they are called. */
static const char *choice(unsigned bits, const char *word, struct str *out)
{
	str_clear(out);
	for (int i = 0; i < OPTIONS; i++)
		if (bits & 1u << i)
			str_addf(out, "%s%s%c", out->len ? ";" : "", word, 'a' + i);
	return str_text(out);
}

static void every_choice_has_its_labels(void **state)
{
	struct portal *p = *state;
	struct str value, wanted;
	struct slice label;

	str_init(&value, LIMIT_FIELD_BYTES);
	str_init(&wanted, LIMIT_FIELD_BYTES);
	for (unsigned bits = 1; bits < 1u << OPTIONS; bits++) {
		struct slice chosen = slice_of(choice(bits, "", &value));
		assert_int_equal(labels_of(&p->source, "topics", chosen, &label), FACT_KNOWN);
		if (!slice_is(label, choice(bits, "Topic ", &wanted)))
			fail_msg("'%s' is called '%.*s'", str_text(&value), SLICE_FMT(label));
	}
	str_release(&value);
	str_release(&wanted);
}

/* The reading of labels that is under way comes to its end. */
static void end_reading(struct source *s)
{
	s->cursor = s->table->n_property;
	labels_step(s);
}

/* What is asked for while they are read may have been made after its property was. */
static void what_is_asked_for_amid_a_reading_is_read_again(void **state)
{
	struct source *s = &((struct portal *)*state)->source;
	struct slice label;

	s->labels_begun++;
	assert_int_equal(labels_of(s, "topics", slice_of("z"), &label), FACT_UNSURE);
	end_reading(s);
	assert_false(s->labels_known);
	assert_int_equal(labels_of(s, "topics", slice_of("z"), &label), FACT_UNSURE);
	s->labels_begun++;
	add_option(s, 'z');
	end_reading(s);
	assert_true(s->labels_known);
	assert_int_equal(labels_of(s, "topics", slice_of("z"), &label), FACT_KNOWN);
	assert_true(slice_is(label, "Topic z"));
}

static void what_was_asked_for_before_a_reading_is_told_by_it(void **state)
{
	struct source *s = &((struct portal *)*state)->source;
	struct slice label;

	assert_int_equal(labels_of(s, "topics", slice_of("y"), &label), FACT_UNSURE);
	assert_false(s->labels_known);
	s->labels_begun++;
	end_reading(s);
	assert_true(s->labels_known);
	assert_int_equal(labels_of(s, "topics", slice_of("y"), &label), FACT_KNOWN);
	assert_true(slice_is(label, "y")); /* it is of no option */
}

#define with_portal(f) cmocka_unit_test_setup_teardown(f, portal_setup, portal_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_portal(every_choice_has_its_labels),
		with_portal(what_is_asked_for_amid_a_reading_is_read_again),
		with_portal(what_was_asked_for_before_a_reading_is_told_by_it),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
