/*
 * The daemon where the system refuses what it needs: room for its state, a thread, its rules. Its own code in a
 * process of its own, before services that never answer.
 */
#include "tests/unit/rules.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/cli/ground.h"
#include "engine/store/db.h"

#define PATIENCE_MS 20000
#define RULE(name)                                                                                 \
	"---\nrule: " name "\ntrigger: { event: property-changed, property: tier }\n"              \
	"action: { do: issue-credential, group: g }\n"

static struct house {
	char folder[32], file[64];
	int listener; /* takes connections, and never answers */
	int log;      /* what the daemon says … */
	char text[1 << 16];
	size_t len; /* … so far */
	pid_t pid;  /* 0: it has ended */
} house;

static void write_rules(const char *rules)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	FILE *out = fopen(house.file, "w");

	assert_non_null(out);
	assert_int_equal(getsockname(house.listener, (struct sockaddr *)&at, &len), 0);
	assert_true(
		fprintf(out,
			"account: hub\nhubspot: { token: '${T}', base-url: 'http://127.0.0.1:%d' }\n---\n"
			"account: cert\ncertifier: { token: '${T}', base-url: 'http://127.0.0.1:%d' }\n%s",
			ntohs(at.sin_port), ntohs(at.sin_port), rules) > 0);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	(void)state;
	house = (struct house){ .folder = "/tmp/hs2cert-run-XXXXXX", .log = -1 };
	assert_non_null(mkdtemp(house.folder));
	snprintf(house.file, sizeof(house.file), "%s/rules.yaml", house.folder);
	house.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(house.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(house.listener, 16), 0);
	write_rules(RULE("a"));
	unsetenv("HS2CERT_STATE");
	setenv("HS2CERT_RULES", "rules.yaml", 1);
	setenv("T", "t", 1);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {
		"rules.yaml",	  "hs2cert.db",	     "hs2cert.db-wal",
		"hs2cert.db-shm", "hs2cert.db.lock", "hs2cert.db.sock"
	};
	char path[64];

	(void)state;
	if (house.pid) {
		kill(house.pid, SIGKILL);
		waitpid(house.pid, NULL, 0);
	}
	close(house.log);
	close(house.listener);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", house.folder, files[i]);
		unlink(path);
	}
	return rmdir(house.folder);
}

