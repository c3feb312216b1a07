/*
 * golden - rule files against what must come of them.
 *
 *	good/NAME.yaml or good/NAME/	builds; the table's dump is good/NAME.dump
 *	bad/NAME.yaml or bad/NAME/	does not build; what is said is bad/NAME.txt
 *	warn/NAME.yaml			builds; what is said is warn/NAME.txt
 *	tests/NAME.yaml			a file of rule tests for tested.yaml; what is said is tests/NAME.txt
 *
 * A folder is read as a rules folder. `golden FOLDER --bless` writes the
 * goldens anew: the diff is the review. Every example in rules.d and every code
 * of dsl/codes.h must be covered too.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "dsl/build.h"
#include "dsl/codes.h"
#include "dsl/ruletest.h"

struct run {
	bool bless;
	size_t passed, failed;
	struct str seen; /* everything that was said: which codes are covered */
};

struct family {
	const char *folder;
	const char *suffix; /* of the golden */
	bool builds;
	bool dump;  /* the golden is the dump, else what is said */
	bool tests; /* of rules: none of them is right */
};

static const struct family families[] = {
	{ "good", ".dump", true, true, false },
	{ "bad", ".txt", false, false, false },
	{ "warn", ".txt", true, false, false },
	{ "tests", ".txt", false, false, true },
};

/* Codes whose files cannot be kept as text; tests/unit/test_dsl_node.c makes them. */
static const char *const elsewhere[] = {
	"not-a-file", "not-utf8", "bad-character", "too-large", "too-deep", "no-rules", "no-tests",
};

static void fail(struct run *run, const char *path, const char *what)
{
	run->failed++;
	printf("FAIL %s: %s\n", path, what);
}

/* ---- showing a difference ---------------------------------------------- */

static struct slice take_line(struct slice *rest)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
	struct slice line = { rest->ptr, len };

	len += end != NULL;
	*rest = (struct slice){ rest->ptr ? rest->ptr + len : NULL, rest->len - len };
	return line;
}

/* Lines that both have in common at the start are left out. */
static void print_difference(struct slice expected, struct slice got)
{
	size_t line = 1;

	for (;; line++) {
		struct slice a = expected, b = got;
		if (!a.len || !b.len || !slice_eq(take_line(&a), take_line(&b)))
			break;
		expected = a;
		got = b;
	}
	printf("  from line %zu on\n", line);
	for (int i = 0; expected.len && i < 12; i++) {
		struct slice text = take_line(&expected);
		printf("  - %.*s\n", SLICE_FMT(text));
	}
	for (int i = 0; got.len && i < 12; i++) {
		struct slice text = take_line(&got);
		printf("  + %.*s\n", SLICE_FMT(text));
	}
}

/* ---- one case ---------------------------------------------------------- */

static bool write_file(const char *path, struct slice text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	size_t written = fwrite(text.ptr ? text.ptr : "", 1, text.len, f);
	return fclose(f) == 0 && written == text.len;
}

static void compare(struct run *run, const char *path, const char *golden, struct slice got)
{
	struct str expected;
	struct err err;

	str_init(&expected, LIMIT_RULE_FILE_BYTES);
	if (run->bless) {
		if (write_file(golden, got))
			run->passed++;
		else
			fail(run, golden, strerror(errno));
	} else if (file_read(golden, &expected, &err) != RC_OK) {
		fail(run, path, err.text);
	} else if (!slice_eq(str_slice(&expected), got)) {
		fail(run, path, "is not as its golden says");
		print_difference(str_slice(&expected), got);
	} else {
		run->passed++;
	}
	str_release(&expected);
}

/* Builds what is at `path`; the table or NULL; what was said is appended to `said`. */
static struct table *build(const char *path, struct str *said, struct err *err)
{
	struct sources sources;
	struct diags diags;
	struct table *table = NULL;

	sources_init(&sources);
	diags_init(&diags);
	if (sources_add_path(&sources, path, &diags, err) == RC_OK) {
		table = table_build(&sources, &diags, NULL);
		for (size_t i = 0; i < diags.count; i++)
			diag_print_text(&sources, &diags.list[i], false, said);
	}
	diags_release(&diags);
	sources_release(&sources);
	return table;
}

