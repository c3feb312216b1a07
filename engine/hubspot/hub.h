/*
 * hub - the inside of the HubSpot source: one account's state, shared by the
 * files of this folder and by nobody else.
 *
 *   hubspot.c   the interface to the engine; what is due next
 *   call.c      one request and what its answer means for the account
 *   poll.c      the search walk: which contacts changed
 *   lists.c     the lists that rules name, and which they are
 *   probe.c     which of them may have changed
 *   scan.c      who joined those
 *   look.c      one look at contacts: which reads it takes
 *   history.c   those reads: contacts with their histories
 *   labels.c    labels of options
 *   push.c      whether webhooks tell of what they should
 *   hear.c      webhooks, as the account takes them; webhook.h has what they are
 *   survey.c    who is in question now, for a backfill: beside the poll
 *
 * A poll is a row of phases, one request at a time; looks go on beside it.
 *
 *   IDLE -> (hourly: LABELS ->) RESOLVE -> WALK -> PROBE -> SCAN -> IDLE
 *
 * A failure leaves the phase where it is: the same request is made again later.
 * One list or property that keeps failing is passed over until the next poll.
 */
#ifndef ENGINE_HUBSPOT_HUB_H
#define ENGINE_HUBSPOT_HUB_H

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "engine/counts.h"
#include "engine/hubspot/limiter.h"
#include "engine/skew.h"
#include "engine/source.h"
#include "engine/store/db.h"

enum phase { PHASE_IDLE, PHASE_LABELS, PHASE_RESOLVE, PHASE_WALK, PHASE_PROBE, PHASE_SCAN };

/* Where the search walk stands. */
struct walk {
	int64_t from_ms;  /* lastmodifieddate at or after this … */
	bool by_id;	  /* … or: all that have exactly this one, in order of id … */
	int64_t after_id; /* … from this id on */
	int64_t began_ms; /* HubSpot's clock when the walk began: the next cursor */
	bool whole_overlap, sweep, reach; /* what this walk covers */
	bool blind; /* it was not known what time it is there, nor when rules begin: asks only for that */
	bool left; /* amid its pages, as the search failed so often: the next poll goes on with it */
	int64_t pages;
};

/* A list that some rule watches. */
struct hub_list {
	const char *target; /* as written in the rule */
	bool by_name;
	struct str id;	       /* empty: not resolved */
	struct watch **served; /* the watches that a scan of this id serves, in the load's arena */
	size_t n_served;
	bool missing; /* 404: asked for again now and then */
	bool assumed; /* the id is not sure: asked for again at the next poll, and used until then */
	bool doubted;	/* its name leads elsewhere: likewise, and the id serves nobody */
	bool confirmed; /* resolved in this poll */
	bool told;	/* that it is not there */
	int64_t seen_ms; /* HubSpot's clock: its name led to this id then, or nowhere; 0: not asked yet */
	struct str probe; /* what the last probe said */
	bool processing;
	int active; /* as the state has it; -1: not known since the load */
	bool scan_due;
	/* the scan that is under way */
	int64_t scan;
	int64_t scan_began_ms; /* our clock */
	struct str after;      /* next page; empty: the first */
	int64_t found;
};

/* What the account needs to hear webhooks. */
struct hook {
	const char *url; /* public-url, from the last load; NULL: it hears none */
	struct str secret[2];
	bool deaf;	   /* a secret could not be had: not all that is genuine can be told */
	int64_t reread_ms; /* monotonic: secrets are looked at again from then on */
	int64_t portal;	   /* whom the token belongs to; 0: not known */
	bool asking;
	int64_t ask_ms; /* monotonic: the portal is asked for again from then on */
};

