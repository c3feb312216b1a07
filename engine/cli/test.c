/*
 * test - rule tests: what is in the files of rules.d/tests, lived by the real engine.
 * Needs no network, no secret and no state.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "dsl/codes.h"
#include "engine/cli/ground.h"
#include "engine/rehearsal/coverage.h"
#include "engine/rehearsal/mutants.h"

struct testing {
	const struct cli *cli;
	struct sources rules;
	struct table *table;
	struct lock lock; /* beside the rules; empty where there is none */
	struct ruletests tests;
	struct results results;
	bool colour, json;
	int64_t least; /* coverage in percent */
};

/* ---- reading ------------------------------------------------------------------ */

/* Findings go where validate's go. */
static void print_diags(const struct testing *t, const struct sources *s, const struct diags *d,
			size_t rules)
{
	struct str out;

	str_init(&out, SIZE_MAX / 4);
	if (t->json) {
		diags_print_json(s, d, rules, &out);
		str_add_char(&out, '\n');
	}
	for (size_t i = 0; i < d->count && !t->json; i++) {
		diag_print_text(s, &d->list[i], t->colour, &out);
		str_add_char(&out, '\n');
	}
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
}

static const char *rules_folder(const struct testing *t)
{
	return cli_value_or(t->cli, "rules", "HS2CERT_RULES", "rules.d");
}

static int read_rules(struct testing *t)
{
	struct diags diags;
	struct err err;
	size_t rules = 0;
	int status = EXIT_FINE;

	diags_init(&diags);
	if (sources_add_path(&t->rules, rules_folder(t), &diags, &err) != RC_OK)
		status = cli_fail(t->cli, "%s", err.text);
	else
		t->table = table_build(&t->rules, &diags, &rules);
	if (t->table)
		(void)lock_read(&t->rules, &diags, &t->lock);
	if (diags.errors) {
		print_diags(t, &t->rules, &diags, rules);
		status = EXIT_FINDINGS;
	}
	diags_release(&diags);
	return status;
}

#define SHOWS_ONE "'hs2cert validate --explain no-tests' shows a rule test"

/* The files and folders that were named; else the folder tests of the rules. */
static enum rc add_paths(struct testing *t, struct diags *diags, struct err *err)
{
	char folder[4096];
	enum rc rc = RC_OK;

	snprintf(folder, sizeof(folder), "%s/tests", rules_folder(t));
	if (!t->cli->operands)
		rc = sources_add_path(&t->tests.sources, folder, diags, err);
	if (rc != RC_OK) {
		struct err said = *err;
		err_set(err, rc, "%s: " SHOWS_ONE, said.text);
	}
	for (size_t i = 0; i < t->cli->operands && rc == RC_OK; i++)
		rc = sources_add_path(&t->tests.sources, t->cli->operand[i], diags, err);
	if (rc == RC_OK && !sources_rule_files(&t->tests.sources)) {
		struct span at = { (uint32_t)t->tests.sources.count, 1, 1, 1, 1 };
		const char *where = t->cli->operands ? t->cli->operand[0] : folder;
		sources_add_text(&t->tests.sources, where, slice_of(""));
		diag_hint(diags,
			  diags_add(diags, SEVERITY_ERROR, diag_codes[CODE_NO_TESTS].word, at,
				    "no test files in '%s'", where),
			  SHOWS_ONE);
	}
	return rc;
}

static void need_tests(struct testing *t, struct diags *diags)
{
	struct span at = { 0, 1, 1, 1, 1 };

	if (!t->tests.count && !diags->errors)
		diags_add(diags, SEVERITY_ERROR, diag_codes[CODE_NO_TESTS].word, at,
			  "there is no test in this file");
}

static int read_tests(struct testing *t)
{
	const char *states[STATE_COUNT + 1] = { NULL };
	struct ruletest_ground ground = { &t->rules, t->table, states, &t->lock };
	struct diags diags;
	struct err err;
	int status = EXIT_FINE;

	memcpy(states, issuance_state_names, sizeof(issuance_state_names));
	diags_init(&diags);
	if (add_paths(t, &diags, &err) != RC_OK) {
		status = cli_fail(t->cli, "%s", err.text);
	} else {
		ruletests_read(&t->tests, &ground, &diags);
		need_tests(t, &diags);
	}
	if (diags.errors) {
		print_diags(t, &t->tests.sources, &diags, 0);
		status = EXIT_FINDINGS;
	}
	diags_release(&diags);
	return status;
}

