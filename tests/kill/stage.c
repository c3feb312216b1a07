#include "tests/kill/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/store/db.h"

#define LIST 4711
#define FIRST_CONTACT 2000
#define LIFE_MOST_MS 60	      /* a life that is ended by the clock is 1 to so many ms long … */
#define LONG_LIFE_MOST_MS 400 /* … but for some */
#define SILENT_MOST_MS 400 /* a life that waits for a call is ended so long after the last one … */
#define START_MOST_MS 4000 /* … or so long after its start, which a busy machine makes slow */
#define CALLS_MOST 14	   /* the n-th call that ends a life: walk, read, checks, writes */
#define CHANGES_MOST 6	   /* of one contact: its history must not overflow */
#define PASS_MOST_MS 90000
#define PASSES_MOST 8
#define EVERY 5 /* lives between two leaps of the state's waits */

static int64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * MS_SECOND + t.tv_nsec / 1000000;
}

/* splitmix64 */
static uint64_t draw(struct stage *s, uint64_t below)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

static void wrong(struct stage *s, const char *problem)
{
	if (!s->problem)
		s->problem = problem;
	s->act = ACT_OVER;
}

/* ---- the sandbox --------------------------------------------------------- */

static bool is_write(const struct server_request *r)
{
	return strcmp(r->method, "POST") == 0 && strncmp(r->path, "/certifier/", 11) == 0 &&
	       !strstr(r->path, "/search");
}

/* SIGKILL: the kernel takes it at once, whatever the daemon is doing. */
static void end_life(struct stage *s)
{
	s->kills++;
	s->kill_at_call = 0;
	s->kill_at_ms = INT64_MAX;
	kill(s->pid, SIGKILL);
}

/* Half of the deaths by count come before the call is carried out, which it is all the same. */
static void serve(void *ctx, const struct server_request *request, struct server_answer *answer)
{
	struct stage *s = ctx;

	if (s->pid && ++s->calls == s->kill_at_call) {
		s->in_writes += is_write(request);
		end_life(s);
	} else if (s->pid && s->kill_at_call) {
		s->kill_at_ms = clock_of(CLOCK_MONOTONIC) + SILENT_MOST_MS;
	}
	serve_request(s->sandbox, clock_of(CLOCK_REALTIME), request, answer);
}

static bool open_sandbox(struct stage *s, struct err *err)
{
	struct sandbox_options o;

	sandbox_defaults(&o);
	o.seed = s->random;
	o.index_lag_ms = 0;
	s->sandbox = sandbox_new(&o);
	sandbox_group(s->sandbox, "tiers", "Tiers");
	sandbox_group(s->sandbox, "graduates", "Graduates");
	sandbox_attribute(s->sandbox, "custom.step");
	int64_t now = clock_of(CLOCK_REALTIME);
	return sandbox_list(s->sandbox, now - MS_DAY, LIST, "Graduates", NULL, NULL, err) ==
		       RC_OK &&
	       server_open(&s->server, "127.0.0.1:0", &serve_limits, serve, s, err) == RC_OK;
}

/* ---- what happens in HubSpot ---------------------------------------------- */

static struct person *meet(struct stage *s)
{
	struct person *p = &s->person[s->people];
	struct json *properties = json_new_object();
	char email[32];
	struct err err;

	*p = (struct person){ .id = FIRST_CONTACT + (int64_t)s->people };
	snprintf(email, sizeof(email), "p%lld@example.org", (long long)p->id);
	json_set_text(properties, "email", email);
	json_set_text(properties, "firstname", "Ada");
	if (sandbox_create(s->sandbox, clock_of(CLOCK_REALTIME) - MS_DAY, p->id, properties, NULL,
			   &err) != RC_OK)
		wrong(s, "the sandbox refuses a contact");
	json_free(properties);
	s->people++;
	return p;
}

static void change(struct stage *s, struct person *p)
{
	char value[16];
	struct err err;

	snprintf(value, sizeof(value), "v%d", ++p->changes);
	if (sandbox_set(s->sandbox, clock_of(CLOCK_REALTIME), p->id, "step", slice_of(value),
			&err) != RC_OK)
		wrong(s, "the sandbox refuses a change");
	s->earned++;
}

