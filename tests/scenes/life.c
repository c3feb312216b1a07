#include "tests/scenes/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "engine/ledger.h"

#define TAIL_MS (3 * MS_HOUR) /* what is left to do is done by then */
#define SLOW_TAIL_MS (9 * MS_HOUR)
#define ONCE_EVERY_MS (5 * MS_MINUTE)
#define RESTORED_MS (20 * MS_MINUTE) /* a daemon runs so long on a state that was put back */

bool life_trouble(struct life *l, const char *what, const char *why)
{
	str_addf(&l->trouble, "%s: %s\n", what, why);
	return false;
}

/* ---- the process ---------------------------------------------------------- */

/* A page of the walk counts where it brought something: most polls bring nothing. */
static bool counts(const struct life *l, const char *tag)
{
	static const char *const tags[] = { "activate", "start",     "decide",	  "about-to",
					    "result",	"scan-page", "promote",	  "act",
					    "adopt",	"orphans",   "reconcile", "restored",
					    "lease",	"renew",     "refuse" };

	if (strcmp(tag, "poll-page") == 0)
		return db_exists(l->sim.world.db, "SELECT 1 FROM news", "");
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (strcmp(tag, tags[i]) == 0)
			return true;
	return false;
}

static bool at_commit(void *ctx, const char *tag, bool after)
{
	struct life *l = ctx;

	if (l->sim.ended || l->crashed) /* who is gone stores nothing */
		return false;
	if (!counts(l, tag))
		return true;
	if (!after)
		l->commits++;
	ends_at_step(l, after);
	if (l->crashed || l->commits != l->variant->crash_at || after != l->variant->crash_after)
		return true;
	l->crashed = true;
	return false;
}

void life_hook(struct life *l)
{
	db_hook(l->sim.world.db, at_commit, l);
}

bool life_crash_over(struct life *l)
{
	bool crashed = life_excused(l);

	l->crashes += crashed && !l->sim.ended;
	l->crashed = false;
	torment_restart(l);
	return crashed;
}

static void add_accounts(const struct life *l, struct str *out)
{
	static const char token[] = "token: ${HUBSPOT_TOKEN}";
	static const char oauth[] =
		"oauth: { client-id: the-app, client-secret: \"${HUBSPOT_CLIENT_SECRET}\" }";

	str_addf(out,
		 "account: hubspot\nhubspot:\n  %s\n  poll: %s\n  api: %s\n%s---\n"
		 "account: certifier\ncertifier:\n  token: ${CERTIFIER_TOKEN}\n---\n",
		 life_is_connected(l) ? oauth : token, l->variant->poll, l->variant->api,
		 l->variant->hooks ? "  webhook: { public-url: \"" SCENE_HOOK
				     "\", secret: \"${HOOK_SECRET}\" }\n"
				   : "");
}

static struct table *build(struct life *l, struct slice rules, bool complain)
{
	struct sources sources;
	struct diags diags;
	struct str text;

	sources_init(&sources);
	diags_init(&diags);
	str_init(&text, LIMIT_RULE_FILE_BYTES);
	if (!l->scene->own_accounts)
		add_accounts(l, &text);
	str_add_slice(&text, rules);
	sources_add_text(&sources, "rules", str_slice(&text));
	struct table *table = table_build(&sources, &diags, NULL);
	for (size_t i = 0; complain && i < diags.count; i++)
		if (diags.list[i].severity == SEVERITY_ERROR)
			str_addf(&l->trouble, "rules:%u: %s\n", diags.list[i].at.line,
				 diags.list[i].message);
	str_release(&text);
	diags_release(&diags);
	sources_release(&sources);
	return table;
}

/* Whether it was the torment: then the process starts again. */
bool life_excused(struct life *l)
{
	if (torment_ended(l))
		l->crashed = true;
	return l->crashed;
}

