#include "tests/scenes/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dsl/build.h"

#define TAIL_MS (3 * MS_HOUR) /* what is left to do is done by then */
#define SLOW_TAIL_MS (9 * MS_HOUR)
#define ONCE_EVERY_MS (5 * MS_MINUTE)
#define RESTORED_MS (20 * MS_MINUTE) /* a daemon runs so long on a state that was put back */

static bool trouble(struct life *l, const char *what, const char *why)
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
					    "adopt",	"orphans",   "reconcile", "restored" };

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
	struct err err;

	if (l->sim.ended || l->crashed) /* who is gone stores nothing */
		return false;
	if (!counts(l, tag))
		return true;
	if (!after)
		l->commits++;
	else if (l->commits == l->variant->restore_at && !l->backup &&
		 db_copy(l->sim.world.db, &l->backup, &err) != RC_OK)
		return trouble(l, "backup", err.text);
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
	bool crashed = l->crashed;

	l->crashes += crashed;
	l->crashed = false;
	return crashed;
}

static void add_accounts(const struct life *l, struct str *out)
{
	str_addf(
		out,
		"account: hubspot\nhubspot:\n  token: ${HUBSPOT_TOKEN}\n  poll: %s\n  api: %s\n---\n"
		"account: certifier\ncertifier:\n  token: ${CERTIFIER_TOKEN}\n---\n",
		l->variant->poll, l->variant->api);
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
		return life_excused(l) || trouble(l, "state", err.text);
	db_hook(l->sim.world.db, at_commit, l);
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
		return trouble(l, "the rules are wrong", l->scene->name);
	enum rc rc = engine_load(l->engine, table, &err);
	table_unref(table);
	return rc == RC_OK || life_excused(l) || trouble(l, "load", err.text);
}

void life_end_process(struct life *l)
{
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
		if (!open_state(l))
			return false;
		if (l->crashed)
			continue;
		l->engine = engine_new(&l->sim.world);
		if (!load(l))
			return false;
	} while (l->crashed);
	return true;
}

static bool run_once_until(struct life *l, int64_t until_ms, struct err *err, enum rc *rc)
{
	enum once state = ONCE_WORKING;

	*rc = sim_run_once(&l->sim, l->engine, until_ms, &state, err);
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
			rc = sim_run(&l->sim, l->engine, stop, &err);
		}
		if (rc != RC_OK && !life_excused(l))
			return trouble(l, "the engine failed", err.text);
		bool restart = l->sim.now_ms >= l->next_restart_ms;
		if ((restart || l->crashed) && !life_restart(l))
			return false;
	}
	return true;
}

/* ---- the portal ----------------------------------------------------------- */

static int64_t number_of(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n ? strtoll(n->text.ptr, NULL, 10) : 0;
}

/* All members but the named one, as properties. */
static struct json *properties_of(const struct node *map, const char *but)
{
	struct json *p = json_new_object();

	for (const struct node *m = map->first; m; m = m->next)
		if (!slice_is(m->key->text, but))
			json_set_slice(p, m->key->text, m->text);
	return p;
}

static enum rc create(struct life *l, int64_t now_ms, const struct node *map, struct err *err)
{
	int64_t id;
	struct json *p = properties_of(map, "id");
	enum rc rc = sandbox_create(l->sandbox, now_ms, number_of(map, "id"), p, &id, err);

	json_free(p);
	return rc;
}

static enum rc do_set(struct life *l, const struct node *map, struct err *err)
{
	struct arena memory;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *m = map->first; rc == RC_OK && m; m = m->next)
		if (!slice_is(m->key->text, "contact"))
			rc = sandbox_set(l->sandbox, l->sim.now_ms, number_of(map, "contact"),
					 arena_text(&memory, m->key->text), m->text, err);
	arena_release(&memory);
	return rc;
}

/* The same for `count` contacts from id `first` on, all at one instant: an import. */
static enum rc each_of_many(struct life *l, const struct node *map,
			    enum rc (*one)(struct life *l, int64_t id, const struct node *map,
					   struct err *err),
			    struct err *err)
{
	int64_t first = number_of(map, "first"), count = number_of(map, "count");
	enum rc rc = RC_OK;

