#include "engine/hubspot/hubspot.h"

#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"
#include "engine/inbox.h"
#include "engine/report.h"

/* Limits of facts/hubspot.md 6.1, each window a little longer than HubSpot's own. */
#define SEARCH_MOST 5
#define SEARCH_WINDOW_MS 1100
#define GENERAL_MOST 100
#define GENERAL_WINDOW_MS 10250

#define FIND_AGAIN_MS MS_HOUR	      /* labels, and lists that were missing, are asked for again */
#define ASK_AGAIN_MS (15 * MS_MINUTE) /* contacts that have no address, where no walk shows one */
#define LEFT_WALK_MS MS_MINUTE	      /* until one that was left goes on, at most */
#define HASTY_POLL_MS MS_SECOND	      /* between polls, however many ask for one */
#define MOST_LOOKS 4		      /* under way at once */
#define POLL_TRIES 4		      /* without a token for so long, a poll has ended */

static struct source *hubspot_open(const struct world *world, const char *name)
{
	struct source *s = mem_alloc(sizeof(*s));

	s->world = world;
	s->db = world->db;
	s->name = mem_strdup(name);
	arena_init(&s->loaded);
	labels_init(s);
	hook_init(s);
	push_init(s);
	s->failed_ms = INT64_MIN;
	limiter_init(&s->search, SEARCH_MOST, SEARCH_WINDOW_MS);
	limiter_init(&s->general, GENERAL_MOST, GENERAL_WINDOW_MS);
	return s;
}

static void hubspot_close(struct source *s)
{
	calls_drop(s);
	hub_lists_release(s);
	labels_forget(s);
	arena_release(&s->loaded);
	hook_release(s);
	push_release(s);
	mem_free(s->name);
	mem_free(s);
}

/* Changes of contacts matter to property watches, and to rules that wait for an address. */
static bool needs_walk(const struct table *table, uint32_t account, const struct watches *watches)
{
	for (size_t i = 0; i < watches->count; i++)
		if (watches->watch[i].source == account &&
		    watches->watch[i].event == EVENT_PROPERTY_CHANGED)
			return true;
	for (size_t i = 0; i < table->n_rule; i++)
		if (table->rule[i].source == account && table->rule[i].mode != MODE_OFF &&
		    table->rule[i].policy->hold_email_ms)
			return true;
	return false;
}

static void hubspot_load(struct source *s, const struct table *table, uint32_t account,
			 struct watches *watches, struct bearer *bearer)
{
	bool other_secret = s->serial != bearer_serial(bearer);

	calls_drop(s);
	hub_lists_release(s);
	arena_release(&s->loaded);
	s->bearer = bearer;
	s->serial = bearer_serial(bearer);
	s->table = table;
	s->account = account;
	s->config = &table->account[account];
	s->watches = watches;
	s->walks = watches && needs_walk(table, account, watches);
	if (watches)
		hub_lists_load(s);
	labels_begin(s);
	hook_load(s);
	s->stopped = false;
	s->stumbles = 0;
	if (other_secret) {
		s->failures = 0;
		s->wait_until_ms = 0;
		s->hook.portal = s->hook.ask_ms = 0;
	}
	s->asking = s->polled = s->walked = s->walk.left = s->hook.asking = false;
	s->looks = 0;
	s->linked = false;
	s->load_ms = hub_mono_ms(s);
	s->find_again_ms = s->ask_again_ms = 0;
	s->phase = PHASE_LABELS;
}

/* ---- the poll ----------------------------------------------------------- */

static void poll_begins(struct source *s)
{
	if (hub_mono_ms(s) >= s->find_again_ms) {
		s->find_again_ms = hub_mono_ms(s) + FIND_AGAIN_MS;
		lists_find_again(s);
		s->phase = PHASE_LABELS;
		s->cursor = 0;
	} else {
		phase_next(s, s->labels_known ? PHASE_RESOLVE : PHASE_LABELS);
	}
}

static void poll_ends(struct source *s)
{
	int64_t pause = s->hastened ? HASTY_POLL_MS : account_ms(s->config, "poll");

	if (s->walk.left)
		pause = clock_earlier(pause, LEFT_WALK_MS);
	s->phase = PHASE_IDLE;
	s->polled = true;
	push_judge(s);
	s->ended_ms = hub_mono_ms(s);
	s->next_poll_ms = s->ended_ms + pause;
	s->hastened = false;
}

void hub_hasten(struct source *s)
{
	if (s->phase != PHASE_IDLE)
		s->hastened = true; /* what it looked at already, it looks at again */
	else if (s->next_poll_ms > s->ended_ms + HASTY_POLL_MS)
		s->next_poll_ms = s->ended_ms + HASTY_POLL_MS;
}

/* Where nothing has walked, nobody tells that the address has come which a held issuance waits for. */
static void ask_for_addresses(struct source *s)
{
	if (hub_mono_ms(s) < s->ask_again_ms)
		return;
	s->ask_again_ms = hub_mono_ms(s) + ASK_AGAIN_MS;
	if (!inbox_waits_for_address(s->db, s->name))
		return;
	db_begin(s->db, "ask-addresses");
	inbox_add_waiting(s->db, s->name, hub_wall_ms(s));
	hub_commit(s);
}