static bool open_state(struct life *l)
{
	struct err err;

	if (l->sim.world.db)
		return true;
	if (db_open(l->on_disk ? disk_place() : ":memory:", DB_OWN, &l->sim.world.db, &err) !=
	    RC_OK)
		return life_excused(l) || life_trouble(l, "state", err.text);
	db_hook(l->sim.world.db, at_commit, l);
	if (life_is_connected(l) && life_grant(l, &err) != RC_OK)
		return life_excused(l) || life_trouble(l, "grant", err.text);
	return true;
}

struct table *life_table(struct life *l)
{
	return build(l, str_slice(&l->rules), true);
}

static bool load(struct life *l)
{
	struct err err;

	if (!l->engine) /* a later start will */
		return true;
	struct table *table = life_table(l);

	if (!table)
		return life_trouble(l, "the rules are wrong", l->scene->name);
	enum rc rc = engine_load(l->engine, table, &err);
	table_unref(table);
	return rc == RC_OK || life_excused(l) || life_trouble(l, "load", err.text);
}

void life_end_process(struct life *l)
{
	memory_survived();
	if (torture_leaves(l)) {
		/* A fork of which little is left to live need not clear up after what has ended. */
		sim_abandon(&l->sim);
		disk_kill();
		l->engine = NULL;
		l->sim.world.db = NULL;
		return;
	}
	engine_free(l->engine);
	l->engine = NULL;
	sim_abandon(&l->sim);
	if (l->on_disk) {
		if (l->crashed)
			disk_kill();
		db_close(l->sim.world.db);
		l->sim.world.db = NULL;
	}
}

static bool start(struct life *l)
{
	if (!open_state(l))
		return false;
	if (l->crashed)
		return true;
	l->engine = engine_new(&l->sim.world);
	bool good = load(l);
	if (!good || l->crashed || !l->reloads)
		return good;
	good = load(l);
	l->reloads = l->crashed;
	return good;
}

/* Without an engine where no process can start: live_until tries again when one can. */
bool life_restart(struct life *l)
{
	do {
		life_end_process(l);
		l->crashes += l->crashed && !l->sim.ended;
		l->crashed = false;
		torment_restart(l);
		if (torment_down(l))
			return true;
		torture_settled(l);
		struct life *before = memory_counts(l);
		bool good = start(l);
		memory_counts(before);
		if (!good)
			return false;
	} while (l->crashed);
	return true;
}

/* The process runs: from a start, or on. */
static enum rc run(struct life *l, int64_t until_ms, enum once *out, struct err *err)
{
	struct life *before = memory_counts(l);
	enum rc rc = sim_run_once(&l->sim, l->engine, until_ms, out, err);

	memory_counts(before);
	return rc;
}

static bool run_once_until(struct life *l, int64_t until_ms, struct err *err, enum rc *rc)
{
	enum once state = ONCE_WORKING;

	*rc = run(l, until_ms, &state, err);
	if (*rc != RC_OK || l->sim.now_ms >= until_ms)
		return true;
	/* The pass is over: the next process starts a little later. */
	life_end_process(l);
	l->sim.now_ms = l->sim.now_ms + ONCE_EVERY_MS < until_ms ? l->sim.now_ms + ONCE_EVERY_MS
								 : until_ms;
	return life_restart(l);
}

/* The next of the variant's own restarts is ahead: a step may have been down for long. */
static void plan_restart(struct life *l)
{
	if (!l->variant->restart_every_ms)
		l->next_restart_ms = INT64_MAX;
	while (l->next_restart_ms <= l->sim.now_ms)
		l->next_restart_ms += l->variant->restart_every_ms;
}

/* Lives until then, through crashes and restarts. */
static bool live_until(struct life *l, int64_t until_ms)
{
	struct err err;
	enum rc rc = RC_OK;

	while (l->sim.now_ms < until_ms) {
		int64_t stop = until_ms;
		if (!l->engine) {
			l->sim.now_ms = l->heals_ms < until_ms ? l->heals_ms : until_ms;
			if (!life_restart(l))
				return false;
			continue;
		}
		plan_restart(l);
		if (l->next_restart_ms < stop)
			stop = l->next_restart_ms;
		if (l->variant->once) {
			if (!run_once_until(l, stop, &err, &rc))
				return false;
		} else {
			rc = run(l, stop, NULL, &err);
		}
		if (rc != RC_OK && !life_excused(l))
			return life_trouble(l, "the engine failed", err.text);
		bool restart = l->sim.now_ms >= l->next_restart_ms;
		if ((restart || l->crashed) && !life_restart(l))
			return false;
	}
	return true;
}

