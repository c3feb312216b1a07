/*
 * simulation - one seed: a drawn portal, history, rules and faults, lived
 * through by the real engine, and judged by the model.
 *
 * draw.c, history.c and extremes.c make a scenario from the seed, life.c, people.c, seen.c and backup.c live
 * it, wire.c stands between engine and sandbox, judge.c, brakes.c, pair.c and sends.c compare, shrink.c shortens
 * what fails. A scenario is data: the same one is lived the same way each time.
 */
#ifndef SIMULATION_SIMULATION_H
#define SIMULATION_SIMULATION_H

#include "base/arena.h"
#include "base/clock.h"
#include "engine/sim.h"
#include "engine/store/db.h"
#include "tests/disk/disk.h"
#include "tests/model/oracle.h"

/* ---- chance ---------------------------------------------------------------- */

struct dice {
	uint64_t state;
};

struct dice dice_of(uint64_t seed, uint64_t stream);
int64_t dice_below(struct dice *d, int64_t n);			 /* 0 … n - 1 */
int64_t dice_between(struct dice *d, int64_t low, int64_t high); /* both may come */
bool dice_chance(struct dice *d, int64_t per_mille);
#define DICE_PICK(d, array)                                                                        \
	((array)[dice_below((d), (int64_t)(sizeof(array) / sizeof((array)[0])))])

/* ---- a scenario ------------------------------------------------------------- */

enum step_kind {
	STEP_CREATE,  /* contact; count at one instant */
	STEP_SET,     /* contact, property, value; count likewise */
	STEP_JOIN,    /* contact, list; count likewise */
	STEP_LEAVE,   /* contact, list */
	STEP_BUILT,   /* list: HubSpot has built it */
	STEP_MAKE,    /* list, value: its name */
	STEP_RENAME,  /* likewise */
	STEP_UNLIST,  /* list: it is deleted */
	STEP_RELIST,  /* list: it is restored */
	STEP_MERGE,   /* contact (primary), other, into */
	STEP_DELETE,  /* contact */
	STEP_RESTORE, /* contact */
	STEP_LOAD,    /* number: which rules */
	STEP_RELOAD,  /* the same rules again */
	STEP_BROKEN,  /* a rule file with an error */
	STEP_STOP,    /* the program ends in order */
	STEP_KILL,    /* the program ends now */
	STEP_START,
	STEP_CRASH, /* number: the program ends at the n-th commit from now; other: after it */
	STEP_CLOCK, /* number: our clock jumps by so many ms */
	STEP_STORM, /* number: 429 to everything for so many ms */
	STEP_ACT,   /* number: which; contact: on which issuance; other: on all of its rule */
	STEP_BACKUP,
	STEP_PUT_BACK, /* other: on another machine, without the mark */
	STEP_QUIET, /* no faults, and enough time that nothing is left undecided */
	STEP_KINDS
};

extern const char *const step_names[STEP_KINDS];

struct step {
	enum step_kind kind;
	int64_t after_ms; /* since the end of the step before */
	int contact, other, into;
	int count; /* 0 or 1: one */
	int list;
	int64_t number;
	enum model_property property;
	const char *value;
	bool fixed;   /* part of an edit: dropped as a whole only */
	bool dropped; /* by the shrinker */
};

enum fault_kind {
	FAULT_NONE,
	FAULT_500_BEFORE,
	FAULT_500_AFTER,
	FAULT_503_BEFORE,
	FAULT_504_AFTER,
	FAULT_429_STATUS,
	FAULT_CUT_EARLY,
	FAULT_CUT_LATE,
	FAULT_SILENT_EARLY,
	FAULT_SILENT_LATE,
	FAULT_HALVED,
	FAULT_NOTHING,
	FAULT_NO_JSON,
	FAULT_WRONG,
	FAULT_302,
	FAULT_NOT_SENT,
	FAULT_423,
	FAULT_408_AFTER,
	FAULT_401,
	FAULT_403,
	FAULT_402,
	FAULT_SLOW,
	FAULT_END_LEAVING,
	FAULT_END_ANSWERED,
	FAULT_END_UNHEARD,
	FAULT_400, /* from here on: refusals of a write by somebody on the way, which a person retries */
	FAULT_404,
	FAULT_409,
	FAULT_412,
	FAULT_422,
	FAULT_KINDS
};

const char *fault_name(enum fault_kind kind);

#define MOST_LOADS 6
#define MOST_LISTS 4
#define MOST_CONTACTS 6000

struct drawn_list {
	const char *name, *kind;
	int64_t id;
	bool building; /* as the life begins */
	bool later;    /* it is made by a step */
};

