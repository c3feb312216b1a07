/*
 * life - a scenario, lived by the real engine on the virtual clock.
 *
 * What happens in HubSpot is done in the sandbox and written into the model's
 * portal; what happens to the program is done to the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dsl/build.h"
#include "engine/inbox.h"
#include "engine/ledger.h"
#include "tests/simulation/simulation.h"

#define QUIET_LONGEST_MS (45 * MS_MINUTE)
#define BACK_OFF_MS (15 * MS_MINUTE)
#define RARE_WALK_MS (5 * MS_MINUTE) /* between two walks while webhooks tell */
#define REACH_BACK_MS (5 * MS_MINUTE)
#define QUIET_FIRST_MS (2 * MS_MINUTE)
#define QUIET_MORE_MS (20 * MS_MINUTE)
#define QUIET_MOST 40
#define QUIET_MOST_SET 80 /* where our clock was set back: a wait is as much longer, 25 h at most */
#define CREATION_WINDOW_MS (10 * MS_SECOND)

bool trouble(struct life *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_addv(&l->trouble, format, args);
	va_end(args);
	str_add_char(&l->trouble, '\n');
	return false;
}

void trace_add(struct life *l, const void *bytes, size_t len)
{
	l->trace = hash_bytes(l->trace, bytes, len);
}

/* ---- the program ----------------------------------------------------------------- */

/* It ended at a commit, or at a request. */
static bool is_dead(const struct life *l)
{
	return l->crashed || l->sim.ended || l->ground.gave;
}

/* Whether this commit is where the program ends. */
static bool ends_here(struct life *l, bool after)
{
	if (l->quiet_now || is_dead(l))
		return false;
	if (l->crash_in && l->crash_after == after && --l->crash_in == 0)
		return true;
	return l->sc->crash_rate && dice_below(&l->crash_dice, 20000) < l->sc->crash_rate;
}

bool life_at_commit(void *ctx, const char *tag, bool after)
{
	struct life *l = ctx;

	if (!l->engine)
		return true;
	if (l->sim.ended)
		return false;
	l->tally.commits += after;
	l->results += after && strcmp(tag, "result") == 0;
	l->scans += after && strcmp(tag, "scan-page") == 0;
	trace_add(l, tag, strlen(tag));
	/* A person's command is another process. */
	if (strcmp(tag, "act") == 0 || !ends_here(l, after))
		return true;
	l->crashed = true;
	return false;
}

/*
 * Every second time that the disk fails, without more, the process stays as the daemon does: unless it was
 * told to end.
 */
static void end_engine(struct life *l)
{
	const struct err why = { "the disk" };
	bool stays = l->ground.gave && !l->crashed && !l->sim.ended && !l->stops &&
		     l->tally.starts % 2;

	if (stays)
		engine_abandon(l->engine, &why);
	else
		engine_free(l->engine);
	l->unfit = stays ? l->engine : NULL;
	l->engine = NULL;
}

/* The program is gone, with all that it knew only in memory. */
void life_end_program(struct life *l)
{
	if (!l->engine)
		return;
	bool in_order = engine_stopped(l->engine) && !is_dead(l);
	end_engine(l);
	l->sim.lose_requests = dice_chance(&l->crash_dice, l->sc->lose_rate);
	sim_abandon(&l->sim);
	wire_forget(l->wire);
	l->tally.crashes += l->crashed || l->sim.ended;
	l->sim.ended = false;
	l->crashed = false;
	l->crash_in = 0;
	if (!l->sc->ground)
		sends_look_back(l->sends);
	ground_leave(l, in_order);
}

static struct table *build(struct life *l, const char *extra)
{
	struct sources sources;
	struct diags diags;
	struct str text;

	sources_init(&sources);
	diags_init(&diags);
	str_init(&text, LIMIT_RULE_FILE_BYTES);
	rules_write(l->rules, &text);
	str_add_text(&text, extra);
	sources_add_text(&sources, "rules", str_slice(&text));
	struct table *table = table_build(&sources, &diags, NULL);
	for (size_t i = 0; !*extra && i < diags.count; i++)
		if (diags.list[i].severity == SEVERITY_ERROR)
			trouble(l, "rules:%u: %s\n%s", diags.list[i].at.line, diags.list[i].message,
				str_text(&text));
	str_release(&text);
	diags_release(&diags);
	sources_release(&sources);
	return table;
}