/* ---- steps --------------------------------------------------------------- */

/* The process is down that long; what was under way reaches the services. */
static enum rc do_restart(struct life *l, const struct node *n, struct err *err)
{
	int64_t span;

	if (!clock_parse_duration(n->text, &span))
		return err_set(err, RC_INVALID, "restart takes a duration");
	life_end_process(l);
	l->sim.now_ms += span;
	return life_restart(l) ? RC_OK : err_set(err, RC_INVALID, "restart");
}

static enum rc do_reload(struct life *l, const struct node *n, struct err *err)
{
	str_clear(&l->rules);
	str_add_slice(&l->rules, n->text);
	if (!load(l))
		return err_set(err, RC_INVALID, "reload");
	l->reloads = !l->engine || l->crashed;
	return l->crashed && !life_restart(l) ? err_set(err, RC_INVALID, "reload") : RC_OK;
}

/* A file that cannot be loaded: the rules in force must stay. */
static enum rc do_reload_broken(struct life *l, const struct node *n, struct err *err)
{
	struct table *table = build(l, n->text, false);

	if (!table)
		return RC_OK;
	table_unref(table);
	return err_set(err, RC_INVALID, "the broken rules were taken");
}

/* Our clock is set back by so much, or on where a '+' precedes it; HubSpot's goes on. */
static enum rc do_clock(struct life *l, const struct node *n, struct err *err)
{
	bool on = n->text.len && n->text.ptr[0] == '+';
	struct slice span = { n->text.ptr + on, n->text.len - on };
	int64_t by;

	if (!clock_parse_duration(span, &by))
		return err_set(err, RC_INVALID, "clock takes a duration");
	l->sim.skew_ms += on ? by : -by;
	return RC_OK;
}

static const struct step_word life_words[] = {
	{ "restart", do_restart },
	{ "reload", do_reload },
	{ "reload-broken", do_reload_broken },
	{ "clock", do_clock },
	{ "backup", backup_take },
	{ "restore-backup", backup_put_back },
	{ "reconcile", backup_reconcile },
	{ "issue-by-hand", backup_issue_by_hand },
	{ "approve", act_approve },
	{ "retry", act_retry },
	{ "resend", act_resend },
	{ "drop", act_drop },
	{ "connect", act_connect },
	{ NULL, NULL },
};

static const struct step_word *find_word(const struct step_word *w, const char *word)
{
	while (w->word && strcmp(w->word, word) != 0)
		w++;
	return w->word ? w : NULL;
}

static bool take_step(struct life *l, const struct step *s)
{
	const struct step_word *w = find_word(life_words, s->word);
	struct err err;

	if (!w)
		w = find_word(portal_words, s->word);
	if (!w)
		return life_trouble(l, "unknown step", s->word);
	l->in_step = true;
	bool good = w->run(l, s->what, &err) == RC_OK || life_trouble(l, s->word, err.text);
	l->in_step = false;
	return good;
}

/* ---- a whole life --------------------------------------------------------- */

/* All has happened; then a copy is put back, the process runs a while, and somebody reconciles. */
static bool restore(struct life *l)
{
	struct err err;

	if (!live_until(l, l->sim.now_ms + TAIL_MS))
		return false;
	ends_put_back(l);
	if (!l->variant->restore_at)
		return true;
	if (backup_put_back(l, NULL, &err) != RC_OK ||
	    !live_until(l, l->sim.now_ms + RESTORED_MS) || backup_reconcile(l, NULL, &err) != RC_OK)
		return life_trouble(l, "restore", err.text);
	return true;
}

