/*
 * scene - scripted life of the real engine on a virtual clock, with the sandbox.
 *
 * A scene is a YAML document in tests/scenes/: rules, what is there at the
 * start, steps in order of time, and what must have been issued. It is lived
 * through many times: at different poll times, page orders, lags and clocks, with
 * restarts, and with the process ended at every durable step; what is issued must
 * be the same each time.
 *
 * read.c reads it, stage.c sets it, life.c lives it, portal.c and acts.c are what happens in it,
 * judge.c compares; ends.c is the process that ends at each step. `make torture` lives it once more for each thing that can fail at each of its
 * requests and writes: torture.c, torment.c; `make nomem` once more for each of its allocations: memory.c.
 */
#ifndef TESTS_SCENES_SCENE_H
#define TESTS_SCENES_SCENE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/json.h"
#include "dsl/node.h"
#include "engine/sim.h"
#include "engine/store/db.h"
#include "tests/disk/disk.h"

struct step {
	int64_t at_ms;		 /* from the start */
	const char *word;	 /* set, create, restart, … */
	const struct node *what; /* its value */
};

struct scene {
	const char *path, *name;
	struct slice rules;
	bool own_accounts; /* the rules declare accounts themselves */
	bool fast_only;	   /* `polls: fast`: what leaves no trace is lost to slow polls */
	bool never_ends;   /* `ends: never`: it is of what one process knows, and no other can */
	bool no_ends; /* `ends: none`: too long to be ended everywhere, or for a sample of torture */
	bool puts_back; /* a step puts an older state back, or reconciles: that is in memory, not on the disk */
	bool restores; /* `restores: everywhere`: a copy of each durable step is put back */
	int64_t start_ms;
	const struct node *options, *contacts, *lists, *groups, *attributes, *expect;
	struct step *step;
	size_t steps;
};

/* What is done to a life beyond its scene, once or for forty minutes: torment.c. */
struct torment {
	const char *name;
	struct sim_fate fate; /* of a request */
	bool unsure;	      /* a send that meets it may have mailed or not */
	bool on_disk;	      /* the state is on a disk that can fail; else in memory */
	enum disk_trouble disk;
	bool memory;  /* there is none; the state is on the disk, which is well */
	uint64_t nth; /* request, operation of the disk or allocation that it begins at */
	bool lasting;
	bool lasts; /* makes sense lasting */
	/* It is the kin-th (from 0) of `kins` that are alike: a round has one of them at each place. 0: it has none. */
	uint64_t kin, kins;
};

/* How one life differs from another. */
struct variant {
	const char *name;
	const char *poll;
	const char *api;
	int64_t index_lag_ms;
	bool list_descending;
	int64_t skew_ms;
	int64_t restart_every_ms; /* 0: never */
	int64_t tail_ms;	  /* after the last step; 0: three hours, nine for slow ones */
	bool hooks;		  /* HubSpot tells of changes by itself, twice and out of order */
	bool once;		  /* lives by `run --once` every few minutes */
	bool oauth; /* HubSpot is connected over OAuth; each refresh token is for one use */
	bool slow;  /* not for scenes that are fast_only */
	bool busy;  /* polls or starts so often that it is not for scenes longer than a day */
	/* The process ends at the n-th commit that counts: before it, or after it. 0: never. */
	int crash_at;
	bool crash_after;
	bool lose_requests;
	const struct torment *torment; /* or NULL */
	/* The state as it was after the n-th such commit is put back when all steps are done. */
	int restore_at;
	struct ends *ends; /* whose forks are such lives; or NULL */
	/* The tail is over once there has been nothing left to do for so long; 0: it is lived whole. */
	int64_t peace_ms;
	struct tortures *tortures; /* whose forks suffer a torment each; or NULL */
};

/* A life whose forks end, or put a copy back, at the durable steps 1, 1 + every, and so on. */
struct ends {
	int every;
	bool copying;	    /* a copy of each step is put back; else the process ends there */
	int passed, failed; /* forks; after one that failed there are no more */
	/* ---- ends.c alone ---- */
	bool fork; /* this is one */
	int at;
	struct variant variant; /* a fork's */
	struct state_copy {
		int step;
		struct db *db;
	} * copy;
	size_t copies, copy_cap;
};

/* A send that left. */
struct sent {
	char credential[64];
	int64_t at_ms;
	bool unsure; /* the torment made it so */
};

struct life {
	const struct scene *scene;
	const struct variant *variant;
	struct sim sim;
	struct sandbox *sandbox;
	struct engine *engine;
	struct str rules; /* in force: what a restart loads */
	size_t step;	  /* of the scene, that comes next or is being done … */
	bool in_step;	  /* … which */
	bool reloads; /* a person who reloaded while no process ran, or one that ended amid it, does so again */
	int commits; /* durable steps so far */
	bool crashed;
	int crashes; /* but those that the torment made at a request */
	bool on_disk;
	int64_t heals_ms; /* the end of a torment that lasts; 0: not begun */
	struct sent *send;
	size_t sends, send_cap;
	int unknown;	   /* sends that the judge found unknown, with good reason */
	struct db *backup; /* NULL: none was taken */
	int restores;	   /* so often it was put back */
	int by_hand[2];	   /* drafts [0] and credentials [1] that somebody else made */
	int64_t next_restart_ms;
	struct str trouble; /* what went wrong, for the report */
	FILE *log;
};

