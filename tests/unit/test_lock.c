/* The lock file: what is written is read again, and the same facts make the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "dsl/lock.h"

static struct slice s(const char *text)
{
	return slice_of(text);
}

/* Two portals and a workspace; `turned`: told in another order. */
static void fill(struct lock *l, bool turned)
{
	struct lock_account *a = lock_add_account(l, turned ? "hubspot" : "academy", "hubspot");
	struct lock_entry *e;

	a = lock_add_account(l, "certifier", "certifier");
	(void)lock_add(l, a, LOCK_GROUPS, s(turned ? "01b" : "01a"), s("Tier"));
	(void)lock_add(l, a, LOCK_GROUPS, s(turned ? "01a" : "01b"), s("Tier"));
	(void)lock_add(l, a, LOCK_ATTRIBUTES, s("custom.tier"), s("Tier \"gold\"\n"));
	a = lock_add_account(l, turned ? "academy" : "hubspot", "hubspot");
	a = &l->account[turned ? 0 : 2];
	e = lock_add(l, a, LOCK_LISTS, s(turned ? "100" : "42"), s("A list: of \\ things"));
	e->type = "manual";
	e = lock_add(l, a, LOCK_LISTS, s(turned ? "42" : "100"), s("A list: of \\ things"));
	e->type = "manual";
	e = lock_add(l, a, LOCK_PROPERTIES, s("tier"), s("Tier"));
	e->type = lock_word(l, s("ENUMERATION"));
	e->field = "select";
	lock_add_option(l, e, s(turned ? "silver" : "Gold & more"), s("G\xc3\xb6ld"), false);
	lock_add_option(l, e, s(turned ? "Gold & more" : "silver"), s("G\xc3\xb6ld"), false);
	lock_add_option(l, e, s("old: one"), s(""), true);
	e = lock_add(l, a, LOCK_PROPERTIES, s("yes"), s("Agreed?"));
	e->type = "bool";
	e->field = "booleancheckbox";
	e->open = true;
	lock_finish(l);
}

static void write(const struct lock *l, struct str *out)
{
	str_init(out, LIMIT_RULE_FILE_BYTES);
	lock_write(l, out);
	assert_false(out->overflow);
}

/* Reads a text; the caller releases `out`. */
static enum lock_state read_text(struct slice text, struct lock *out)
{
	struct sources sources;
	struct diags diags;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "rules.d/" LOCK_FILE, text);
	lock_init(out);
	enum lock_state state = lock_read(&sources, &diags, out);
	assert_int_equal(state == LOCK_READ, diags.count == 0);
	diags_release(&diags);
	sources_release(&sources);
	return state;
}

static void the_same_facts_make_the_same_bytes(void **state)
{
	struct lock one, two, read;
	struct str text, again;

	(void)state;
	lock_init(&one);
	lock_init(&two);
	fill(&one, false);
	fill(&two, true);
	write(&one, &text);
	write(&two, &again);
	assert_string_equal(str_text(&text), str_text(&again));
	str_release(&again);
	assert_int_equal(read_text(str_slice(&text), &read), LOCK_READ);
	write(&read, &again);
	assert_string_equal(str_text(&text), str_text(&again));
	str_release(&again);
	str_release(&text);
	lock_release(&one);
	lock_release(&two);
	lock_release(&read);
}

