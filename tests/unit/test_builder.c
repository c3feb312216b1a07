/*
 * Rules that are built beside the loop: what the loop gets, when, and what is left to the thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/builder.h"

#define RULES                                                                                      \
	"account: hubspot\nhubspot: { token: '${H}' }\n---\n"                                      \
	"account: certifier\ncertifier: { token: '${C}' }\n---\n"                                  \
	"rule: a\ntrigger: { event: property-changed, property: tier }\n"                          \
	"action: { do: issue-credential, group: g }\n"
#define PATIENCE_MS 20000

/* The linker leads the builder here instead. */
struct table *__real_ground_table(const char *rules, struct ground_findings *findings,
				  struct err *err);
struct table *__wrap_ground_table(const char *rules, struct ground_findings *findings,
				  struct err *err);

static const struct log quiet = { .level = LOG_ERROR };

static struct house {
	char folder[32], file[48];
	struct builder *builder;
	int other;   /* a thread that was there before: a sanitizer's */
	int gate[2]; /* where it is there, rules are read once its second end is closed */
} house;

struct table *__wrap_ground_table(const char *rules, struct ground_findings *findings,
				  struct err *err)
{
	char none;

	if (house.gate[0])
		(void)!read(house.gate[0], &none, 1);
	return __real_ground_table(rules, findings, err);
}

static void write_rules(const char *text)
{
	FILE *out = fopen(house.file, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* The thread beside this one; 0: there is none. */
static int other_thread(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int other = 0;

	assert_non_null(tasks);
	for (struct dirent *d; (d = readdir(tasks));)
		if (atoi(d->d_name) > 0 && atoi(d->d_name) != getpid() &&
		    atoi(d->d_name) != house.other)
			other = atoi(d->d_name);
	closedir(tasks);
	return other;
}

static int set_up(void **state)
{
	struct err err;

	(void)state;
	strcpy(house.folder, "/tmp/hs2cert-builder-XXXXXX");
	assert_non_null(mkdtemp(house.folder));
	snprintf(house.file, sizeof(house.file), "%s/a.yaml", house.folder);
	write_rules(RULES);
	house.gate[0] = 0;
	house.other = 0;
	house.other = other_thread();
	house.builder = builder_new(house.folder, &quiet, &err);
	assert_non_null(house.builder);
	assert_true(builder_is_free(house.builder));
	return 0;
}

static void drop(void)
{
	assert_true(builder_free(house.builder, PATIENCE_MS));
	house.builder = NULL;
}

static int tear_down(void **state)
{
	(void)state;
	drop();
	unlink(house.file);
	rmdir(house.folder);
	return 0;
}

static void begin(void)
{
	struct err err;

	assert_int_equal(builder_begin(house.builder, &err), RC_OK);
	assert_false(builder_is_free(house.builder));
}

static void wait_for_news(void)
{
	struct pollfd on = { .fd = builder_fd(house.builder), .events = POLLIN };

	assert_int_equal(poll(&on, 1, PATIENCE_MS), 1);
}

static struct built *take(void)
{
	struct built *built;

	for (wait_for_news(); !(built = builder_take(house.builder)); wait_for_news())
		continue;
	return built;
}

static void give(struct table *old)
{
	builder_give(house.builder, old);
	while (!builder_is_free(house.builder)) {
		wait_for_news();
		assert_null(builder_take(house.builder));
	}
}

/* A thread that was joined may be seen for a moment still. */
static void assert_alone(void)
{
	int64_t tries = 0;

	while (other_thread()) {
		assert_true(tries++ < 1000);
		poll(NULL, 0, 10);
	}
}

static void rules_are_built_on_a_thread_of_their_own(void **state)
{
	(void)state;
	assert_alone();
	begin();
	assert_int_not_equal(other_thread(), 0);
	struct built *built = take();
	assert_non_null(built->table);
	assert_int_equal(built->table->n_rule, 1);
	assert_int_equal(built->findings.errors, 0);
	assert_ptr_equal(builder_take(house.builder), built);
	assert_false(builder_is_free(house.builder));
	give(NULL);
	assert_alone();
}

static void signals_are_for_the_loop(void **state)
{
	static const int ours[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1 };
	char path[64], line[128];
	unsigned long long blocked = 0;
	sigset_t mine;

	(void)state;
	begin();
	(void)take();
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", other_thread());
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		if (strncmp(line, "SigBlk:", 7) == 0)
			blocked = strtoull(line + 7, NULL, 16);
	fclose(in);
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_true(blocked >> (ours[i] - 1) & 1);
		assert_false(sigismember(&mine, ours[i]));
	}
	give(NULL);
}

static void what_is_kept_outlives_the_build(void **state)
{
	(void)state;
	begin();
	struct built *built = take();
	struct table *table = built->table;
	built->table = NULL;
	give(NULL);
	assert_non_null(table_rule(table, "a"));

	/* The next one takes its place; the thread gives up our reference. */
	table_ref(table);
	begin();
	(void)take();
	give(table);
	assert_int_equal(table->refs, 1);
	table_unref(table);
}

static void a_refusal_says_why(void **state)
{
	(void)state;
	write_rules(RULES "mode: lve\n");
	begin();
	struct built *built = take();
	assert_null(built->table);
	assert_int_equal(built->findings.errors, 1);
	assert_non_null(strstr(str_text(&built->findings.text), "a.yaml:10:7: error: "));
	assert_non_null(strstr(str_text(&built->findings.json), "\"errors\":1"));
	give(NULL);

	unlink(house.file);
	rmdir(house.folder);
	begin();
	built = take();
	assert_null(built->table);
	assert_int_equal(built->findings.errors, 0);
	assert_non_null(strstr(built->err.text, house.folder));
	give(NULL);
}

/* It may end while rules are read, or while nobody has taken what was built. */
static void a_build_that_nobody_takes_is_dropped(void **state)
{
	struct err err;

	(void)state;
	begin();
	drop();
	assert_alone();

	house.builder = builder_new(house.folder, &quiet, &err);
	begin();
	(void)take();
	drop();
	assert_alone();
}

/* As where the rules are on a mount that hangs: who ends does not wait for it. */
static void a_build_that_hangs_is_left(void **state)
{
	(void)state;
	assert_int_equal(pipe(house.gate), 0);
	begin();
	assert_false(builder_free(house.builder, 1));
	assert_false(builder_is_free(house.builder));
	close(house.gate[1]);
	drop();
	assert_alone();
	close(house.gate[0]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	alarm(60);	 /* a builder that never comes back is a failure, and no hang */
	pthread_t first; /* with which a sanitizer starts its own */
	const struct CMUnitTest tests[] = {
		CASE(rules_are_built_on_a_thread_of_their_own), CASE(signals_are_for_the_loop),
		CASE(what_is_kept_outlives_the_build),		CASE(a_refusal_says_why),
		CASE(a_build_that_nobody_takes_is_dropped),	CASE(a_build_that_hangs_is_left),
	};

	if (pthread_create(&first, NULL, nothing, NULL) == 0)
		pthread_join(first, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