/* What is issued stays as it is: nothing waits, is under way or is looked for later in the tail. */
static bool nothing_left(struct life *l, int64_t end_ms)
{
	static const char sql[] =
		"SELECT 1 FROM news UNION ALL SELECT 1 FROM heard UNION ALL SELECT 1 FROM pending"
		" UNION ALL SELECT 1 FROM recall UNION ALL SELECT 1 FROM stray WHERE look_ms <= ?1"
		" UNION ALL SELECT 1 FROM issuance WHERE " LEDGER_WORK
		" OR (state = 'held' AND expire_ms IS NOT NULL)";
	enum once once = engine_once(l->engine);

	return once != ONCE_WORKING && once != ONCE_NO_SOURCE &&
	       !db_exists(l->sim.world.db, sql, "i", end_ms + l->sim.skew_ms);
}

static bool is_quiet(struct life *l, int64_t end_ms)
{
	if (!l->engine || l->heals_ms > l->sim.now_ms)
		return false;
	if (l->on_disk)
		disk_pause(true); /* it is the test that looks */
	bool quiet = nothing_left(l, end_ms);
	if (l->on_disk)
		disk_pause(false);
	return quiet;
}

static bool live_tail(struct life *l, int64_t tail_ms)
{
	int64_t end_ms = l->sim.now_ms + tail_ms, peace_ms = l->variant->peace_ms;
	bool quiet = false, was_quiet = false;

	if (!peace_ms)
		return live_until(l, end_ms);
	while (l->sim.now_ms < end_ms && !(quiet && was_quiet)) {
		int64_t next_ms = l->sim.now_ms + peace_ms;
		if (!live_until(l, next_ms < end_ms ? next_ms : end_ms))
			return false;
		was_quiet = quiet;
		quiet = is_quiet(l, end_ms);
	}
	return true;
}

static bool live_scene(struct life *l)
{
	const struct scene *s = l->scene;

	if (!scene_set_stage(l) || !life_restart(l))
		return false;
	/* Where the first start had to wait, so does all that is to come after it. */
	int64_t begin_ms = l->engine ? s->start_ms : l->heals_ms + MS_MINUTE;
	for (; l->step < s->steps; l->step++)
		if (!live_until(l, begin_ms + s->step[l->step].at_ms) ||
		    !take_step(l, &s->step[l->step]))
			return false;
	if (l->variant->ends && l->variant->ends->copying && !restore(l))
		return false;
	int64_t tail = l->variant->tail_ms ? l->variant->tail_ms
		       : l->variant->slow  ? SLOW_TAIL_MS
					   : TAIL_MS;
	if (!live_tail(l, tail) || !(l->engine || live_until(l, l->heals_ms + tail)))
		return false;
	if (!life_excused(l))
		return true;
	/* It was met at the very end, and the process would have noticed at its next step. */
	return life_restart(l) && live_tail(l, tail);
}

bool life_live(struct life *l, const struct scene *scene, const struct variant *variant, FILE *log)
{
	*l = (struct life){ .scene = scene,
			    .variant = variant,
			    .log = log,
			    .next_restart_ms = scene->start_ms + variant->restart_every_ms };
	str_init(&l->trouble, 1u << 20);
	str_init(&l->rules, LIMIT_RULE_FILE_BYTES);
	str_add_slice(&l->rules, scene->rules);
	l->sandbox = scene_open_sandbox(scene, variant);
	sim_init(&l->sim, l->sandbox, scene->start_ms, 42, log);
	l->sim.skew_ms = variant->skew_ms;
	l->sim.lose_requests = variant->lose_requests;
	torment_begin(l);
	return live_scene(l);
}

void life_release(struct life *l)
{
	engine_free(l->engine);
	sim_abandon(&l->sim);
	db_close(l->sim.world.db);
	db_close(l->backup);
	sandbox_free(l->sandbox);
	torment_end(l);
	str_release(&l->rules);
	str_release(&l->trouble);
}