static void the_file_is_one_that_people_can_read(void **state)
{
	static const char expected[] =
		"lock: 1\n"
		"---\n"
		"account: academy\n"
		"type: hubspot\n"
		"properties: {}\n"
		"lists: {}\n"
		"---\n"
		"account: certifier\n"
		"type: certifier\n"
		"groups:\n"
		"  \"01a\": \"Tier\"\n"
		"  \"01b\": \"Tier\"\n"
		"attributes:\n"
		"  custom.tier: \"Tier \\\"gold\\\"\"\n"
		"---\n"
		"account: hubspot\n"
		"type: hubspot\n"
		"properties:\n"
		"  tier:\n"
		"    label: \"Tier\"\n"
		"    type: enumeration\n"
		"    field: select\n"
		"    options:\n"
		"      \"Gold & more\": \"G\xc3\xb6ld\"\n"
		"      \"old: one\": { label: \"\", hidden: true }\n"
		"      \"silver\": \"G\xc3\xb6ld\"\n"
		"  \"yes\": { label: \"Agreed?\", type: bool, field: "
		"booleancheckbox, open: true }\n"
		"lists:\n"
		"  \"42\": { name: \"A list: of \\\\ things\", kind: manual }\n"
		"  \"100\": { name: \"A list: of \\\\ things\", kind: manual }\n";
	struct lock one;
	struct str text;

	(void)state;
	lock_init(&one);
	fill(&one, false);
	write(&one, &text);
	assert_string_equal(strstr(str_text(&text), "lock: 1"), expected);
	str_release(&text);
	lock_release(&one);
}

static void things_are_found_by_their_names(void **state)
{
	struct lock one;

	(void)state;
	lock_init(&one);
	assert_null(lock_account(&one, "hubspot"));
	fill(&one, true);
	const struct lock_account *a = lock_account(&one, "hubspot");
	assert_non_null(a);
	assert_null(lock_account(&one, "nobody"));
	const struct lock_entry *tier = lock_find(a, LOCK_PROPERTIES, s("tier"));
	assert_string_equal(tier->type, "enumeration");
	assert_string_equal(lock_option(tier, s("silver"))->label, "G\xc3\xb6ld");
	assert_true(lock_option(tier, s("old: one"))->hidden);
	assert_null(lock_option(tier, s("Silver")));
	assert_null(lock_option(lock_find(a, LOCK_PROPERTIES, s("yes")), s("true")));
	assert_non_null(lock_find(a, LOCK_LISTS, s("42")));
	assert_non_null(lock_find(a, LOCK_LISTS, s("100")));
	assert_null(lock_find(a, LOCK_LISTS, s("4")));
	assert_null(lock_find(a, LOCK_GROUPS, s("01a")));
	lock_release(&one);
}

/* What the file cannot hold exactly leaves a mark, so that nobody takes it for missing. */
static void what_cannot_be_kept_leaves_a_mark(void **state)
{
	char text[LIMIT_LOCK_TEXT_BYTES + 2];
	struct lock one, read;
	struct str out;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	lock_init(&one);
	struct lock_account *a = lock_add_account(&one, "hubspot", "hubspot");
	assert_null(lock_add(&one, a, LOCK_LISTS, s(""), s("x")));
	assert_null(lock_add(&one, a, LOCK_PROPERTIES, s(text), s("x")));
	struct lock_entry *e = lock_add(&one, a, LOCK_PROPERTIES, s("p"), s(text));
	assert_int_equal(strlen(e->name), LIMIT_LOCK_TEXT_BYTES);
	e->type = "enumeration";
	e->field = "select";
	lock_add_option(&one, e, s("a\xe2\x80\xa8"), s("line separator"), false);
	assert_true(e->open);
	assert_int_equal(e->n_option, 0);
	lock_add_option(&one, e, s("b"), s("a\xe2\x80\xa8\xff\tb"), false);
	assert_string_equal(e->option[0].label, "a   b");
	lock_finish(&one);
	write(&one, &out);
	assert_non_null(strstr(str_text(&out), "more: [properties, lists]\n"));
	assert_int_equal(read_text(str_slice(&out), &read), LOCK_READ);
	assert_true(read.account[0].section[LOCK_PROPERTIES].more);
	assert_true(read.account[0].section[LOCK_LISTS].more);
	assert_false(read.account[0].section[LOCK_GROUPS].more);
	assert_true(lock_find(&read.account[0], LOCK_PROPERTIES, s("p"))->open);
	str_release(&out);
	lock_release(&one);
	lock_release(&read);
}