/* The same of tests, whose rules are right: true where the tests are. */
static bool read_tests(const char *path, struct str *said, struct err *err)
{
	static const char *const states[] = { "sent", "held", "shadow", "skipped", NULL };
	struct sources sources;
	struct diags diags;
	struct ruletests tests;

	sources_init(&sources);
	diags_init(&diags);
	ruletests_init(&tests);
	struct table *table = NULL;
	if (sources_add_path(&sources, "tested.yaml", &diags, err) == RC_OK)
		table = table_build(&sources, &diags, NULL);
	if (table && sources_add_path(&tests.sources, path, &diags, err) == RC_OK) {
		struct ruletest_ground ground = { &sources, table, states, NULL };
		ruletests_read(&tests, &ground, &diags);
	}
	for (size_t i = 0; i < diags.count; i++)
		diag_print_text(table ? &tests.sources : &sources, &diags.list[i], false, said);
	bool good = table && !diags.errors;
	ruletests_release(&tests);
	table_unref(table);
	diags_release(&diags);
	sources_release(&sources);
	return good;
}

static void run_case(struct run *run, const struct family *family, const char *path)
{
	struct str said, dump;
	struct err err = { "" };
	char golden[512];

	const char *dot = strrchr(path, '.');
	int stem = dot && !strchr(dot, '/') ? (int)(dot - path) : (int)strlen(path);
	snprintf(golden, sizeof(golden), "%.*s%s", stem, path, family->suffix);
	str_init(&said, LIMIT_RULE_FILE_BYTES);
	str_init(&dump, LIMIT_RULE_FILE_BYTES);
	struct table *table = family->tests ? NULL : build(path, &said, &err);
	bool right = family->tests ? read_tests(path, &said, &err) : table != NULL;
	if (table)
		table_dump(table, &dump);
	str_add_slice(&run->seen, str_slice(&said));
	if (err.text[0])
		fail(run, path, err.text);
	else if (family->builds != right)
		fail(run, path, right ? "builds, and must not" : str_text(&said));
	else if (family->dump && said.len)
		fail(run, path, str_text(&said));
	else
		compare(run, path, golden, str_slice(family->dump ? &dump : &said));
	table_unref(table);
	str_release(&said);
	str_release(&dump);
}

static void run_glob(struct run *run, const struct family *family, const char *pattern)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len = strlen(found.gl_pathv[i]);
		if (found.gl_pathv[i][len - 1] == '/')
			found.gl_pathv[i][len - 1] = '\0';
		run_case(run, family, found.gl_pathv[i]);
	}
	globfree(&found);
}

/* ---- the whole --------------------------------------------------------- */

static void check_codes(struct run *run)
{
	char wanted[64];

	for (size_t i = 0; i < CODE_COUNT; i++) {
		bool covered = false;
		for (size_t k = 0; k < sizeof(elsewhere) / sizeof(elsewhere[0]); k++)
			covered |= strcmp(elsewhere[k], diag_codes[i].word) == 0;
		snprintf(wanted, sizeof(wanted), "[%s]\n", diag_codes[i].word);
		if (covered || strstr(str_text(&run->seen), wanted))
			run->passed++;
		else
			fail(run, diag_codes[i].word, "no case shows this code");
	}
}

/* The examples that people copy are valid, and nothing is to be said of them. */
static void check_examples(struct run *run, const char *folder)
{
	struct str said;
	struct err err = { "" };

	str_init(&said, LIMIT_RULE_FILE_BYTES);
	struct table *table = build(folder, &said, &err);
	if (!table || said.len || err.text[0])
		fail(run, folder, said.len ? str_text(&said) : err.text);
	else
		run->passed++;
	table_unref(table);
	str_release(&said);
}

int main(int argc, char **argv)
{
	struct run run = { .bless = argc > 2 && strcmp(argv[2], "--bless") == 0 };
	struct err err;
	char pattern[64];

	if (argc < 2 || argc > 3 || (argc == 3 && !run.bless)) {
		fprintf(stderr, "usage: golden FOLDER [--bless]\n");
		return 2;
	}
	if (clock_set_zone("UTC", &err) != RC_OK || chdir(argv[1]) != 0) {
		fprintf(stderr, "golden: cannot enter '%s'\n", argv[1]);
		return 3;
	}
	str_init(&run.seen, (size_t)1 << 26);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		snprintf(pattern, sizeof(pattern), "%s/*.yaml", families[i].folder);
		run_glob(&run, &families[i], pattern);
		snprintf(pattern, sizeof(pattern), "%s/*/", families[i].folder);
		run_glob(&run, &families[i], pattern);
	}
	check_codes(&run);
	check_examples(&run, "../../rules.d");
	str_release(&run.seen);
	printf("golden: %zu passed, %zu failed\n", run.passed, run.failed);
	return run.failed || !run.passed;
}