static void join(struct stage *s, struct person *p)
{
	struct err err;

	if (sandbox_join(s->sandbox, clock_of(CLOCK_REALTIME), LIST, p->id, &err) != RC_OK)
		wrong(s, "the sandbox refuses a join");
	p->joined = true;
	s->earned++;
}

/* One or two events before each life; now and then of a new person. */
static void go_on_with_life(struct stage *s)
{
	for (uint64_t n = 1 + draw(s, 2); n && s->act != ACT_OVER; n--) {
		struct person *p = s->people ? &s->person[draw(s, s->people)] : NULL;
		if (!p || p->changes >= CHANGES_MOST || draw(s, 4) == 0)
			p = meet(s);
		if (!p->joined && draw(s, 4) == 0)
			join(s, p);
		else
			change(s, p);
	}
}

/* ---- the daemon ------------------------------------------------------------ */

static bool write_rules(struct stage *s, struct err *err)
{
	struct str text;
	char path[96];
	int port = server_port(s->server);

	str_init(&text, 4096);
	str_addf(&text,
		 "account: hubspot\n"
		 "hubspot: { token: \"${HUBSPOT_TOKEN}\", poll: 1s,\n"
		 "  base-url: \"http://127.0.0.1:%d/hubspot\" }\n---\n"
		 "account: certifier\n"
		 "certifier: { token: \"${CERTIFIER_TOKEN}\", rate: 1000/s,\n"
		 "  base-url: \"http://127.0.0.1:%d/certifier/v1\" }\n---\n",
		 port, port);
	str_add_text(&text, "rule: steps\n"
			    "trigger: { event: property-changed, property: step, settle: 0s }\n"
			    "action: { do: issue-credential, group: tiers,\n"
			    "  fields: { custom.step: \"{{ event.to }}\" } }\n---\n"
			    "rule: graduates\n"
			    "trigger: { event: list-added, list: 4711, settle: 0s }\n"
			    "action: { do: issue-credential, group: graduates }\n");
	snprintf(path, sizeof(path), "%s/rules.yaml", s->folder);
	enum rc rc = file_write(path, str_slice(&text), err);
	str_release(&text);
	return rc == RC_OK;
}

/* In the child: never comes back. */
static void become_daemon(const struct stage *s, bool once)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive the test */
	int log = chdir(s->folder) == 0 ? open("log", O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
	if (log < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	setenv("HUBSPOT_TOKEN", "hub", 1);
	setenv("CERTIFIER_TOKEN", "cert", 1);
	execl(s->program, "hs2cert", "run", "--rules", "rules.yaml", "--state", "state.db",
	      once ? "--once" : NULL, NULL);
	_exit(127);
}

static void start(struct stage *s, bool once)
{
	s->calls = 0;
	s->kill_at_call = 0;
	s->pid = fork();
	if (s->pid == 0)
		become_daemon(s, once);
	s->pidfd = s->pid > 0 ? (int)syscall(SYS_pidfd_open, s->pid, 0) : -1;
	if (s->pidfd < 0)
		wrong(s, "no process can be had");
}

/* Most lives end by the clock; some at a call, so that every step of the work is met. */
static void begin_life(struct stage *s)
{
	int64_t most = START_MOST_MS, now = clock_of(CLOCK_MONOTONIC);
	bool by_call = draw(s, 3) == 0;

	go_on_with_life(s);
	start(s, false);
	if (by_call)
		s->kill_at_call = 1 + (int)draw(s, CALLS_MOST);
	else
		most = 1 + (int64_t)draw(s, draw(s, 8) ? LIFE_MOST_MS : LONG_LIFE_MOST_MS);
	s->kill_at_ms = now + most;
}

/* What is under way reaches the sandbox, as it would reach Certifier. */
static void drain(struct stage *s)
{
	for (int i = 0; i < 4; i++)
		server_work(s->server, clock_of(CLOCK_MONOTONIC));
}

/*
 * The minute between two lives passes at once: waits after an unknown create are 30 s,
 * and no test can sit through each.
 */
static void let_a_minute_pass(struct stage *s)
{
	struct db *db;
	struct err err;
	char path[96];

	snprintf(path, sizeof(path), "%s/state.db", s->folder);
	if (db_open(path, DB_SHARE, &db, &err) != RC_OK) {
		wrong(s, "the state does not open");
		return;
	}
	db_begin(db, "test");
	db_run(db,
	       "UPDATE issuance SET not_before_ms = 0, unknown_ms ="
	       " (CASE unknown_ms WHEN 0 THEN updated_ms ELSE unknown_ms END) - 60000"
	       " WHERE state IN ('creating', 'issuing')",
	       "");
	db_run(db, "UPDATE issuance SET not_before_ms = 0", "");
	if (db_commit(db, &err) != RC_OK)
		wrong(s, "the state takes no change");
	db_close(db);
}

/* ---- acts ------------------------------------------------------------------- */

static void begin_pass(struct stage *s)
{
	start(s, true);
	s->kill_at_ms = clock_of(CLOCK_MONOTONIC) + PASS_MOST_MS;
}

static void next_life(struct stage *s)
{
	if (++s->lives % EVERY == 0 || s->lives >= s->lives_most)
		let_a_minute_pass(s);
	if (s->act == ACT_OVER)
		return;
	if (s->lives < s->lives_most) {
		begin_life(s);
		return;
	}
	s->act = ACT_FINISH;
	begin_pass(s);
}

/* The last pass of all says 0 or, where something is parked, 1. */
static void end_pass(struct stage *s, int status)
{
	bool exited = WIFEXITED(status);

	if (!exited || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 1)) {
		wrong(s, "a last pass did not end by itself");
	} else if (++s->passes < 3) {
		let_a_minute_pass(s);
		begin_pass(s);
	} else {
		s->act = ACT_OVER;
	}
}