static bool load_table(struct life *l)
{
	struct err err;

	if (l->table_of != l->rules) {
		table_unref(l->table);
		l->table = build(l, "");
		l->table_of = l->rules;
	}
	if (!l->table)
		return trouble(l, "the rules are wrong");
	enum rc rc = l->unfit ? engine_revive(l->engine, l->table, &err)
			      : engine_load(l->engine, l->table, &err);
	l->unfit = NULL;
	(void)ground_gave(l, rc);
	return rc == RC_OK || is_dead(l) || trouble(l, "load: %s", err.text);
}

/* Starts until it stays up: it may end in its first steps. Or not yet, where the ground does not bear. */
bool life_start_program(struct life *l)
{
	do {
		life_end_program(l);
		l->starts = true;
		if (!ground_open(l))
			return !l->trouble.len;
		l->starts = false;
		l->tally.starts++;
		l->engine = l->unfit ? l->unfit : engine_new(&l->sim.world);
		if (!load_table(l))
			return false;
	} while (is_dead(l));
	return true;
}

/* Lets time pass, through crashes. */
static bool live_until(struct life *l, int64_t until_ms)
{
	struct err err;

	while (l->sim.now_ms < until_ms) {
		int64_t start_ms = l->starts ? ground_again_ms(l) : INT64_MAX;
		if (!l->engine && start_ms >= until_ms) {
			l->sim.now_ms = until_ms;
			return true;
		}
		if (!l->engine) {
			l->sim.now_ms = start_ms;
			if (!life_start_program(l))
				return false;
			continue;
		}
		bool met = ground_is_met(l);
		enum rc rc = sim_run(&l->sim, l->engine, until_ms, &err);
		(void)ground_gave(l, rc);
		if (rc != RC_OK && !is_dead(l))
			return trouble(l, "the engine failed: %s", err.text);
		bool dead = is_dead(l);
		if (dead && !life_start_program(l))
			return false;
		/* What fails in an answer is said at the next step, which may be in the next run. */
		if (met && !dead)
			ground_bore(l);
	}
	return !l->trouble.len;
}

/* ---- quiet times ------------------------------------------------------------------- */

static bool is_idle(const struct life *l)
{
	return ledger_work_count(l->sim.world.db) == 0 &&
	       inbox_count(l->sim.world.db, "hubspot") == 0 &&
	       inbox_pending_count(l->sim.world.db, "hubspot") == 0 &&
	       (l->clock_set ||
		!db_exists(l->sim.world.db, "SELECT 1 FROM stray WHERE looks = 0", ""));
}

/* Until all is seen that was there: after the longest back-off, by the second poll that reaches back. */
static int64_t quiet_ms(const struct life *l)
{
	const struct sandbox_options *o = &l->sc->sandbox;
	int64_t poll_ms = 0, settle_ms = 0;

	(void)clock_parse_duration(slice_of(l->rules->poll), &poll_ms);
	if (l->rules->webhooks && poll_ms < RARE_WALK_MS)
		poll_ms = RARE_WALK_MS;
	for (size_t i = 0; i < l->rules->count; i++)
		if (l->rules->rule[i].settle_ms > settle_ms)
			settle_ms = l->rules->rule[i].settle_ms;
	int64_t ms = BACK_OFF_MS + REACH_BACK_MS + 2 * poll_ms + settle_ms + o->index_lag_ms +
		     o->list_lag_ms;
	return ms < QUIET_LONGEST_MS ? ms : QUIET_LONGEST_MS;
}

static bool live_until_idle(struct life *l)
{
	int most = l->clock_set ? QUIET_MOST_SET : QUIET_MOST;

	for (int i = 0; i < most && !is_idle(l); i++)
		if (!live_until(l, l->sim.now_ms + QUIET_MORE_MS))
			return false;
	return true;
}