	for (int64_t id = first; rc == RC_OK && id < first + count; id++)
		rc = one(l, id, map, err);
	return rc;
}

static enum rc create_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	char email[64];
	int64_t out;
	struct json *p = properties_of(map, "first");

	snprintf(email, sizeof(email), "person%lld@example.org", (long long)id);
	json_set_text(p, "email", email);
	enum rc rc = sandbox_create(l->sandbox, l->sim.now_ms, id, p, &out, err);
	json_free(p);
	return rc;
}

static enum rc set_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	struct arena memory;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *m = map->first; rc == RC_OK && m; m = m->next)
		if (!slice_is(m->key->text, "first") && !slice_is(m->key->text, "count"))
			rc = sandbox_set(l->sandbox, l->sim.now_ms, id,
					 arena_text(&memory, m->key->text), m->text, err);
	arena_release(&memory);
	return rc;
}

static enum rc join_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	return sandbox_join(l->sandbox, l->sim.now_ms, number_of(map, "list"), id, err);
}

static enum rc do_create_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, create_one, err);
}

static enum rc do_set_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, set_one, err);
}

static enum rc do_join_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, join_one, err);
}

static enum rc do_create(struct life *l, const struct node *map, struct err *err)
{
	return create(l, l->sim.now_ms, map, err);
}

static enum rc make_list(struct life *l, int64_t now_ms, int64_t id, const char *name,
			 const char *kind, struct err *err)
{
	int64_t out;
	char made[32];

	snprintf(made, sizeof(made), "List %lld", (long long)id);
	return sandbox_list(l->sandbox, now_ms, id, name ? name : made, kind, &out, err);
}

static enum rc do_join(struct life *l, const struct node *map, struct err *err)
{
	int64_t list = number_of(map, "list"), contact = number_of(map, "contact");
	enum rc rc = sandbox_join(l->sandbox, l->sim.now_ms, list, contact, err);

	if (rc == RC_OK)
		return rc;
	rc = make_list(l, l->sim.now_ms, list, NULL, "MANUAL", err);
	return rc == RC_OK ? sandbox_join(l->sandbox, l->sim.now_ms, list, contact, err) : rc;
}

static enum rc do_leave(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_leave(l->sandbox, l->sim.now_ms, number_of(map, "list"),
			     number_of(map, "contact"), err);
}

static enum rc do_merge(struct life *l, const struct node *map, struct err *err)
{
	int64_t id;

	return sandbox_merge(l->sandbox, l->sim.now_ms, number_of(map, "primary"),
			     number_of(map, "other"), number_of(map, "into"), &id, err);
}

static enum rc do_delete(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_delete(l->sandbox, l->sim.now_ms, number_of(map, "contact"), err);
}

static enum rc do_restore(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_restore(l->sandbox, l->sim.now_ms, number_of(map, "contact"), err);
}

static enum rc do_processing(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_list_processing(l->sandbox, number_of(map, "list"),
				       node_is_text(node_get(map, "on"), "true"), err);
}

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

static enum rc do_fault(struct life *l, const struct node *map, struct err *err)
{
	static const struct {
		const char *word;
		enum sandbox_fault fault;
	} words[] = {
		{ "cut-before", FAULT_CUT_BEFORE }, { "cut-after", FAULT_CUT_AFTER },
		{ "timeout", FAULT_TIMEOUT },	    { "timeout-before", FAULT_TIMEOUT_BEFORE },
		{ "garbage", FAULT_GARBAGE },	    { "empty", FAULT_EMPTY },
	};
	struct arena memory;
	arena_init(&memory);
	const char *with = node_word(map, "with", "500", &memory);
	enum sandbox_fault fault = slice_is(slice_of(node_word(map, "when", "", &memory)), "after")
					   ? FAULT_STATUS_AFTER
					   : FAULT_STATUS;
	int retry = node_get(map, "retry-after") ? (int)number_of(map, "retry-after") : -1;
	int times = node_get(map, "times") ? (int)number_of(map, "times") : 1;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(with, words[i].word) == 0)
			fault = words[i].fault;
	enum rc rc = sandbox_fault(l->sandbox, node_word(map, "fail", "?", &memory), fault,
				   atoi(with), retry, (int)number_of(map, "skip"), times, err);
	arena_release(&memory);
	return rc;
}

