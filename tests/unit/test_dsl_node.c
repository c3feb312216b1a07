/* Places, encodings and ceilings: what cannot be kept as a text file. */
#include "tests/unit/rules.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "dsl/place.h"

struct expected {
	const char *code;
	uint32_t line, column, end_column; /* end_column 0: not looked at */
};

static void check_first(struct slice text, struct expected e)
{
	struct built b;

	build_slice(&b, text);
	assert_null(b.table);
	assert_true(b.diags.count > 0);
	const struct diag *d = &b.diags.list[0];
	assert_string_equal(d->code, e.code);
	assert_int_equal(d->at.line, e.line);
	assert_int_equal(d->at.column, e.column);
	if (e.end_column)
		assert_int_equal(d->at.end_column, e.end_column);
	built_release(&b);
}

static void check(const char *text, const char *code, uint32_t line, uint32_t column)
{
	check_first(slice_of(text), (struct expected){ code, line, column, 0 });
}

#define BYTES(text) ((struct slice){ text, sizeof(text) - 1 })

static void test_encodings(void **state)
{
	(void)state;
	check_first(BYTES("rule: caf\xc3\xa9 \xe9t\n"), (struct expected){ "not-utf8", 1, 12, 13 });
	check_first(BYTES("\xff\xfer\0u\0"), (struct expected){ "not-utf8", 1, 1, 2 });
	check_first(BYTES("a: 1\r\nrule: a\0b\n"), (struct expected){ "bad-character", 2, 8, 9 });
	check_first(BYTES("rule: \xed\xa0\x80\n"), (struct expected){ "not-utf8", 1, 7, 8 });
	check_first(BYTES("rule: x\xe2\x80\xa8y\n"), (struct expected){ "bad-character", 1, 8, 9 });
	check_first(BYTES("rule: x\x1b[0m\n"), (struct expected){ "bad-character", 1, 8, 9 });
	check("rule: \"a\\0b\"\n", "bad-character", 1, 7);
	/* A byte order mark is no character of the file. */
	check("\xef\xbb\xbfrul: a\n", "unknown-document", 1, 1);
}

static void test_line_ends(void **state)
{
	(void)state;
	check("rule: a\r\nbad: 1\r\n", "missing-key", 1, 7);
	struct built b;
	build_slice(&b, slice_of("rule: a\r\n# \xc3\xa9\r\ntrigger: x\r\naction: y\r\n"));
	assert_int_equal(b.diags.count, 2);
	assert_int_equal(b.diags.list[0].at.line, 3);
	assert_int_equal(b.diags.list[0].at.column, 10);
	assert_int_equal(b.diags.list[1].at.line, 4);
	built_release(&b);
	/* CR alone ends lines too, as editors show it. */
	build_slice(&b, slice_of("rule: a\rtrigger: x\raction: y\r"));
	assert_int_equal(b.diags.list[1].at.line, 3);
	built_release(&b);
}

/* Every byte of what was decoded has a place; `expected` lists columns of the source, line by line.
 */
static void check_map(const char *source, enum style style, const char *decoded, size_t offset,
		      uint32_t line, uint32_t column)
{
	struct slice text = slice_of(source);
	struct scalar s = { style, PLACE_START, place_walk(text, PLACE_START, text.len),
			    slice_of(decoded) };
	struct place p;

	assert_true(place_in_scalar(text, &s, offset, &p));
	assert_int_equal(p.line, line);
	assert_int_equal(p.column, column);
}

static void test_scalar_places(void **state)
{
	(void)state;
	check_map("abc", STYLE_PLAIN, "abc", 2, 1, 3);
	check_map("abc", STYLE_PLAIN, "abc", 3, 1, 4);
	check_map("\xc3\xa9"
		  "bc",
		  STYLE_PLAIN,
		  "\xc3\xa9"
		  "bc",
		  2, 1, 2);
	check_map("a b \n   c", STYLE_PLAIN, "a b c", 4, 2, 4);
	check_map("a\n\n\n   c", STYLE_PLAIN, "a\n\nc", 3, 4, 4);
	check_map("'it''s x'", STYLE_SINGLE, "it's x", 5, 1, 8);
	check_map("'a\n  b'", STYLE_SINGLE, "a b", 2, 2, 3);
	check_map("\"\\u00e9\\tx\"", STYLE_DOUBLE, "\xc3\xa9\tx", 3, 1, 10);
	check_map("\"\\U0001f600\\x41z\"", STYLE_DOUBLE,
		  "\xf0\x9f\x98\x80"
		  "Az",
		  5, 1, 16);
	check_map("\"ab\\\n   cd\"", STYLE_DOUBLE, "abcd", 2, 2, 4);
	check_map("\"a\\\n\n  b\"", STYLE_DOUBLE, "a\nb", 2, 3, 3);
	check_map("|\n  ab\n   cd\n", STYLE_LITERAL, "ab\n cd\n", 4, 3, 4);
	check_map("|2-  # x\n\n\n   ab\n", STYLE_LITERAL, "\n\n ab", 3, 4, 4);
	check_map(">\n  ab\n  cd\n\n  ef\n", STYLE_FOLDED, "ab cd\nef\n", 3, 3, 3);
	check_map(">\n  ab\n  cd\n\n  ef\n", STYLE_FOLDED, "ab cd\nef\n", 6, 5, 3);
	check_map(">\n  ab\n    cd\n  ef\n", STYLE_FOLDED, "ab\n  cd\nef\n", 5, 3, 5);
}