/* Whether webhooks tell of what they should. */
struct push {
	struct map property; /* name -> struct pushed */
	bool heard;	     /* any since the start */
	int64_t since_ms;    /* HubSpot's clock: later changes are to be told; 0: not yet */
	int64_t walk_ms;     /* monotonic: the next walk, while all is well */
	int64_t missed;	     /* changes that none told of, since the start */
	bool told;	     /* that was warned of … */
	int64_t told_ms;     /* … then; monotonic */
};

struct source {
	const struct world *world;
	struct db *db;
	char *name;

	/* from the last load */
	const struct table *table;
	uint32_t account;
	const struct account *config;
	struct watches *watches; /* NULL: it polls nothing */
	struct bearer *bearer;
	unsigned serial; /* of the bearer, at that load */
	struct arena loaded;
	int64_t load_ms; /* monotonic: when that was */
	struct hub_list *list;
	size_t lists;
	bool walks;  /* some rule wants to know which contacts changed */
	bool linked; /* lists know which watches they serve */

	/* across loads */
	struct skew skew;
	bool clock_wrong;      /* ours, as it was last told in the log */
	int64_t clock_told_ms; /* monotonic; 0: never */
	int64_t ahead_ms; /* our wall clock less the monotonic one, when skew was last observed */
	struct limiter search, general;
	struct calls ended; /* since the process began */
	struct map labels;  /* property name -> struct map of value -> label */
	bool labels_known; /* every one that rules use was read, or refused; else asked for at each poll */
	bool labels_missed; /* one could not be read on the way through them */
	int labels_begun;   /* readings of them */
	int labels_had;	    /* … the last one that missed nothing */
	int labels_wanted;  /* labels_begun when a value of no option was last asked for first */
	struct str labels_joined; /* the label of several options, lent to the last who asked */
	/* property and value that no option had -> labels_begun at that time, as a pointer */
	struct map labels_asked;
	struct map labels_told; /* property name -> how it went last, since the load */
	struct hook hook;
	struct push push;

	/* health */
	bool stopped;
	int64_t failures;      /* in a row; requests that were under way together fail as one */
	int64_t failed_ms;     /* monotonic: the last of them */
	int64_t wait_until_ms; /* monotonic */

	/* the poll */
	enum phase phase;
	bool asking;	      /* its request is under way */
	int64_t next_poll_ms; /* monotonic */
	int64_t ended_ms;     /* monotonic: when the last poll ended */
	bool hastened;	      /* the next poll is not to wait */
	bool polled;
	int64_t ask_again_ms; /* monotonic: when contacts that have no address are looked at again */
	int64_t find_again_ms; /* monotonic: when missing lists and labels are asked for again */
	int stumbles; /* failures in a row of the request that the phase is at; looks go on beside it */
	size_t cursor; /* index of the list or property that the phase is at */
	struct walk walk;
	bool walked; /* a walk was completed since the load */

	size_t looks; /* under way */
	size_t look_most; /* contacts of one, where a look at more failed; 0: as many as HubSpot takes */
	struct call *calls; /* under way */
	enum rc failed;	    /* the store failed in an answer: said at the next step */
	struct err why;
};

/* ---- call.c ------------------------------------------------------------ */

enum budget { BUDGET_GENERAL, BUDGET_SEARCH };

struct call;

/*
 * What the handler of a good answer gets: a 2xx with the member that it must
 * have, or a refusal of this one object (400, 404, 410, …) where `takes_refusal`.
 */
struct reply {
	int status;
	const struct json *json;
	int64_t began_ms; /* HubSpot's clock when the request left */
};

/*
 * A good answer was given. A failure has been noted before (`answer` is NULL):
 * the account waits or is stopped. Not called when a load or the close came
 * first; `arg` is then freed by `drop`.
 */
typedef void call_done(struct source *s, void *arg, const struct reply *answer);