void phase_next(struct source *s, enum phase phase)
{
	s->phase = phase;
	s->cursor = 0;
	if (!s->watches && phase != PHASE_LABELS)
		s->phase = phase = PHASE_IDLE;
	/* The first walk of a load begins at what the watches of now care for: an address may have come before. */
	if (phase == PHASE_WALK && !(s->walks && s->walked))
		ask_for_addresses(s);
	if (phase == PHASE_WALK && (!s->walks || !push_walk_is_due(s)))
		s->phase = phase = PHASE_PROBE;
	if (phase == PHASE_WALK && !s->walk.left)
		walk_begin(s);
	s->walk.left &= phase != PHASE_WALK;
	if (phase == PHASE_IDLE)
		poll_ends(s);
}

static void (*const phase_steps[])(struct source *) = {
	[PHASE_LABELS] = labels_step, [PHASE_RESOLVE] = resolve_step, [PHASE_WALK] = walk_step,
	[PHASE_PROBE] = probe_step,   [PHASE_SCAN] = scan_step,
};

static enum budget phase_budget(const struct source *s)
{
	return s->phase == PHASE_WALK ? BUDGET_SEARCH : BUDGET_GENERAL;
}

static enum rc hubspot_step(struct source *s, struct err *err)
{
	if (s->phase == PHASE_IDLE && hub_mono_ms(s) >= s->next_poll_ms)
		poll_begins(s);
	while (!s->stopped && !s->asking && s->phase != PHASE_IDLE && s->failed == RC_OK &&
	       call_ready_ms(s, phase_budget(s)) <= hub_mono_ms(s))
		phase_steps[s->phase](s);
	if (!s->stopped && hook_ask_ms(s) <= hub_mono_ms(s))
		hook_ask(s);
	if (s->failed != RC_OK)
		*err = s->why;
	return s->failed;
}

static bool can_look_soon(const struct source *s)
{
	return !s->stopped && s->table && s->looks < MOST_LOOKS;
}

static int64_t hubspot_wake_ms(const struct source *s)
{
	int64_t now = hub_mono_ms(s), wake = INT64_MAX;

	if (s->stopped || !s->table)
		return wake;
	if (s->phase == PHASE_IDLE)
		wake = s->next_poll_ms > s->wait_until_ms ? s->next_poll_ms : s->wait_until_ms;
	else if (!s->asking)
		wake = call_ready_ms(s, phase_budget(s));
	int64_t portal = hook_ask_ms(s);
	if (portal > now && portal < wake)
		wake = portal;
	int64_t look = call_ready_ms(s, BUDGET_GENERAL);
	if (can_look_soon(s) && look > now && look < wake)
		wake = look;
	return wake;
}

static enum source_health hubspot_health(const struct source *s)
{
	if (s->stopped)
		return SOURCE_STOPPED;
	return s->failures || s->walk.left || bearer_failures(s->bearer) ? SOURCE_WAITING :
									   SOURCE_FINE;
}

static bool hubspot_polled(const struct source *s)
{
	return s->polled || s->stopped || bearer_failures(s->bearer) >= POLL_TRIES;
}

static int64_t hubspot_waits_ms(const struct source *s)
{
	int64_t now = hub_mono_ms(s), wait = bearer_waits_ms(s->bearer);

	return s->wait_until_ms > now + wait ? s->wait_until_ms - now : wait;
}

static struct budget_report budget_of(const struct source *s, const char *name,
				      const struct limiter *l)
{
	return (struct budget_report){ name, (int64_t)limiter_left(l, hub_mono_ms(s)),
				       (int64_t)l->most, l->window_ms };
}

static void hubspot_report(const struct source *s, struct account_report *out)
{
	out->failures = s->failures;
	out->waits_ms = hubspot_waits_ms(s);
	out->calls = s->ended;
	out->pushed = s->hook.url != NULL;
	out->unheard = s->push.missed;
	out->clock_known = s->skew.known;
	out->clock_ms = hub_now_ms(s) - hub_wall_ms(s);
	out->budget[0] = budget_of(s, "requests", &s->general);
	out->budget[1] = budget_of(s, "searches", &s->search);
	out->budgets = 2;
}

static bool hubspot_now(const struct source *s, int64_t *now_ms)
{
	*now_ms = hub_now_ms(s);
	return s->skew.known;
}

/* ---- looks -------------------------------------------------------------- */

static size_t hubspot_can_look(const struct source *s)
{
	if (!can_look_soon(s) || call_ready_ms(s, BUDGET_GENERAL) > hub_mono_ms(s))
		return 0;
	return look_most(s);
}

static int64_t hubspot_creation_window(const struct source *s)
{
	return account_ms(s->config, "creation-window");
}

static enum fact hubspot_label(struct source *s, uint32_t property, struct slice value,
			       struct slice *label)
{
	return labels_of(s, s->table->property[property].name, value, label);
}

const struct source_ops hubspot_ops = {
	.type = "hubspot",
	.open = hubspot_open,
	.close = hubspot_close,
	.load = hubspot_load,
	.step = hubspot_step,
	.wake_ms = hubspot_wake_ms,
	.health = hubspot_health,
	.polled = hubspot_polled,
	.waits_ms = hubspot_waits_ms,
	.report = hubspot_report,
	.now = hubspot_now,
	.can_look = hubspot_can_look,
	.look = look_start,
	.creation_window_ms = hubspot_creation_window,
	.survey_open = survey_open,
	.survey_close = survey_close,
	.survey_ready_ms = survey_ready_ms,
	.survey_next = survey_next,
	.listens = hubspot_listens,
	.hear = hubspot_hear,
	.label = hubspot_label,
};