static void sections_and_options_have_ceilings(void **state)
{
	struct lock one;
	char key[16];

	(void)state;
	lock_init(&one);
	struct lock_account *a = lock_add_account(&one, "hubspot", "hubspot");
	for (unsigned i = 0; i < LIMIT_LOCK_ENTRIES; i++) {
		snprintf(key, sizeof(key), "%u", i);
		assert_non_null(lock_add(&one, a, LOCK_LISTS, s(key), s("")));
	}
	assert_false(a->section[LOCK_LISTS].more);
	assert_null(lock_add(&one, a, LOCK_LISTS, s("x"), s("")));
	assert_true(a->section[LOCK_LISTS].more);
	struct lock_entry *e = lock_add(&one, a, LOCK_PROPERTIES, s("p"), s(""));
	for (unsigned i = 0; i < LIMIT_LOCK_OPTIONS; i++) {
		snprintf(key, sizeof(key), "%u", i);
		lock_add_option(&one, e, s(key), s(""), false);
	}
	assert_false(e->open);
	lock_add_option(&one, e, s("x"), s(""), false);
	assert_true(e->open);
	assert_int_equal(e->n_option, LIMIT_LOCK_OPTIONS);
	lock_release(&one);
}

static void a_name_that_stands_twice_is_kept_once(void **state)
{
	struct lock one;

	(void)state;
	lock_init(&one);
	struct lock_account *a = lock_add_account(&one, "hubspot", "hubspot");
	struct lock_entry *e = lock_add(&one, a, LOCK_PROPERTIES, s("p"), s("B"));
	lock_add_option(&one, e, s("v"), s("2"), false);
	e = lock_add(&one, a, LOCK_PROPERTIES, s("p"), s("A"));
	lock_add_option(&one, e, s("v"), s("2"), false);
	lock_add_option(&one, e, s("v"), s("1"), false);
	lock_finish(&one);
	assert_int_equal(one.account[0].section[LOCK_PROPERTIES].count, 1);
	e = &one.account[0].section[LOCK_PROPERTIES].entry[0];
	assert_string_equal(e->name, "A");
	assert_int_equal(e->n_option, 1);
	assert_string_equal(e->option[0].label, "1");
	lock_release(&one);
}

static void a_word_of_the_service_is_made_safe(void **state)
{
	struct lock one;

	(void)state;
	lock_init(&one);
	assert_string_equal(lock_word(&one, s("MANUAL")), "manual");
	assert_string_equal(lock_word(&one, s("object_coordinates")), "object_coordinates");
	assert_string_equal(lock_word(&one, s("")), "other");
	assert_string_equal(lock_word(&one, s("a b")), "other");
	assert_string_equal(lock_word(&one, s("a: b")), "other");
	lock_release(&one);
}

static void no_lock_is_no_fault(void **state)
{
	struct sources sources;
	struct diags diags;
	struct lock lock;

	(void)state;
	sources_init(&sources);
	diags_init(&diags);
	lock_init(&lock);
	sources_add_text(&sources, "rules.d/10-hs2cert.lock.yaml", s("lock: 1"));
	assert_int_equal(lock_read(&sources, &diags, &lock), LOCK_ABSENT);
	assert_int_equal(sources_rule_files(&sources), 1);
	sources_add_text(&sources, LOCK_FILE, s("lock: 1"));
	assert_int_equal(lock_read(&sources, &diags, &lock), LOCK_READ);
	assert_int_equal(sources_rule_files(&sources), 1);
	assert_int_equal(lock.n_account + diags.count, 0);
	lock_release(&lock);
	diags_release(&diags);
	sources_release(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_facts_make_the_same_bytes),
		cmocka_unit_test(the_file_is_one_that_people_can_read),
		cmocka_unit_test(things_are_found_by_their_names),
		cmocka_unit_test(what_cannot_be_kept_leaves_a_mark),
		cmocka_unit_test(sections_and_options_have_ceilings),
		cmocka_unit_test(a_name_that_stands_twice_is_kept_once),
		cmocka_unit_test(a_word_of_the_service_is_made_safe),
		cmocka_unit_test(no_lock_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