struct scenario {
	uint64_t seed;
	struct arena memory;
	struct sandbox_options sandbox;
	struct drawn_list list[MOST_LISTS + 1];
	size_t lists, all_lists; /* that rules may name; and one more that takes a name of theirs */
	struct model_rules rules[MOST_LOADS];
	size_t loads;
	struct step *step;
	size_t steps, step_cap;
	int64_t first_id; /* of contacts: they are counted from here */
	int contacts;	  /* that ever are */
	int64_t start_ms, skew_ms, latency_ms;
	int64_t fault_rate[FAULT_KINDS]; /* per mille of the requests */
	int64_t crash_rate;		 /* per 10,000 of the commits */
	int64_t ground;			 /* 1: the state is on a disk that fails and loses power */
	int64_t lose_rate; /* per mille of the ends: requests under way never arrive */
};

/* Where the portal's webhooks go. */
#define WEBHOOK_URL "https://hooks.example.org/hubspot"
#define WEBHOOK_SECRET "HOOK_SECRET"

/* Draws all of the seed. */
void scenario_draw(uint64_t seed, struct scenario *out);
void scenario_release(struct scenario *sc);
/* Rules, then steps: parts of scenario_draw. */
void draw_rules(struct scenario *sc, struct dice *d);
void draw_history(struct scenario *sc, struct dice *d);
/* What came later, from dice of its own, so that all else of a seed is as it was: more changes than
 * HubSpot keeps, lists that are still being built, a second account of one workspace. */
void draw_extremes(struct scenario *sc);
/* Changes a set of rules: an edit such as people make. */
void draw_edit(struct scenario *sc, struct dice *d, const struct model_rules *from,
	       struct model_rules *out);
/* The rules as a file. */
void rules_write(const struct model_rules *rules, struct str *out);
void scenario_print(const struct scenario *sc, FILE *out);

/* ---- a life ------------------------------------------------------------------ */

struct tally {
	int64_t seeds, virtual_ms, requests, credentials, mails, parked, crashes, starts, commits;
	int64_t ambiguous, strays, claims, loads, braked, acts, cuts, disk_failures, restores;
	int64_t webhooks, untaken;
	int64_t faults[FAULT_KINDS];
};

/* The event of an issuance. */
struct ledger_event {
	const char *rule, *to;
	int64_t at_ms, contact;
	bool left_open; /* which orphan is its credential, a reconcile left to a person, or could not tell */
};

struct wire;  /* between engine and sandbox */
struct sends; /* what became of them */

/* What the state is on. */
struct ground {
	struct dice dice;
	enum disk_trouble trouble; /* that lies ahead, or was met */
	bool lasts;
	int64_t heals_ms, again_ms; /* 0: no trouble that lasts was met */
	bool gave;		    /* under the program: it ends */
	bool calmed; /* what was met is over, and the program may yet find out that it was */
};

struct life {
	struct scenario *sc;
	struct sim sim;
	struct sandbox *sandbox;
	struct engine *engine; /* NULL: the program is down */
	struct engine *unfit;  /* … but for this: it waits until the disk bears again */
	struct wire *wire;
	struct sends *sends;
	struct dice crash_dice;
	struct model_portal portal;
	struct model_record **record; /* by number of the contact */
	struct model_load load[MOST_LOADS];
	struct model_quiet *quiet;
	size_t loads, quiets, quiet_cap;
	int64_t created_ms;		 /* of the step before */
	const struct model_rules *rules; /* in force: what a start loads; NULL: none yet */
	const struct model_rules *table_of;
	struct table *table; /* of these rules; starts are many */
	int64_t crash_in;    /* commits; 0: none is planned */
	bool crash_after, crashed, quiet_now, clock_set;
	int64_t acts_unsure; /* that failed: may be stored, one issuance each */
	bool starts;	     /* the program would be up, and waits for the ground to bear it */
	bool stops;	     /* it was told to end */
	int64_t results;     /* commits of them */
	int64_t scans;	     /* commits of pages of lists */
	struct db *backup;   /* NULL: there is none */
	bool restored;	     /* an older state was put back, and not reconciled yet */
	bool was_restored;
	int64_t forgotten_drafts;
	struct ground ground;
	uint64_t trace; /* hash of all that left, came and was committed */
	struct tally tally;
	struct str trouble;
};