struct call_spec {
	enum budget budget;
	const char *method;
	const char *url;    /* copied */
	struct json *body;  /* taken; NULL: none */
	const char *member; /* that a 2xx must have: an array or object; NULL: none */
	bool number;	    /* or a number */
	bool takes_refusal;
	bool aside;   /* its failure says nothing of the account */
	bool of_poll; /* the phase's own: where it fails the phase stumbles */
	call_done *done;
	void *arg;
	void (*drop)(void *arg); /* may be NULL */
};

void call_start(struct source *s, const struct call_spec *spec);
void calls_drop(struct source *s);
/* Monotonic time at which a request of this budget may leave; failures counted in. */
int64_t call_ready_ms(const struct source *s, enum budget budget);

/* URL prefix of "contacts", "properties", "lists" or "account-info" in the account's path style, in `memory`. */
enum area { AREA_CONTACTS, AREA_PROPERTIES, AREA_LISTS, AREA_ACCOUNT };
char *hub_url(const struct source *s, enum area area, const char *rest, struct arena *memory);
char *hub_account_url(const struct account *account, enum area area, const char *rest,
		      struct arena *memory);

/* The scope that a 403 says is missing; empty where it says none. Lent by the answer. */
struct slice hub_missing_scope(const struct json *answer);
/* How long an answer of this status wants to be waited for: facts/hubspot.md 6.2 and 6.3; 0: no word of it. */
int64_t hub_wait_ms(int status, const struct json *json);
/* A failure that passes by itself. */
bool hub_is_passing(int status);

/* HubSpot's clock now; our own while it is not known. */
int64_t hub_now_ms(const struct source *s);
/* The latest that it may be by that clock. */
int64_t hub_latest_ms(const struct source *s);
int64_t hub_wall_ms(const struct source *s);
/* So long ago, by one and the same clock. One that was set back counts as long ago. */
static inline bool hub_long_ago(int64_t now_ms, int64_t then_ms, int64_t span_ms)
{
	return now_ms - then_ms >= span_ms || now_ms < then_ms;
}
int64_t hub_mono_ms(const struct source *s);
/* The request for one object failed so often that the poll goes on without it. */
bool hub_passes_over(struct source *s);
/* Commits and notes a failure of the store. */
void hub_commit(struct source *s);
/* An id from an answer that may go into paths and keys: 1 to 20 digits. */
bool hub_id_valid(struct slice id);
/* A row's member that is such an id, as text or as a number; empty where it is none. Lent by the row, or by `room`. */
struct slice hub_id_of(const struct json *row, const char *key, char room[24]);

/* ---- push.c ------------------------------------------------------------- */

void push_init(struct source *s);
void push_release(struct source *s);
void push_heard(struct source *s, struct slice property); /* a webhook told of it */
void push_saw(struct source *s, const struct contact *contact, size_t contacts); /* a look did */
void push_judge(struct source *s); /* at the end of each poll */
bool push_walk_is_due(const struct source *s);
void push_walked(struct source *s); /* a walk has ended */

/* ---- the phases: each begins its next request, or goes on to the next phase ---- */

void labels_init(struct source *s);
void labels_begin(struct source *s);
void labels_forget(struct source *s);
void labels_step(struct source *s);
/*
 * What HubSpot shows for a value; the value itself where it has no label, or where the property
 * does not exist. Lent until the next load. FACT_UNSURE while the property was never read.
 */
enum fact labels_of(struct source *s, const char *property, struct slice value, struct slice *out);
void hub_lists_load(struct source *s); /* after a load: which lists are watched */
void hub_lists_release(struct source *s);
void lists_find_again(struct source *s);
void resolve_step(struct source *s);
void walk_begin(struct source *s);
void walk_step(struct source *s);
void probe_step(struct source *s);
void scan_step(struct source *s);
void phase_next(struct source *s, enum phase phase);
/* What a poll looks at, lists and labels, is asked for soon. */
void hub_hasten(struct source *s);

/* ---- hear.c ------------------------------------------------------------- */