static bool be_quiet(struct life *l)
{
	if (!l->rules)
		return true;
	l->quiet_now = true;
	l->crash_in = 0;
	ground_calm(l);
	wire_storm(l->wire, 0);
	wire_new_secret(l->wire);
	if (!l->engine && !life_start_program(l))
		return false;
	if (!backup_reconcile(l))
		return false;
	int64_t from_ms = l->sim.now_ms;
	/* Answers that were spoilt before are heard by then; a reload releases what they held. */
	bool fine = live_until(l, from_ms + QUIET_FIRST_MS) && load_table(l) && people_retry(l) &&
		    live_until(l, from_ms + quiet_ms(l));
	fine = fine && live_until_idle(l);
	/* What was refused before is read back as late as our clock was set back: only then it says so. */
	if (fine && l->clock_set)
		fine = people_retry(l) && live_until_idle(l);
	if (fine && !is_idle(l))
		fine = trouble(l,
			       "something is left to do: %lld issuances, %lld news, %lld pending",
			       (long long)ledger_work_count(l->sim.world.db),
			       (long long)inbox_count(l->sim.world.db, "hubspot"),
			       (long long)inbox_pending_count(l->sim.world.db, "hubspot"));
	l->quiet = mem_grow(l->quiet, &l->quiet_cap, l->quiets + 1, sizeof(*l->quiet));
	l->quiet[l->quiets++] = (struct model_quiet){ from_ms, l->sim.now_ms };
	l->quiet_now = false;
	ground_stir(l);
	return fine;
}

/* ---- what happens to the program ------------------------------------------------------- */

static bool take_load(struct life *l, const struct step *s)
{
	l->rules = &l->sc->rules[s->number];
	l->load[l->loads++] = (struct model_load){ l->sim.now_ms, l->rules };
	l->tally.loads++;
	if (!l->engine || !load_table(l))
		return life_start_program(l);
	return !is_dead(l) || life_start_program(l);
}

static bool take_reload(struct life *l, const struct step *s)
{
	(void)s;
	wire_new_secret(l->wire);
	return !l->engine || (load_table(l) && (!is_dead(l) || life_start_program(l)));
}

/* The rules in force must stay. */
static bool take_broken(struct life *l, const struct step *s)
{
	struct table *table = l->rules ? build(l, "---\nrule: broken\ntriger: {}\n") : NULL;

	(void)s;
	if (!table)
		return true;
	table_unref(table);
	return trouble(l, "a broken rule file was taken");
}

static bool take_stop(struct life *l, const struct step *s)
{
	struct err err;

	(void)s;
	l->starts = false;
	if (!l->engine)
		return true;
	l->stops = true;
	engine_stop(l->engine);
	for (int i = 0; i < 100 && !engine_stopped(l->engine); i++)
		if (ground_gave(l, sim_run(&l->sim, l->engine, l->sim.now_ms + MS_SECOND, &err)) ||
		    is_dead(l))
			break;
	if (!engine_stopped(l->engine) && !is_dead(l))
		return trouble(l, "the engine does not stop");
	life_end_program(l);
	l->stops = false;
	return true;
}

static bool take_kill(struct life *l, const struct step *s)
{
	(void)s;
	l->starts = false;
	life_end_program(l);
	return true;
}

static bool take_start(struct life *l, const struct step *s)
{
	(void)s;
	return l->engine || !l->rules || life_start_program(l);
}

static bool take_crash(struct life *l, const struct step *s)
{
	l->crash_in = s->number;
	l->crash_after = s->other != 0;
	return true;
}

/* Not while an activation is only known by our clock: that would move it. */
static bool take_clock(struct life *l, const struct step *s)
{
	if (!l->sim.world.db ||
	    db_exists(l->sim.world.db, "SELECT 1 FROM watch WHERE start_ms IS NULL", ""))
		return true;
	l->sim.skew_ms += s->number;
	l->clock_set = true;
	return true;
}

static bool take_storm(struct life *l, const struct step *s)
{
	wire_storm(l->wire, l->sim.now_ms + s->number);
	return true;
}

static bool take_quiet(struct life *l, const struct step *s)
{
	(void)s;
	return be_quiet(l);
}

static bool (*const program_steps[STEP_KINDS])(struct life *l, const struct step *s) = {
	[STEP_LOAD] = take_load,	   [STEP_RELOAD] = take_reload, [STEP_BROKEN] = take_broken,
	[STEP_STOP] = take_stop,	   [STEP_KILL] = take_kill,	[STEP_START] = take_start,
	[STEP_CRASH] = take_crash,	   [STEP_CLOCK] = take_clock,	[STEP_STORM] = take_storm,
	[STEP_ACT] = people_act,	   [STEP_QUIET] = take_quiet,	[STEP_BACKUP] = backup_take,
	[STEP_PUT_BACK] = backup_put_back,
};

