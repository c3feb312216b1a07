/*
 * portal - what happened in HubSpot, written down as it happened.
 *
 * Contacts with every write of their properties, lists with every join, merges,
 * deletions. By HubSpot's clock. Not what anybody saw of it, and never anything
 * of the engine: the oracle judges from this and the rules alone.
 *
 * A merge ends both records and begins a new one (with the primary's id, where
 * the portal merges in the older way).
 */
#ifndef MODEL_PORTAL_H
#define MODEL_PORTAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum model_property {
	M_EMAIL,
	M_FIRST,
	M_LAST,
	M_COUNTRY,
	M_SCORE,
	M_TOPICS,
	M_TIER,
	M_PHASE,
	M_PROPERTIES
};

extern const char *const model_property_names[M_PROPERTIES];

struct model_write {
	int64_t at_ms;
	const char *value;
	bool merge;  /* written by a merge */
	bool hidden; /* a merge set it without leaving an entry */
};

struct model_field {
	struct model_write *write;
	size_t count, cap;
};

struct model_gone {
	int64_t from_ms, until_ms; /* INT64_MAX: still */
};

/* One record; a merge makes a new one. */
struct model_record {
	int64_t id;
	int64_t created_ms; /* what HubSpot says */
	int64_t merged_ms;  /* it came out of a merge then; else 0 */
	int64_t end_ms;	    /* it went into another then; else INT64_MAX */
	struct model_record *into;
	struct model_gone *gone;
	size_t gones, gone_cap;
	struct model_field field[M_PROPERTIES];
};

struct model_row {
	struct model_record *who;
	int64_t at_ms, shows_ms;
	int64_t left_ms; /* INT64_MAX: still in */
	int64_t seen_ms; /* a look at the list showed it, and that was kept; 0: not known */
	bool carried;	 /* a merge carried it over: no join */
};

/* A list is there under a name. */
struct model_naming {
	const char *name;
	int64_t from_ms, until_ms; /* INT64_MAX: still */
};

struct model_list {
	int64_t id;
	struct model_naming
		*named; /* in order of time; none while it is not made yet, or deleted */
	size_t names, name_cap;
	bool made;	  /* while rules are in force */
	bool active;	  /* HubSpot computes who is in it */
	int64_t built_ms; /* HubSpot builds it until then; 0: it was complete from the start */
	struct model_row *row;
	size_t rows, cap;
};

struct model_portal {
	struct arena memory;
	struct model_record **record; /* all that ever were */
	size_t records, cap;
	struct model_list **list;
	size_t lists, list_cap;
	bool merge_writes_entry, merge_rejoins, same_value_writes;
	int64_t merge_computes_ms; /* an active list has the result so much later; 0: at once */
};

void portal_model_init(struct model_portal *p);
void portal_model_release(struct model_portal *p);

struct model_record *model_create(struct model_portal *p, int64_t now_ms, int64_t id);
/* `value` is copied. */
void model_set(struct model_portal *p, int64_t now_ms, struct model_record *r,
	       enum model_property property, const char *value);
void model_delete(struct model_record *r, int64_t now_ms);
void model_restore(struct model_record *r, int64_t now_ms);
struct model_record *model_merge(struct model_portal *p, int64_t now_ms,
				 struct model_record *primary, struct model_record *other,
				 int64_t id, int64_t created_ms, int64_t list_lag_ms);
struct model_list *model_add_list(struct model_portal *p, int64_t id);
/* It has the name from now on; NULL: it is deleted. `name` is lent. */
void model_name_list(struct model_list *l, int64_t now_ms, const char *name);
void model_join(struct model_list *l, int64_t now_ms, int64_t lag_ms, struct model_record *r);
void model_leave(struct model_list *l, int64_t now_ms, const struct model_record *r);

/* The value that the history shows for then; "" where it shows none. */
const char *model_as_of(const struct model_record *r, enum model_property property, int64_t at_ms);
/* The same, with what a merge set without an entry. */
const char *model_shown(const struct model_record *r, enum model_property property, int64_t at_ms);
/* Whether no entry comes later than that. */
bool model_stays(const struct model_record *r, enum model_property property, int64_t at_ms);
/* The value that whoever looked then would have read, of the record that it is by then. */
const char *model_current(const struct model_record *r, enum model_property property,
			  int64_t at_ms);
/* Whether `old` is the record itself, or went into it. */
bool model_is_part(const struct model_record *old, const struct model_record *r);
/* The end of the record as HubSpot showed it at from_ms: it was merged or deleted. */
int64_t model_end(const struct model_record *r, int64_t from_ms);

#endif