/* Lives the scenario and judges it. False with l->trouble; in both cases life_release. */
bool life_live(struct life *l, struct scenario *sc, FILE *log);
void life_release(struct life *l);
/* A step of what happens in HubSpot, for that contact: portal.c. */
void portal_step(struct life *l, const struct step *s, int contact);
bool trouble(struct life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool judge(struct life *l);
bool ledger_says(const struct life *l, const char *credential, const char *state);
bool ledger_holds(const struct life *l, const char *credential);
/* Whether it is as it would be rendered by some look after the event. */
bool fits_some_look(const struct sandbox_credential *c, const struct model_claim *claim);
bool same_text(const char *a, const char *b); /* a may be NULL, and is empty then */
/* Whether the claim is for that event of the ledger, by whichever id of the contact. */
bool is_of_event(const struct model_claim *claim, const struct ledger_event *event);
/* A credential, or a row of the ledger, and its claim. */
struct pair {
	size_t credential;
	const struct ledger_event *event; /* NULL: it is a credential */
	bool gone;			  /* it was mailed, or is parked */
	bool orphan; /* it is a credential of which a ledger that was put back knows nothing */
	struct model_claim *claim; /* NULL: none, or that of a row of its own */
};
struct pairs {
	struct life *life;
	struct model_verdict *verdict;
	struct pair *pair; /* the credentials first, by their number */
	size_t count, cap;
	bool *seen; /* by group, in one search */
};
void pairs_init(struct pairs *p, struct life *l, struct model_verdict *v);
void pairs_release(struct pairs *p);
/* Finds a claim for a row, which outlives the pairs. */
bool pairs_add(struct pairs *p, const struct ledger_event *event);
/* Finds a claim for the i-th credential, if others must move for it. */
bool pairs_place(struct pairs *p, size_t i);
/* Finds a credential for a claim of a group of which more must be met. */
bool pairs_fill(struct pairs *p, struct model_claim *claim);
/* Part of it: what the brakes held and let pass; what is held meets claims. Rows live in memory. */
void judge_brakes(struct pairs *p, struct arena *memory);
/* The hook of the state. */
bool life_at_commit(void *ctx, const char *tag, bool after);
void trace_add(struct life *l, const void *bytes, size_t len);

/* A page of the list was asked for then, and came, and what it showed is kept: all of a list that has no second page. */
void seen_note(struct life *l, int64_t list, int64_t asked_ms);
/* An older state was put back: what it knows is not known. */
void seen_forget(struct life *l);

/* A person does something with one issuance, or with all of a rule. */
bool people_act(struct life *l, const struct step *s);
/* They retry all that was refused. */
bool people_retry(struct life *l);
/* Whether the rule issues once per value or contact, in any of its wordings. */
bool life_repeats(const struct life *l, const char *name);

/* Steps: backup.c. */
bool backup_take(struct life *l, const struct step *s);
bool backup_put_back(struct life *l, const struct step *s);
/* Where an older state was put back, a person reconciles; no faults meanwhile. */
bool backup_reconcile(struct life *l);
/* The program is gone, with all that it knew only in memory; and starts until it stays up. */
void life_end_program(struct life *l);
bool life_start_program(struct life *l);

/* Puts itself between the engine and the world of l->sim. */
struct wire *wire_new(struct life *l);
void wire_free(struct wire *w);
/* The program is gone: nobody waits for any answer. */
void wire_forget(struct wire *w);
void wire_storm(struct wire *w, int64_t until_ms);
void wire_new_secret(struct wire *w);
int64_t wire_lost_creates(const struct wire *w);

/* The end of a request that tells neither that it was done nor that it was not. */
bool wire_is_unknown(const struct http_response *r);

struct sends *sends_new(struct life *l);
void sends_free(struct sends *s);
void sends_leave(struct sends *s, const char *credential);
/* What the engine heard; stored: and committed for sure. */
void sends_hear(struct sends *s, const char *credential, const struct http_response *r,
		bool stored);
/* The program has ended: what is stored as about to leave. */
void sends_look_back(struct sends *s);
/* An older state was put back: it may hold any as not sent, and a reconcile park any. */
void sends_forget(struct sends *s);
/* Judges them at the end; how many are parked. */
int64_t sends_judge(struct sends *s);

/* Draws whether the life is on the disk, without touching the rest of its draw. */
void ground_draw(struct scenario *sc);
void ground_begin(struct life *l);
void ground_end(struct life *l); /* closes the state */
/* Opens the state, unless it is open. False: not yet (ground_again_ms), or with trouble. */
bool ground_open(struct life *l);
int64_t ground_again_ms(const struct life *l);
/* The program ends: on the disk, the state is closed, or lost hold of. */
void ground_leave(struct life *l, bool in_order);
/* Whether the disk is why the program ends that answered so. */
bool ground_gave(struct life *l, enum rc rc);
/*
 * A commit of somebody else failed, by the one handle that all have here: nothing is committed by it
 * any more, so the program ends.
 */
void ground_let_go(struct life *l);
/* Whether the trouble that lay ahead was met. */
bool ground_is_met(const struct life *l);
/* The program went on over what failed, if anything did: the next trouble may come. */
void ground_bore(struct life *l);
/* Quiet times: no trouble from here on; and again. */
void ground_calm(struct life *l);
void ground_stir(struct life *l);

/* Drops steps and faults while the life still fails in the same way; prints what is left. */
void shrink(struct scenario *sc, FILE *out, FILE *log);

#endif