static void test_scalar_places_disagree(void **state)
{
	struct slice text = slice_of("'abc'");
	struct scalar s = { STYLE_SINGLE, PLACE_START, place_walk(text, PLACE_START, text.len),
			    slice_of("axc") };
	struct place p;

	(void)state;
	assert_true(place_in_scalar(text, &s, 1, &p));
	assert_false(place_in_scalar(text, &s, 2, &p));
	assert_false(place_in_scalar(text, &s, 9, &p));
}

static struct slice repeated(const char *before, const char *unit, size_t times, const char *behind)
{
	struct str s;

	str_init(&s, (size_t)1 << 26);
	str_add_text(&s, before);
	for (size_t i = 0; i < times; i++)
		str_add_text(&s, unit);
	str_add_text(&s, behind);
	return str_slice(&s);
}

static void check_repeated(const char *before, const char *unit, size_t times, const char *behind,
			   struct expected e)
{
	struct slice text = repeated(before, unit, times, behind);

	check_first(text, e);
	mem_free((char *)text.ptr);
}

static void test_ceilings(void **state)
{
	(void)state;
	/* 100 KB of [ cost libyaml 15 s where nobody stops it. */
	check_repeated("a: ", "[", 100000, "", (struct expected){ "too-deep", 1, 35, 36 });
	check_repeated("", "- ", 100000, "", (struct expected){ "too-deep", 1, 65, 0 });
	check_repeated("", "{a: ", 50000, "", (struct expected){ "too-deep", 1, 129, 0 });
	check_repeated("rule: x\ntrigger: { event: list-added, list: 1 }\n"
		       "action: { do: issue-credential, group: g }\ndescription: \"",
		       "a", LIMIT_YAML_SCALAR_BYTES + 1, "\"\n",
		       (struct expected){ "too-large", 4, 14, 0 });
	check_repeated("rule: x\ntrigger:\n  event: property-changed\n  property: p\n  to: [",
		       "a, ", LIMIT_VALUES + 1, "b]\naction: { do: issue-credential, group: g }\n",
		       (struct expected){ "too-large", 5, 7, 0 });
	check_repeated("", "---\n", LIMIT_YAML_EVENTS / 2, "",
		       (struct expected){ "too-large", 666668, 1, 0 });
	check_repeated(
		"rule: x\ntrigger: { event: list-added, list: 1, filters: [ { property: p, matches: '",
		"a", LIMIT_PATTERN_BYTES + 1,
		"' } ] }\naction: { do: issue-credential, group: g }\n",
		(struct expected){ "too-large", 2, 75, 0 });
	check_repeated("rule: x\ntrigger: { event: list-added, list: 1 }\n"
		       "action: { do: issue-credential, group: g, fields: { custom.a: '",
		       "{{ contact.a }}", LIMIT_TEMPLATE_PARTS + 1, "' } }\n",
		       (struct expected){ "too-large", 3, 3904, 0 });
	check_repeated(
		"rule: x\ntrigger: { event: list-added, list: 1 }\n"
		"action: { do: issue-credential, group: g, fields: { custom.a: '{{ contact.a",
		" | trim", LIMIT_TEMPLATE_FUNCTIONS + 1, " }}' } }\n",
		(struct expected){ "too-large", 3, 301, 302 });
}

static void test_syntax_errors_are_counted(void **state)
{
	struct built b;
	struct slice text = repeated("", "--- [\n", 100000, "");

	(void)state;
	build_slice(&b, text);
	assert_null(b.table);
	assert_in_range(b.diags.count, 2, 100);
	built_release(&b);
	mem_free((char *)text.ptr);
}

static void test_diagnostics_ceiling(void **state)
{
	struct built b;
	struct slice text = repeated("rule: x\ntrigger: { filters: [", "{ property: A, is: x }, ",
				     5000, "] }\n");

	(void)state;
	build_slice(&b, text);
	assert_int_equal(b.diags.count, LIMIT_DIAGNOSTICS);
	assert_int_equal(b.diags.dropped, b.diags.errors - LIMIT_DIAGNOSTICS);
	built_release(&b);
	mem_free((char *)text.ptr);
}