/* ---- which of them -------------------------------------------------------------- */

static bool contains_nocase(const char *text, const char *part)
{
	size_t n = strlen(text), len = strlen(part);

	for (size_t i = 0; i + len <= n; i++)
		if (slice_eq_nocase((struct slice){ text + i, len }, (struct slice){ part, len }))
			return true;
	return false;
}

static bool is_picked(const char *name, const char *wanted, bool exact)
{
	if (!wanted)
		return true;
	return exact ? strcmp(name, wanted) == 0 : contains_nocase(name, wanted);
}

/* A name that is a test's picks that one; else it picks all that it is a part of. */
static size_t pick(const struct testing *t, const struct ruletest **out)
{
	const char *wanted = cli_value(t->cli, "run");
	bool exact = false;
	size_t n = 0;

	for (size_t i = 0; wanted && i < t->tests.count; i++)
		exact |= strcmp(t->tests.test[i].name, wanted) == 0;
	for (size_t i = 0; i < t->tests.count; i++)
		if (is_picked(t->tests.test[i].name, wanted, exact))
			out[n++] = &t->tests.test[i];
	return n;
}

static int nothing_picked(const struct testing *t)
{
	const char *wanted = cli_value(t->cli, "run"),
		   **word = mem_alloc((t->tests.count + 1) * sizeof(*word));

	for (size_t i = 0; i < t->tests.count; i++)
		word[i] = t->tests.test[i].name;
	const char *near = diag_nearest(slice_of(wanted), word, t->tests.count);
	(void)cli_fail(t->cli, "no test is called '%s'%s%s%s", wanted,
		       near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	mem_free(word);
	return EXIT_FINDINGS;
}

/* ---- living them ------------------------------------------------------------------ */

static void print_result(const struct testing *t, const struct result *r, const char *file)
{
	struct str out;

	str_init(&out, SIZE_MAX / 4);
	if (t->json) {
		report_json(r, &t->tests.sources, &out);
		str_add_char(&out, '\n');
	} else {
		if (file)
			str_addf(&out, "%s\n", file);
		report_text(r, t->colour, &out);
	}
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
}

static struct rehearsal_options options_of(const struct testing *t)
{
	return (struct rehearsal_options){ .table = t->table,
					   .moments = cli_has(t->cli, "verbose"),
					   .lock = &t->lock };
}

static void live_all(struct testing *t, const struct ruletest *const *test, size_t n)
{
	struct rehearsal_options options = options_of(t);
	struct results *all = &t->results;
	const char *before = NULL;

	all->list = mem_alloc((n + 1) * sizeof(*all->list));
	all->tests = &t->tests.sources;
	for (size_t i = 0; i < n; i++) {
		struct result *r = &all->list[all->count++];
		const char *file = t->tests.sources.file[test[i]->at.file].path;
		result_make(r, test[i], &t->tests.sources, &options);
		all->failed += !r->verdict.passed;
		print_result(t, r, file == before ? NULL : file);
		before = file;
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_summary(const struct testing *t)
{
	const struct results *r = &t->results;

	if (t->json)
		printf("{\"tests\":%zu,\"passed\":%zu,\"failed\":%zu}\n", r->count,
		       r->count - r->failed, r->failed);
	else
		printf("\n%zu test%s: %zu ok, %zu failed\n", r->count, plural(r->count),
		       r->count - r->failed, r->failed);
}

static void print_coverage(const struct testing *t, const struct coverage *c)
{
	struct str out;

	str_init(&out, SIZE_MAX / 4);
	if (t->json) {
		coverage_json(c, &out);
		str_add_char(&out, '\n');
	} else {
		str_add_char(&out, '\n');
		coverage_text(c, &out);
	}
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
}

/* Less than what is asked for is a finding. */
static int tell_coverage(const struct testing *t)
{
	struct coverage c;
	int status = EXIT_FINE;

	if (!cli_has(t->cli, "coverage") && !cli_has(t->cli, "min-coverage"))
		return EXIT_FINE;
	coverage_init(&c, t->table);
	for (size_t i = 0; i < t->results.count; i++)
		coverage_add(&c, &t->results.list[i].rehearsal);
	print_coverage(t, &c);
	if (coverage_percent(&c) < t->least) {
		fprintf(stderr, "hs2cert test: a coverage of %d %% is less than %d %%\n",
			coverage_percent(&c), (int)t->least);
		status = EXIT_FINDINGS;
	}
	coverage_release(&c);
	return status;
}

/* Survivors are findings; tests that fail notice everything, and so nothing. */
static int live_mutants(const struct testing *t)
{
	struct mutants m;
	struct str out;

	if (!cli_has(t->cli, "mutate"))
		return EXIT_FINE;
	if (t->results.failed) {
		fprintf(stderr, "hs2cert test: --mutate needs tests that pass\n");
		return EXIT_FINDINGS;
	}
	str_init(&out, SIZE_MAX / 4);
	struct rehearsal_options options = options_of(t);
	mutants_live(&m, &options, &t->results);
	if (t->json) {
		mutants_json(&m, t->table, &out);
		str_add_char(&out, '\n');
	} else {
		str_add_char(&out, '\n');
		mutants_text(&m, t->table, &out);
	}
	fwrite(str_text(&out), 1, out.len, stdout);
	int status = m.survivors || m.unjudged ? EXIT_FINDINGS : EXIT_FINE;
	str_release(&out);
	mutants_release(&m);
	return status;
}

static int write_junit(const struct testing *t)
{
	const char *path = cli_value(t->cli, "junit");
	struct err err;
	struct str out;

	if (!path)
		return EXIT_FINE;
	str_init(&out, SIZE_MAX / 4);
	report_junit(&t->results, &out);
	enum rc rc = file_write(path, str_slice(&out), &err);
	str_release(&out);
	return rc == RC_OK ? EXIT_FINE : cli_fail(t->cli, "%s", err.text);
}

static int run_tests(struct testing *t)
{
	const struct ruletest **test = mem_alloc((t->tests.count + 1) * sizeof(*test));
	size_t n = pick(t, test);
	int status = n ? EXIT_FINE : nothing_picked(t);

	if (status == EXIT_FINE) {
		live_all(t, test, n);
		print_summary(t);
		status = write_junit(t);
	}
	if (status == EXIT_FINE)
		status = tell_coverage(t);
	if (status == EXIT_FINE)
		status = live_mutants(t);
	if (status == EXIT_FINE && t->results.failed)
		status = EXIT_FINDINGS;
	mem_free(test);
	return status;
}

static int test_run(const struct cli *cli)
{
	struct testing t = { .cli = cli, .json = cli_has(cli, "json") };
	const char *zone = cli_value(cli, "timezone");
	struct err err;

	if (clock_set_zone(zone ? zone : "UTC", &err) != RC_OK)
		return cli_usage(cli, "--timezone: %s", err.text);
	if (!cli_number(cli, "min-coverage", 0, 100, &t.least))
		return EXIT_USAGE;
	t.colour = cli_colour(STDOUT_FILENO);
	sources_init(&t.rules);
	lock_init(&t.lock);
	ruletests_init(&t.tests);
	/* Where rules or tests cannot be read, no report of an earlier run is taken for this one's. */
	int status = write_junit(&t);
	if (status == EXIT_FINE)
		status = read_rules(&t);
	if (status == EXIT_FINE)
		status = read_tests(&t);
	if (status == EXIT_FINE)
		status = run_tests(&t);
	for (size_t i = 0; i < t.results.count; i++)
		result_release(&t.results.list[i]);
	mem_free(t.results.list);
	ruletests_release(&t.tests);
	table_unref(t.table);
	lock_release(&t.lock);
	sources_release(&t.rules);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	{ "run", "NAME", "only the test of that name, or those that it is a part of" },
	{ "verbose", NULL, "what happened, step by step, at which virtual time" },
	{ "coverage", NULL, "what of the rules the tests have met, and what not" },
	{ "min-coverage", "N", "the same; less than N percent is a finding" },
	{ "mutate", NULL,
	  "change each rule in one thing at a time: which changes does no test notice?" },
	{ "junit", "FILE", "write the results as JUnit XML, too" },
	GROUND_OPTION_TIMEZONE,
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

const struct cli_command command_test = {
	.name = "test",
	.summary = "run rule tests",
	.operands = "[PATH…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = options,
	.run = test_run,
	.more = "PATH is a file of tests or a folder of such files; without one, the folder tests in\n"
		"the rules folder. The real engine lives each test on a virtual clock, with a HubSpot\n"
		"and a Certifier of its own: nothing leaves the machine, nothing waits, and no secret\n"
		"is needed. Exit status 1 where a test fails, a file is wrong, or no test notices a mutant.",
};