/* 0: no room in any file from now on. */
static void give_room(rlim_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(prlimit(house.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void refuse_threads(void)
{
	pthread_attr_t endless;

	pthread_attr_init(&endless);
	pthread_attr_setstacksize(&endless, (size_t)1 << 50);
	pthread_setattr_default_np(&endless);
}

/* The child's: what main does, in the folder. */
static void live(int log, bool once, bool threads)
{
	char name[] = "hs2cert", command[] = "run", option[] = "--once";
	char *argv[] = { name, command, option, NULL };

	signal(SIGXFSZ, SIG_IGN);
	if (!threads)
		refuse_threads();
	if (dup2(log, STDERR_FILENO) < 0 || chdir(house.folder) != 0)
		exit(EXIT_FAILURE);
	int status = cli_main(once ? 3 : 2, argv);
	give_room(RLIM_INFINITY); /* a build that counts writes at the end */
	exit(status);
}

/* A line of the log with this text, after whatever was read so far. False: its log ended before. */
static bool says(const char *text)
{
	struct pollfd on = { .fd = house.log, .events = POLLIN };
	ssize_t got = 1;

	for (;;) {
		char *found = strstr(house.text, text);
		if (found) {
			house.len -= (size_t)(found - house.text);
			memmove(house.text, found, house.len + 1);
			return true;
		}
		if (got <= 0)
			return false;
		if (poll(&on, 1, PATIENCE_MS) != 1)
			fail_msg("'%s' was not said, but: %s", text, house.text);
		got = read(house.log, house.text + house.len, sizeof(house.text) - house.len - 1);
		house.len += got > 0 ? (size_t)got : 0;
		house.text[house.len] = '\0';
	}
}

static void assert_says(const char *text)
{
	if (!says(text))
		fail_msg("'%s' was not said, but: %s", text, house.text);
}

static void begin_any(bool once, bool threads)
{
	int ends[2];

	close(house.log);
	house.len = 0;
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	house.pid = fork();
	assert_true(house.pid >= 0);
	if (house.pid == 0)
		live(ends[1], once, threads);
	close(ends[1]);
	house.log = ends[0];
}

static void begin(bool once, bool threads)
{
	begin_any(once, threads);
	assert_says("rules loaded");
}

static void assert_ends(int expected)
{
	int status;

	assert_false(says("none of its lines"));
	assert_int_equal(waitpid(house.pid, &status, 0), house.pid);
	house.pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

/* At once: it does not wait for the answers that never come. */
static void stop(void)
{
	kill(house.pid, SIGTERM);
	assert_says("stopping");
	kill(house.pid, SIGTERM);
	assert_ends(EXIT_FINE);
}

/* Other rules, for which there is no room. */
static void reload_without_room(void)
{
	give_room(0);
	write_rules(RULE("a") RULE("b"));
	kill(house.pid, SIGHUP);
}

static void a_full_disk_is_waited_for(void **state)
{
	(void)state;
	begin(false, true);
	reload_without_room();
	assert_says("unfit: the state cannot be written");
	give_room(RLIM_INFINITY);
	kill(house.pid, SIGUSR1);
	assert_says("fit again");
	assert_says("rules loaded rules=2");
	stop();
}

/* Whoever begins it anew looks for room then. */
static void a_full_disk_ends_a_single_pass(void **state)
{
	(void)state;
	begin(true, true);
	reload_without_room();
	assert_says("stopped: the ground gives way");
	assert_ends(EXIT_COULD_NOT);
}

static void a_reload_that_gets_no_thread_is_refused(void **state)
{
	(void)state;
	begin(false, false);
	kill(house.pid, SIGHUP);
	assert_says("reload refused: the rules in force stay");
	assert_says("no thread to compile the rules on");
	stop();
}

static void the_last_rule_does_not_go_by_itself(void **state)
{
	(void)state;
	begin(false, true);
	write_rules("");
	kill(house.pid, SIGHUP);
	assert_says("1 in force: is the folder mounted, or was it emptied? To end it, write");
	stop();
}

/* Nobody may be there to see it: a start is refused, too, until somebody says that it is meant. */
static void a_start_ends_no_rule_by_itself(void **state)
{
	(void)state;
	begin(false, true);
	stop();
	write_rules("");
	begin_any(true, true);
	assert_says("1 in force: is the folder mounted, or was it emptied? To end it, write");
	assert_ends(EXIT_FINDINGS);
	write_rules(
		"---\nrule: b\nmode: off\ntrigger: { event: property-changed, property: tier }\n"
		"action: { do: issue-credential, group: g }\n");
	begin(false, true);
	stop();
	write_rules("");
	begin(false, true);
	stop();
}

/* A grant that cannot be read is no reason to refuse the rules. */
static void a_state_that_fails_is_no_secret_that_is_missing(void **state)
{
	struct table *table = table_of(
		"account: hub\nhubspot: { oauth: { client-id: app, client-secret: \"${T}\" } }\n---\n"
		"account: cert\ncertifier: { token: \"${T}\" }\n" RULE("a"));
	struct ground ground = { 0 };
	struct err err;

	(void)state;
	ground.net = net_new(&err);
	assert_non_null(ground.net);
	net_world(ground.net, &ground.world);
	assert_int_equal(db_open(":memory:", DB_OWN, &ground.world.db, &err), RC_OK);
	db_damaged(ground.world.db, "a page is gone");
	assert_int_equal(ground_secrets(&ground, table, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, "a page is gone"));
	db_close(ground.world.db);
	net_free(ground.net);
	table_unref(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_disk_is_waited_for),
		CASE(a_full_disk_ends_a_single_pass),
		CASE(a_reload_that_gets_no_thread_is_refused),
		CASE(the_last_rule_does_not_go_by_itself),
		CASE(a_start_ends_no_rule_by_itself),
		CASE(a_state_that_fails_is_no_secret_that_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