/* Where the sandbox's webhooks go, and what it signs them with. */
#define SCENE_HOOK "https://hooks.example.org/hubspot"
#define SCENE_HOOK_SECRET "token-of-HOOK_SECRET"

/* Reads every scene of a file; trouble is printed. */
bool scenes_read(const char *path, struct arena *memory, struct scene **out, size_t *count);

/*
 * Lives the scene through. The caller judges, then life_release. False with l->trouble where
 * it could not be lived.
 */
bool life_live(struct life *l, const struct scene *scene, const struct variant *variant, FILE *log);
void life_release(struct life *l);

/* At a durable step, before (after: false) and after its commit. May return in a fork, too. */
void ends_at_step(struct life *l, bool after);
/* All is done that is done in the scene: each fork that comes back has a copy in l->backup. */
void ends_put_back(struct life *l);
void ends_release(struct ends *e);

/* What is done to a life: torment.c. */
void torment_begin(struct life *l);
/* Whether the torment, not a fault of ours, ended the process. */
bool torment_ended(struct life *l);
/* A new process is about to start; whether the torment still does not let it. */
void torment_restart(struct life *l);
bool torment_down(struct life *l);
void torment_end(struct life *l);
/* Whether the torment made this credential's mail unsure. */
bool torment_unsure(const struct life *l, const char *credential);

enum failing { AT_REQUEST, AT_DISK, AT_MEMORY };
/* Where something can fail: the n-th request or allocation, or the n-th that `disk` could befall. May return in a fork. */
void torture_here(struct life *l, enum failing at, enum disk_trouble disk, uint64_t nth);
/* A victim's process has ended and another is about to start; it ends where another victim's life is the same from here on. */
void torture_settled(struct life *l);
/* Whether this is a victim whose process ended on its disk. */
bool torture_leaves(const struct life *l);
/*
 * Allocations that fail: memory.c. From memory_begin on, those of the life that memory_counts was told last (NULL: of
 * none) are counted; it answers which was told before.
 */
void memory_begin(struct life *l);
struct life *memory_counts(struct life *l);
/* Whether one failed in the process as it is; it has ended, and the next has memory. */
bool memory_failed(void);
void memory_is_back(void);
/* A victim goes on. */
void memory_survived(void);

/* Starts the process anew, as often as it is ended while it starts. False where it cannot be. */
bool life_restart(struct life *l);
/* Whether what failed was to fail: the process is to be started anew. */
bool life_excused(struct life *l);

/* A person's act in the middle of a life, through the code of the commands: acts.c. */
enum rc act_approve(struct life *l, const struct node *map, struct err *err);
enum rc act_retry(struct life *l, const struct node *map, struct err *err);
enum rc act_resend(struct life *l, const struct node *map, struct err *err);
enum rc act_drop(struct life *l, const struct node *map, struct err *err);
/* Somebody runs the command connect. */
enum rc act_connect(struct life *l, const struct node *account, struct err *err);
/* HubSpot of this life is connected over OAuth. */
bool life_is_connected(const struct life *l);
/* The grant that is there before the first start. */
enum rc life_grant(struct life *l, struct err *err);

/* Whether what was issued is what the scene expects; else says why in l->trouble. */
bool judge(struct life *l);

/* A step by its word; tables of them end with a NULL word. */
struct step_word {
	const char *word;
	enum rc (*run)(struct life *l, const struct node *what, struct err *err);
};

/* What happens in HubSpot and at Certifier: portal.c. */
extern const struct step_word portal_words[];
enum rc portal_create(struct life *l, int64_t now_ms, const struct node *map, struct err *err);
enum rc portal_make_list(struct life *l, int64_t now_ms, int64_t id, const char *name,
			 const char *kind, struct err *err);

/* What is there before a scene begins: stage.c. */
struct sandbox *scene_open_sandbox(const struct scene *s, const struct variant *v);
bool scene_set_stage(struct life *l); /* false with l->trouble */
/* So much later than it happens something may be seen, beyond what a variant brings. */
int64_t scene_lag_ms(const struct scene *s);

/* ---- parts of life.c for steps in files of their own ---- */

/* Says what went wrong in l->trouble; answers false. */
bool life_trouble(struct life *l, const char *what, const char *why);
/* What is under way reaches the services (unless requests are lost). */
void life_end_process(struct life *l);
/* The rules in force; NULL after trouble. */
struct table *life_table(struct life *l);
/* A state that took the place of another: its commits count from now on. */
void life_hook(struct life *l);
/* Whether what failed was to end the process there; then that is over. */
bool life_crash_over(struct life *l);

/* Rows of the table of steps: backup.c. */
enum rc backup_take(struct life *l, const struct node *what, struct err *err);
enum rc backup_put_back(struct life *l, const struct node *what, struct err *err);
enum rc backup_reconcile(struct life *l, const struct node *what, struct err *err);
enum rc backup_issue_by_hand(struct life *l, const struct node *what, struct err *err);

/* Text of a scalar node as a C string in memory, or `otherwise`. */
const char *node_word(const struct node *map, const char *key, const char *otherwise,
		      struct arena *memory);
/* The integer of a member; 0 where there is none. */
int64_t node_number(const struct node *map, const char *key);

/* As fork, with nothing left to be printed twice; ends the process where the system refuses. */
pid_t scene_fork(void);

#endif