/* Documents around one that is no YAML are read; what they refer to may be in the broken one. */
static void test_goes_on_behind_a_broken_document(void **state)
{
	struct built b;

	(void)state;
	build_slice(&b, slice_of("account: a\nhubspot: { token: \"${A}\" \n"
				 "---\n"
				 "rule: r\ntrigger: { event: list-added, account: a, lst: 1 }\n"
				 "action: { do: issue-credential, account: c, group: g }\n"));
	assert_int_equal(b.rules, 1);
	assert_int_equal(b.diags.count, 2);
	assert_string_equal(b.diags.list[0].code, "yaml-syntax");
	assert_string_equal(b.diags.list[1].code, "unknown-key");
	assert_string_equal(b.diags.list[1].rule, "r");
	built_release(&b);
}

static void test_empty_files(void **state)
{
	static const char *const texts[] = { "", "\n", "# only a comment\n", "---\n",
					     "---\n---\n...\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct table *t = table_of(texts[i]);
		assert_int_equal(t->n_rule, 0);
		assert_int_equal(t->n_account, 2);
		table_unref(t);
	}
}

static void write_bytes(const char *path, struct slice text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

static void test_files(void **state)
{
	char folder[] = "/tmp/hs2cert-test-XXXXXX", path[128];
	struct sources sources;
	struct diags diags;
	struct err err;
	struct slice big = repeated("#", "x", LIMIT_RULE_FILE_BYTES, "\n");

	(void)state;
	assert_non_null(mkdtemp(folder));
	sources_init(&sources);
	diags_init(&diags);
	snprintf(path, sizeof(path), "%s/pipe.yaml", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/big.yaml", folder);
	write_bytes(path, big);
	assert_int_equal(sources_add_path(&sources, folder, &diags, &err), RC_OK);
	assert_int_equal(sources.count, 2);
	assert_int_equal(diags.count, 2);
	assert_string_equal(diags.list[0].code, "too-large");
	assert_string_equal(diags.list[1].code, "not-a-file");
	assert_null(table_build(&sources, &diags, NULL));
	unlink(path);
	snprintf(path, sizeof(path), "%s/pipe.yaml", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/absent.yaml", folder);
	assert_int_equal(sources_add_path(&sources, path, &diags, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, "absent.yaml"));
	/* A link to nowhere is a rule file that cannot be read. */
	snprintf(path, sizeof(path), "%s/link.yaml", folder);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(sources_add_path(&sources, folder, &diags, &err), RC_BROKEN);
	unlink(path);
	rmdir(folder);
	diags_release(&diags);
	sources_release(&sources);
	mem_free((char *)big.ptr);
}

static void test_json_report(void **state)
{
	struct built b;
	struct str out;

	(void)state;
	build_slice(
		&b,
		slice_of(
			"rule: tier-badge\nmode: \"\\\"liv\"\ntrigger: { event: list-added, list: 1 }\n"
			"action: { do: issue-credential, group: g }\n---\nrule: tier-badge\n"
			"trigger: { event: list-added, list: 1 }\n"
			"action: { do: issue-credential, group: g }\n"));
	str_init(&out, 65536);
	diags_print_json(&b.sources, &b.diags, b.rules, &out);
	assert_string_equal(
		str_text(&out),
		"{\"diagnostics\":[{\"file\":\"test.yaml\",\"line\":2,\"column\":7,\"end_line\":2,\"end_column\":14,"
		"\"severity\":\"error\",\"code\":\"unknown-value\",\"message\":\"'mode' cannot be '\\\"liv'\","
		"\"hint\":\"did you mean 'live'?\",\"rule\":\"tier-badge\"},"
		"{\"file\":\"test.yaml\",\"line\":6,\"column\":7,\"end_line\":6,\"end_column\":17,"
		"\"severity\":\"error\",\"code\":\"duplicate-rule\",\"message\":\"there is another rule 'tier-badge'\","
		"\"hint\":null,\"rule\":\"tier-badge\",\"other\":{\"file\":\"test.yaml\",\"line\":1,\"column\":7,"
		"\"end_line\":1,\"end_column\":17,\"note\":\"the first one\"}}],"
		"\"files\":1,\"rules\":2,\"errors\":2,\"warnings\":0}");
	str_release(&out);
	built_release(&b);
}

/* A secret in the file is neither in the message nor in what is shown of the file. */
static void test_secret_is_not_repeated(void **state)
{
	struct built b;
	struct str out;

	(void)state;
	build_slice(&b, slice_of("account: c\ncertifier:\n  token: s3cr3t-value # mine\n"));
	str_init(&out, 65536);
	assert_string_equal(b.diags.list[0].code, "inline-secret");
	diag_print_text(&b.sources, &b.diags.list[0], true, &out);
	diags_print_json(&b.sources, &b.diags, b.rules, &out);
	assert_null(strstr(str_text(&out), "s3cr3t"));
	assert_non_null(strstr(str_text(&out), "token: ************ # mine"));
	str_release(&out);
	built_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_scalar_places),
		cmocka_unit_test(test_scalar_places_disagree),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_syntax_errors_are_counted),
		cmocka_unit_test(test_diagnostics_ceiling),
		cmocka_unit_test(test_goes_on_behind_a_broken_document),
		cmocka_unit_test(test_empty_files),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_json_report),
		cmocka_unit_test(test_secret_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
