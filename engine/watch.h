/*
 * watch - what is watched, and from when on: activation.
 *
 * Active rules with the same account, event, target, settle and moment of
 * activation, whose fields want the labels of the same properties, share a watch
 * and so see the same events; what was decided is kept per watch and contact. A
 * label that cannot be read so holds up no rule that wants none of them.
 * watches_sync compares a table with the store: a rule that was active stays as it
 * is; one whose settle was edited, or that wants other labels than those that share
 * its watch, moves to a watch of its own that inherits what was decided and what
 * waits; one that is new, was off, or has another trigger is activated now.
 */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include "base/arena.h"
#include "base/log.h"
#include "dsl/eval.h"
#include "engine/store/db.h"

#define MONO_UNKNOWN INT64_MIN /* an earlier process activated it */

struct watch {
	int64_t id;
	uint32_t source; /* index in table->account */
	enum event_kind event;
	const char *target;
	bool target_is_name;
	uint32_t property; /* property-changed: index in table->property */
	int64_t settle_ms;
	int64_t loaded_ms; /* activation by our clock … */
	int64_t mono_ms;   /* … and by the monotonic one, or MONO_UNKNOWN */
	int64_t start_ms;  /* by the source's clock; INT64_MAX until it is known */
	int building;	   /* lists: see schema.sql */
};

struct watches {
	struct watch *watch; /* in order of id; heap */
	size_t count, cap;
	const struct watch **of_rule; /* by rule id; NULL: the rule is off */
	char tag[9]; /* changes when property watches do: which watches a read served */
	const struct table *table; /* that they were loaded for; lent */
	struct matcher *matcher;   /* of it */
	struct arena memory;
};

/* Our clocks at one moment. */
struct our_clock {
	int64_t wall_ms;
	int64_t mono_ms; /* no one sets it; it means nothing beyond this process */
};

/*
 * Writes activations of `table` into the store in one transaction and loads the
 * watches. `before` (NULL: nobody knows) are those that the store has now, as this function or watches_start
 * left them, with their table: then only rules that differ cost a look into the store. Logs what was
 * activated and deactivated. What waits for an address of a rule that is activated becomes news: nobody
 * looked while it was off.
 */
enum rc watches_sync(struct db *db, const struct table *table, const struct watches *before,
		     const struct our_clock *clock, const struct log *log, struct watches *out,
		     struct err *err) MUST_CHECK;
void watches_release(struct watches *w);
/* NULL: it is none of them. */
const struct watch *watches_find(const struct watches *w, int64_t id);
/* How many rules are active, as the store has it. Outside a transaction: look at db_failed. */
size_t watches_active(struct db *db);
/*
 * What a rule's trigger is, as the store keeps it, in `memory`: two rules with the same have the same
 * trigger, and another one is a new activation. A list by name and one by id never are the same.
 */
const char *watch_trigger_key(const struct table *table, const struct rule *rule,
			      struct arena *memory);
/* Whether some of the source's watches have no start yet, since its clock is not known. */
bool watches_wait(const struct watches *w, uint32_t source);
/* What is known of the source's clock when it becomes known. */
struct first_clock {
	int64_t now_ms;	   /* the source's clock now */
	int64_t offset_ms; /* … less ours */
	int64_t mono_ms;   /* our monotonic clock now */
};

/*
 * The source's clock has become known: fixes the starts that were waiting for
 * it. In its own transaction. What an earlier process loaded begins when our clock said then, no earlier than
 * the walks' cursor, which must not move while a start is not known, and no later than now.
 */
enum rc watches_start(struct db *db, struct watches *w, uint32_t source,
		      const struct first_clock *clock, struct err *err) MUST_CHECK;

#endif