void hook_init(struct source *s);
void hook_load(struct source *s); /* after a load: address and secrets */
void hook_release(struct source *s);
/* Monotonic time at which the portal's id is to be asked for; INT64_MAX where it is not. */
int64_t hook_ask_ms(const struct source *s);
void hook_ask(struct source *s);
/* As source_ops.listens and source_ops.hear. */
bool hubspot_listens(const struct source *s, const char *path);
void hubspot_hear(struct source *s, const struct message *m, struct arena *memory,
		  struct heard *out);

/* What we say of HubSpot's clock may be wrong by less. */
#define READING_MS (2 * MS_SECOND)

/* ---- lists.c, for probe.c and scan.c ------------------------------------- */

/* Begins a GET or POST of the poll whose answer goes to `done`. */
void list_ask(struct source *s, const char *method, char *url, struct json *body,
	      const char *member, call_done *done, void *arg);
/* Says in the log what is wrong with the list. */
void list_problem(const struct source *s, const struct hub_list *l, const char *fact);
/* Likewise that it is not there: once, until the probe finds it. */
void list_not_there(const struct source *s, struct hub_list *l, const char *fact);
/* Its id is the list that the rules mean, as far as anybody knows. */
bool list_leads(const struct hub_list *l);
/* Which watches each list serves, where that is not known: `linked` is false. */
void lists_link(struct source *s);
/* Its name leads to this id again: who joined that meanwhile, as the scans of another rule's list showed. */
void list_comes_back(struct source *s, const struct hub_list *l, struct slice id);
/* The watch's activation by HubSpot's clock, and not earlier than rules were loaded: `since:` is. */
int64_t list_activated_ms(const struct source *s, const struct watch *w);
/* A time that a list tells of itself; 0 where it does not. */
int64_t list_time(const struct json *list, const char *key);

/* ---- scan.c, for lists.c and probe.c -------------------------------------- */

/*
 * Who is known to have joined since the watch's activation, by scans that served others: those joins are to be decided,
 * also of who has left since.
 */
void list_take_known(struct source *s, const struct watch *w, struct slice list_id);

/* ---- lists.c, for surveys, too ------------------------------------------ */

/* Where a list is read, by its id or its name, in `memory`. */
char *list_url(const struct source *s, const char *target, bool by_name, struct arena *memory);
/* What is wrong with the list that HubSpot answered; NULL where nothing is. */
const char *list_wrong(const struct reply *answer);
bool list_is_processing(const struct json *list);

/* ---- survey.c: as in source_ops ------------------------------------------ */

struct survey *survey_open(struct source *s, const struct survey_scope *scope);
void survey_close(struct survey *v);
int64_t survey_ready_ms(const struct survey *v);
void survey_next(struct survey *v, survey_done *done, void *arg);

/* ---- look.c ------------------------------------------------------------ */

/* Contacts of one look: as many as HubSpot takes, and fewer since one failed. */
size_t look_most(const struct source *s);
/* As source_ops.look. */
void look_start(struct source *s, const char *const *ids, size_t count, look_done *done, void *arg);

/* ---- history.c --------------------------------------------------------- */

/* Body of a batch read of these contacts with all that the table's rules read. */
struct json *history_body(const struct source *s, const char *const *ids, size_t count);
/* Path and query of a read of one contact with the same. */
const char *history_query(const struct source *s, const char *id, struct arena *memory);
/* Most contacts of one batch read: 50 with history, else 100. */
size_t history_most(const struct source *s);
/* Contacts that the answer tells of, in `memory`; ids that it says nothing about are left out. */
size_t history_contacts(const struct source *s, const struct json *answer, const char *const *ids,
			size_t count, struct arena *memory, struct contact **out);
/*
 * What a read of `asked` alone says: the contact, under whichever id it has now, or that it is
 * gone (404). False where neither can be made of it.
 */
bool history_contact(const struct source *s, const struct reply *answer, const char *asked,
		     struct arena *memory, struct contact *out);

#endif