static enum rc do_attribute(struct life *l, const struct node *n, struct err *err)
{
	struct arena memory;

	(void)err;
	arena_init(&memory);
	sandbox_attribute(l->sandbox, arena_text(&memory, n->text));
	arena_release(&memory);
	return RC_OK;
}

static enum rc do_plan(struct life *l, const struct node *n, struct err *err)
{
	(void)err;
	sandbox_plan(l->sandbox, slice_is(n->text, "expiry"));
	return RC_OK;
}

/* Our clock is set back by so much; HubSpot's goes on. */
static enum rc do_clock(struct life *l, const struct node *n, struct err *err)
{
	int64_t back;

	if (!clock_parse_duration(n->text, &back))
		return err_set(err, RC_INVALID, "clock takes a duration");
	l->sim.skew_ms -= back;
	return RC_OK;
}

static enum rc do_index_lag(struct life *l, const struct node *n, struct err *err)
{
	if (!clock_parse_duration(n->text, &sandbox_options(l->sandbox)->index_lag_ms))
		return err_set(err, RC_INVALID, "index-lag takes a duration");
	return RC_OK;
}

static const struct {
	const char *word;
	enum rc (*run)(struct life *l, const struct node *what, struct err *err);
} step_words[] = {
	{ "set", do_set },
	{ "create", do_create },
	{ "add-to-list", do_join },
	{ "remove-from-list", do_leave },
	{ "merge", do_merge },
	{ "delete", do_delete },
	{ "restore", do_restore },
	{ "list-processing", do_processing },
	{ "restart", do_restart },
	{ "reload", do_reload },
	{ "reload-broken", do_reload_broken },
	{ "certifier", do_fault },
	{ "hubspot", do_fault },
	{ "attribute", do_attribute },
	{ "plan", do_plan },
	{ "index-lag", do_index_lag },
	{ "clock", do_clock },
	{ "backup", backup_take },
	{ "restore-backup", backup_put_back },
	{ "reconcile", backup_reconcile },
	{ "issue-by-hand", backup_issue_by_hand },
	{ "create-many", do_create_many },
	{ "set-many", do_set_many },
	{ "add-many-to-list", do_join_many },
	{ "approve", act_approve },
	{ "retry", act_retry },
	{ "resend", act_resend },
	{ "drop", act_drop },
};

static bool take_step(struct life *l, const struct step *s)
{
	struct err err;

	for (size_t i = 0; i < sizeof(step_words) / sizeof(step_words[0]); i++)
		if (strcmp(s->word, step_words[i].word) == 0)
			return step_words[i].run(l, s->what, &err) == RC_OK ||
			       trouble(l, s->word, err.text);
	return trouble(l, "unknown step", s->word);
}

/* ---- the stage ------------------------------------------------------------ */

static bool option_bool(const struct scene *s, const char *key)
{
	return node_is_text(node_get(s->options, key), "true");
}

static int64_t option_ms(const struct scene *s, const char *key, int64_t otherwise)
{
	const struct node *n = node_get(s->options, key);
	int64_t ms;

	return n && clock_parse_duration(n->text, &ms) ? ms : otherwise;
}

static struct sandbox *open_sandbox(const struct scene *s, const struct variant *v)
{
	struct sandbox_options o;

	sandbox_defaults(&o);
	o.seed = 7;
	o.index_lag_ms = option_ms(s, "index-lag", v->index_lag_ms);
	o.list_lag_ms = option_ms(s, "list-lag", 0);
	o.certifier_search_lag_ms = option_ms(s, "search-lag", 0);
	o.list_descending = v->list_descending;
	o.batch_silent = option_bool(s, "batch-silent");
	o.rate_limits = true;
	o.cleared_is_null = option_bool(s, "cleared-is-null");
	o.merge_keeps_id = option_bool(s, "merge-keeps-id");
	o.merge_writes_entry = option_bool(s, "merge-writes-entry");
	o.same_value_writes = option_bool(s, "same-value-writes");
	o.certifier_trims = option_bool(s, "certifier-trims");
	o.certifier_email_nocase = option_bool(s, "email-nocase");
	o.no_date_header = option_bool(s, "no-date-header");
	if (node_get(s->options, "issue-again-status"))
		o.issue_again_status = (int)number_of(s->options, "issue-again-status");
	if (node_get(s->options, "unknown-group-status"))
		o.unknown_group_status = (int)number_of(s->options, "unknown-group-status");
	return sandbox_new(&o);
}

