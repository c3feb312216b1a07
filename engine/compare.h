/*
 * compare - two tables over the same events: for whom a rule would issue that does not now, and
 * the other way round.
 *
 * Judged by the code that decides (dsl/eval.h), but from what is on record of each event, so it
 * is an estimate of a reload's effect and no promise: fields are filled with the values of the
 * event's time, and labels stand for themselves. It writes nothing. Used by the command plan.
 */
#ifndef ENGINE_COMPARE_H
#define ENGINE_COMPARE_H

#include "base/arena.h"
#include "dsl/eval.h"
#include "engine/store/db.h"

/* What differs for one contact. */
enum compare_change {
	COMPARE_GAINED, /* would be issued, and is not by the rules in force */
	COMPARE_LOST,
	COMPARE_GROUP,	/* another group, account, or none of issue and send */
	COMPARE_FIELDS, /* other fields: `what` names them */
	COMPARE_UNTOLD, /* the record lacks a property that a rule reads: `what` names it */
	COMPARE_CHANGES
};

extern const char *const compare_change_names[COMPARE_CHANGES];

enum compare_edit { EDIT_NONE, EDIT_ADDED, EDIT_REMOVED, EDIT_EDITED };
extern const char *const compare_edit_names[];

/* What a reload does to a rule's activation. */
enum compare_activation {
	ACTIVATION_KEPT, /* or it is off, and was */
	ACTIVATION_NEW,
	ACTIVATION_ANEW, /* its trigger is another one */
	ACTIVATION_ENDS,
};
extern const char *const compare_activation_names[];

struct compare_rule {
	const char *name;
	const struct rule *old, *edited; /* NULL: not there */
	enum compare_edit edit;
	enum compare_activation activation;
	const char *const *line; /* what differs: "- …" of the rule in force, "+ …" of the edited */
	size_t lines;
	int64_t of[COMPARE_CHANGES];
	int64_t events; /* of its trigger that were on record */
	int64_t waiting; /* bursts and joins that have not settled, and are dropped with the activation */
	int64_t parked; /* held or refused, where the rule is edited or gone */
	bool in_shadow; /* neither is live and one is in shadow: nothing is issued, and what would be counts */
};

struct compare_event {
	const char *account, *contact, *target; /* target: property, or the list's id */
	const struct event_facts *event;
	struct facts old, edited; /* for the properties of each table */
};

/* Lent for the call. */
struct compare_person {
	const struct compare_rule *rule;
	enum compare_change change;
	const char *contact;
	struct slice email, to;
	int64_t at_ms;
	const char *what; /* or NULL */
	const struct compare_event *event;
};

struct compare;

/* Tables are lent. `say` is called from within compare_event. */
struct compare *compare_new(struct db *db, const struct table *old, const struct table *edited,
			    void (*say)(void *ctx, const struct compare_person *person), void *ctx);
void compare_free(struct compare *c); /* NULL does nothing */
/* Events come in order of their times; one that came before is passed over. */
void compare_event(struct compare *c, const struct compare_event *event);

/* All rules of both tables, by name. */
const struct compare_rule *compare_rules(const struct compare *c, size_t *count);
/* Events that were compared. */
int64_t compare_events(const struct compare *c);
/* What waits for a plan or a group of the service, and would be released by the reload. */
int64_t compare_releases(const struct compare *c);
/* Whether anything differs. */
bool compare_differs(const struct compare *c);

#endif