static bool take_step(struct life *l, const struct step *s)
{
	if (!live_until(l, l->sim.now_ms + s->after_ms))
		return false;
	if (s->dropped)
		return true;
	if (program_steps[s->kind])
		return program_steps[s->kind](l, s);
	for (int i = 0; i < s->count; i++)
		portal_step(l, s, s->contact + i);
	return true;
}

/* ---- the stage ------------------------------------------------------------------------- */

static bool set_stage(struct life *l)
{
	struct scenario *sc = l->sc;
	struct err err;
	int64_t before_ms = sc->start_ms - 10 * MS_DAY;

	sandbox_group(l->sandbox, "g1", "Group one");
	sandbox_group(l->sandbox, "g2", "Group two");
	sandbox_attribute(l->sandbox, "custom.tier");
	sandbox_attribute(l->sandbox, "custom.note");
	for (int i = 0; i < M_PROPERTIES; i++)
		if (sandbox_property(l->sandbox, model_property_names[i], NULL, NULL, NULL, 0,
				     &err) != RC_OK)
			return trouble(l, "property: %s", err.text);
	for (size_t i = 0; i < sc->all_lists; i++) {
		struct model_list *list = model_add_list(&l->portal, sc->list[i].id);
		list->active = strcmp(sc->list[i].kind, "DYNAMIC") == 0;
		if (sc->list[i].later)
			continue;
		if (sandbox_list(l->sandbox, before_ms, sc->list[i].id, sc->list[i].name,
				 sc->list[i].kind, NULL, &err) != RC_OK)
			return trouble(l, "list: %s", err.text);
		model_name_list(list, before_ms, sc->list[i].name);
		if (sc->list[i].building &&
		    sandbox_list_processing(l->sandbox, before_ms, sc->list[i].id, true, &err) ==
			    RC_OK)
			list->built_ms = INT64_MAX;
	}
	return true;
}

static bool live(struct life *l)
{
	struct scenario *sc = l->sc;

	if (!set_stage(l))
		return false;
	for (size_t i = 0; i < sc->steps; i++)
		if (!take_step(l, &sc->step[i]))
			return false;
	if (!be_quiet(l))
		return false;
	ground_calm(l); /* the judge reads */
	return judge(l);
}

bool life_live(struct life *l, struct scenario *sc, FILE *log)
{
	*l = (struct life){ .sc = sc, .crash_dice = dice_of(sc->seed, 3) };
	str_init(&l->trouble, 1u << 20);
	portal_model_init(&l->portal);
	l->portal.merge_writes_entry = sc->sandbox.merge_writes_entry;
	l->portal.same_value_writes = sc->sandbox.same_value_writes;
	l->portal.merge_rejoins = sc->sandbox.merge_rejoins;
	l->portal.merge_computes_ms = sc->sandbox.merge_computes_ms;
	l->record = mem_alloc(((size_t)sc->contacts + 1) * sizeof(struct model_record *));
	l->sandbox = sandbox_new(&sc->sandbox);
	if (sc->rules[0].webhooks)
		sandbox_hook(l->sandbox, &(struct sandbox_hook){ .url = WEBHOOK_URL,
								 .secret = WEBHOOK_SECRET });
	sim_init(&l->sim, l->sandbox, sc->start_ms, sc->seed, log);
	l->sim.skew_ms = sc->skew_ms;
	l->sim.latency_ms = sc->latency_ms;
	l->wire = wire_new(l);
	l->sends = sends_new(l);
	ground_begin(l);
	bool fine = live(l);
	l->tally.seeds = 1;
	l->tally.webhooks = (int64_t)sandbox_calls(l->sandbox, "webhook");
	l->tally.untaken = (int64_t)sandbox_calls(l->sandbox, "webhook-failed");
	l->tally.virtual_ms = l->sim.now_ms - sc->start_ms;
	return fine && !l->trouble.len;
}

void life_release(struct life *l)
{
	engine_free(l->engine ? l->engine : l->unfit);
	l->engine = l->unfit = NULL;
	sim_abandon(&l->sim);
	table_unref(l->table);
	wire_free(l->wire);
	sends_free(l->sends);
	ground_end(l);
	db_close(l->backup);
	sandbox_free(l->sandbox);
	portal_model_release(&l->portal);
	mem_free(l->record);
	mem_free(l->quiet);
	str_release(&l->trouble);
}