static void daemon_ended(struct stage *s)
{
	int status;

	waitpid(s->pid, &status, 0);
	close(s->pidfd);
	s->pid = 0;
	drain(s);
	if (s->act == ACT_ACTIVATE && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		s->act = ACT_LIVES;
		begin_life(s);
	} else if (s->act == ACT_LIVES && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		next_life(s);
	} else if (s->act == ACT_FINISH) {
		end_pass(s, status);
	} else {
		wrong(s, "the daemon ended by itself");
	}
}

static bool has_ended(const struct stage *s)
{
	siginfo_t info = { 0 };

	return s->pid > 0 && waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid;
}

void stage_work(struct stage *s)
{
	server_work(s->server, clock_of(CLOCK_MONOTONIC));
	if (s->pid > 0 && clock_of(CLOCK_MONOTONIC) >= s->kill_at_ms) {
		if (s->act == ACT_LIVES)
			end_life(s);
		else
			wrong(s, "a pass takes too long");
	}
	if (s->act != ACT_OVER && has_ended(s))
		daemon_ended(s);
}

int stage_wait_ms(const struct stage *s)
{
	int64_t left = s->kill_at_ms - clock_of(CLOCK_MONOTONIC);
	int wait = server_wait_ms(s->server);

	if (left < 0)
		left = 0;
	return wait < 0 || wait > left ? (int)(left > 1000 ? 1000 : left) : wait;
}

bool stage_begin(struct stage *s, const char *program, uint64_t seed, int lives)
{
	struct err err;

	*s = (struct stage){ .program = program,
			     .random = seed,
			     .lives_most = lives,
			     .people_most = (size_t)lives * 2 + 1 };
	s->person = mem_alloc(s->people_most * sizeof(*s->person));
	snprintf(s->folder, sizeof(s->folder), "/tmp/hs2cert-kill-XXXXXX");
	if (!mkdtemp(s->folder) || !open_sandbox(s, &err) || !write_rules(s, &err)) {
		fprintf(stderr, "kill: no stage can be set: %s\n", err.text);
		return false;
	}
	begin_pass(s);
	return true;
}

static void remove_folder(const struct stage *s)
{
	static const char *const names[] = { "rules.yaml",   "log",	     "state.db",
					     "state.db-wal", "state.db-shm", "state.db.lock",
					     "state.db.sock" };
	char path[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, names[i]);
		(void)unlink(path);
	}
	if (rmdir(s->folder) != 0)
		fprintf(stderr, "kill: %s stays: %s\n", s->folder, strerror(errno));
}

void stage_end(struct stage *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
		close(s->pidfd);
	}
	if (s->problem)
		fprintf(stderr, "kill: %s; all is kept in %s\n", s->problem, s->folder);
	else
		remove_folder(s);
	server_close(s->server);
	sandbox_free(s->sandbox);
	mem_free(s->person);
}