static void each_word(const struct node *list, struct sandbox *sb,
		      void (*take)(struct sandbox *, const char *))
{
	struct arena memory;

	arena_init(&memory);
	for (const struct node *n = list ? list->first : NULL; n; n = n->next)
		take(sb, arena_text(&memory, n->text));
	arena_release(&memory);
}

static void add_group(struct sandbox *sb, const char *id)
{
	sandbox_group(sb, id, id);
}

static bool set_lists(struct life *l, int64_t before_ms)
{
	struct arena memory;
	struct err err;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *n = l->scene->lists ? l->scene->lists->first : NULL;
	     rc == RC_OK && n; n = n->next) {
		rc = make_list(l, before_ms, number_of(n, "id"),
			       node_word(n, "name", NULL, &memory),
			       node_word(n, "kind", "MANUAL", &memory), &err);
		const struct node *members = node_get(n, "members");
		for (const struct node *m = members ? members->first : NULL; rc == RC_OK && m;
		     m = m->next)
			rc = sandbox_join(l->sandbox, before_ms, number_of(n, "id"),
					  strtoll(m->text.ptr, NULL, 10), &err);
		if (rc == RC_OK && node_is_text(node_get(n, "processing"), "true"))
			rc = sandbox_list_processing(l->sandbox, number_of(n, "id"), true, &err);
	}
	arena_release(&memory);
	return rc == RC_OK || trouble(l, "lists", err.text);
}

static bool set_stage(struct life *l)
{
	const struct scene *s = l->scene;
	int64_t before_ms = s->start_ms - MS_DAY;
	struct err err;

	sandbox_group(l->sandbox, "g1", "Group one");
	sandbox_group(l->sandbox, "g2", "Group two");
	sandbox_attribute(l->sandbox, "custom.tier");
	sandbox_attribute(l->sandbox, "custom.note");
	each_word(s->groups, l->sandbox, add_group);
	each_word(s->attributes, l->sandbox, sandbox_attribute);
	for (const struct node *n = s->contacts ? s->contacts->first : NULL; n; n = n->next)
		if (create(l, before_ms, n, &err) != RC_OK)
			return trouble(l, "contacts", err.text);
	return set_lists(l, before_ms);
}

/* All has happened; then a copy is put back, the process runs a while, and somebody reconciles. */
static bool restore(struct life *l)
{
	struct err err;

	if (!live_until(l, l->sim.now_ms + TAIL_MS))
		return false;
	if (backup_put_back(l, NULL, &err) != RC_OK ||
	    !live_until(l, l->sim.now_ms + RESTORED_MS) || backup_reconcile(l, NULL, &err) != RC_OK)
		return trouble(l, "restore", err.text);
	return true;
}

static bool live_scene(struct life *l)
{
	const struct scene *s = l->scene;

	if (!set_stage(l) || !life_restart(l))
		return false;
	/* Where the first start had to wait, so does all that is to come after it. */
	int64_t begin_ms = l->engine ? s->start_ms : l->heals_ms + MS_MINUTE;
	for (size_t i = 0; i < s->steps; i++)
		if (!live_until(l, begin_ms + s->step[i].at_ms) || !take_step(l, &s->step[i]))
			return false;
	if (l->variant->restore_at && !restore(l))
		return false;
	int64_t tail = l->variant->tail_ms ? l->variant->tail_ms
		       : l->variant->slow  ? SLOW_TAIL_MS
					   : TAIL_MS;
	return live_until(l, l->sim.now_ms + tail) &&
	       (l->engine || live_until(l, l->heals_ms + tail));
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
	l->sandbox = open_sandbox(scene, variant);
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
